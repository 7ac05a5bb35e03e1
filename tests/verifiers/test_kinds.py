"""Kinds of answers: ours by one table, others' by a decorator or an entry point, all judged in worker processes."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.core.registry import KINDS
from ovt.curate.stages.judge import JudgeSection
from ovt.curate.stages.verify import VerifySection
from ovt.verifiers import Kind, kind_names, known_kind, lint_gold, verify, verify_many
from ovt.verifiers.values import LIST, TABLE, find

NUMERALS = '''
"""Roman numerals as answers."""
import re
from ovt.core.registry import KINDS
from ovt.verifiers import Finding, Kind

SIZES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
NUMERAL = re.compile("M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")


@KINDS(name="roman")
def read_roman(text):
    text = text.strip(" .$").upper()
    if not text or not NUMERAL.fullmatch(text):
        return None
    sizes = [SIZES[letter] for letter in text]
    return sum(-size if size < after else size for size, after in zip(sizes, [*sizes[1:], 0]))


def never(prediction, gold):
    return Finding("wrong", "different")


def failing(text):
    raise LookupError("no such book")


CONTRARY = KINDS(Kind("contrary", str.strip, never))
FAILING = KINDS(Kind("failing", failing))
'''


@pytest.fixture
def numerals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module beside the caller, imported after the workers started, that adds three kinds."""
    verify("7", "7")
    monkeypatch.setattr(KINDS, "added", {})
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_numerals.py").write_text(NUMERALS)
    importlib.import_module("my_numerals")
    yield
    del sys.modules["my_numerals"]


def test_names_stand_in_the_tables_order() -> None:
    assert [kind for kind in kind_names() if kind not in ("auto", "set", "tuple")] == [kind.name for kind in TABLE]
    assert all(find(name) is KINDS.get(name) for name in KINDS.ours)
    assert find("set") is find("tuple") is LIST


@pytest.mark.usefixtures("numerals")
def test_a_kind_of_a_module_is_judged_in_a_worker() -> None:
    assert [bool(verify(text, "XIV", kind="roman")) for text in ("xiv", "The answer is XIV.", "XVI", "XIV or XVI")] == [
        *(True, True, False, False)
    ]
    verdict = verify("XIIII", "XIV", kind="roman")
    assert (verdict.outcome, verdict.kind, verdict.reason) == ("wrong", "roman", "unparseable")
    assert "roman" in kind_names()
    rows = [("CD", "CD"), ("CDI", "CD"), ("x = V", "v")]
    assert [verdict.outcome for verdict in verify_many(rows, kind="roman")] == ["correct", "wrong", "correct"]


@pytest.mark.usefixtures("numerals")
def test_it_changes_only_verdicts_that_name_it() -> None:
    assert verify("xii", "XII").kind == "text"
    assert verify("xii", "XII", kind="auto+roman").kind == "roman"
    for gold in ("I", "7", "1, 2", "\\sqrt{2}", "Yes"):
        assert verify(gold, gold) == verify(gold, gold, kind="auto+roman")
    assert verify("red", "blue", kind="auto+roman") == verify("red", "blue")


@pytest.mark.usefixtures("numerals")
def test_its_golds_are_linted() -> None:
    assert lint_gold("XIV", kind="roman") is None
    assert lint_gold("fourteen", kind="roman") == "unparseable_gold"
    assert lint_gold("fourteen", kind="auto+roman") is None
    assert verify("7", "7", kind="contrary")
    assert lint_gold("7", kind="contrary") == "gold_not_accepted"


@pytest.mark.usefixtures("numerals")
def test_one_that_raises_abstains_and_says_so() -> None:
    verdict = verify("7", "8", kind="failing")
    assert (verdict.outcome, verdict.reason) == ("abstain", "error")
    assert "no such book" in verdict.explanation
    assert lint_gold("7", kind="failing") == "gold_not_accepted"


@pytest.mark.usefixtures("numerals")
def test_a_recipe_may_name_it() -> None:
    assert VerifySection(kind="roman").kind == "roman"
    assert JudgeSection(endpoint="server", kinds=("text", "roman")).kinds == ("text", "roman")


@pytest.mark.parametrize("kind", ["nubmer", "roman", "auto+", "auto+roman", "auto+number", "number+text", ""])
def test_an_unknown_kind_is_a_mistake_of_the_caller(kind: str) -> None:
    with pytest.raises(ValueError, match=r"unknown kind .* expected one of auto, choice"):
        known_kind(kind)
    with pytest.raises(ValueError, match="expected one of"):
        VerifySection(kind=kind)


def test_a_judge_is_asked_about_kinds_of_golds() -> None:
    with pytest.raises(ValueError, match="name the kinds of gold"):
        JudgeSection(endpoint="server", kinds=("auto",))


def test_one_that_no_worker_can_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS, "added", {})
    KINDS(name="local")(lambda text: text or None)
    KINDS(Kind("nowhere", str.strip))
    for name in ("local", "nowhere"):
        with pytest.raises(OvtError, match=r"define it at the top level of a module of its own"):
            verify("a", "a", kind=name)


def test_a_notebooks_kind_is_refused_in_one_line() -> None:
    script = """
from ovt.core.registry import KINDS
from ovt.verifiers import verify
KINDS(name="shout")(str.upper)

@KINDS
def whisper(text):
    return text.lower()

try:
    verify("a", "a", kind="whisper")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("OvtError kind 'whisper' is defined in a notebook")
    assert done.stdout.count("\n") == 1


def test_an_installed_kind_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = NUMERALS.split("def never")[0].replace('@KINDS(name="roman")\n', "")
    (tmp_path / "my_numerals.py").write_text(package + '\nROMAN = Kind("roman", read_roman)\n')
    about = tmp_path / "my_numerals-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-numerals\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[ovt.kinds]\nroman = my_numerals:ROMAN\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2] / '.typing'}")
    code = "from ovt.cli import main; main()"
    said = [
        subprocess.run(
            [sys.executable, "-c", code, "verify", "--kind", kind, answer, "XIV"], capture_output=True, text=True
        )
        for kind, answer in (("roman", "xiv"), ("roman", "xv"), ("auto", "xiv"), ("greek", "xiv"))
    ]
    assert [done.returncode for done in said] == [0, 1, 0, 2], said
    assert "roman" in said[0].stdout
    assert "text" in said[2].stdout
    assert "expected one of auto, choice" in " ".join(said[3].stderr.split())
