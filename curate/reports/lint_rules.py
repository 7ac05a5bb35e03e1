"""What can be wrong with questions: each rule is a function from what it looks at to FINDINGS.

rule              question_id       detail
gold_in_question  1f0c2d3e4a5b6c7d  gold 'north-east' is in the question
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import polars as pl
from PIL import Image

from ovt.core.errors import OvtError
from ovt.curate.screen import texts
from ovt.curate.screen.image_hashes import Looks, Nearness, distances
from ovt.curate.screen.near_duplicates import find_twins, meaning, same_looks
from ovt.curate.sources.lint import Unfit, check_tags
from ovt.verifiers import lint_gold

SMALLEST = 28  # pixels a side: what Qwen2.5-VL makes one visual token of
FINDINGS = pl.Schema({"rule": pl.String, "question_id": pl.String, "detail": pl.String})
MEANINGS = {
    "empty_question": "the question has no words",
    "image_tags_mismatch": "<image> tags that do not match the images",
    "unreadable_image": "the image is broken, or not there",
    "tiny_image": f"a side of the image is under {SMALLEST} pixels",
    "blank_image": "the image is all of one colour",
    "same_picture": "two image files that look the same",
    "near_duplicate": "asks the same as an earlier question about the same picture",
    "conflicting_gold": "the same question about the same picture, with another gold",
    "gold_in_question": "the question says the gold",
    "gold_in_caption": "the caption answers the question",
    "empty_gold": "no gold",
    "gold_too_long": "the gold is an essay",
    "gold_too_nested": "the gold is nested too deeply to be read",
    "gold_not_in_choices": "the gold is none of the choices",
    "duplicate_choices": "the gold is more than one of the choices",
    "unparseable_gold": "the kind of answers that the recipe names cannot read the gold",
    "gold_not_accepted": "the verifier refuses the gold itself as an answer",
}

_SELF_EVIDENT = {"yes", "no", "true", "false", "none", "both", "equal"}
_CUE = (
    r"\b(?:answer|solution|correct (?:choice|option|answer))\b(?: (?:to|of)\b[^.?!\n]{0,60})?"
    r"\s*(?:is|are|=|:|would be)\s*"
)


def findings(rule: str, rows: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """FINDINGS of one rule from (question_id, detail)."""
    return pl.DataFrame([(rule, *row) for row in rows], FINDINGS, orient="row")


def golds(questions: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Golds that the verifier has something against; each distinct one is looked at once."""
    reason = cache(lambda gold, choices: lint_gold(gold, choices, kind))
    rows = questions.select("question_id", "gold", "choices").iter_rows()
    judged = [
        (question_id, gold, reason(gold, tuple(choices) if choices else None)) for question_id, gold, choices in rows
    ]
    return pl.DataFrame([(why, id_, f"gold {gold[:80]!r}") for id_, gold, why in judged if why], FINDINGS, orient="row")


def question_texts(questions: pl.DataFrame) -> pl.DataFrame:
    """Questions without words, and tags that do not match the images."""
    rows = []
    for question_id, question, images in questions.select("question_id", "question", "images").iter_rows():
        if not texts.plain(question):
            rows.append(("empty_question", question_id, repr(question[:80])))
        try:
            check_tags(question, len(images))
        except Unfit as unfit:
            rows.append((unfit.reason, question_id, unfit.detail))
    return pl.DataFrame(rows, FINDINGS, orient="row")


def leaks(questions: pl.DataFrame, captions: pl.DataFrame) -> pl.DataFrame:
    """Golds that the question gives away, and captions that answer the question.

    A caption may well hold the gold, that is what it is for; it must not call it the answer.
    """
    caption_of = dict(captions.select("question_id", "text").iter_rows())
    rows = []
    for question_id, question, gold, choices in questions.select(
        "question_id", "question", "gold", "choices"
    ).iter_rows():
        said = meaning(choices, gold)[1] if choices else gold
        if says_answer(question, said) or (not choices and names(question, gold)):
            rows.append(("gold_in_question", question_id, f"gold {said[:60]!r} in {question[:120]!r}"))
        if (caption := caption_of.get(question_id)) and says_answer(caption, said):
            rows.append(("gold_in_caption", question_id, f"the caption calls {said[:60]!r} the answer"))
    return pl.DataFrame(rows, FINDINGS, orient="row")


