"""`ovt data lint`, `dedup` and `decontam`: find faulty, duplicate and benchmark questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import HomePath, Json, Limit, Overrides, Strict, examples
from ovt.commands.terminal import console, note, print_json, report, say
from ovt.core.errors import GateFailed
from ovt.core.home import Home

if TYPE_CHECKING:
    import polars as pl

    from ovt.curate.questions import Questions
    from ovt.curate.screen.packs import Pack

commands = typer.Typer()


@commands.command(epilog=examples("ovt data presets", "ovt data presets geometry3k"))
def presets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one with its settings.")] = None,
    json: Json = False,
) -> None:
    """List the data sets that a recipe can take by name: preset = "geometry3k"."""
    from ovt.commands.views.curate import preset_lines, presets_table
    from ovt.curate.sources.presets import listing, one_preset

    if name is None:
        report(listing(), json, presets_table)
    else:
        report(one_preset(name), json, preset_lines)


WHAT = "A version, a recipe or a source: charts@v2, charts.toml, data/charts.jsonl, hf://you/charts."
What = Annotated[str, typer.Argument(metavar="NAME|RECIPE|SOURCE", help=WHAT)]
Shown = Annotated[int, typer.Option("--examples", min=0, help="How many examples to show.")]
MaxBits = Annotated[int, typer.Option(min=0, max=48, help="How many of 576 bits two images' hashes may differ in.")]
MaxColour = Annotated[int, typer.Option(min=0, max=255, help="How much the mean colours of their tiles may differ.")]
MinSimilarity = Annotated[
    float, typer.Option(min=0.01, max=1, help="How similar two questions must be; 1: the same words.")
]


@commands.command(epilog=examples("ovt data lint charts.toml", "ovt data lint data/charts.jsonl --strict"))
def lint(
    what: What,
    overrides: Overrides = None,
    limit: Limit = None,
    most: Shown = 2,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find faulty questions: golds, images, duplicates, leaks, tags, contradictions."""
    from ovt.commands.views.curate import lint_table
    from ovt.curate.reports.lint import lint as find
    from ovt.curate.screen.dedup import DedupSection

    place = Home.locate(home)
    asked = read(what, place, overrides, limit)
    found = find(asked, place, DedupSection(), most)
    if json:
        about = {"name": asked.name, "questions": len(asked.table)}
        print_json(about | {"findings": [one.as_dict() for one in found]})
    else:
        console().print(lint_table(asked.name, len(asked.table), found))
    if strict and found:
        raise typer.Exit(GateFailed.exit_code)


@commands.command(epilog=examples("ovt data dedup hf://you/charts --min-similarity 0.9"))
def dedup(
    what: What,
    max_bits: MaxBits = 24,
    max_colour: MaxColour = 16,
    min_similarity: MinSimilarity = 0.8,
    overrides: Overrides = None,
    limit: Limit = None,
    most: Shown = 10,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find questions that ask the same about the same image; [dedup] in a recipe drops them."""
    from ovt.curate.screen import dedup as stage
    from ovt.curate.screen.fingerprints import pictures_in

    place = Home.locate(home)
    asked = read(what, place, overrides, limit)
    section = stage.DedupSection(max_bits=max_bits, max_colour=max_colour, min_similarity=min_similarity)
    _, _, found = stage.run(asked.table, pictures_in(asked.table, place), section)
    print_found(asked, found, most, {"ask what an earlier one asks": len(found)}, json)
    if strict and len(found):
        raise typer.Exit(GateFailed.exit_code)


@commands.command(
    epilog=examples(
        "ovt data decontam charts --against mathvista.pack",
        "ovt data decontam --against hf://AI4Math/MathVista --save-pack mathvista.pack",
        """ovt data decontam charts --against '{ path = "bench.csv", columns = { gold = "label" } }'""",
    )
)
def decontam(
    what: Annotated[str | None, typer.Argument(metavar="[NAME|RECIPE|SOURCE]", help=WHAT)] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="A pack, version, source, table as in [[sources]], or benchmarks (all six)."),
    ] = None,
    save_pack: Annotated[Path | None, typer.Option(help="Write the benchmark's hashes to this file.")] = None,
    max_bits: MaxBits = 24,
    max_colour: MaxColour = 16,
    max_repeats: Annotated[
        int, typer.Option(min=1, help="Ignore runs of 13 words in more questions than this (templates).")
    ] = 10,
    min_words: Annotated[int, typer.Option(min=1, max=13, help="Texts with fewer words are not compared.")] = 8,
    overrides: Overrides = None,
    limit: Limit = None,
    most: Shown = 10,
    strict: Strict = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Find questions that are in a benchmark, by image and text; [decontam] in a recipe drops them."""
    from ovt.core.errors import RecipeError
    from ovt.core.section import read_section
    from ovt.curate.questions import source_at
    from ovt.curate.screen import decontam as stage
    from ovt.curate.screen.fingerprints import pictures_in
    from ovt.curate.screen.packs import save_pack as write_pack
    from ovt.curate.screen.screen import everything, items_note, open_benchmark

    place = Home.locate(home)
    if not against or (save_pack and len(against) > 1) or not (what or save_pack):
        raise RecipeError("give --against BENCHMARK, and questions to compare or --save-pack FILE (for one benchmark)")
    near = {"max_bits": max_bits, "max_colour": max_colour, "max_repeats": max_repeats, "min_words": min_words}
    section = read_section(stage.DecontamSection, {"against": against, **near}, "decontam")
    own = overrides if not what else None  # without questions, the overrides apply to the benchmark
    known = everything(section.against, place)
    packs = [open_benchmark(source_at(one, own) if own and isinstance(one, str) else one, place) for one in known]
    if save_pack:
        write_pack(packs[0], save_pack)
        note(f"{save_pack}: {items_note(packs[0])}")
    if not what:
        return
    asked = read(what, place, overrides, limit)
    _, _, found = stage.run(asked.table, pictures_in(asked.table, place), packs, section)
    counted = {f"in {pack.name}, of {pack.items:,} items": in_pack(found, pack) for pack in packs}
    print_found(asked, found, most, counted, json)
    if strict and len(found):
        raise typer.Exit(GateFailed.exit_code)


def read(what: str, home: Home, overrides: list[str] | None, limit: int | None) -> "Questions":
    """Loads the questions; notes how many of a version's cannot be checked."""
    from ovt.curate.questions import read_questions

    asked = read_questions(what, home, overrides or (), limit)
    if asked.unseen:
        note(f"{asked.name}: {asked.unseen:,} dropped questions are not checked: their images are not here")
    return asked


def in_pack(found: "pl.DataFrame", pack: "Pack") -> int:
    """The number of decisions that name this benchmark."""
    return int(found["detail"].str.starts_with(f"{pack.name} item ").sum())


def print_found(asked: "Questions", found: "pl.DataFrame", most: int, counted: dict[str, int], as_json: bool) -> None:
    """Prints decisions that a build would make: some examples, and a line with the counts."""
    from ovt.commands.views.curate import decision_table

    if as_json:
        decisions = found.select("id", "reason", "detail").to_dicts()
        print_json({"name": asked.name, "questions": len(asked.table), "found": decisions})
        return
    if len(found) and most:
        console().print(decision_table(found, most))
    counts = "; ".join(f"{count:,} {what}" for what, count in counted.items())
    say(f"{asked.name}: {len(asked.table):,} questions: {counts}")
