"""Data sets by name: each on a tiny copy in its true schema, made here, with its golds as they are meant."""

import pytest

from ovt.core.errors import RecipeError
from ovt.core.section import read_section
from ovt.curate.sources.presets import listing, one_preset, presets
from ovt.curate.sources.section import SourceSection
from ovt.verifiers import verify
from tests.curate.sources.copies import COPIES


@pytest.mark.parametrize("name", COPIES)
def test_a_tiny_copy_comes_in_with_its_golds_as_they_are_meant(name, tmp_path, picture, load):
    make, expected = COPIES[name]
    folder = make(tmp_path / "copy", lambda n: picture(n))
    imported = load(str(folder), preset=name)
    found = imported.questions.select("question", "gold", "choices").rows()
    assert found == expected
    assert imported.decisions["reason"].to_list() == []
    for _, gold, choices in found:
        assert verify(gold, gold, choices=tuple(choices) if choices else None).outcome == "correct"


def test_every_preset_has_its_copy():
    assert set(presets()) == set(COPIES)


def test_a_preset_stands_for_its_lines_and_leaves_no_trace():
    section = SourceSection.model_validate({"preset": "geometry3k", "limit": 5})
    assert (section.name, section.path, section.license) == ("geometry3k", "hf://hiyouga/geometry3k", "mit")
    dumped = section.model_dump(mode="json")
    assert "preset" not in dumped
    assert SourceSection.model_validate(dumped) == section
    own = SourceSection.model_validate(
        {"preset": "geometry3k", "columns": {"gold": "ground_truth", "image": "picture"}, "gold_is": "letter"}
    )
    assert own.columns["gold"] == "ground_truth"
    assert own.columns["question"] == "problem"
    assert "images" not in own.columns
    assert own.gold_is == "letter"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"preset": "geometry3"}, "preset 'geometry3' is not known; did you mean geometry3k?"),
        ({"preset": "clevr"}, "preset clevr is not on the Hub: download it from https://cs.stanford.edu"),
        ({"preset": 3}, "preset '3' is not known"),
        ({"preset": "geometry3k", "gold_map": 3}, "gold_map"),
    ],
)
def test_mistakes_are_told(entry, said):
    with pytest.raises(RecipeError) as refused:
        read_section(SourceSection, entry, "r.toml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_preset_is_listed_with_its_license_and_where_it_is():
    for one in listing():
        assert one["what"]
        assert one["license"]
        assert one["cite"]
        assert one["where"].startswith(("hf://", "https://"))
    assert one_preset("clevr")["settings"]["columns"]["gold"] == "answer"
    with pytest.raises(RecipeError, match="did you mean clevr"):
        one_preset("clvr")
