"""The shipped recipes come to the bytes that they came to with ovt 0.1.0, as first released.

A version's hash covers every row and decision: what the embedded model says, what the verifier makes of it, what the
filters leave. The hashes were written down before the packages were put in their present order.
"""

import json
import os

import pytest
from typer.testing import CliRunner

from ovt.cli import app

HASHES = {
    ("pocket", 8): "d64b6e85b452df55e3f6df36c9bb47d4159eab79d10a5f38043c08a8c726fdcb",
    ("easy-vqa", 8): "c18b483ec494851e1f1cc43db0ad39583159313e0ef06216a724b87f1d973e96",
    ("easy-vqa", None): "fdad72417d3a84b65834acacce60d168ce7bdfcdb943a0db479bbf961a1f23ba",
    ("pocket", None): "7b2ecf50fe0d50205fe5d4be0cd66f0a63d7b7f205bc017ebd8bb2ba5afb66c4",
}
WHOLE = pytest.mark.skipif("OVT_TEST_WHOLE" not in os.environ, reason="takes minutes: set OVT_TEST_WHOLE=1")
CASES = [pytest.param(*key, marks=() if key[1] else (WHOLE, pytest.mark.timeout(1200))) for key in HASHES]


@pytest.mark.parametrize(("recipe", "limit"), CASES)
def test_a_shipped_recipe_comes_to_the_same_bytes(tmp_path, recipe, limit):
    limited = ["--limit", str(limit)] if limit else []
    arguments = ["curate", "build", recipe, "--home", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, arguments + limited, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["content_hash"] == HASHES[recipe, limit]
