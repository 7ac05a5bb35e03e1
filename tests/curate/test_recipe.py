"""Recipes: what is refused, and how it is said."""

import tomllib
from pathlib import Path

import pytest

from ovt.core.errors import RecipeError
from ovt.curate.recipe import Recipe, load_recipe

SMALL = """
name = "small"
[[sources]]
path = "questions.jsonl"
[endpoints.reasoner]
base_url = "http://127.0.0.1:8000/v1"
model = "r1"
[caption]
endpoint = "reasoner"
[reason]
endpoint = "reasoner"
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_small_recipe_has_the_papers_settings(recipe):
    loaded = load_recipe(recipe)
    assert (loaded.reason.k, loaded.reason.see) == (4, "caption")
    assert loaded.reason.sampling.asked() == {"temperature": 0.6, "top_p": 0.95, "max_tokens": 2048}
    assert loaded.select.strategy == "shortest_correct"
    assert loaded.filter.reflection.mode == "truncate"
    assert loaded.sources[0].max_pixels == 262_144


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("reason.k=8", 8),
        ('reason.k="8"', 8),
    ],
)
def test_set_overrides(recipe, override, expected):
    assert load_recipe(recipe, [override]).reason.k == expected


def test_set_reaches_into_lists_tables_and_missing_sections(recipe):
    loaded = load_recipe(recipe, ["sources.0.limit=5", "endpoints.reasoner.model=a b", "filter.length.max_words=500"])
    assert loaded.sources[0].limit == 5
    assert loaded.endpoints["reasoner"].model == "a b"
    assert loaded.filter.length.max_words == 500


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("reason.kk=8", "reason.kk is not a known key; did you mean k?"),
        ("filter.lenght={}", "filter.lenght is not a known key; did you mean length?"),
        ("filter.length.max_wrods=3", "filter.length.max_wrods is not a known key; did you mean max_words?"),
        ("endpoints.reasoner.modle=x", "endpoints.reasoner.modle is not a known key; did you mean model?"),
        ("sources.0.lmit=3", "sources.0.lmit is not a known key; did you mean limit?"),
        ("reason.k=0", "reason.k is 0: Input should be greater than 0"),
        ("reason.endpoint=gpt", "reason.endpoint is 'gpt', which is not under [endpoints] (reasoner)"),
        ("name=../x", "name is '../x': String should match pattern"),
        ("reason.k", "--set reason.k has no value; write it as --set section.key=value"),
        ("sources.3.limit=3", "--set sources.3.limit=3: 3 should be a number from 0 to 0"),
        ("name.x=1", "--set name.x=1: name is a value, not a section"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(recipe, override, line):
    with pytest.raises(RecipeError) as raised:
        load_recipe(recipe, [override])
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_reasoner_over_captions_needs_captions(recipe):
    recipe.write_text(SMALL.replace('[caption]\nendpoint = "reasoner"\n', ""))
    with pytest.raises(RecipeError, match=r'add it, or set reason.see = "image"'):
        load_recipe(recipe)
    assert load_recipe(recipe, ["reason.see=image"]).caption is None


def test_shipped_recipes_load_by_name_and_by_path():
    assert load_recipe("pocket").name == "pocket"
    assert load_recipe("easy-vqa").name == "easy-vqa"


@pytest.mark.parametrize("path", ["nowhere.toml", "../pocket", ""])
def test_no_such_recipe_names_ours(path):
    with pytest.raises(RecipeError, match="pocket"):
        load_recipe(path or "nothing")


def test_what_is_no_text_is_one_line(tmp_path):
    binary = tmp_path / "photo.toml"
    binary.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(RecipeError, match=r"photo\.toml is not text in UTF-8; give a TOML file$"):
        load_recipe(binary)
    with pytest.raises(RecipeError, match=r"\(Is a directory\); give a TOML file$"):
        load_recipe(tmp_path)


def test_bad_toml_is_named(tmp_path):
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(RecipeError, match=r"bad\.toml is not valid TOML: "):
        load_recipe(tmp_path / "bad.toml")


DOC = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_documented_recipe_loads_and_shows_the_defaults(recipe, tmp_path):
    text = DOC.read_text().split("```toml\n")[1].split("```")[0]
    (tmp_path / "whole.toml").write_text(text)
    documented = load_recipe(tmp_path / "whole.toml")
    defaults = load_recipe(recipe, ["filter.length.max_words=500"])
    for stage in ("verify", "difficulty", "select", "filter", "data"):
        assert getattr(documented, stage) == getattr(defaults, stage)
    assert documented.reason.sampling == defaults.reason.sampling
    assert documented.caption is not None
    assert defaults.caption is not None
    assert documented.caption.sampling == defaults.caption.sampling
    assert set(tomllib.loads(text)) == set(Recipe.model_fields)
