"""Our own labelled cases (`cases/*.toml`): how right, how safe, and never both of two numbers in one sentence."""

from collections import Counter

import pytest
from labelled import read_own, read_prose

from ovt.verifiers import VERSION, verify_many

behind = pytest.mark.xfail(VERSION == "3", reason="verifier 3 reads a text by its gold's kind", strict=True)


@pytest.mark.parametrize(("table", "share", "accepted"), [("answers", 0.99, 0), ("responses", 0.99, 0)])
@behind
def test_accuracy(table: str, share: float, accepted: int) -> None:
    """Raised as it learns, never lowered: 0.995 and 1.0 today, without a false accept."""
    rows = [row for row in read_own(table) if row["expected"] is not None]
    texts = [row.get("pred") or row.get("response", "") for row in rows]
    asked = [(text, row["gold"], row["choices"]) for text, row in zip(texts, rows, strict=True)]
    verdicts = verify_many(asked, responses=table == "responses")
    judged = list(zip(texts, rows, verdicts, strict=True))
    false = [f"{text!r} for {row['gold']!r}" for text, row, verdict in judged if verdict and not row["expected"]]
    missed = [f"{text!r} for {row['gold']!r}" for text, row, verdict in judged if row["expected"] and not verdict]
    assert len(false) <= accepted, "\n".join(false)
    assert len(missed) <= (1 - share) * len(rows), "\n".join(missed)


@behind
def test_of_two_numbers_in_a_sentence_never_both() -> None:
    """And never the one that it is not about, more than once in thirty sentences."""
    prose = read_prose()
    stated = verify_many([(text, gold) for text, gold, _ in prose], responses=True)
    others = verify_many([(text, other) for text, _, other in prose], responses=True)
    both = [text for (text, _, _), one, two in zip(prose, stated, others, strict=True) if one and two]
    assert not both
    assert sum(map(bool, others)) <= len(prose) / 30


def test_each_case_is_listed_once() -> None:
    rows = read_own("answers") + read_own("responses")
    asked = Counter((row.get("pred") or row.get("response"), row["gold"], str(row["choices"])) for row in rows)
    assert not [case for case, count in asked.items() if count > 1]
    assert len(read_own("answers")) > 2000
    assert len(read_own("responses")) > 500
    assert len(read_prose()) >= 60
