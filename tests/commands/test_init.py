"""`ovt curate init`: the servers that it asks."""

import asyncio

import pytest

from ovt.commands.init import models_at
from ovt.core.errors import RecipeError


def test_a_server_with_a_password_in_its_url_is_one_line_without_it():
    with pytest.raises(RecipeError, match="the server: base_url is 'http://…': a base_url holds no user") as found:
        asyncio.run(models_at("http://me:pw12@h/v1"))
    assert "pw12" not in str(found.value)
