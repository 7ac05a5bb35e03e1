"""`ovt data lint`: faults in the questions of a version, recipe or source, by rule.

rule              question_id       detail
gold_in_question  1f0c2d3e4a5b6c7d  gold 'north-east' is in the question

Each rule is a function from its input to such rows.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial

import polars as pl
from PIL import Image

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.tokens import control_tokens
from ovt.curate.questions import Questions
from ovt.curate.screen import fingerprints
from ovt.curate.screen.dedup import DedupSection, find_twins, meaning, same_looks
from ovt.curate.screen.fingerprints import Nearness, Pictures, distances, pictures_in
from ovt.curate.sources.faults import Unfit, check_tags
from ovt.curate.sources.images import stored_image
from ovt.curate.sources.matchable import suspects
from ovt.verifiers import lint_gold

SMALLEST = 28  # pixels per side: one visual token of Qwen2.5-VL
MEANINGS = {
    "empty_question": "the question has no words",
    "image_tags_mismatch": "the <image> tags do not match the images",
    "control_token": "a control token of some model: it is sent with a space inside, so that it stays text",
    "unreadable_image": "the image is broken or missing",
    "tiny_image": f"a side of the image is under {SMALLEST} pixels",
    "blank_image": "the image is a single colour",
    "same_picture": "two image files that look the same",
    "near_duplicate": "asks the same as an earlier question about the same picture",
    "conflicting_gold": "the same question about the same picture, with a different gold",
    "gold_in_question": "the question states the gold",
    "gold_in_caption": "the caption answers the question",
    "empty_gold": "no gold",
    "gold_too_long": "the gold is an essay",
    "gold_too_nested": "the gold is nested too deeply to be read",
    "gold_not_in_choices": "the gold is not one of the choices",
    "duplicate_choices": "the gold matches more than one choice",
    "unparseable_gold": "the recipe's kind of answer cannot read the gold",
    "gold_is_number": "the question asks for yes or no, and the gold is 0 or 1",
    "gold_is_boolean": "the question asks for yes or no, and the gold is true or false",
    "gold_is_letter": "the gold is a letter, and there are no choices",
    "gold_is_chain": "the gold is a whole chain of reasoning",
    "gold_not_accepted": "the verifier rejects the gold itself as an answer",
}

_SELF_EVIDENT = {"yes", "no", "true", "false", "none", "both", "equal"}
_CUE = (
    r"\b(?:answer|solution|correct (?:choice|option|answer))\b(?: (?:to|of)\b[^.?!\n]{0,60})?"
    r"\s*(?:is|are|=|:|would be)\s*"
)


Finding = tuple[str, str, str]  # (rule, question_id, detail)


@dataclass(frozen=True)
class Found:
    """One rule, how many questions (or images) break it, and some examples as {id, detail}."""

    rule: str
    count: int
    meaning: str
    examples: tuple[dict[str, str], ...]

    def as_dict(self) -> dict:
        """The finding as plain data."""
        return asdict(self)


def lint(asked: Questions, home: Home, section: DedupSection, examples: int) -> list[Found]:
    """All findings, most frequent first; `section` defines when pictures and questions count as the same."""
    by_rule: dict[str, list[dict[str, str]]] = {}
    for rule, question_id, detail in findings(asked, home, section):
        by_rule.setdefault(rule, []).append({"id": question_id, "detail": detail})
    found = (
        Found(rule, len(rows), MEANINGS.get(rule, "left out at import: docs/sources.md"), tuple(rows[:examples]))
        for rule, rows in by_rule.items()
    )
    return sorted(found, key=lambda one: (-one.count, one.rule))


def findings(asked: Questions, home: Home, section: DedupSection) -> Iterator[Finding]:
    """All rule violations; rows that the import refuses have the import's reasons."""
    questions = asked.table
    yield from asked.left_out.select("reason", "id", pl.col("detail").fill_null("")).iter_rows()
    yield from golds(questions, asked.kind)
    yield from suspects(questions).select("rule", "question_id", "detail").iter_rows()
    yield from question_texts(questions)
    yield from leaks(questions, asked.captions)
    seen, readable = images(questions, partial(stored_image, home))
    yield from seen
    whole = questions.filter(pl.col("images").list.eval(pl.element().is_in(readable)).list.all())
    pictures = pictures_in(whole, home)
    yield from same_pictures(whole, pictures, section)
    twins = find_twins(whole, pictures, section).select("question_id", "twin_id", "similarity")
    for question_id, twin, alike in twins.iter_rows():
        yield "near_duplicate", question_id, f"of {twin}, text {alike:.2f} alike"
    yield from disagreements(whole, pictures, section)


def golds(questions: pl.DataFrame, kind: str) -> Iterator[Finding]:
    """Golds that the verifier rejects; each distinct one is checked once."""
    reason = cache(lambda gold, choices: lint_gold(gold, choices, kind))
    for question_id, gold, choices in questions.select("question_id", "gold", "choices").iter_rows():
        if why := reason(gold, tuple(choices) if choices else None):
            yield why, question_id, f"gold {gold[:80]!r}" if gold else "it is empty"


