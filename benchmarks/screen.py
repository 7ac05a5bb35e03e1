"""How well dedup and decontam tell identical questions from similar ones, and how fast: the figures in docs/screen.md.

    python benchmarks/screen.py [--figures 700] [--rows 100000]

Pictures: pocket's figures and easy-vqa's, if installed, each scaled, recompressed, dimmed and cropped. Two different
figures with the same question and gold that are taken for one are a false merge. Our hash is compared with the usual
64-bit phash at the usual 5 bits. Texts: different questions about one picture with one gold, and reworded ones.
"""

import argparse
import io
import json
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import imagehash
import numpy as np
import polars as pl
from PIL import Image

from ovt.core.schema import QUESTIONS
from ovt.curate.screen import dedup, fingerprints
from ovt.curate.screen import fingerprints as looks
from ovt.curate.screen.dedup import text_similarity
from ovt.pocket import figures as pocket

USUAL_BITS = 5
Near = Callable[[np.ndarray, np.ndarray], np.ndarray]
Edit = Callable[[Image.Image], Image.Image]


def recompressed(kind: str, quality: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        out = io.BytesIO()
        image.save(out, kind, quality=quality)
        return Image.open(out).convert("RGB")

    return edit


def scaled(by: float) -> Edit:
    return lambda image: image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


def cropped(share: float) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        edge = max(1, round(image.width * share))
        return image.crop((edge, edge, image.width - edge, image.height - edge))

    return edit


EDITS: dict[str, Edit] = {
    "scaled × 2": scaled(2),
    "scaled × 0.75": scaled(0.75),
    "scaled × 0.5": scaled(0.5),
    "JPEG 90": recompressed("JPEG", 90),
    "JPEG 50": recompressed("JPEG", 50),
    "WebP 50": recompressed("WEBP", 50),
    "dimmed by 4%": lambda image: image.point(lambda level: int(level * 0.96)),
    "cropped by 1% a side": cropped(0.01),
    "cropped by 3% a side": cropped(0.03),
}
REWORDINGS: dict[str, Callable[[str], str]] = {
    "case and punctuation": lambda text: text.upper().rstrip("?") + " ?",
    "a polite beginning": lambda text: f"Please look at the image and tell me: {text}",
    "an instruction at the end": lambda text: f"{text} Answer briefly.",
    "a typing error": lambda text: text[:7] + text[8:7:-1] + text[9:],
    "'What number of' for 'How many'": lambda text: text.replace("How many", "What number of"),
}


def figures(count: int) -> dict[str, list[tuple[Image.Image, tuple]]]:
    """(picture, (question, gold, choices)) by family."""
    drawn = {family: pocket.questions(count, 7, [family]) for family in pocket.FAMILIES}
    found = {family: [(opened(row["image"]), asked(row)) for row in rows] for family, rows in drawn.items()}
    return found | {"easy-vqa": list(easy_vqa_figures(count))}


def asked(row: dict) -> tuple:
    return row["question"], row["gold"], row["choices"]


def opened(image: bytes | Image.Image) -> Image.Image:
    return (Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image).convert("RGB")


def easy_vqa_rows() -> tuple[Path, list[tuple[str, str, int]]]:
    """(folder, (question, gold, image)) of its test questions; none where it is not installed."""
    try:
        import easy_vqa
    except ImportError:
        return Path(), []
    folder = Path(easy_vqa.__file__).parent / "data" / "test"
    return folder, json.loads((folder / "questions.json").read_text())


def easy_vqa_figures(count: int) -> Iterator[tuple[Image.Image, tuple]]:
    """The first test images with the first question of each."""
    folder, rows = easy_vqa_rows()
    first = {}
    for question, gold, image in rows:
        first.setdefault(image, (question, gold, None))
    for image, about in list(first.items())[:count]:
        yield Image.open(folder / "images" / f"{image}.png").convert("RGB"), about


def usual(image: Image.Image) -> np.ndarray:
    return np.frombuffer(np.packbits(imagehash.phash(image).hash).tobytes(), np.uint8)


def ours(image: Image.Image) -> np.ndarray:
    return np.frombuffer(looks.look(image), np.uint8)


def near_usual(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.bitwise_count(first ^ second).sum(-1) <= USUAL_BITS


def near_ours(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return looks.are_near(first, second, looks.Nearness())


def pictures(count: int) -> None:
    """False merges among different figures of a family, and edited figures found again, by hash."""
    families = figures(count)
    for name, hashed, near in (("phash 64, 5 bits", usual, near_usual), ("ours", ours, near_ours)):
        tally: Counter[str] = Counter()
        caught: dict[str, list[bool]] = defaultdict(list)
        for rows in families.values():
            hashes = np.stack([hashed(image) for image, _ in rows])
            tally += merges(rows, hashes, near)
            for edit, change in EDITS.items():
                some = zip(rows[:100], hashes, strict=False)
                caught[edit] += [bool(near(hashed(change(image)), known)) for (image, _), known in some]
        print(f"{name}: taken for one: {tally['merged']:,} of {tally['pairs']:,} different pairs of a family,"
              f" {tally['merged same']:,} of the {tally['same']:,} with the same question and gold")  # fmt: skip
        print("   found again:", {edit: f"{np.mean(hits):.0%}" for edit, hits in caught.items()}, flush=True)


def merges(rows: list[tuple[Image.Image, tuple]], hashes: np.ndarray, near: Near) -> Counter[str]:
    """Pairs of different pictures, those taken for one, and both again for pairs with the same question and gold."""
    pixels = np.array([hash(image.tobytes()) for image, _ in rows])
    about = np.array([hash(asked) for _, asked in rows])
    tally: Counter[str] = Counter()
    for at in range(1, len(rows)):
        different = pixels[:at] != pixels[at]
        close = near(hashes[:at], hashes[at]) & different
        same = (about[:at] == about[at]) & different
        found = {"pairs": different, "merged": close, "same": same, "merged same": close & same}
        tally.update({name: int(pairs.sum()) for name, pairs in found.items()})
    return tally


def about_one_picture(count: int) -> Iterator[list[str]]:
    """Lists of different questions about one picture with one gold, of pocket and easy-vqa."""
    for family in pocket.FAMILIES:
        for seed in range(count):
            by_gold = defaultdict(set)
            for one in pocket.draw(family, seed).questions:
                by_gold[one.gold, one.choices].add(one.question)
            yield from map(sorted, by_gold.values())
    by_picture = defaultdict(set)
    for question, gold, image in easy_vqa_rows()[1]:
        by_picture[image, gold].add(question)
    yield from map(sorted, by_picture.values())


def questions(count: int) -> None:
    """Different questions taken for one, and reworded ones found again, by threshold."""
    groups = [*about_one_picture(count)]
    pairs = [(one, other) for group in groups for one, other in combinations(group, 2)]
    pairs = [(one, other) for one, other in pairs if fingerprints.plain(one) != fingerprints.plain(other)]
    alike = np.array([text_similarity(one, other) for one, other in pairs])
    asked = sorted({question for group in groups for question in group})
    again = {
        how: np.array([text_similarity(one, said) for one in asked if (said := reword(one)) != one])
        for how, reword in REWORDINGS.items()
    }
    for least in (0.6, 0.7, 0.8, 0.9):
        print(f"texts alike by {least}: {(alike >= least).sum():,} of {len(pairs):,} pairs of different questions")
        print("   found again:", {how: f"{(found >= least).mean():.0%}" for how, found in again.items()}, flush=True)


WORDS = np.array(
    ["the", "of", "red", "blue", "circle", "square", "bar", "tree", "angle", "sum", "how", "many", "is", "what"]
)


def speed(rows: int) -> None:
    """Dedup of generated tables whose looks are given: usual ones, and ones made to be slow; then the looks."""
    for name, (known, images, asked, golds) in tables(rows, np.random.default_rng(0)).items():
        ids = [f"{at:016x}" for at in range(rows)]
        cells = zip(ids, images, asked, golds, strict=True)
        table = [(id_, [str(image)], said, gold, None, "s", id_) for id_, image, said, gold in cells]
        cpu = time.process_time()
        pictures = looks.Pictures({str(at): at for at in range(len(known))}, known)
        kept, _, _ = dedup.run(pl.DataFrame(table, QUESTIONS, orient="row"), pictures, dedup.DedupSection())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        took = f"{time.process_time() - cpu:.1f} s of CPU, peak {memory:.2f} GB"
        print(f"{rows:,} rows, {name}: {took}; {len(kept):,} kept", flush=True)
    encoded = {str(at): png(opened(row["image"])) for at, row in enumerate(pocket.questions(400, 1))}
    cpu = time.process_time()
    looks.looks_of(encoded.items())
    print(f"looks: {(time.process_time() - cpu) / len(encoded) * 1e3:.2f} ms of CPU per picture of 112 × 112 pixels")


def tables(rows: int, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, list[int], list[str], list[str]]]:
    """(looks, each row's image, question, gold) by what is special about them."""

    def said(length: int) -> str:
        return " ".join(rng.choice(WORDS, length))

    def seen(count: int) -> np.ndarray:
        return rng.integers(0, 256, (count, looks.LOOK_BYTES)).astype(np.uint8)

    alike = np.repeat(seen(1), rows, 0)
    alike[np.arange(rows), rng.integers(0, looks.SHAPE_BYTES, rows)] ^= np.uint8(1)
    one, yes, each = ["Is there a shape?"] * rows, ["yes"] * rows, list(range(rows))
    start = said(20)
    many = [*rng.choice(["yes", "no", "3"], rows)]
    return {
        "four questions to a picture": (seen(rows // 4), [at // 4 for at in each], [said(12) for _ in each], many),
        "one text, a picture each": (seen(rows), each, one, yes),
        "one text, pictures all alike": (alike, each, one, yes),
        "one picture, texts all alike": (seen(1), [0] * rows, [f"{start} {said(3)} {at % 997}" for at in each], yes),
    }


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--figures", type=int, default=700)
    parser.add_argument("--rows", type=int, default=100_000)
    chosen = parser.parse_args()
    speed(chosen.rows)
    pictures(chosen.figures)
    questions(max(10, chosen.figures // 10))
