import pytest
from pydantic import ValidationError

from ovt.curate.sources.section import SourceSection, name_apart


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("hf://AI4Math/MathVista", "MathVista"),
        ("data/geo.jsonl", "geo"),
        ("data/geo/*.parquet", "geo"),
        ("/data/figures/", "figures"),
        ("package:easy_vqa/data/test/questions.json", "easy_vqa"),
        ("pocket:figures", "figures"),
        ("*.csv", "source"),
    ],
)
def test_the_name_comes_from_the_path(path: str, name: str) -> None:
    assert SourceSection(path=path).name == name
    assert SourceSection(path=path, name="mine").name == "mine"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"columns": {"answer": "gold"}}, "unknown column 'answer'; expected one of question, gold"),
        ({"columns": {"image": "a", "images": "b"}}, "mean the same"),
        ({"image_pattern": "images/{id}.png"}, "has no {image}"),
        ({"max_pixels": 10, "min_pixels": 20}, "min_pixels 20 is above max_pixels 10"),
        ({"limit": 0}, "greater than 0"),
        ({"colums": {}}, "Extra inputs"),
    ],
)
def test_mistakes_are_named(wrong: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SourceSection(path="x.jsonl", **wrong)


def test_the_papers_pixels_are_the_default() -> None:
    assert SourceSection(path="x").max_pixels == 262_144


def test_sources_of_one_name_are_told_apart_by_their_folders() -> None:
    paths = ["a/vqa/train.jsonl", "a/gqa/train.jsonl", "x.jsonl", "b/gqa/train.jsonl", "data/*.parquet"]
    trees = [{"path": path} for path in paths]
    assert [one["name"] for one in name_apart(trees)] == ["vqa-train", "a-gqa-train", "x", "b-gqa-train", "data"]
    given = [{"path": "a/x.jsonl", "name": "mine"}, {"path": "b/x.jsonl"}, {"preset": "ai2d"}, "no tree"]
    assert name_apart(given) == [given[0], {"path": "b/x.jsonl", "name": "x"}, *given[2:]]
    assert name_apart("no list") == "no list"
