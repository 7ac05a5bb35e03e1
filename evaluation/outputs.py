"""Existing replies, in whatever file a kit has left them.

    ours                    {"id", "response", …} as JSON, JSONL, CSV, TSV or Parquet; several by `model` or `run`
    lmms-eval               --log_samples: {"doc": {…}, "resps": [["…"]], …}
    VLMEvalKit              …_MathVista_MINI.xlsx or .tsv: index, question, answer, prediction, …
    the benchmarks' own     MathVista's and EMMA's {pid: {…}}, MathVision's and MMMU-Pro's JSONL, HallusionBench's list
    OpenVLThinker's         {"instruction", "response": the gold, "reasoning": the reply, "answer", "correct"}

Rows become `Found`, which join a benchmark's items by id, else by the question's text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError, first_line, not_installed
from ovt.curate.sources.cells import squeeze
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import open_source
from ovt.evaluation.benchmark import Benchmark, Item, Part

# Columns by what they mean, in the order in which they are looked for.
RESPONSE = ("response", "prediction", "model_output", "output", "model_prediction", "gpt4v_output", "model_answer")
RUN = ("run", "model", "model_name")
EXTRACTION = ("extraction", "extracted_answer")
VERDICT = ("gpt4v_output_human_check", "gpt4v_output_gpt_check", "correctness", "judgement")
FILED = ("true_false", "if_right", "correct", "is_correct", "hit", "llm_as_judge_eval", "gpt_eval_score")
FINISH = ("finish_reason", "stop_reason")
_TRUE, _FALSE = ("true", "1", "1.0", "correct", "yes", "right"), ("false", "0", "0.0", "incorrect", "no", "wrong")

REPLIES = pl.Schema(
    {
        "run": pl.String,
        "sample_id": pl.String,
        "question_id": pl.String,
        "response": pl.String,
        "extraction": pl.String,
        "verdict": pl.String,  # a judge's, in the benchmark's own words
        "filed": pl.Boolean,  # whether the file says that the reply is right
        "finish_reason": pl.String,
    }
)


@dataclass(frozen=True)
class Found:
    """A row of a file. doc: the benchmark's own columns, as far as they are there; question: its text, if it is."""

    run: str
    doc: Mapping[Any, Any]
    question: str
    response: str | None
    extraction: str | None
    verdict: str | None
    filed: bool | None
    finish_reason: str | None


@dataclass(frozen=True)
class Joined:
    """REPLIES of each run, and what did not join: duplicates and rows not of the benchmark, by run."""

    replies: pl.DataFrame
    doubled: Mapping[str, int]
    unknown: Mapping[str, int]


def read_outputs(path: Path) -> list[Found]:
    """The rows of a file. OvtError if there is no such file, or no row of it has a reply."""
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    rows = list(_rows(path))
    found = [_found(row, name) for row in rows]
    if not any(one.response is not None for one in found):
        columns = ", ".join(str(key) for key in list(rows[0] if rows else {})[:12]) or "none"
        raise OvtError(f"{path.name} has no replies (its columns: {columns}); expected one of {', '.join(RESPONSE)}")
    return found


def _rows(path: Path) -> Iterator[Mapping[Any, Any]]:
    if path.suffix.lower() == ".xlsx":
        yield from _excel(path).iter_rows(named=True)
        return
    for part in open_source(SourceSection(path=str(path))).parts:
        for number, row in part.rows(part.columns, range(part.count)):
            if not isinstance(row, Mapping):
                raise OvtError(f"{path.name}: row {number + 1} is not an object; expected one JSON object per line")
            yield row


