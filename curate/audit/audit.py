"""`ovt verify audit NAME`: a version's answers judged by our rules, by other graders and, optionally, by a model.

    kind    grader       answers  agree  only ovt correct  only grader correct  abstain  error  timeout
    number  math-verify       81     78                 2                    1        0      0        0

Each distinct (answer, gold, choices) is judged once and counted as often as it was given. The disagreements are
few, and worth a person's look: `labels.py` exports them for labelling and imports the labels.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from ovt.core.coroutines import run_to_end
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.progress import Tally
from ovt.curate.audit.peers import PEERS, Peer, installed
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.labels import labels_path, read_labels
from ovt.curate.recipe import Recipe
from ovt.curate.stages import judge
from ovt.curate.versions.read import Version, open_version, reading, scan
from ovt.verifiers import VERSION, Verdict, split_response, verify_many

OVT = "ovt"
JUDGE = "judge"
PEOPLE = "people"  # whoever labelled replies in `ovt view`
GOOD, WRONG_VERDICT = "good", "wrong_verdict"
OPPOSITE = {"correct": "wrong", "wrong": "correct"}


@dataclass(frozen=True)
class Pair:
    """An answer and the gold it is compared with; `question` is the first one it was given to."""

    answer: str
    gold: str
    choices: tuple[str, ...] | None
    question: str = field(compare=False)


@dataclass(frozen=True)
class Graded:
    """A pair, how many samples gave it, and each grader's verdict; `reason` is our rules' own."""

    pair: Pair
    samples: int
    kind: str
    reason: str
    verdicts: dict[str, str]

    @property
    def is_disputed(self) -> bool:
        """Whether two graders that reached a verdict differ, or our rules reached none."""
        told = {verdict for verdict in self.verdicts.values() if verdict in ("correct", "wrong")}
        return len(told) > 1 or self.verdicts[OVT] == "abstain"


@dataclass(frozen=True)
class Audit:
    """The result. `missing`: graders that are not installed; `mute`: samples without an answer to compare."""

    version: str
    verifier: str
    asked_kind: str
    samples: int
    mute: int
    missing: tuple[str, ...]
    graded: tuple[Graded, ...]

    @property
    def disputed(self) -> list[Graded]:
        """The disagreements, most frequent first."""
        return sorted((one for one in self.graded if one.is_disputed), key=lambda one: -one.samples)


def run(ref: str, home: Home, limit: int | None, judge_recipe: Recipe | None, budget: Budget) -> Audit:
    """Audit at most `limit` samples of the version `ref`, with a recipe's judge if given.

    Raises BudgetReached and OvtError; the judge's replies so far are kept.
    """
    section = judge_recipe.verify.judge if judge_recipe else None
    if judge_recipe and section is None:
        raise OvtError(
            f'{judge_recipe.name} has no [verify.judge]: add one with endpoint = "…", or leave the judge out'
        )
    version = open_version(ref, home)
    found = answers(version, limit)
    if judge_recipe is None or section is None:
        return audit(version, found)
    endpoint = open_endpoint(section.endpoint, judge_recipe.endpoints[section.endpoint])
    with ReplyStore(home.make().replies) as store:
        return audit(version, found, run_to_end(ask_judge(found, section, endpoint, store, budget)))


def audit(version: Version, found: Counter[Pair], opinions: Mapping[Pair, str] | None = None) -> Audit:
    """Judge the version's answers, as `answers` finds them. opinions: a model's, by pair (`ask_judge`)."""
    kind = version.manifest.provenance.kind
    people = labelled(version)
    given = Counter({pair: count for pair, count in found.items() if pair.answer})
    rules = verify_many(((pair.answer, pair.gold, pair.choices) for pair in given), kind=kind)
    here = installed()
    peers = {name: ask_peer(name, given) for name in PEERS if here[name]}
    columns: dict[str, Sequence[str | None]] = dict(peers)
    columns |= {JUDGE: [opinions.get(pair, "abstain") for pair in given]} if opinions is not None else {}
    columns |= {PEOPLE: [people.get(pair) for pair in given]} if people else {}
    return Audit(
        version=version.ref,
        verifier=VERSION,
        asked_kind=kind,
        samples=found.total(),
        mute=found.total() - given.total(),
        missing=tuple(name for name in PEERS if not here[name]),
        graded=tuple(graded(given, rules, columns)),
    )


def answers(version: Version, limit: int | None = None) -> Counter[Pair]:
    """The answers in the version's judged samples, and how many samples gave each ("" if none was found)."""
    samples = scan(version, "verdicts").select("sample_id", "question_id").slice(0, limit)
    texts = samples.join(scan(version, "samples").select("sample_id", "text"), on="sample_id", maintain_order="left")
    golds = scan(version, "questions").select("question_id", "gold", "choices", "question")
    table = texts.join(golds, on="question_id", maintain_order="left").select("text", "gold", "choices", "question")
    with reading(version):
        rows = table.collect()
    found: Counter[Pair] = Counter()
    for text, gold, choices, question in rows.iter_rows():
        answer = split_response(text or "").answer
        found[Pair(answer, gold, tuple(choices) if choices else None, question)] += 1
    return found


