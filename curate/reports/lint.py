"""`ovt data lint`: what is wrong with the questions of a version, a recipe or a source, by rule."""

from dataclasses import asdict, dataclass
from functools import partial

import polars as pl

from ovt.core.home import Home
from ovt.curate.reports import lint_rules as rules
from ovt.curate.reports.questions import Material
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.screen.image_hashes import looks_in
from ovt.curate.sources.images import stored_image


@dataclass(frozen=True)
class Found:
    """One rule, how many questions (or images) break it, and some of them as {id, detail}."""

    rule: str
    count: int
    meaning: str
    examples: tuple[dict[str, str], ...]

    def as_dict(self) -> dict:
        """The finding as plain data."""
        return asdict(self)


def lint(material: Material, home: Home, section: DedupSection, examples: int) -> list[Found]:
    """What is wrong, the most frequent first; `section` says what counts as the same picture and the same question."""
    return summary(find(material, home, section), examples)


def find(material: Material, home: Home, section: DedupSection) -> pl.DataFrame:
    """rules.FINDINGS of all rules; what the import refuses comes with the import's reasons."""
    questions = material.questions
    refused = material.left_out.select("reason", "id", pl.col("detail").fill_null("")).rows()
    seen, fine = rules.pictures(questions, partial(stored_image, home))
    whole = questions.filter(pl.col("images").list.eval(pl.element().is_in(fine)).list.all())
    looks, table = looks_in(whole, home)
    return pl.concat(
        [
            pl.DataFrame(refused, rules.FINDINGS, orient="row"),
            rules.golds(questions, material.kind),
            rules.question_texts(questions),
            rules.leaks(questions, material.captions),
            seen,
            rules.same_pictures(whole, looks, table, section),
            rules.repeats(whole, looks, table, section, section.min_similarity),
            rules.disagreements(whole, looks, table, section),
        ]
    )


def summary(found: pl.DataFrame, examples: int) -> list[Found]:
    """FINDINGS by rule, the most frequent first."""
    return sorted(
        (
            Found(
                rule,
                len(rows),
                rules.MEANINGS.get(rule, "left out at import: docs/sources.md"),
                tuple({"id": id_, "detail": why} for _, id_, why in rows.head(examples).iter_rows()),
            )
            for (rule,), rows in found.group_by("rule", maintain_order=True)
        ),
        key=lambda one: (-one.count, one.rule),
    )
