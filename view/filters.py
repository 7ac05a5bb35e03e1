"""Which rows a filter lets through, and how many have each of its values: bars and histograms."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.statistics import histogram, round_up
from ovt.core.text import did_you_mean
from ovt.curate.stages.behaviours import FAMILIES
from ovt.view.rows import OWN, Filters, Labels, Rows, decimals

MARKS = ("behaviour", "label")  # filters with possibly several values per row
NONE = "–"  # the value of rows without one
MOST_VALUES = 100  # of a filter
BINS = 24


def masks(rows: Rows, level: str, filters: Filters, labels: Labels) -> dict[str, pl.Series]:
    """The rows of a level, and those that each filter lets through, by filter name."""
    found = {"level": rows.table["level"] == level}
    for name, values in filters.items():
        found[name] = rows.table.select(_condition(rows, name, values, labels).fill_null(False)).to_series()
    return found


def _condition(rows: Rows, name: str, values: Sequence[str], labels: Labels) -> pl.Expr:
    """The rows that a filter lets through: those with any of its values."""
    if name in rows.ranges:
        return pl.any_horizontal(_between(name, value) for value in values)
    if name == "behaviour":
        chosen = [f"behaviour_{family}" for family in FAMILIES if family in values]
        return pl.any_horizontal(pl.lit(False), *(pl.col(column) > 0 for column in chosen))
    if name == "label":
        ids = sorted({one for value in values for one in labels.get(value, ())})
        return pl.col("id").is_in(ids) | pl.col("question_id").is_in(ids)
    if name not in rows.values:
        there = rows.values + rows.ranges
        raise OvtError(f"{name[:40]!a} is not a filter; {did_you_mean(name, there, ', '.join(there))}")
    chosen = pl.col(name).cast(pl.String).is_in([value for value in values if value != NONE])
    return chosen.fill_null(False) | pl.col(name).is_null() if NONE in values else chosen


def _between(name: str, value: str) -> pl.Expr:
    low, dots, high = value.partition("..")
    try:
        return pl.col(name).is_between(float(low), float(high if dots else low))
    except ValueError:
        raise OvtError(f"{name} is {value[:40]!a}: expected two numbers, such as {name}=100..200") from None


def counts(rows: Rows, passing: Mapping[str, pl.Series], filters: Filters, labels: Labels) -> dict[str, Any]:
    """The bars and histograms, each under all filters but its own; of many values, the most frequent and the chosen."""
    everything = reduce(and_, passing.values())
    under = {
        name: reduce(and_, (mask for other, mask in passing.items() if other != name))
        for name in passing.keys() - {"level", "text"}
    }
    told = {name: (under.get(name, everything), name) for name in (*rows.values, *rows.ranges)}
    values = {
        name: _marks(rows, *told[name], labels) if name in MARKS else _values(rows, *told[name], filters.get(name, ()))
        for name in rows.values
    }
    ranges = {name: _bins(rows, passing["level"], *told[name]) for name in rows.ranges}
    return {"values": values, "ranges": ranges}


def _marks(rows: Rows, mask: pl.Series, name: str, labels: Labels) -> list[dict[str, Any]]:
    """Rows under a mask by family of cues or by label; a row may have several."""
    known = FAMILIES if name == "behaviour" else labels
    rules = [_condition(rows, name, [one], labels).fill_null(False).alias(one) for one in known]
    found = rows.table.select((rule & mask).sum() for rule in rules).row(0, named=True) if rules else {}
    first = sorted(found.items(), key=lambda named: (-named[1], named[0]))
    return [{"value": one, "rows": count} for one, count in first if count]


def _values(rows: Rows, mask: pl.Series, name: str, chosen: Sequence[str]) -> list[dict[str, Any]]:
    """Rows under a mask by value of a filter, the most frequent first, ties by name."""
    counted = rows.table[name].filter(mask).value_counts(name="rows").cast({name: pl.String}).fill_null(NONE)
    first = counted.sort("rows", name, descending=[True, False]).with_row_index("place")
    shown = first.filter((pl.col("place") < MOST_VALUES) | pl.col(name).is_in(list(chosen)))
    return shown.select("rows", value=name).select("value", "rows").to_dicts()


def _bins(rows: Rows, level: pl.Series, mask: pl.Series, name: str) -> list[dict[str, Any]]:
    """Bins of the rows under a mask, from 0 (own numbers: from the least) to the largest value of the level; shares
    (0 to 1) in twenty."""
    whole = rows.table[name].filter(level).drop_nulls()
    if not len(whole):
        return []
    under = rows.table[name].filter(mask).drop_nulls()
    parts = 1_000 if name == "pass_rate" else 10 ** decimals(rows.table[name])
    counted, every = (((one * parts).round() if parts > 1 else one).cast(pl.Int64) for one in (under, whole))
    if name == "pass_rate":
        bins = histogram({"rows": counted}, 50, 20)
        return [one | {"from": one["from"] / 1000, "to": min(one["to"], 1000) / 1000} for one in bins]
    least, most = (int(edge) for edge in every.sort().to_numpy()[[0, -1]])
    width = round_up(max(1, most - (least if name.startswith(OWN) else 0)) / BINS)
    low = least // width * width if name.startswith(OWN) else 0
    bins = histogram({"rows": counted}, width, (most - low) // width, low)
    return bins if parts == 1 else [one | {"from": one["from"] / parts, "to": one["to"] / parts} for one in bins]
