"""Labelled cases: `cases/*.toml` beside this file, and the shared ones (JSON lines), where their folder is present.

    [[answers]]                      # one gold, and what earns for it: pred
    kind = "ratios"
    gold = "4:9"
    right = ["4 to 9", …]            wrong = ["9:4", …]          open = […]: a careful person could say either

    [[responses]]                    # one response, and the golds that it earns for
    text = '''…'''
    right = ["C", "7"]               wrong = ["A", …]

Both may have `choices`, `language` and `tier`: "conv" where the label rests on a convention, such as optional units;
"core" is the default. Each becomes a row with the columns of the shared cases: pred or response, gold, choices,
expected (None for an open one), kind, tier, language.

`cases/prose.toml` holds sentences with two numbers and nothing that says which one is the answer.
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

OWN = Path(__file__).parent / "cases"
SHARED = Path(__file__).parents[3] / "shared" / "verifier_cases"
LABELS = {"right": True, "wrong": False, "open": None}


def read_shared(name: str, folder: Path = SHARED) -> list[dict]:
    """The rows of one shared file, such as "field_answers"."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [{"language": "", **json.loads(line)} for line in lines]


def read_own(table: str) -> list[dict]:
    """The rows of our own cases: "answers" or "responses"."""
    column = {"answers": "pred", "responses": "response"}[table]
    return [
        row
        for path in sorted(OWN.glob("*.toml"))
        for row in _rows(tomllib.loads(path.read_text("utf-8")), table, column)
    ]


def _rows(suite: dict, table: str, column: str) -> Iterator[dict]:
    for group in suite.get(table, ()):
        about = {
            "choices": group.get("choices"),
            "kind": group["kind"],
            "tier": group.get("tier", "core"),
            "language": group.get("language") or suite["language"],
        }
        for label, expected in LABELS.items():
            for text in group.get(label, ()):
                pair = (text, group["gold"]) if column == "pred" else (group["text"], text)
                yield {column: pair[0], "gold": pair[1], "expected": expected, **about}


def read_prose() -> list[tuple[str, str, str]]:
    """(sentence, what it says of what it is about, the other number in it)."""
    return [tuple(row) for row in tomllib.loads((OWN / "prose.toml").read_text("utf-8"))["prose"]]
