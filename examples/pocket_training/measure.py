"""Measures pocket on held-out figures: `python examples/pocket_training/measure.py [FOLDER] [--figures N]`.

Per family: caption facts right, whole captions right, chains right at k = 1 over the model's own captions and over gold
captions, direct answers right, words per chain and the share of chains with a reflection. With the easy-vqa package
installed, also on its published test pictures and questions.
"""

import argparse
import asyncio
import base64
import io
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from batches import FIRST_SEED
from PIL import Image
from teacher import CAPTION_PROMPT, DIRECT_PROMPT, REASON_PROMPT, ask

from ovt.pocket import figures as pocket
from ovt.pocket.engine import Engine, load
from ovt.verifiers import verify_response

CHAIN_SAMPLING = {"temperature": 0.7, "max_tokens": 512}
REFLECTION = re.compile(r"\b(?:but )?wait\b", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """A picture with its gold caption (where known) and one question."""

    family: str
    image: Image.Image
    facts: tuple[str, ...]
    question: str
    gold: str
    choices: tuple[str, ...] | None


def held_out(figures: int) -> list[Item]:
    """The first `figures` held-out figures of each family, each with one of its questions."""
    items = []
    for family in sorted(pocket.FAMILIES):
        for seed in range(FIRST_SEED - figures, FIRST_SEED):
            figure = pocket.draw(family, seed)
            asked = random.Random(seed).choice(figure.questions)
            items.append(Item(family, figure.image, figure.facts, asked.question, asked.gold, asked.choices))
    return items


def easy_vqa(count: int) -> list[Item]:
    """Published test questions of easy-vqa, evenly spread; none where the package is missing."""
    try:
        import easy_vqa
    except ImportError:
        return []
    questions, answers, images = easy_vqa.get_test_questions()
    paths = easy_vqa.get_test_image_paths()
    picked = range(0, len(questions), max(1, len(questions) // count))[:count]
    return [
        Item("easy-vqa (published)", Image.open(paths[images[i]]).convert("RGB"), (), questions[i], answers[i], None)
        for i in picked
    ]


def data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def body(text: str, image: Image.Image | None, sampling: dict[str, Any]) -> dict[str, Any]:
    """A request body: the picture first, then the text."""
    part = {"type": "text", "text": text}
    picture = [] if image is None else [{"type": "image_url", "image_url": {"url": data_url(image)}}]
    return {"messages": [{"role": "user", "content": [*picture, part]}], **sampling}


async def reply_all(engine: Engine, bodies: Iterable[dict[str, Any]]) -> list[str]:
    """The replies to all bodies, in order."""
    responses = await asyncio.gather(*(engine.send(body) for body in bodies))
    return [response["choices"][0]["message"]["content"] for response in responses]


def is_right(reply: str, item: Item) -> bool:
    """Whether ovt's verifier finds the reply correct."""
    return verify_response(reply, item.gold, choices=item.choices).outcome == "correct"


def sentences(caption: str) -> list[str]:
    return [sentence + "." for sentence in caption.strip().rstrip(".").split(". ")]


def facts_right(caption: str, facts: Sequence[str]) -> float:
    """The share of the facts that the caption states."""
    stated = set(sentences(caption))
    wanted = sentences(" ".join(facts))
    return sum(fact in stated for fact in wanted) / len(wanted)


def mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else float("nan")


async def measure(engine: Engine, items: Sequence[Item]) -> dict[str, dict[str, float]]:
    """The figures of each family, and of "all" that have gold captions."""
    captions = await reply_all(
        engine, (body(CAPTION_PROMPT, i.image, {"temperature": 0, "max_tokens": 128}) for i in items)
    )
    asked = [ask(i.question, i.choices) for i in items]
    golds = [" ".join(i.facts) or caption for i, caption in zip(items, captions, strict=True)]

    async def chains(over: Sequence[str]) -> list[str]:
        texts = (REASON_PROMPT.format(caption=c, question=q) for c, q in zip(over, asked, strict=True))
        return await reply_all(engine, (body(t, None, CHAIN_SAMPLING | {"seed": n}) for n, t in enumerate(texts)))

    own, gold = await chains(captions), await chains(golds)
    texts = (DIRECT_PROMPT.format(question=q) for q in asked)
    direct = await reply_all(
        engine, (body(t, i.image, {"temperature": 0, "max_tokens": 32}) for t, i in zip(texts, items, strict=True))
    )
    table = {}
    for family in [*dict.fromkeys(i.family for i in items), "all"]:
        at = [n for n, i in enumerate(items) if i.family == family or (family == "all" and i.facts)]
        table[family] = {
            "questions": len(at),
            "facts": mean(facts_right(captions[n], items[n].facts) for n in at if items[n].facts),
            "captions": mean(captions[n] == " ".join(items[n].facts) for n in at if items[n].facts),
            "chains": mean(is_right(own[n], items[n]) for n in at),
            "gold_chains": mean(is_right(gold[n], items[n]) for n in at if items[n].facts),
            "direct": mean(is_right(direct[n], items[n]) for n in at),
            "words": mean(len(own[n].split()) for n in at),
            "reflections": mean(bool(REFLECTION.search(own[n])) for n in at),
        }
    return table


def show(table: dict[str, dict[str, float]]) -> str:
    """The table in markdown: shares in percent."""
    names = ["questions", "facts", "captions", "chains", "gold_chains", "direct", "words", "reflections"]
    lines = ["| family | " + " | ".join(names).replace("_", " ") + " |", "|---" * (len(names) + 1) + "|"]
    for family, row in table.items():
        cells = [f"{row[n]:.0f}" if n in ("questions", "words") else f"{row[n]:.1%}" for n in names]
        lines.append(f"| {family} | " + " | ".join(cells) + " |")
    return "\n".join(lines).replace("nan%", "–")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="pocket")
    parser.add_argument("--figures", type=int, default=100, help="figures of each family")
    args = parser.parse_args()
    print(show(asyncio.run(measure(load(args.folder), [*held_out(args.figures), *easy_vqa(args.figures * 3)]))))


if __name__ == "__main__":
    main()