def _excel(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise OvtError(f"{path} does not exist; give a file of outputs")
    try:
        return pl.read_excel(path, infer_schema_length=0)
    except ModuleNotFoundError as error:
        error.name = error.name or "fastexcel"  # Polars names it in the message alone
        raise not_installed(f"reading {path.name}", error, "xlsx") from None
    except Exception as error:  # noqa: BLE001 - fastexcel has errors of its own
        raise OvtError(f"{path.name} cannot be read as a spreadsheet ({first_line(error)}): save it again") from None


def _found(row: Mapping[Any, Any], name: str) -> Found:
    if "instruction" in row and "reasoning" in row:  # OpenVLThinker's: its `response` is the gold
        doc = {"answer": row.get("response")}
        said = {"response": row["reasoning"], "extraction": row.get("answer"), "filed": row.get("correct")}
        return _make(row, doc, str(row["instruction"]), said, name)
    if "resps" in row:  # lmms-eval's: results lie beside, or inside a metric's own record
        doc = row["doc"] if isinstance(row.get("doc"), Mapping) else {"index": row.get("doc_id")}
        inner = [value for value in row.values() if isinstance(value, Mapping) and value is not row.get("doc")]
        flat = {key: value for record in (*inner, row) for key, value in record.items()}
        said = {
            "response": _innermost(row["resps"]),
            "extraction": _first(flat, EXTRACTION),
            "filed": _first(flat, FILED),
        }
        return _make(row, doc, str(doc.get("question") or ""), said, name)
    said = {"response": _first(row, RESPONSE), "extraction": _first(row, EXTRACTION), "filed": _first(row, FILED)}
    return _make(row, row, str(row.get("question") or row.get("query") or ""), said, name)


def _make(row: Mapping[Any, Any], doc: Mapping[Any, Any], question: str, said: Mapping[str, Any], name: str) -> Found:
    return Found(
        run=str(_first(row, RUN) or name),
        doc=doc,
        question=question,
        response=_text(said["response"]),
        extraction=_text(said["extraction"]),
        verdict=_text(_first(row, VERDICT)),
        filed=_truth(said["filed"]),
        finish_reason=_text(_first(row, FINISH)),
    )


def _first(row: Mapping[Any, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _text(value: Any) -> str | None:
    """A cell as text: the only or first reply of a list; None for none."""
    value = _innermost(value)
    return None if value is None or isinstance(value, Mapping) else str(value)


def _innermost(value: Any) -> Any:
    while isinstance(value, list) and value:
        value = value[0]
    return None if value == [] else value


def _truth(value: Any) -> bool | None:
    said = str(_innermost(value)).strip().lower()
    return True if said in _TRUE else False if said in _FALSE else None


def items_of(found: Sequence[Found], benchmark: Benchmark, part: Part) -> list[Item]:
    """The items that the file itself describes, once each; empty unless its rows have golds."""
    items = [item for one in found if (item := benchmark.read(one.doc, part)).id.strip("_/") and item.gold]
    return list({(item.id, item.question): item for item in items}.values())


def join(found: Sequence[Found], items: Sequence[Item], benchmark: Benchmark, part: Part) -> Joined:
    """The rows that are about an item; the first of each run counts."""
    rows: list[tuple] = []
    seen: set[tuple[str, str]] = set()
    doubled: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for one, item in zip(found, _items(found, _Known(items, benchmark, part)), strict=True):
        if item is None or (one.run, item.id) in seen:
            counted = unknown if item is None else doubled
            counted[one.run] = counted.get(one.run, 0) + 1
            continue
        seen.add((one.run, item.id))
        key = item.question_id(benchmark.name)
        said = (one.response, one.extraction, one.verdict, one.filed, one.finish_reason)
        rows.append((one.run, f"{one.run}/{key}", key, *said))
    return Joined(pl.DataFrame(rows, REPLIES, orient="row"), doubled, unknown)


def _items(found: Sequence[Found], known: "_Known") -> list[Item | None]:
    """The item of each row. What identifies no row otherwise is its number, if numbers are ids in this file: many kits
    count rows from 0 instead, which would pair replies with the golds of other questions."""
    told = [known.find(one) for one in found]
    pairs = [(item, known.numbered(one)) for one, item in zip(found, told, strict=True) if _number(one)]
    sure = [item is other for item, other in pairs if item]
    if not all(sure or (other is not None for _, other in pairs)):
        return told
    return [item or known.numbered(one) for one, item in zip(found, told, strict=True)]


def _number(one: Found) -> str:
    number = one.doc.get("index", one.doc.get("id"))
    return "" if number is None else str(number)


class _Known:
    """The items, found by id, else by the question's text, else by a prompt that contains it."""

    def __init__(self, items: Sequence[Item], benchmark: Benchmark, part: Part) -> None:
        self.items, self.benchmark, self.part = items, benchmark, part
        self.by_id = {item.id: item for item in reversed(items)}
        self.by_both = {(item.id.partition("#")[0], squeeze(item.question)): item for item in items}
        self.by_text = _unique((squeeze(item.question), item) for item in items)
        self.texts = {squeeze(item.question) for item in items} - {""}

    def find(self, one: Found) -> Item | None:
        told = squeeze(one.question)
        name = self.benchmark.read(one.doc, self.part).id
        both = self.by_both.get((name, told)) or self.by_text.get(told)
        return both or self.named(name, told) or self.by_prompt.get(told)

    def numbered(self, one: Found) -> Item | None:
        told = squeeze(one.question)
        return self.by_both.get((_number(one), told)) or self.named(_number(one), told)

    def named(self, name: str, told: str) -> Item | None:
        """The item of this id, unless the row has the text of another question."""
        return None if told in self.texts else self.by_id.get(name)

    @cached_property
    def by_prompt(self) -> dict[str, Item]:
        asks = [prompt.ask for prompt in self.benchmark.prompts.values()]
        return _unique((squeeze(text), item) for item in self.items for text in {ask(item) for ask in asks})


def _unique(pairs: Iterable[tuple[str, Item]]) -> dict[str, Item]:
    """Items by text, without the texts that several share."""
    found: dict[str, Item | None] = {}
    for text, item in pairs:
        found[text] = None if found.get(text, item) is not item else item
    return {text: item for text, item in found.items() if text and item is not None}
