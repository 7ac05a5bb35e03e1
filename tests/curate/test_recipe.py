"""Recipes: what is refused, and how it is said."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from ovt.core.errors import RecipeError
from ovt.core.section import Section, is_section, sections
from ovt.curate.filters.labels import LabelsSection
from ovt.curate.recipe import Recipe, load_recipe
from ovt.curate.sources.section import SourceSection
from ovt.curate.stages.reason import ReasonSection

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
    assert (loaded.reasoners[0].k, loaded.reasoners[0].see) == (4, "caption")
    assert loaded.reasoners[0].sampling.asked() == {"temperature": 0.6, "top_p": 0.95, "max_tokens": 2048}
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
    assert load_recipe(recipe, [override]).reasoners[0].k == expected


def test_set_reaches_into_lists_tables_and_missing_sections(recipe):
    loaded = load_recipe(recipe, ["sources.0.limit=5", "endpoints.reasoner.model=a b", "filter.length.max_words=500"])
    assert loaded.sources[0].limit == 5
    assert loaded.endpoints["reasoner"].model == "a b"
    assert loaded.filter.length.max_words == 500


def test_a_misspelt_section_is_told_before_what_it_leaves_missing(recipe):
    recipe.write_text(SMALL.replace("[[sources]]", "[[soruces]]"))
    with pytest.raises(RecipeError, match=r"soruces is not a known key; did you mean sources\? \(and 1 more\)"):
        load_recipe(recipe)


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
    with pytest.raises(RecipeError, match=r"photo\.toml is not UTF-8 text; give a TOML file$"):
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
    defaults = load_recipe(recipe)
    for stage in ("verify", "difficulty", "select", "filter", "data"):
        assert getattr(documented, stage) == getattr(defaults, stage)
    assert documented.reasoners[0].sampling == defaults.reasoners[0].sampling
    assert documented.caption is not None
    assert defaults.caption is not None
    assert documented.caption.sampling == defaults.caption.sampling
    assert set(tomllib.loads(text)) == set(Recipe.model_fields)


def snippets() -> list[dict]:
    """The page's TOML, with the keys that stand after a #."""
    blocks = re.findall(r"```toml\n(.*?)```", DOC.read_text(), re.DOTALL)
    return [tomllib.loads(re.sub(r"(?m)^# (?=\w+ = )", "", block)) for block in blocks]


def inside(annotation: Any) -> list[type[Section]]:
    """The sections that a key's type holds: itself, or those of its lists and dicts."""
    found = [inner for one in sections(annotation) for inner in ([one] if is_section(one) else get_args(one))]
    return [one for one in found if is_section(one)] + [
        deep for one in found if not is_section(one) and get_args(one) for deep in inside(one)
    ]


def keys_of(kind: type[Section], at: str = "") -> dict[str, Any]:
    """Every key of a section and of those inside, with its default. Sampling, and sources, are the same everywhere."""
    keys: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        place = name if name in ("sampling", "sources") else f"{at}{name}"
        keys[place] = field.get_default(call_default_factory=True)
        for section in inside(field.annotation):
            keys |= {} if section is SourceSection and name != "sources" else keys_of(section, f"{place}.")
    return keys


def keys_in(tree: Any, kind: type[Section], at: str = "") -> dict[str, Any]:
    """Every key that a TOML tree sets, named as `keys_of` names them, with its value."""
    keys: dict[str, Any] = {}
    for name, value in tree.items():
        place = name if name in ("sampling", "sources") else f"{at}{name}"
        keys[place] = value
        tables = value if isinstance(value, list) else list(value.values()) if name == "endpoints" else [value]
        for section in inside(kind.type_of(name)):
            for table in tables:
                keys |= keys_in(table, section, f"{place}.") if isinstance(table, dict) else {}
    return keys


def test_the_page_has_every_key_and_no_other():
    shown: dict[str, Any] = {}
    for tree in snippets():
        shown |= keys_in(tree, Recipe)
    labels = {"filter.labels", *keys_of(LabelsSection, "filter.labels.")} - {
        "filter.labels.content"
    }  # recorded, not set
    known = {*keys_of(Recipe), *labels}
    assert known - set(shown) == set()
    assert set(shown) - known == set()


def test_what_the_page_gives_as_defaults_are_the_defaults():
    blocks = re.findall(r"```toml\n(.*?)```", DOC.read_text(), re.DOTALL)
    shown: dict[str, Any] = {}
    for block in blocks:
        shown = keys_in(tomllib.loads(block), Recipe) | shown
    sampling = ReasonSection(endpoint="a").sampling.asked()
    known = {key: default for key, default in keys_of(Recipe).items() if isinstance(default, int | float | str)}
    for key, default in known.items():
        if key in shown and default != "" and not key.startswith("sampling."):
            assert shown[key] == default, key
    assert {key: shown[f"sampling.{key}"] for key in sampling} == sampling


PROMPTS = """
name = "small"
[[sources]]
path = "rows.jsonl"
[endpoints.server]
base_url = "http://127.0.0.1:9/v1"
model = "m"
[reason]
endpoint = "server"
see = "image"
{prompt}
"""


def test_a_prompt_can_be_a_file_of_the_recipes_folder(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/reason.txt").write_text("Look at it.\n{question}\n")
    (tmp_path / "recipe.toml").write_text(PROMPTS.format(prompt='prompt_file = "prompts/reason.txt"'))
    by_file = load_recipe(tmp_path / "recipe.toml")
    assert by_file.reasoners[0].prompt == "Look at it.\n{question}"
    (tmp_path / "recipe.toml").write_text(PROMPTS.format(prompt='prompt = "Look at it.\\n{question}"'))
    assert load_recipe(tmp_path / "recipe.toml") == by_file


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ('prompt_file = "gone.txt"', "reason.prompt_file: cannot read .*No such file"),
        ('prompt_file = "../secret.txt"', "reason.prompt_file: ../secret.txt is not in the recipe's folder"),
        ('prompt_file = "/etc/hostname"', "is not in the recipe's folder"),
        ('prompt_file = "recipe.toml"\nprompt = "{question}"', "no prompt beside it"),
        ("prompt_file = 7", "expected the name of a file"),
    ],
)
def test_a_prompt_file_that_cannot_be_used_is_one_line(tmp_path, prompt, said):
    (tmp_path / "recipe.toml").write_text(PROMPTS.format(prompt=prompt))
    with pytest.raises(RecipeError, match=said):
        load_recipe(tmp_path / "recipe.toml")


def test_a_system_prompt_and_examples_come_before_the_question(tmp_path):
    more = 'system = "Be {brief}."\nexamples = [{user = "1 + 1?", assistant = "<answer>2</answer>"}]'
    (tmp_path / "recipe.toml").write_text(PROMPTS.format(prompt=more))
    section = load_recipe(tmp_path / "recipe.toml").reasoners[0]
    assert [(turn["role"], turn["content"]) for turn in section.messages("2 + 2?")] == [
        ("system", "Be {brief}."),
        ("user", "1 + 1?"),
        ("assistant", "<answer>2</answer>"),
        ("user", "2 + 2?"),
    ]
    (tmp_path / "recipe.toml").write_text(PROMPTS.format(prompt=""))
    plain = load_recipe(tmp_path / "recipe.toml").reasoners[0]
    assert plain.messages("2 + 2?") == ({"role": "user", "content": "2 + 2?"},)
    assert not {"system", "examples"} & plain.model_dump(mode="json").keys()
