"""A build of every small input for a known fault, against a server that answers each question with its true answer as a
model would: all that can be graded is verified right, every other row has its reason, and lint finds what is expected.

The inputs lie beside the project (field/sources); without them this is skipped.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.build import build
from ovt.curate.questions import Questions, of_sources
from ovt.curate.recipe import Recipe
from ovt.curate.reports.lint import findings
from ovt.curate.run import Session
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.read import Version, scan

_PLACES = (place / "shared" / "field" / "sources" for place in Path(__file__).parents)
FIELD = next((place for place in _PLACES if place.is_dir()), Path("absent"))
pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason="needs the small inputs that lie beside the project")


@dataclass(frozen=True)
class Case:
    """A source, and what must come of it.

    truth     a question's text -> its true answer, from the data as a person reads it
    right     questions whose true answer is verified right
    left_out  reasons of the rows left out at import; lint: rules that questions break
    """

    path: str
    right: int
    truth: Callable[[str], str] = lambda question: "7"
    settings: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    lint: dict[str, int] = field(default_factory=dict)


def of_figureqa(question: str) -> str:
    pairs = json.loads((FIELD / "figureqa/sample_train1/qa_pairs.json").read_text())["qa_pairs"]
    return next(("No.", "Yes.")[pair["answer"]] for pair in pairs if pair["question_string"] in question)


def of_geometry(question: str) -> str:
    """As models write them, and not as the golds are written."""
    values = ["3", "17/\\sqrt{2}", "2\\sqrt{221}", "90 degrees", "48.5"]
    return values[int(re.findall(r"Find x(\d)", question)[0])]


def of_late_rows(question: str) -> str:
    number = int(re.findall(r"Late (\d+)\?", question)[0])
    return "dog" if "dog" in question else str(number)


def of_vizwiz(question: str) -> str:
    return {"0": "Basil", "1": "unanswerable", "2": "Yes", "3": "coke"}[re.findall(r"product(\d)", question)[0]]


CASES = {
    "figureqa": Case("figureqa/sample_train1", 6, of_figureqa, {"preset": "figureqa"}),
    "figureqa-as-it-is": Case(
        "figureqa/sample_train1",
        0,
        of_figureqa,
        {"columns": {"question": "question_string", "image": "image_index"}, "image_pattern": "png/{image}.png"},
        lint={"gold_is_number": 6},
    ),
    "geos": Case("geos/official", 3, lambda question: "C", {"preset": "geos"}),
    "geos-by-path": Case("geos/official", 3, lambda question: "90"),
    "vizwiz": Case("vizwiz", 3, of_vizwiz, {"preset": "vizwiz"}),
    "vizwiz-any": Case("vizwiz/train.json", 4, of_vizwiz, {"accept": "any", "image_root": "vizwiz/train"}),
    "llava-cot": Case("llava_cot", 3, lambda question: "(A) wood", {"preset": "llava-cot"}),
    "llava-cot-as-it-is": Case("llava_cot/train.jsonl", 3, lambda question: "A", lint={"gold_is_chain": 3}),
    "cauldron": Case("cauldron/ai2d", 4, lambda question: "1999" if "year" in question else "Sales"),
    "geometry3k": Case("license/geometry3k_plain", 5, of_geometry, {"preset": "geometry3k"}),
    "semicolons": Case("csv/semi.csv", 1),
    "utf16": Case("csv/utf16.csv", 1),
    "one-row": Case("csv/one.json", 1),
    "tags": Case("image_pad/tags.jsonl", 13, lint={"control_token": 10}),
    "replies": Case("image_pad/padreply.jsonl", 3),
    "late": Case("late_column/late.jsonl", 40, of_late_rows, {"where": "question > 'Late 106'", "limit": 40}),
}


AGAIN = ["figureqa-as-it-is", "geos-by-path", "vizwiz-any", "llava-cot-as-it-is", "utf16"]  # rows of other cases, too
UNMATCHED = ["figureqa-as-it-is"]  # whose golds no answer can match


def section(name: str) -> SourceSection:
    case = CASES[name]
    settings = {key: str(FIELD / value) if key == "image_root" else value for key, value in case.settings.items()}
    return SourceSection.model_validate({"name": name, **settings, "path": str(FIELD / case.path)})


def answering(sources: dict[str, pl.DataFrame]) -> Callable[[Any, int], str]:
    """The reply of a model that knows: by the text of the question, which is the source's own."""
    known = {text: CASES[name].truth for name, table in sources.items() for text in table["question"]}

    def reply(body: Any, choice: int) -> str:
        texts = [part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text"]
        asked = max((text for text in known if plain(text) in plain(texts[-1])), key=len)
        said = known[asked](texts[-1])
        return (
            f"<think>\nI look at the picture, and see it.\n</think>\n\nIt is plain to see.\n\n<answer>{said}</answer>"
        )

    return reply


def plain(text: str) -> str:
    """Letters and digits alone: control tokens are sent with spaces inside."""
    return re.sub(r"\W", "", text)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def known(home) -> dict[str, Questions]:
    """The imported questions of each source."""
    return {name: of_sources(name, [section(name)], home, None) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_out_and_what_lint_finds(known, home, name):
    case, asked = CASES[name], known[name]
    assert Counter(asked.left_out["reason"].to_list()) == case.left_out
    assert Counter(rule for rule, _, _ in findings(asked, home, DedupSection())) == case.lint


@pytest.mark.parametrize("names", [[name for name in CASES if name not in AGAIN], AGAIN], ids=["all", "again"])
def test_true_answers_are_verified_right_and_every_other_row_has_a_reason(known, home, loopback, names):
    version = built(names, known, home, loopback)
    questions = scan(version, "questions").select("question_id", "source").collect()
    samples = scan(version, "samples").select("sample_id", "question_id").collect()
    verdicts = scan(version, "verdicts").select("sample_id", "outcome", "kind", "extracted").collect()
    judged = samples.join(verdicts, on="sample_id").join(questions, on="question_id")
    assert judged.filter(pl.col("outcome") != "correct").filter(pl.col("source").is_in(UNMATCHED).not_()).rows() == []
    right = judged.filter(pl.col("outcome") == "correct").group_by("source").len()
    assert dict(right.iter_rows()) == {name: CASES[name].right for name in names if CASES[name].right}
    ends = scan(version, "decisions").filter(pl.col("level") == "question").collect()
    assert (
        len(ends) == ends["id"].n_unique() == sum(len(known[name].table) + len(known[name].left_out) for name in names)
    )
    assert ends.filter(pl.col("reason").is_null()).is_empty()


def built(names: list[str], known: dict[str, Questions], home: Home, server: Any) -> Version:
    """One version of these sources."""
    server.reply = answering({name: known[name].table for name in names})
    tree = {
        "name": "true",
        "sources": [section(name).model_dump() for name in names],
        "endpoints": {"server": {"base_url": server.url, "model": "test-model"}},
        "reason": {"endpoint": "server", "see": "image", "k": 1},
    }
    return build(Recipe.model_validate(tree), Session(home))


def test_what_cannot_be_read_is_refused_in_one_line_that_says_what_to_write(tmp_path):
    refused = {
        "figureqa/sample_train1": 'columns = { question = "question_string", gold = "answer", image = "image_index" }',
        "vizwiz": "accept says which count",
    }
    for path, said in refused.items():
        with pytest.raises(OvtError) as refusal:
            of_sources("x", [SourceSection(path=str(FIELD / path))], Home(tmp_path / "home"), None)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)