def labelled(version: Version) -> dict[Pair, str]:
    """What people's labels say: "correct" of an answer labelled good, the opposite of the ledger's verdict where that
    is labelled wrong (an abstention has none)."""
    said = read_labels(labels_path(version.path, version.manifest.name))
    labels = {one.reply_key: one.label for one in said if one.reply_key and one.label in (GOOD, WRONG_VERDICT)}
    if not labels:
        return {}
    samples = scan(version, "samples").filter(pl.col("reply_key").is_in(list(labels)))
    verdicts = scan(version, "verdicts").select("sample_id", "outcome")
    golds = scan(version, "questions").select("question_id", "gold", "choices", "question")
    table = samples.join(verdicts, on="sample_id").join(golds, on="question_id", maintain_order="left")
    found = {}
    with reading(version):
        rows = table.select("reply_key", "text", "gold", "choices", "question", "outcome").collect()
    for key, text, gold, choices, question, outcome in rows.iter_rows():
        pair = Pair(split_response(text or "").answer, gold, tuple(choices) if choices else None, question)
        said = "correct" if labels[key] == GOOD else OPPOSITE.get(outcome)
        if said is not None:
            found[pair] = said
    return found


def ask_peer(name: str, pairs: Iterable[Pair]) -> list[str]:
    """Another grader's verdict on each pair; failures are "error" and "timeout"."""
    with Peer(name) as peer:
        return [peer.judge(pair.answer, pair.gold) for pair in pairs]


async def ask_judge(
    pairs: Iterable[Pair], section: judge.JudgeSection, endpoint: Endpoint, store: ReplyStore, budget: Budget
) -> dict[Pair, str]:
    """A model's verdict on each pair: "correct", "wrong", or "abstain" if its reply could not be parsed.

    Raises BudgetReached and OvtError as `fill` does; replies are kept, so each is requested once.
    """
    asked = {
        pair: judge.request(pair.question, pair.choices, pair.gold, pair.answer, section)
        for pair in pairs
        if 0 < len(pair.answer) <= judge.WHOLE_CHARS
    }
    async with endpoint:
        await fill(asked.values(), Work(endpoint, store, budget, Tally(total=len(asked)), no_images))
    keys = {pair: endpoint.keys(request)[0] for pair, request in asked.items()}
    replies = store.get_many(keys.values())
    return {pair: judge.read_judgement(replies.get(key)) or "abstain" for pair, key in keys.items()}


def no_images(image: str) -> bytes:
    raise LookupError(f"a judge is shown no images, and {image} was asked for")


def graded(
    given: Counter[Pair], rules: Sequence[Verdict], columns: Mapping[str, Sequence[str | None]]
) -> Iterable[Graded]:
    """One row per pair; a grader that was not asked about it (None) has no verdict."""
    for place, ((pair, samples), verdict) in enumerate(zip(given.items(), rules, strict=True)):
        others = {name: told for name, column in columns.items() if (told := column[place]) is not None}
        yield Graded(pair, samples, verdict.kind, verdict.reason, {OVT: verdict.outcome, **others})


def count_by_kind(audit: Audit) -> list[dict[str, Any]]:
    """For each kind and grader, in samples: how often it agrees with our rules, and how it differs."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in audit.graded:
        ours = one.verdicts[OVT]
        for name, theirs in one.verdicts.items():
            if name != OVT:
                counts[one.kind, name, outcome(ours, theirs)] += one.samples
    columns = ("agree", "only ovt correct", "only grader correct", "abstain", "error", "timeout")
    keys = sorted({(kind, name) for kind, name, _ in counts})
    rows = []
    for kind, name in keys:
        of_kind = {column: counts[kind, name, column] for column in columns}
        rows.append({"kind": kind, "grader": name, "answers": sum(of_kind.values()), **of_kind})
    return rows


def outcome(ours: str, theirs: str) -> str:
    """The column of `count_by_kind` that two verdicts belong to."""
    if theirs in ("error", "timeout"):
        return theirs
    if "abstain" in (ours, theirs):
        return "abstain"
    if ours == theirs:
        return "agree"
    return "only ovt correct" if ours == "correct" else "only grader correct"


def as_dict(audit: Audit, examples: int = 20) -> dict[str, Any]:
    """The audit as plain data, with its first disagreements."""
    return {
        "version": audit.version,
        "verifier": audit.verifier,
        "samples": audit.samples,
        "without_answer": audit.mute,
        "answers": len(audit.graded),
        "not_installed": list(audit.missing),
        "by_kind": count_by_kind(audit),
        "disagreements": len(audit.disputed),
        "examples": [example(one) for one in islice(audit.disputed, examples)],
    }


def example(one: Graded) -> dict[str, Any]:
    """A disagreement as plain data."""
    pair = one.pair
    return {
        "answer": pair.answer,
        "gold": pair.gold,
        "choices": list(pair.choices) if pair.choices else None,
        "kind": one.kind,
        "reason": one.reason,
        "samples": one.samples,
        "verdicts": one.verdicts,
    }
