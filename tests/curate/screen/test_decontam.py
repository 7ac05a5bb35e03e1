"""Questions that are in a benchmark."""

import json

import pytest
from PIL import Image

from ovt.core.errors import GateFailed, OvtError
from ovt.curate.screen.decontam import DecontamSection, run
from ovt.curate.screen.fingerprints import pictures_in
from ovt.curate.screen.packs import make_pack, save_pack
from ovt.curate.screen.screen import open_benchmark, screen

LONG = "In the triangle of the figure the side AB is 5 long and the side BC is 7 long; how long is the third side?"


@pytest.fixture
def inside(home):
    """{number of a question: (reason, detail)} of those that are in a benchmark of `items`."""

    def find(questions, items, **settings):
        pack = make_pack("bench", items, pictures_in(items, home))
        section = DecontamSection(against=("bench",), **settings)
        kept, gone, decisions = run(questions, pictures_in(questions, home), [pack], section)
        assert len(kept) + len(gone) == len(questions)
        return {int(id_, 16): (reason, why) for id_, reason, why in decisions.select("id", "reason", "detail").rows()}

    return find


def test_a_benchmarks_picture_is_enough(ask, inside, figures):
    small = figures[1].resize((84, 84), Image.Resampling.LANCZOS)
    found = inside(
        ask((small, "Something quite different?", "9"), (figures[2], "Something quite different?", "9")),
        ask((figures[0], "How many?", "3"), (figures[1], "Which colour?", "red")),
    )
    assert list(found) == [0]
    assert found[0][0] == "benchmark_image"
    assert found[0][1].startswith("bench item 1: image off by ")


def test_a_long_text_is_found_by_runs_of_13_words(ask, inside, figures):
    found = inside(
        ask((figures[0], f"Look closely. {LONG.upper()} Give a number.", "3"), (figures[1], "How long is it?", "3")),
        ask((figures[2], LONG, "4")),
    )
    assert found == {0: ("benchmark_text", "bench item 0: 13 of its 18 runs of 13 words")}


def test_a_short_text_is_found_whole_with_its_choices(ask, inside, figures):
    items = ask((figures[2], "Which of these instruments is it, do you think?", "A", ["xylophone", "oboe"]))
    same = (figures[0], "which of these instruments is it, do you think", "B", ["Xylophone", "Oboe"])
    other = (figures[1], "Which of these instruments is it, do you think?", "A", ["flute", "oboe"])
    assert inside(ask(same, other), items) == {0: ("benchmark_text", "bench item 0: the same words")}


def test_short_texts_that_are_asked_again_say_nothing(ask, inside, figures):
    text = "How many of the shapes are not red?"
    once, twice = (ask(*((figure, text, "3") for figure in figures[8 * at : 8 * at + at])) for at in (1, 2))
    assert list(inside(once, ask((figures[0], text, "3")))) == [0]
    assert inside(twice, ask((figures[0], text, "3"))) == {}
    assert inside(ask((figures[0], text, "3")), twice) == {}
    assert inside(once, ask((figures[0], text, "3")), min_words=9) == {}


def test_long_templates_say_nothing(ask, inside, figures):
    items = ask(*((figure, LONG, "3") for figure in figures[:3]))
    questions = ask((figures[8], LONG, "3"))
    assert list(inside(questions, items)) == list(inside(questions, items, max_repeats=3)) == [0]
    assert inside(questions, items, max_repeats=2) == {}
    assert inside(items, questions, max_repeats=2) == {}


def test_pictures_or_texts_alone(ask, inside, figures):
    items = ask((figures[0], "Which of these instruments is it, do you think?", "oboe"))
    questions = ask(
        (figures[0], "Another one?", "1"), (figures[1], "Which of these instruments is it, do you think?", "oboe")
    )
    assert list(inside(questions, items, images=False)) == [1]
    assert list(inside(questions, items, texts=False)) == [0]


def test_an_empty_benchmark_and_no_questions(ask, inside, figures):
    assert inside(ask((figures[0], "How?", "1")), ask()) == {}
    assert inside(ask(), ask((figures[0], "How?", "1"))) == {}


def test_benchmarks_come_from_packs_and_sources(ask, home, figures, tmp_path):
    questions = ask((figures[0], "Which of these instruments is it, do you think?", "oboe"))
    save_pack(make_pack("packed", questions, pictures_in(questions, home)), tmp_path / "x.parquet")
    assert open_benchmark(str(tmp_path / "x.parquet"), home).name == "packed"
    figures[0].save(tmp_path / "0.png")
    row = {"image": "0.png", "question": "Which of these instruments is it, do you think?", "answer": "oboe"}
    (tmp_path / "bench.jsonl").write_text(json.dumps(row) + "\n")
    opened = open_benchmark(str(tmp_path / "bench.jsonl"), home)
    assert (opened.name, opened.items) == ("bench", 1)
    for section in (str(tmp_path / "x.parquet"), str(tmp_path / "bench.jsonl")):
        packs = [open_benchmark(section, home)]
        _, gone, _ = run(questions, pictures_in(questions, home), packs, DecontamSection(against=(section,)))
        assert len(gone) == 1


@pytest.mark.parametrize("against", ["nowhere.jsonl", "no-such-version", "./nowhere"])
def test_no_such_benchmark(home, against):
    with pytest.raises(OvtError):
        open_benchmark(against, home)


@pytest.fixture
def bench(ask, home, figures, tmp_path):
    """A pack of one item, which has the first figure."""
    items = ask((figures[0], "How many?", "3"))
    save_pack(make_pack("bench", items, pictures_in(items, home)), tmp_path / "bench.pack")
    return str(tmp_path / "bench.pack")


@pytest.mark.parametrize(("mode", "kept"), [("drop", 1), ("report", 2), ("fail", None)])
def test_modes(ask, home, figures, bench, mode, kept):
    questions = ask((figures[0], "Is it?", "yes"), (figures[1], "Is it?", "yes"))
    section = DecontamSection(against=(bench,), mode=mode)
    if kept is None:
        with pytest.raises(GateFailed, match="1 questions are in a benchmark, such as 0000000000000000"):
            screen(questions, None, section, home)
        return
    screened = screen(questions, None, section, home)
    assert (len(screened.questions), len(screened.gone), len(screened.notes)) == (kept, 2 - kept, int(mode == "report"))
    assert [one.rows for one in screened.benchmarks] == [1]


def test_nothing_left_is_an_error(ask, home, figures, bench):
    with pytest.raises(OvtError, match="drop all 1 questions"):
        screen(ask((figures[0], "Is it?", "yes")), None, DecontamSection(against=(bench,)), home)
