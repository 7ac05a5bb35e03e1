"""`ovt data lint`, `dedup` and `decontam`: questions with faults, asked twice, or in a benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import HomePath, Json, Limit, Overrides
from ovt.commands.terminal import console, print_json
from ovt.core.home import Home

if TYPE_CHECKING:
    import polars as pl

    from ovt.curate.questions import Questions
    from ovt.curate.screen.packs import Pack

commands = typer.Typer()

GATE_FAILED = 4
WHAT = "A version, a recipe or a source: charts@v2, charts.toml, data/charts.jsonl, hf://you/charts."
What = Annotated[str, typer.Argument(metavar="NAME|RECIPE|SOURCE", help=WHAT)]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with code 4 where something is found.")]
Examples = Annotated[int, typer.Option("--examples", min=0, help="How many examples to show.")]
MaxBits = Annotated[int, typer.Option(min=0, max=48, help="How far two images' hashes may be apart, of 576 bits.")]
MaxColour = Annotated[int, typer.Option(min=0, max=255, help="How far the mean colours of their fields may be apart.")]
MinSimilarity = Annotated[float, typer.Option(min=0.01, max=1, help="How alike two questions must be; 1: equal words.")]


@commands.command()
def lint(
    what: What,
    overrides: Overrides = None,
    limit: Limit = None,
    examples: Examples = 2,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find what is wrong with questions: golds, images, duplicates, leaks, tags, contradictions."""
    from ovt.commands.views.screen import lint_table
    from ovt.curate.reports.lint import lint as find
    from ovt.curate.screen.dedup import DedupSection

    place = Home.locate(home)
    asked = read(what, place, overrides, limit)
    found = find(asked, place, DedupSection(), examples)
    if json:
        about = {"name": asked.name, "questions": len(asked.table)}
        print_json(about | {"findings": [one.as_dict() for one in found]})
    else:
        console().print(lint_table(asked.name, len(asked.table), found))
    if strict and found:
        raise typer.Exit(GATE_FAILED)


@commands.command()
def dedup(
    what: What,
    max_bits: MaxBits = 24,
    max_colour: MaxColour = 16,
    min_similarity: MinSimilarity = 0.8,
    overrides: Overrides = None,
    limit: Limit = None,
    examples: Examples = 10,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find questions that ask the same about the same picture; [dedup] in a recipe drops them."""
    from ovt.curate.screen import dedup as stage
    from ovt.curate.screen.image_hashes import pictures_in

    place = Home.locate(home)
    asked = read(what, place, overrides, limit)
    section = stage.DedupSection(max_bits=max_bits, max_colour=max_colour, min_similarity=min_similarity)
    _, _, found = stage.run(asked.table, pictures_in(asked.table, place), section)
    report(asked, found, examples, {"ask what an earlier one asks": len(found)}, json)
    if strict and len(found):
        raise typer.Exit(GATE_FAILED)


@commands.command()
def decontam(
    what: Annotated[str | None, typer.Argument(metavar="[NAME|RECIPE|SOURCE]", help=WHAT)] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="A benchmark: a hash pack, a version, or a source's path. Repeatable.")
    ] = None,
    save_pack: Annotated[Path | None, typer.Option(help="Write the benchmark's hashes to this file.")] = None,
    max_bits: MaxBits = 24,
    max_colour: MaxColour = 16,
    max_repeats: Annotated[int, typer.Option(min=1, help="13 words that more have are a template, and no sign.")] = 10,
    min_words: Annotated[int, typer.Option(min=1, max=13, help="Shorter texts are never looked up.")] = 8,
    overrides: Overrides = None,
    limit: Limit = None,
    examples: Examples = 10,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find questions that are in a benchmark, by image and by text; [decontam] in a recipe drops them."""
    from ovt.core.errors import RecipeError
    from ovt.curate.questions import source_at
    from ovt.curate.screen import decontam as stage
    from ovt.curate.screen.image_hashes import pictures_in
    from ovt.curate.screen.packs import save_pack as write_pack
    from ovt.curate.screen.screen import items_note, open_benchmark

    place = Home.locate(home)
    if not against or (save_pack and len(against) > 1) or not (what or save_pack):
        raise RecipeError("give --against BENCHMARK, and questions to compare with it or --save-pack FILE (of one)")
    own = overrides if not what else None  # without questions they speak of the benchmark
    packs = [open_benchmark(source_at(one, own) if own else one, place) for one in against]
    if save_pack:
        write_pack(packs[0], save_pack)
        console(stderr=True).print(f"{save_pack}: {items_note(packs[0])}", markup=False, soft_wrap=True)
    if not what:
        return
    asked = read(what, place, overrides, limit)
    section = stage.DecontamSection(
        against=tuple(against),
        max_bits=max_bits,
        max_colour=max_colour,
        max_repeats=max_repeats,
        min_words=min_words,
    )
    _, _, found = stage.run(asked.table, pictures_in(asked.table, place), packs, section)
    counted = {f"in {pack.name}, of {pack.items:,} items": in_pack(found, pack) for pack in packs}
    report(asked, found, examples, counted, json)
    if strict and len(found):
        raise typer.Exit(GATE_FAILED)


def read(what: str, home: Home, overrides: list[str] | None, limit: int | None) -> "Questions":
    """The questions; a line says how many of a version's cannot be looked at."""
    from ovt.curate.questions import read_questions

    asked = read_questions(what, home, overrides or (), limit)
    if asked.unseen:
        line = f"{asked.name}: {asked.unseen:,} dropped questions are not looked at: their images are not here"
        console(stderr=True).print(line, markup=False, soft_wrap=True)
    return asked


def in_pack(found: "pl.DataFrame", pack: "Pack") -> int:
    """How many of the decisions name this benchmark."""
    return int(found["detail"].str.starts_with(f"{pack.name} item ").sum())


def report(asked: "Questions", found: "pl.DataFrame", examples: int, counted: dict[str, int], as_json: bool) -> None:
    """Decisions that would be taken: some of them, and a line with the counts."""
    from ovt.commands.views.screen import decision_rows, decision_table

    if as_json:
        print_json({"name": asked.name, "questions": len(asked.table), "found": decision_rows(found)})
        return
    if len(found) and examples:
        console().print(decision_table(found, examples))
    counts = "; ".join(f"{count:,} {what}" for what, count in counted.items())
    console().print(f"{asked.name}: {len(asked.table):,} questions: {counts}", markup=False, soft_wrap=True)
