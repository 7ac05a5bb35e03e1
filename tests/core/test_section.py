"""What `--set` does to a tree, and what it refuses."""

import pytest

from ovt.core.errors import RecipeError
from ovt.core.section import set_key, toml_value


@pytest.mark.parametrize(
    ("tree", "override", "told"),
    [
        ({"sources": [{}]}, "sources.².path=x", "² should be a number from 0 to 0"),
        ({"sources": [{}]}, "sources.1.path=x", "1 should be a number from 0 to 0"),
        ({"sources": [{}]}, f"sources.{'9' * 5000}.path=x", "should be a number from 0 to 0"),
        ({"sources": []}, "sources.0.path=x", "0 is not in the list, which is empty"),
    ],
)
def test_a_place_in_a_list_is_one_that_it_has(tree, override, told):
    with pytest.raises(RecipeError, match=told):
        set_key(tree, override)


def test_a_value_of_several_lines_is_read_whole_or_is_a_text():
    assert toml_value("[1,\n2]") == [1, 2]
    assert toml_value("5\nx = 3") == "5\nx = 3"
