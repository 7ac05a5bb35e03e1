"""A version's rows as trainers read them: images at their places in the prompt, and some held out for evaluation."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.tokens import inert
from ovt.curate.stages.prompt import IMAGE_TAG, content
from ovt.curate.versions.data import read_split
from ovt.curate.versions.manifest import Manifest
from ovt.curate.versions.read import on_hub
from ovt.train import mixture
from ovt.train.mixture import Part, read_mixture
from ovt.train.pixels import most_pixels, shrunk
from ovt.train.templates import takes_thinking, with_thinking
from ovt.verifiers import VERSION

if TYPE_CHECKING:
    from datasets import Dataset

Split = Literal["sft", "rl"]
RESPONSES = ("completion", "chosen", "rejected")  # columns of rows: of SFT, and of DPO's pairs
IGNORED = -100  # a label that the loss ignores


@dataclass(frozen=True)
class Rows:
    """A split of a version, or of several mixed; `dataset` has the columns of `versions/data.py` that all have.

    Images are decoded on access.

    verify_kind   how the version's recipe compares answers, one of `ovt.verifiers.kind_names()`; None: several ways
    parts         the versions, in the order of the rows
    """

    ref: str
    content_hash: str
    verifier_version: str | None
    verify_kind: str | None
    dataset: "Dataset"
    split: str
    parts: tuple[Part, ...]


def load_split(ref: str, split: Split, home: Home) -> Rows:
    """The rows of a split of a version; see `load_splits`."""
    return load_splits(ref, (split,), home)[0]


def load_splits(ref: str, names: Sequence[Split], home: Home) -> list[Rows]:
    """The requested splits that have rows: of "name@v2", a version's folder, a Hub id ("owner/name", "owner/name@TAG"),
    which is pulled first, or several of these with weights (`mixture`).

    OvtError if a version does not exist, or none of its splits has rows.
    """
    asked = read_mixture(ref)
    loaded = [load_version(one, names, home) for one, _ in asked]
    parts = [Part(one, splits[0].ref, weight, 0) for (one, weight), splits in zip(asked, loaded, strict=True)]
    hashes = [splits[0].content_hash for splits in loaded]
    together = []
    for name in names:
        found = [
            (part, rows) for part, splits in zip(parts, loaded, strict=True) for rows in splits if rows.split == name
        ]
        if found:
            mixed = replace(mix(found), ref=mixture.told(parts), content_hash=mixture.content_hash(parts, hashes))
            together.append(mixed)
    return together


def mix(found: Sequence[tuple[Part, Rows]]) -> Rows:
    """A split of several versions, one after the other."""
    from datasets import concatenate_datasets

    first = found[0][1]
    parts = tuple(replace(part, rows=len(rows.dataset)) for part, rows in found)
    if len(found) == 1:
        return replace(first, parts=parts)
    shared = [name for name in first.dataset.column_names if all(name in rows.dataset.features for _, rows in found)]
    kinds = {rows.verify_kind for _, rows in found}
    outdated = [rows.verifier_version for _, rows in found if rows.verifier_version != VERSION]
    return replace(
        first,
        dataset=concatenate_datasets([rows.dataset.select_columns(shared) for _, rows in found]),
        verify_kind=first.verify_kind if len(kinds) == 1 else None,
        verifier_version=outdated[0] if outdated else VERSION,
        parts=parts,
    )


def load_version(ref: str, names: Sequence[Split], home: Home) -> list[Rows]:
    """`load_splits` for one version."""
    from ovt.curate.hub.pull import open_or_pull

    version = open_or_pull(ref, home)
    told = ref if on_hub(ref) else version.ref
    there = [name for name in names if version.manifest.rows.get(name)]
    if not there:
        raise OvtError(why_empty(ref, version.manifest, names[-1]))
    made = version.manifest.provenance
    kind, content_hash = made.kind, version.manifest.content_hash
    cache = home.make().path / "datasets"
    return [
        Rows(told, content_hash, made.verifier_version, kind, read_split(version.path, name, cache), name, ())
        for name in there
    ]


def why_empty(ref: str, manifest: Manifest, split: Split) -> str:
    """Says which rows a version has instead of those in a split."""
    other = "rl" if split == "sft" else "sft"
    has = f"only {manifest.rows[other]:,} in {other}" if manifest.rows.get(other) else "and none in the other split"
    what = "verified responses to train on" if split == "sft" else "questions left for reinforcement"
    command = " (`ovt train rl` trains on those)" if split == "sft" and manifest.rows.get("rl") else ""
    return f"{ref} has no rows in {split}, {has}{command}: give a version with {what}"


def make_collator(processor: Any) -> Callable[[list[dict[str, Any]]], Any]:
    """The collator that makes a batch of rows, in training and in every measurement."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    return fed_to(DataCollatorForVisionLanguageModeling, processor, completion_only_loss=True)


