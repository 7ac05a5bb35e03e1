import pytest

from ovt.core.errors import RecipeError
from ovt.curate.sources.columns import cells, describe, match_columns, option_columns
from ovt.curate.sources.section import SourceSection


def section(**columns) -> SourceSection:
    return SourceSection(path="rows.jsonl", columns=columns)


def test_well_known_names_are_guessed_whatever_their_case() -> None:
    columns = match_columns(section(), ["Problem", "Solution", "Image_Path", "Options", "pid", "split"])
    assert columns.question == ("Problem",)
    assert columns.gold == ("Solution",)
    assert columns.images == ("Image_Path",)
    assert columns.choices == ("Options",)
    assert columns.id == ("pid",)
    assert describe(columns, section()) == (
        "source rows: question from Problem; gold from Solution; choices from Options; "
        "images from Image_Path; id from pid"
    )


def test_what_the_recipe_names_comes_first() -> None:
    mapped = section(question="q", gold="label", image=["left", "right"])
    columns = match_columns(mapped, ["question", "q", "answer", "label", "left", "right", "image"])
    assert (columns.question, columns.gold, columns.images) == (("q",), ("label",), ("left", "right"))
    assert describe(columns, mapped) is None


def test_declared_image_columns_beat_paths() -> None:
    """As in a data set with both `image` (a path) and `decoded_image` (the picture)."""
    found = ["question", "answer", "image", "decoded_image"]
    assert match_columns(section(), found, ["decoded_image"]).images == ("decoded_image",)
    assert match_columns(section(), found, []).images == ("image",)
    assert match_columns(section(), ["question", "answer", "scan"], ["scan"]).images == ("scan",)


def test_numbered_images_are_in_the_order_of_their_numbers() -> None:
    found = ["question", "answer", "image_10", "image_2", "image_1"]
    assert match_columns(section(), found).images == ("image_1", "image_2", "image_10")


@pytest.mark.parametrize(
    ("columns", "found", "words"),
    [
        (
            {"gold": "anser"},
            ["question", "answer", "image"],
            "column 'anser' for gold is not there; found question, answer",
        ),
        ({"gold": "anser"}, ["question", "answer", "image"], "did you mean answer?"),
        (
            {},
            ["questoin", "answer", "image"],
            'e.g. columns = { question = "questoin", gold = "answer", image = "image" }',
        ),
        (
            {},
            ["question_string", "question_id", "image_index", "answer"],  # FigureQA
            'e.g. columns = { question = "question_string", gold = "answer", image = "image_index" }',
        ),
        ({}, ["question", "image"], "no column for gold"),
        ({}, ["question", "answer"], "no column for images"),
        ({}, [0, 1, 2], "set columns, e.g. columns = { question = 0, gold = 1, image = 2 }"),
        ({"question": 0, "gold": 1, "image": 7}, [0, 1, 2], "column 7 for images is not there"),
        ({}, [], "found no columns"),
    ],
)
def test_a_missing_column_names_what_was_found(columns: dict, found: list, words: str) -> None:
    with pytest.raises(RecipeError) as error:
        match_columns(section(**columns), found)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_fields_of_columns() -> None:
    columns = match_columns(section(gold="reward.truth"), ["question", "reward", "image"])
    assert columns.top() == ["question", "reward", "image"]
    assert cells({"reward": {"truth": "4"}}, columns.gold) == ["4"]
    assert cells({"reward": None}, columns.gold) == [None]
    assert cells({"reward.truth": "5"}, columns.gold) == ["5"]


@pytest.mark.parametrize(
    ("row", "name", "cell"),
    [
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a": '{"b": {"c": 1}}'}, "a.b.c", 1),
        ({"a": [{"b": 1}, {"b": 2}, 3]}, "a.b", [1, 2]),
        ({"a": "{broken"}, "a.b", None),
        ({"a": None}, "a.b", None),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
    ],
)
def test_a_dot_leads_into_a_cell(row: dict, name: str, cell: object) -> None:
    assert cells(row, [name]) == [cell]


@pytest.mark.parametrize(
    ("found", "options"),
    [
        (["A", "B", "C"], ("A", "B", "C")),
        (["option_a", "option_b", "x"], ("option_a", "option_b")),
        (["choice1", "choice2"], ("choice1", "choice2")),
        (["option 0", "option 1", "option 2"], ("option 0", "option 1", "option 2")),
        (["opa", "opb", "opc", "opd"], ("opa", "opb", "opc", "opd")),
        (["A", "C"], ()),
        (["1", "2"], ()),
        (["a"], ()),
        (["answer1", "answer2"], ()),
        ([0, 1], ()),
    ],
)
def test_columns_of_one_option_each(found: list, options: tuple) -> None:
    assert option_columns(found) == options
