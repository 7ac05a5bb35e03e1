"""The funnel by stage, source and reason: three views of the same decisions."""

from collections import Counter

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.reports.funnel import by_column, by_reason, by_stage
from ovt.curate.versions.read import Version


@pytest.fixture
def version(tmp_path, make_replies, recipe_with) -> Version:
    home = Home(tmp_path / "home")
    return make_replies(home, 30).write(home, recipe_with())


def test_by_stage_is_the_manifest(version):
    assert by_stage(version) == [row.model_dump(mode="json") for row in version.manifest.funnel]


def test_sources_add_up_to_the_whole(version):
    rows = by_column(version)
    assert list(dict.fromkeys(row["source"] for row in rows)) == ["bars", "two bars"]
    for stage in by_stage(version):
        parts = [row for row in rows if (row["level"], row["stage"]) == (stage["level"], stage["stage"])]
        for count in ("rows_in", "rows_out"):
            assert sum(part[count] for part in parts) == stage[count]
        for ends in ("dropped", "kept_as"):
            counted = Counter()
            for part in parts:
                counted.update({end["reason"]: end["rows"] for end in part[ends]})
            assert counted == Counter({end["reason"]: end["rows"] for end in stage[ends]})


def test_what_the_import_left_out_is_of_its_source(version):
    imported = {row["source"]: row for row in by_column(version) if row["stage"] == "import"}
    assert imported["two bars"]["dropped"] == [{"reason": "gold_empty", "rows": 1}]
    assert imported["bars"]["dropped"] == []


def test_reasons_add_up_to_the_whole(version):
    rows = by_reason(version)
    for level in ("question", "caption", "sample"):
        of_level = [row for row in rows if row["level"] == level]
        assert sum(row["rows"] for row in of_level) == next(
            one["rows_in"] for one in by_stage(version) if one["level"] == level
        )
        assert sum(row["of_all"] for row in of_level) == pytest.approx(1)
        assert all(0 < row["of_stage"] <= 1 for row in of_level)


def test_decisions_that_were_edited_are_named(version):
    table = version.path / "ledger" / "decisions.parquet"
    fewer = pl.read_parquet(table).head(-1)
    table.chmod(0o644)
    fewer.write_parquet(table)
    for count in (by_stage, by_column, by_reason):
        with pytest.raises(OvtError, match=r"ledger/decisions\.parquet was changed"):
            count(version)