def fed_to(made: Callable[..., Any], processor: Any, **how: Any) -> Callable[[list[dict[str, Any]]], Any]:
    """One of TRL's collators, without truncation, for a version's rows."""
    if processor.tokenizer.pad_token is None:  # as the trainer does when it makes the collator itself
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    read = partial(fed, max_pixels=most_pixels(processor), apart=takes_thinking(processor))
    return partial(collate, made(processor=processor, max_length=None, **how), read)


def collate(
    collator: Callable[[list[dict[str, Any]]], Any], read: Callable[..., Any], rows: list[dict[str, Any]]
) -> Any:
    """A batch of rows, each as `read` returns it, by a collator that may modify its input."""
    return collator([read(row) for row in rows])


def fed(row: dict[str, Any], max_pixels: int | None = None, apart: bool = False) -> dict[str, Any]:
    """A row as the trainer reads it; images are at the `<image>` tags of the prompt, as when it was answered.

    max_pixels   of each image, None: of any size; apart: thinking is in a field of its own
    """
    turns, images = place_images(row["prompt"], [shrunk(image, max_pixels) for image in row["images"]])
    said = {name: [as_text(turn) for turn in row[name] or ()] for name in RESPONSES if name in row}
    if apart:
        said = {name: [with_thinking(turn) for turn in each] for name, each in said.items()}
    return {"images": images, "prompt": turns} | said


def as_text(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn without the control tokens that its text may hold."""
    return turn | {"content": inert(turn["content"], thinking=False)}


def place_images(turns: list[dict[str, Any]], images: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """(turns, images) with the images of a user's turn where its `<image>` tags are, in that order, and without the
    control tokens that its text may hold.

    A turn without tags stays text: the trainer puts its images first.
    """
    if len(turns) != 1 or not IMAGE_TAG.search(turns[0]["content"]):
        return [as_text(turn) for turn in turns], images
    parts = content(turns[0]["content"], [str(number) for number in range(len(images))])
    placed = [images[int(part["image"])] for part in parts if part["type"] == "image"]
    slots = [{"type": "image"} if part["type"] == "image" else part | {"text": inert(part["text"], thinking=False)}
             for part in parts]  # fmt: skip
    return [{"role": turns[0]["role"], "content": slots}], placed


def set_aside(dataset: "Dataset", size: float, seed: int) -> tuple[list[int], list[int]]:
    """Row indexes (to train on, to evaluate on), each in order. Rows that share an image stay together.

    size   below 1 a share of the rows, at least one; from 1 on a number of rows; 0 for none. Whole groups are taken,
           in the order of a hash of seed and images, until there are enough
    """
    if size <= 0:
        return list(range(len(dataset))), []
    wanted = max(1, round(size * len(dataset))) if size < 1 else int(size)
    groups = group_by_image(dataset)
    order = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}/{group}".encode()).digest())
    chosen: list[int] = []
    for group in order:
        if len(chosen) >= wanted:
            break
        chosen.extend(groups[group])
    if len(chosen) >= len(dataset):
        raise RecipeError(
            f"eval_size = {size:g} leaves nothing to train on ({len(dataset)} rows, {len(groups)} groups of images): "
            "lower it"
        )
    aside = set(chosen)
    return [index for index in range(len(dataset)) if index not in aside], sorted(aside)


def group_by_image(dataset: "Dataset") -> dict[str, list[int]]:
    """Row indexes by group: rows connected by shared images (the key is the smallest image hash of the group); rows
    without images are grouped by their prompt."""
    prompts = dataset["prompt"][:] if "prompt" in dataset.features else [None] * len(dataset)
    images = [
        image_hashes(row) or [hashlib.sha256(repr(prompt).encode()).hexdigest()]
        for row, prompt in zip(stored_images(dataset), prompts, strict=True)
    ]
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, *others in images:
        for other in others:
            one, two = sorted((find(first), find(other)))
            parent[two] = one
    groups: dict[str, list[int]] = {}
    for index, (first, *_) in enumerate(images):
        groups.setdefault(find(first), []).append(index)
    return groups


def stored_images(dataset: "Dataset") -> "Dataset":
    """The image column as bytes, undecoded."""
    from datasets import Image, List

    return dataset.select_columns(["images"]).cast_column("images", List(Image(decode=False)))


def image_hashes(row: dict) -> list[str]:
    """The hashes of a row's image files."""
    return [hashlib.sha256(image["bytes"]).hexdigest() for image in row["images"]]