def question_texts(questions: pl.DataFrame) -> Iterator[Finding]:
    """Questions without words, control tokens, and tags that do not match the images."""
    columns = questions.select("question_id", "question", "images", "choices")
    for question_id, question, images, choices in columns.iter_rows():
        if not fingerprints.plain(question):
            yield "empty_question", question_id, repr(question[:80])
        if tokens := control_tokens("\n".join([question, *(choices or ())])):
            yield "control_token", question_id, f"{', '.join(dict.fromkeys(tokens))[:80]} in {question[:80]!r}"
        try:
            check_tags(question, len(images))
        except Unfit as unfit:
            yield unfit.reason, question_id, unfit.detail


def leaks(questions: pl.DataFrame, captions: pl.DataFrame) -> Iterator[Finding]:
    """Golds revealed by the question, and captions that answer the question.

    A caption may well contain the gold (that is its purpose), but must not call it the answer.
    """
    caption_of = dict(captions.select("question_id", "text").iter_rows())
    columns = questions.select("question_id", "question", "gold", "choices")
    for question_id, question, gold, choices in columns.iter_rows():
        said = meaning(choices, gold)[1] if choices else gold
        if says_answer(question, said) or (not choices and names(question, gold)):
            yield "gold_in_question", question_id, f"gold {said[:60]!r} in {question[:120]!r}"
        if (caption := caption_of.get(question_id)) and says_answer(caption, said):
            yield "gold_in_caption", question_id, f"the caption calls {said[:60]!r} the answer"


def says_answer(text: str, gold: str) -> bool:
    """Whether a text calls the gold the answer: "the answer is 12", "Answer: twelve"."""
    return re.search(rf"(?i){_CUE}[\"'(*]*{re.escape(gold)}(?![\w.]*\w)", text) is not None


def names(question: str, gold: str) -> bool:
    """Whether a question contains its gold as words without offering it as an option ("red or blue?"). Numbers do not
    count: they often match by chance."""
    words = fingerprints.plain(gold)
    if len(words) < 3 or words in _SELF_EVIDENT or not re.search(r"[^\W\d_]{3}", words):
        return False
    said = f" {fingerprints.plain(question)} "
    return f" {words} " in said and " or " not in said


def images(questions: pl.DataFrame, read: Callable[[str], Image.Image]) -> tuple[list[Finding], set[str]]:
    """(faults of the images themselves, ids of the readable images)."""
    found, readable = [], set()
    for image_id, question_id in first_questions(questions):
        try:
            image = read(image_id)
        except OvtError as error:
            found.append(("unreadable_image", question_id, str(error)))
            continue
        readable.add(image_id)
        if min(image.size) < SMALLEST:
            found.append(("tiny_image", question_id, f"image {image_id[:12]}: {image.width} × {image.height} pixels"))
        if image.getcolors(1):
            found.append(("blank_image", question_id, f"image {image_id[:12]}: a single colour"))
    return found, readable


def first_questions(questions: pl.DataFrame) -> list[tuple[str, str]]:
    """(image id, the first question that shows it), in order."""
    shown = questions.select("question_id", image="images").explode("image").drop_nulls()
    return list(shown.unique("image", keep="first", maintain_order=True).select("image", "question_id").iter_rows())


def same_pictures(questions: pl.DataFrame, pictures: Pictures, nearness: Nearness) -> Iterator[Finding]:
    """Images that look like an earlier one but have other bytes."""
    leaders, ids = same_looks(pictures.looks, nearness), {row: image_id for image_id, row in pictures.row.items()}
    for image_id, question_id in first_questions(questions):
        row = pictures.row[image_id]
        leader = int(leaders[row])
        if ids[leader] != image_id:
            bits = int(distances(pictures.looks[row], pictures.looks[leader])[0])
            yield "same_picture", question_id, f"image {image_id[:12]} looks like {ids[leader][:12]}: {bits} bits apart"


def disagreements(questions: pl.DataFrame, pictures: Pictures, nearness: Nearness) -> Iterator[Finding]:
    """The same words about the same picture, with a gold that differs from the first one."""
    leaders = same_looks(pictures.looks, nearness)
    first: dict[tuple, tuple[str, str]] = {}
    columns = questions.select("question_id", "images", "question", "choices", "gold")
    for question_id, images, question, choices, gold in columns.iter_rows():
        options, said = meaning(choices, gold)
        shown = tuple(int(leaders[pictures.row[image]]) for image in images)
        earlier, before = first.setdefault((shown, fingerprints.plain(question), options), (question_id, said))
        if said != before:
            yield "conflicting_gold", question_id, f"gold {said[:60]!r}, but {before[:60]!r} for {earlier}"
