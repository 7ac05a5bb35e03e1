"""An option that would have no effect is refused, not ignored."""

import pytest
from typer.testing import CliRunner

from ovt.cli import app
from ovt.core.errors import RecipeError


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("verify audit charts --set verify.kind=number", "--set changes the recipe of --judge-recipe: give both"),
        ("loop run pocket-loop --processes 2", "--processes needs --accelerate: give both"),
        ("data card charts --tag v3", "--tag is a revision of --repo: give both"),
    ],
)
def test_an_option_without_the_one_it_belongs_to(line, told):
    done = CliRunner().invoke(app, line.split())
    assert isinstance(done.exception, RecipeError)
    assert str(done.exception) == told
