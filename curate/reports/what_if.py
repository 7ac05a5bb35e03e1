"""A version decided again under other settings: the stored samples go through the same `decide` as in its build.

No model is called, and images are only read to save a version. Verdicts are the ledger's unless the verifier is run
again. `change` decides which settings may differ from the version's own, and refuses the others.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from ovt import __version__
from ovt.core.engine import HERE, Engine, map_chunks
from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.registry import FILTERS, KINDS
from ovt.core.report import Report, Styled, Table, facts, names, numbers, texts
from ovt.core.schema import SPLITS
from ovt.core.section import read_section, set_key
from ovt.curate.decide import Judge, Tables, decide, deciding, import_drops
from ovt.curate.recipe import Recipe
from ovt.curate.reports.chunks import ENDS, Chunk, Compared, compare_chunk, read_chunks, sum_kept, unasked
from ovt.curate.reports.diff.changes import STATUSES
from ovt.curate.reports.diff.diff import count_changes, count_statuses
from ovt.curate.reports.diff.examples import SHOWN, pick
from ovt.curate.reports.diff.recipes import compare_words, settings, short_value
from ovt.curate.reports.diff.summary import change_lines, example_text
from ovt.curate.reports.figures import LENGTHS, MOST, by_value
from ovt.curate.reports.funnel import levels
from ovt.curate.stages import verify
from ovt.curate.versions.ledger import funnel
from ovt.curate.versions.manifest import Provenance
from ovt.curate.versions.profile import BUCKETS, summarise
from ovt.curate.versions.read import Version, is_whole, kept_in, restore_images, scan, verify_files
from ovt.curate.versions.write import VersionWriter
from ovt.verifiers import VERSION as VERIFIER_VERSION

MINUS = "\N{MINUS SIGN}"
FREE = ("verify", "difficulty", "select", "filter", "data")
DECIDING = "verify.kind, reason.k (down) and all of [select], [filter], [difficulty] and [data]"


@dataclass(frozen=True)
class Saving:
    """How to save the outcome: as version `name` in `home`; `rebuild` is the command that recreates it."""

    name: str
    home: Home
    rebuild: str
    git_commit: str | None = None


def what_if(
    version: Version,
    overrides: Iterable[str],
    *,
    judge_again: bool = False,
    examples: int = 3,
    saving: Saving | None = None,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """The outcome of `a.b=value` overrides of `version`'s recipe, as plain data, named as in a diff.

    a, saved         refs of the version, and of the saved outcome (or null)
    settings         the changed ones; verifier: {a, b}, the versions that gave the verdicts
    funnel           {a, b}: before and after, as in a manifest
    rows             a, b: rows by split; same, changed, removed, added
    changed          kind, rows; removed, added: stage, reason, rows: what excludes these rows on the other side
    kept             if sources keep columns, {column: [{value, a, b}]}: rows before and after by value, most first
    stats            {a, b}: `profile.summarise`
    examples         up to `examples` rows of each status but "same", with their texts

    judge_again: compute every verdict again with this ovt's verifier; saving: also write the outcome as a version;
    engine: decides the chunks (None: this process).
    Raises RecipeError for a setting that needs a model, OvtError if the version's files were changed.
    """
    recipe, changed = change(version, overrides)
    again = judge_again or any(one["key"] == "verify.kind" for one in changed)
    if again and recipe.verify.judge:
        raise OvtError(f"{version.ref} was judged by a model, which cannot be asked again here: build again")
    verifier = VERIFIER_VERSION if again else version.manifest.provenance.verifier_version
    if not is_whole(version):
        verify_files(version)
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(version, saving)) if saving else None
        dropped = left_out(version)
        work = partial(decide_chunk, deciding(recipe), again, examples, writer is not None)
        if writer:
            writer.append(**vars(dropped))
        compared = []
        for _, (tables, told) in map_chunks(engine or HERE, work, read_chunks(version)):
            if writer and tables:
                writer.append(**vars(tables))
            compared.append(told)
        judged = [use for use in version.manifest.usage if use.stage in ("vision", "judge")]
        saved = writer.finish(provenance(version, recipe, verifier, saving), judged).ref if writer and saving else None
    about: dict[str, Any] = {"a": version.ref, "saved": saved, "settings": changed}
    about["verifier"] = {"a": version.manifest.provenance.verifier_version, "b": verifier}
    return about | summary(version, dropped.decisions, compared, examples)


def open_writer(version: Version, saving: Saving) -> VersionWriter:
    """The writer, after checking that the files and images of `version` are complete."""
    verify_files(version)
    restore_images(version, saving.home)
    return VersionWriter(saving.home, saving.name, kept_in(version))


def left_out(version: Version) -> Tables:
    """Rows dropped before (`unasked`), as a chunk of their own; no setting here brings them back."""
    ends = unasked(version)
    questions = scan(version, "questions").join(ends.lazy(), on="question_id", how="semi", maintain_order="left")
    return import_drops(ends, questions.collect())


def decide_chunk(
    recipe: Recipe, again: bool, examples: int, save: bool, chunk: Chunk
) -> tuple[Tables | None, Compared]:
    """(a chunk as it is decided now, if that is to be saved; how it compares with its earlier state)."""
    tables = decide_again(recipe, chunk, again)
    return tables if save else None, compare_chunk(chunk, tables, examples)


def decide_again(recipe: Recipe, chunk: Chunk, again: bool) -> Tables:
    """The chunk, decided under `recipe`, whose `reason.k` (of several reasoners the last one's, as samples are numbered
    across them) may exclude some of its samples."""
    taken = (pl.col("stage") != "reason") | (pl.col("index") < sum(reasoner.k for reasoner in recipe.reasoners))
    rules = partial(verify.judge, section=recipe.verify)  # the verifier's current verdicts
    judge = rules if again else stored(chunk.verdicts)
    return decide(recipe, chunk.questions, chunk.samples.filter(taken), judge)


def stored(verdicts: pl.DataFrame) -> Judge:
    """The ledger's verdicts."""

    def judge(answered: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
        known = verdicts.join(answered, on="sample_id", how="semi", maintain_order="left")
        if len(known) < len(answered):
            lost = answered.join(known, on="sample_id", how="anti")["sample_id"][0]
            raise OvtError(f"sample {lost} has no verdict in the ledger: build the version again")
        return known

    return judge


def provenance(version: Version, recipe: Recipe, verifier: str, saving: Saving) -> Provenance:
    """The saved version's provenance: the same sources and models, other settings, and `version` as its parent."""
    made = {
        "recipe": recipe.model_copy(update={"name": saving.name}).model_dump(mode="json"),
        "plugins": recipe.plugins,
        "parent": version.manifest.hash_ref,
        "git_commit": saving.git_commit,
        "ovt_version": __version__,
        "verifier_version": verifier,
        "rebuild": saving.rebuild,
    }
    return version.manifest.provenance.model_copy(update=made)


def summary(version: Version, dropped: pl.DataFrame, compared: list[Compared], examples: int) -> dict[str, Any]:
    """All chunks combined: the counts of `what_if`."""
    changes = pl.concat([one.changes for one in compared])
    kept = {side: pl.concat([one.rows[place] for one in compared]) for place, side in enumerate("ab")}
    ends = pl.concat([dropped.select(ENDS), *(one.ends for one in compared)])
    by_split = {side: {split: int((rows["split"] == split).sum()) for split in SPLITS} for side, rows in kept.items()}
    return {
        "funnel": {"a": [row.model_dump(mode="json") for row in version.manifest.funnel], "b": funnel(ends).to_dicts()},
        "rows": by_split | count_statuses(changes),
        **count_changes(changes),
        **by_column(sum_kept(one.kept for one in compared)),
        "stats": {side: summarise(rows.lazy()) for side, rows in kept.items()},
        "examples": choose(compared, examples),
    }


def by_column(kept: pl.DataFrame) -> dict[str, Any]:
    """The rows by each value of what sources keep, as in `what_if`."""
    columns = kept["column"].unique(maintain_order=True)
    found = {name: kept.filter(pl.col("column") == name).drop("column").to_dicts() for name in columns}
    return {"kept": found} if found else {}


def choose(compared: list[Compared], limit: int) -> list[dict[str, Any]]:
    """From the examples of all chunks, `limit` of each status."""
    picked = pl.concat([one.picked for one in compared]).with_row_index("place")
    examples = [example for one in compared for example in one.examples]
    chosen = (pick(picked.filter(pl.col("status") == status), limit)["place"] for status in SHOWN)
    return [worded(examples[place]) for places in chosen for place in places]


def worded(example: dict[str, Any]) -> dict[str, Any]:
    """Adds `pieces`, the word-level difference of its two completions, if there are two."""
    old, new = (side["completion"] if (side := example[name]) else None for name in "ab")
    return example | {"pieces": compare_words(old, new) if old and new and old != new else None}


def stored_recipe(version: Version) -> Recipe:
    """The recipe that a version was built with. RecipeError if this ovt cannot read it."""
    made = version.manifest.provenance
    for key, origin in made.plugins.items():
        if (key.startswith("filter.") and key.removeprefix("filter.") not in FILTERS) or (
            key == "verify.kind" and made.kind.removeprefix("auto+") not in KINDS
        ):
            raise RecipeError(
                f"{version.ref} was made with {key} (of {origin}), which is not available: install the package, or "
                "register it"
            )
    where = f"the recipe in {version.ref}, written by ovt {made.ovt_version}, cannot be used by this one"
    return read_section(Recipe, made.recipe, where)


def change(version: Version, overrides: Iterable[str]) -> tuple[Recipe, list[dict[str, Any]]]:
    """(the version's recipe with `a.b=value` overrides; the changed settings, as in `diff.recipes.settings`).

    One-line RecipeError for a setting that is unknown, or that needs a model.
    """
    old = stored_recipe(version)
    tree = without_nulls(version.manifest.provenance.recipe)
    for override in overrides:
        set_key(tree, override)
    new = read_section(Recipe, tree, "--set")
    changed = settings(old.model_dump(mode="json"), new.model_dump(mode="json"))
    for one in changed:
        if refusal := refuse(one, version):
            raise RecipeError(refusal)
    return new, changed


def without_nulls(tree: Any) -> Any:
    """A copy of a recipe's tree as in TOML: unset values are absent."""
    if isinstance(tree, Mapping):
        return {name: without_nulls(value) for name, value in tree.items() if value is not None}
    return [without_nulls(value) for value in tree] if isinstance(tree, list) else tree


def refuse(one: Mapping[str, Any], version: Version) -> str | None:
    """Why a changed setting needs more than the stored replies; None if it does not."""
    key, old, new = one["key"], one["a"], one["b"]
    section, _, rest = key.partition(".")
    if key == k_key(version.manifest.provenance.recipe["reason"]):
        return (
            None
            if new < old
            else (
                f"{key} = {new} needs a model: {version.ref} has {old} samples of each question; build with "
                f"--set {key}={new}, which asks only for the other {new - old}"
            )
        )
    if key == "verify.kind" and version.manifest.provenance.recipe["verify"].get("judge"):
        return f"{key} needs a model: it may send other answers to {version.ref}'s judge; change the recipe and build"
    if section == "verify" and rest.startswith("judge"):
        return f"{key} needs a model: the judge of {version.ref} was not asked this; change the recipe and build"
    if section in FREE:
        return None
    if key == "name":
        return f"name = {new!r} is not a what-if setting: give the new name with --save-as"
    return (
        f"{key} needs a model or other questions, and a what-if has only the replies of {version.ref}; it can change "
        f"{DECIDING}; for the rest change the recipe and build, which asks only what is new"
    )


def k_key(reason: Any) -> str:
    """The key of the number of samples that may be lowered: of several reasoners, the last one's."""
    return f"reason.{len(reason) - 1}.k" if isinstance(reason, list) else "reason.k"


def report(about: dict[str, Any]) -> Report:
    """`what_if`: the funnel before and after, the rows and their statistics now, and examples."""
    made = ", ".join(
        f"{one['key']} = {short_value(one['b'])} (now {short_value(one['a'])})" for one in about["settings"]
    )
    title = f"{about['a']} with {made or 'its own settings'}"
    shown = [funnels(about["funnel"]), facts(lines(about)), *map(example_text, about["examples"])]
    return Report(title, about, shown)


def funnels(both: dict[str, list[dict[str, Any]]]) -> Table:
    """What each stage dropped and passed on, before and now, and the reasons, with earlier counts in brackets."""
    sides = [{(row["level"], row["stage"]): row for row in both[side]} for side in "ab"]
    pairs = [(sides[0].get(key), sides[1].get(key)) for key in dict.fromkeys([*sides[0], *sides[1]])]
    rows = []
    for level, (before, after) in zip(levels([after or before or {} for before, after in pairs]), pairs, strict=True):
        out = [one["rows_out"] if one else 0 for one in (before, after)]
        dropped = [one["rows_in"] - one["rows_out"] if one else 0 for one in (before, after)]
        was = [Styled(f"{count:,}", "dim") for count in (dropped[0], out[0])]
        stage = (after or before or {})["stage"]
        rows.append([level, stage, *was, dropped[1], out[1], _changed(out[1] - out[0]), _reasons(before, after)])
    counts = numbers("dropped", "out", "now: dropped", "out", "change")
    return Table([*names("", "stage"), *counts, *texts("why")], rows)


def _changed(by: int) -> Styled | None:
    """ "−69", "+3"; empty if unchanged."""
    return Styled(f"{MINUS}{-by:,}", "red") if by < 0 else Styled(f"+{by:,}", "green") if by else None


def _reasons(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """ "too_long 69 (was 0), wrong 198"."""
    old, new = (
        {count["reason"]: count["rows"] for count in (row["dropped"] or row["kept_as"])} if row else {}
        for row in (before, after)
    )
    pairs = [(reason, old.get(reason, 0), new.get(reason, 0)) for reason in dict.fromkeys([*new, *old])]
    return ", ".join(f"{reason} {now:,}" + f" (was {was:,})" * (was != now) for reason, was, now in pairs)


def lines(about: dict[str, Any]) -> dict[str, str]:
    """The rows: counts, status, reasons, and statistics now."""
    rows, stats, verifier = about["rows"], about["stats"], about["verifier"]
    words, difficulty = ([stats[side][name] for side in "ab"] for name in ("words", "difficulty"))
    buckets = [by_value(one) for one in difficulty]
    named = [name for name in (*BUCKETS, None) if any(name in one for one in buckets)]
    return {
        "rows": ", ".join(f"{split} {_arrow(rows['a'][split], rows['b'][split])}" for split in SPLITS),
        "of them": ", ".join(f"{rows[name]:,} {name}" for name in STATUSES),
        **change_lines(about),
        "words": ", ".join(f"{name} {_arrow(words[0][key], words[1][key])}" for name, key in LENGTHS.items())
        if all(words)
        else "",
        "difficulty": ", ".join(f"{name or 'none'} {_arrow(*(one.get(name, 0) for one in buckets))}" for name in named),
        **{f"by {name}": _values(counts) for name, counts in about.get("kept", {}).items()},
        "verifier": "" if verifier["a"] == verifier["b"] else _arrow(verifier["a"], verifier["b"]),
        "saved as": about["saved"] or "",
    }


def _values(counts: list[dict[str, Any]]) -> str:
    """ "algebra 40 → 31, geometry 12"; those with fewest rows are only counted."""
    told = [f"{'none' if one['value'] is None else one['value']} {_arrow(one['a'], one['b'])}" for one in counts[:MOST]]
    return ", ".join(told) + (f" and {len(counts) - MOST:,} more" if len(counts) > MOST else "")


def _arrow(old: Any, new: Any) -> str:
    """ "168 → 99"; a single value if equal."""
    told = [f"{value:,}" if isinstance(value, int | float) else str(value) for value in (old, new)]
    return told[0] if old == new else " → ".join(told)
