"""HallusionBench: 1,129 yes/no questions, most of them asked of a figure and again of an edited one.

The official verdict is GPT-4's against a described answer: 0 wrong, 1 right, 2 unclear, and *unclear counts as right*
where the question needs a figure and gets none (VS, figure 0). Where a file has such verdicts they are used; else the
kits' rule, that exactly one of the words yes and no is in the reply. aAcc is per question; fAcc and qAcc ask for every
question of a figure, and every figure of a question.
"""

import re

import polars as pl

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import paper_prompts, paper_rules, text

KEYS = ("category", "subcategory", "set_id", "figure_id", "question_id")
_GOLD = {"0": "no", "1": "yes"}
_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
YES_NO = "Hint: Please answer the question requiring an answer of yes or no."


def read(row: Row, part: Part) -> Item:
    keys = {key: text(row.get(key)) for key in KEYS}
    gold = text(row.get("gt_answer")).strip()
    shown = text(row.get("visual_input"))
    about = {key.removesuffix("_id"): value for key, value in keys.items()}
    about |= {"visual_input": shown, "split": "non_image" if shown == "0" else "image"}
    return Item(
        id="_".join(keys.values()),
        question=text(row.get("question")),
        gold=_GOLD.get(gold, gold),
        choices=None,
        cluster="_".join((keys["category"], keys["subcategory"], keys["set_id"])),
        groups={key: value for key, value in about.items() if value},
        images=(row.get("image"),),
        row=row,
    )


def official(item: Item, said: Said) -> Ruling:
    if said.verdict in ("0", "1", "2"):
        without = item.row.get("category") == "VS" and text(item.row.get("figure_id")) == "0"
        return Ruling(said.verdict, said.verdict == "1" or (said.verdict == "2" and without))
    words = {word.lower() for word in _WORD.findall(said.response)}
    answer = words.pop() if len(words) == 1 else None
    return Ruling(answer, answer == item.gold)


def further(scored: pl.DataFrame) -> dict[str, float]:
    """fAcc (346 figures) and qAcc (455 questions) of a table with `right` and the keys; and two kinds of questions."""
    figures = scored.filter((pl.col("category") != "VS") | (pl.col("figure") != "0"))
    edited = pl.col("visual_input") == "2"
    question = ("category", "subcategory", "set", "question")
    three = {
        "aAcc": _share(scored),
        "fAcc": _all_right(figures, "category", "subcategory", "set", "figure"),
        "qAcc": _all_right(scored, *question),
    }
    return three | {
        "mean of the three": sum(three.values()) / 3,  # what VLMEvalKit's leaderboard shows
        "easy (questions, not edited)": _all_right(scored.filter(~edited), *question),
        "hard (rows, edited)": _share(scored.filter(edited)),
    }


def _share(scored: pl.DataFrame) -> float:
    return int(scored["right"].sum()) / len(scored) if len(scored) else 0.0


def _all_right(scored: pl.DataFrame, *keys: str) -> float:
    return _share(scored.group_by(*keys).agg(pl.col("right").all()))


def paper(item: Item) -> str:
    return f"{YES_NO}\nQuestion: {item.question}"


def _part(split: str) -> Part:
    return Part("hf://lmms-lab/HallusionBench", split)


HALLUSIONBENCH = Benchmark(
    name="hallusionbench",
    title="HallusionBench",
    license="BSD-3-Clause",
    url="https://github.com/tianyi-lab/HallusionBench",
    variants={
        "all": Variant((_part("image"), _part("non_image")), 1_129),
        "image": Variant((_part("image"),), 951),
    },
    read=read,
    prompts={
        "official": Prompt("the question alone; its replies need a judge", lambda item: item.question),
        "lmms-eval": Prompt("the question alone, 128 tokens", lambda item: item.question, {"max_tokens": 128}),
        "vlmevalkit": Prompt("asked for yes or no", lambda item: f"{item.question} Please answer yes or no."),
        **paper_prompts(paper),
    },
    rules=(
        Rule("official", "a judge's 0, 1 or 2 where there is one, else exactly one of the words yes and no", official),
        *paper_rules(lambda item: None),
    ),
    example={
        "category": "VD",
        "subcategory": "illusion",
        "visual_input": "1",
        "set_id": "0",
        "figure_id": "0",
        "question_id": "0",
        "question": "Are the two lines of the figure equally long?",
        "gt_answer": "1",
    },
    groups=("category", "subcategory", "visual_input", "split", "set", "figure", "question"),
    headline="aAcc (the paper's is on the image split: hallusionbench:image)",
    further=further,
)