def says_answer(text: str, gold: str) -> bool:
    """Whether a text calls the gold the answer: "the answer is 12", "Answer: twelve"."""
    return re.search(rf"(?i){_CUE}[\"'(*]*{re.escape(gold)}(?![\w.]*\w)", text) is not None


def names(question: str, gold: str) -> bool:
    """Whether a question holds its gold as words, and does not offer it ("red or blue?"). Numbers do not count: they
    are in there by chance."""
    words = texts.plain(gold)
    if len(words) < 3 or words in _SELF_EVIDENT or not re.search(r"[^\W\d_]{3}", words):
        return False
    said = f" {texts.plain(question)} "
    return f" {words} " in said and " or " not in said


def pictures(questions: pl.DataFrame, read: Callable[[str], Image.Image]) -> tuple[pl.DataFrame, set[str]]:
    """(FINDINGS on the images as they are, ids of the images that can be read)."""
    rows, fine = [], set()
    for image_id, question_id in first_questions(questions):
        try:
            image = read(image_id)
        except OvtError as error:
            rows.append(("unreadable_image", question_id, str(error)))
            continue
        fine.add(image_id)
        if min(image.size) < SMALLEST:
            rows.append(("tiny_image", question_id, f"image {image_id[:12]}: {image.width} × {image.height} pixels"))
        if image.getcolors(1):
            rows.append(("blank_image", question_id, f"image {image_id[:12]}: all of one colour"))
    return pl.DataFrame(rows, FINDINGS, orient="row"), fine


def first_questions(questions: pl.DataFrame) -> list[tuple[str, str]]:
    """(image id, the first question that shows it), in the order they come."""
    shown = questions.select("question_id", image="images").explode("image").drop_nulls()
    return list(shown.unique("image", keep="first", maintain_order=True).select("image", "question_id").iter_rows())


def same_pictures(questions: pl.DataFrame, looks: Mapping[str, int], table: Looks, nearness: Nearness) -> pl.DataFrame:
    """Images that look like an earlier one, in other bytes."""
    leaders, ids = same_looks(table, nearness), {row: image_id for image_id, row in looks.items()}
    rows = []
    for image_id, question_id in first_questions(questions):
        leader = int(leaders[looks[image_id]])
        if ids[leader] != image_id:
            bits = int(distances(table[looks[image_id]], table[leader])[0])
            rows.append((question_id, f"image {image_id[:12]} looks like {ids[leader][:12]}: {bits} bits apart"))
    return findings("same_picture", rows)


def repeats(
    questions: pl.DataFrame, looks: Mapping[str, int], table: Looks, nearness: Nearness, min_similarity: float
) -> pl.DataFrame:
    """Questions asked before."""
    twins = find_twins(questions, looks, table, nearness, min_similarity)
    said = zip(twins["question_id"], twins["twin_id"], twins["similarity"], strict=True)
    return findings("near_duplicate", [(id_, f"of {twin}, text {alike:.2f} alike") for id_, twin, alike in said])


def disagreements(questions: pl.DataFrame, looks: Mapping[str, int], table: Looks, nearness: Nearness) -> pl.DataFrame:
    """The same words about the same picture, with another gold than the first time."""
    leaders = same_looks(table, nearness)
    first: dict[tuple, tuple[str, str]] = {}
    rows = []
    columns = questions.select("question_id", "images", "question", "choices", "gold").iter_rows()
    for question_id, images, question, choices, gold in columns:
        options, said = meaning(choices, gold)
        shown = tuple(int(leaders[looks[image]]) for image in images)
        earlier, before = first.setdefault((shown, texts.plain(question), options), (question_id, said))
        if said != before:
            rows.append((question_id, f"gold {said[:60]!r}, but {before[:60]!r} for {earlier}"))
    return findings("conflicting_gold", rows)
