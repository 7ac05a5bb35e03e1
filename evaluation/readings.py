"""What each reading makes of the same replies, side by side: a table in, a table out.

    id  ours   strict  official  luck  filed  answer  official_answer  reason  truncated  refused  in_thinking  …
    3   true   false   true      0.0   true   145°    145°             equal   false      false    true

ours      the verifier; an answer inside the thinking counts if there is none outside it, closed or not
strict    the verifier as the RL reward and curation read: what is inside thinking never counts
official  the benchmark's rule, deterministic; `luck` is what its guesses would add (they are not in it)
judge     a model's opinion, if one was asked
filed     what the file itself says, if it does
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from ovt.core.errors import first_line
from ovt.curate.stages.verify import CUT, SEVERAL
from ovt.evaluation.benchmark import Item, Rule, Ruling, Said
from ovt.verifiers import Verdict, split_response, verify_many

NAMES = ("ours", "strict", "official", "judge", "filed")
SHARES = ("truncated", "refused", "unreadable", "failed", "hedged", "in_thinking")

READINGS = pl.Schema(
    {
        **dict.fromkeys(("run", "sample_id", "question_id", "id", "cluster"), pl.String),
        **dict.fromkeys(NAMES, pl.Boolean),
        "luck": pl.Float64,
        **dict.fromkeys(("answer", "official_answer", "kind", "reason", "strict_reason", "explanation"), pl.String),
        **dict.fromkeys(SHARES, pl.Boolean),
    }
)

# The start of a reply that refuses, with an example and a counter-example of each.
REFUSALS = (
    (r"(?:i'?m|i am|we'?re) (?:very |so )?sorry\b", "I'm sorry, I can't help with that.", "Sorry is option B."),
    (r"sorry,? (?:but )?i\b", "Sorry, but I cannot see the image.", "The sorry state is shown in A."),
    (r"(?:i|we) (?:cannot|can'?t|can not|am unable to|are unable to)\b", "I cannot answer this.", "I can see 3 bars."),
    (r"i'?m (?:unable|not able) to\b", "I'm unable to view images.", "I'm able to count 4."),
    (r"as an ai\b", "As an AI language model, I have no eyes.", "As an airplane climbs, it slows."),
)
_REFUSED = re.compile("|".join(f"(?:{pattern})" for pattern, _, _ in REFUSALS), re.IGNORECASE)
_THINK = re.compile(r"<\s?/?\s?think(?:ing)?\s?>", re.IGNORECASE)
NOTHING_OUTSIDE = ("unclosed_thinking", "no_answer")
UNREADABLE = ("no_answer", "no_choice", "no_such_option", "not_yes_or_no", "unparseable", *CUT)


def readings(items: Mapping[str, Item], replies: pl.DataFrame, rule: Rule, kind: str = "auto") -> pl.DataFrame:
    """READINGS of REPLIES, row by row. items: by question id, all that the replies are about. `judge` is empty."""
    rows = replies.rows(named=True)
    about = [items[row["question_id"]] for row in rows]
    texts = [row["response"] or "" for row in rows]
    strict = _verdicts(texts, about, kind)
    ours = _lenient(texts, about, strict, kind)
    made = []
    for row, item, text, told, own in zip(rows, about, texts, strict, ours, strict=True):
        ruling = _ruling(rule, item, Said(text, row["extraction"], row["verdict"]))
        made.append(
            {name: row[name] for name in ("run", "sample_id", "question_id", "filed")}
            | {"id": item.id, "cluster": item.cluster, "ours": bool(own), "strict": bool(told)}
            | {"official": ruling.right, "official_answer": ruling.answer, "luck": ruling.luck}
            | {"answer": own.extracted, "kind": own.kind, "reason": own.reason, "strict_reason": told.reason}
            | {"explanation": own.explanation}
            | _marks(text, row["finish_reason"], told, own)
        )
    return pl.DataFrame(made, READINGS, orient="row")


def _ruling(rule: Rule, item: Item, said: Said) -> Ruling:
    """A rule's verdict. Where the rule fails, it is left open: one reply must not stop an evaluation of thousands."""
    try:
        return rule.judge(item, said)
    except Exception as error:  # noqa: BLE001 (a bug of the rule, which is named beside the answer)
        return Ruling(f"the rule failed: {type(error).__name__}: {first_line(error)}", None)


def _verdicts(texts: Sequence[str], about: Sequence[Item], kind: str) -> list[Verdict]:
    rows = ((text, item.gold, item.choices) for text, item in zip(texts, about, strict=True))
    return verify_many(rows, responses=True, kind=kind)


def _lenient(texts: Sequence[str], about: Sequence[Item], strict: Sequence[Verdict], kind: str) -> list[Verdict]:
    """The strict verdicts; where a reply thinks and has no answer outside its thinking, those of the whole text."""
    open_ones = [
        at
        for at, text in enumerate(texts)
        if not strict[at] and _THINK.search(text) and split_response(text).problem in NOTHING_OUTSIDE
    ]
    whole = _verdicts([_THINK.sub("\n", texts[at]) for at in open_ones], [about[at] for at in open_ones], kind)
    found = dict(zip(open_ones, whole, strict=True))
    return [found.get(at, verdict) for at, verdict in enumerate(strict)]


def _marks(text: str, finish_reason: str | None, strict: Verdict, ours: Verdict) -> dict[str, bool]:
    """What a reply is counted under. truncated: the server says so, or it ends in its thinking with no answer."""
    blank = not text.strip()
    return {
        "failed": blank,
        "truncated": finish_reason in ("length", "max_tokens") or (strict.reason in CUT and ours.reason in UNREADABLE),
        "refused": not ours and bool(_REFUSED.match(text.lstrip()[:200])),
        "unreadable": not ours and not blank and ours.reason in UNREADABLE,
        "hedged": not ours and ours.reason in SEVERAL,
        "in_thinking": bool(ours) and not strict,
    }


def by_group(frame: pl.DataFrame, items: Mapping[str, Item], group: str) -> pl.DataFrame:
    """READINGS with `value`, the item's value of a group: a row for each value of an item that has several."""
    values = {key: item.groups.get(group) for key, item in items.items()}
    pairs = [
        (key, value) for key, found in values.items() for value in (found if isinstance(found, tuple) else (found,))
    ]
    table = pl.DataFrame(pairs, {"question_id": pl.String, "value": pl.String}, orient="row").drop_nulls()
    return frame.join(table, on="question_id", maintain_order="left")
