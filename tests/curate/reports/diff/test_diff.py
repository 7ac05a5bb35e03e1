"""What `ovt data diff` says of two versions: the invariants, and each way in which a row can change."""

import json
from dataclasses import replace

import polars as pl
import pytest
from huggingface_hub import HfApi
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.hub.push import prepare, publish
from ovt.curate.reports.diff.diff import check_files, open_side
from ovt.curate.reports.diff.drift import figures
from ovt.curate.reports.diff.tables import read_tables
from ovt.curate.reports.show import describe
from ovt.curate.versions.data import FLAT, TURNS, content
from ovt.curate.versions.profile import NEEDED, profile, summarise
from ovt.curate.versions.read import list_versions, on_hub, scan, scan_rows
from ovt.curate.versions.write import VersionWriter

# No shrinking: it would write versions for minutes.
FEW = settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def asked(draw, asked_as):
    """Up to eight questions, each gone its own way."""
    numbers = draw(st.lists(st.integers(0, 9), unique=True, max_size=8))
    return [
        asked_as(
            number,
            gold=draw(st.sampled_from(["4", "5"])),
            right=tuple(draw(st.lists(st.booleans(), min_size=1, max_size=3))),
            chosen=draw(st.sampled_from([(0,), (1, 0), (0, 1, 2)])),
            too_long=draw(st.booleans()),
            edit=draw(st.booleans()),
            salt=draw(st.sampled_from(["", "x"])),
            source=draw(st.sampled_from(["shapes", "charts"])),
        )
        for number in numbers
    ]


def selected(one):
    """A question keeps one of its correct samples, or all where `chosen` has all."""
    right = [index for index, is_right in enumerate(one.right) if is_right]
    return replace(one, chosen=tuple(right) if len(one.chosen) == 3 else tuple(right[:1]))


@FEW
@given(data=st.data())
def test_invariants(data, tmp_path_factory, write_version, ask, diff):
    home = Home(tmp_path_factory.mktemp("home"))
    a, b = (write_version(home, [selected(one) for one in data.draw(asked(ask))]) for _ in "ab")
    there, back, none = diff(a, b).about, diff(b, a).about, diff(a, a).about
    check_sums(there, a, b)
    check_empty(none)
    check_swapped(there, back)


def check_sums(about, a, b):
    rows = about["rows"]
    assert rows["same"] + rows["changed"] + rows["removed"] == rows["a"]["all"]
    assert rows["same"] + rows["changed"] + rows["added"] == rows["b"]["all"]
    for status in ("removed", "added"):
        assert sum(one["rows"] for one in about[status]) == rows[status]
        assert all(one["stage"] and one["reason"] for one in about[status])
    assert bool(rows["changed"]) == bool(about["changed"])
    for side, version in (("a", a), ("b", b)):
        assert {split: rows[side][split] for split in ("sft", "rl")} == {
            split: version.manifest.rows[split] for split in ("sft", "rl")
        }
    matrix = about["difficulty"]["questions"]
    assert sum(map(sum, matrix)) == about["questions"]["a"] + about["questions"]["b"] - about["questions"]["both"]
    json.dumps(about)


def check_empty(about):
    assert [about[name] for name in ("removed", "added", "changed", "settings", "prompts", "origins")] == [[]] * 6
    assert about["rows"]["same"] == about["rows"]["a"]["all"]
    assert about["verdicts"]["flips"] == []
    for one in about["drift"]:
        assert one["a"] == one["b"]
        assert one["change"] in (None, 0.0) or one["group"] == "words"
        assert one["direction"] in ("same", "unknown")


def check_swapped(there, back):
    assert (there["removed"], there["added"]) == (back["added"], back["removed"])
    assert there["changed"] == back["changed"]
    assert there["rows"]["same"] == back["rows"]["same"]
    assert list(zip(*there["difficulty"]["questions"], strict=True)) == [
        tuple(row) for row in back["difficulty"]["questions"]
    ]
    mirrored = {(one["group"], one["name"]): one for one in back["drift"]}
    for one in there["drift"]:
        other = mirrored[one["group"], one["name"]]
        assert (one["a"], one["b"]) == (other["b"], other["a"])
        if one["change"] is not None:
            assert one["change"] == pytest.approx(-other["change"], abs=1e-9)
            assert one["low"] == pytest.approx(-other["high"], abs=1e-9)


def kinds(about):
    return {one["kind"]: one["rows"] for one in about["changed"]}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"chosen": (1,)}, {"sample": 1}),
        ({"salt": "x"}, {"sample": 1}),
        ({"edit": True}, {"text": 1}),
        ({"right": (True, True, True)}, {"verdict": 1}),
        ({"right": (False, False, False)}, {"split": 1, "verdict": 1}),
        ({"wording": "How many  objects are in FIGURE {}?", "salt": ""}, {"sample": 1, "question": 1}),
        ({"prompt": "{}\nThink step by step."}, {"prompt": 1}),
    ],
    ids=lambda value: " ".join(value),
)
def test_each_kind_of_change(write, ask, diff, change, kind):
    others = [ask(number) for number in (2, 3)]
    about = diff(write([ask(1), *others]), write([replace(ask(1), **change), *others])).about
    assert kinds(about) == kind
    assert (about["rows"]["same"], about["rows"]["removed"], about["rows"]["added"]) == (2, 0, 0)


def test_corrected_gold_is_a_change_of_one_row(write, ask, diff):
    found = diff(write([ask(1), ask(2)]), write([ask(1, gold="5"), ask(2)])).about
    assert kinds(found) == {"gold": 1, "text": 1}  # the answer in the text is another, too
    assert (found["rows"]["removed"], found["rows"]["added"]) == (0, 0)
    assert found["questions"] == {"a": 2, "b": 2, "both": 2, "renamed": 1, "gold_corrected": 1}


def test_why_rows_are_gone(write, ask, diff):
    a = write([ask(number) for number in range(5)] + [ask(9, chosen=(0, 1))])
    left_out = [("dead", "duplicate", "shapes 3: as shapes 2")]
    b = write([ask(0), ask(1, too_long=True), ask(2, right=(False,)), ask(9)], left_out=left_out)
    found = diff(a, b).about
    assert {(one["stage"], one["reason"]): one["rows"] for one in found["removed"]} == {
        ("filter", "too_long"): 1,
        ("import", "duplicate"): 1,
        ("import", "not_in_sources"): 1,
        ("select", "not_selected"): 1,
    }
    assert found["added"] == []
    back = diff(b, a).about
    assert back["removed"] == []
    assert back["rows"]["added"] == 4


def test_sample_that_was_never_made(write, ask, diff):
    a = write([ask(1, chosen=(0, 1))])
    b = write([ask(1, right=(True,))])
    assert diff(a, b).about["removed"] == [{"stage": "reason", "reason": "not_sampled", "rows": 1}]


@pytest.mark.parametrize("which", ["a", "b", "both"])
def test_versions_that_kept_nothing(write, ask, diff, which):
    none, some = write([ask(1, too_long=True)]), write([ask(2), ask(3)])
    a, b = {"a": (none, some), "b": (some, none), "both": (none, none)}[which]
    about = diff(a, b).about
    assert about["rows"]["a"]["all"] + about["rows"]["b"]["all"] == {"a": 2, "b": 2, "both": 0}[which]
    assert all(one["direction"] == "unknown" for one in about["drift"] if one["group"] == "words")


def test_flipped_verdicts_are_counted(write, ask, diff):
    about = diff(write([ask(1), ask(2)]), write([ask(1, right=(True, False, False)), ask(2)])).about
    assert about["verdicts"] == {"replies": 6, "flips": [{"from": "correct", "to": "wrong", "replies": 1}]}


def test_settings_prompts_and_origins(write, ask, diff):
    recipe = {"name": "made", "filter": {"length": {"max_words": 45}}, "reason": {"prompt": "{question}", "k": 4}}
    models = ({"stage": "reason", "endpoint": "e", "model": "m", "prompt": "{question}\nBriefly."},)
    about = diff(write([ask(1)]), write([ask(2)], recipe=recipe, models=models, verifier_version="2")).about
    changed = {one["key"]: (one["a"], one["b"], one["only"]) for one in about["settings"]}
    assert changed["filter.length.max_words"] == (500, 45, None)
    assert changed["reason.k"] == (None, 4, "b")
    assert changed["reason.endpoint"] == ("e", None, "a")
    assert about["prompts"][0]["pieces"] == [("same", "{question}"), ("added", "\nBriefly.")]
    assert about["origins"] == [{"what": "verifier_version", "a": "1", "b": "2"}]


def test_diff_show_funnel_and_card_agree(write, ask, diff):
    a = write([ask(number, right=(number % 3 > 0, True, False)) for number in range(9)])
    b = write([ask(number, edit=number % 2 == 0, too_long=number % 4 == 0) for number in range(9)])
    about = diff(a, b).about
    drift = {(one["group"], one["name"]): one for one in about["drift"]}
    for side, version in (("a", a), ("b", b)):
        told = describe(version)
        stats = summarise(scan_rows(version.path, NEEDED))
        assert about[side] == {name: told[name] for name in about[side]} | {"ref": str(version.path)}
        ends = {row["stage"]: row for row in told["funnel"] if row["level"] == "question"}
        kept = {one["reason"]: one["rows"] for one in ends["version"]["kept_as"]}
        assert {split: rows for split, rows in about["rows"][side].items() if rows and split != "all"} == kept
        assert round(drift["words", "mean"][side], 1) == stats["words"]["mean"]
        assert (drift["words", "median"][side], drift["words", "95th percentile"][side]) == (
            stats["words"]["median"],
            stats["words"]["p95"],
        )
        for family, rate in stats["behaviours"].items():
            assert round(drift["behaviours", family][side], 2) == rate
        card = (version.path / "README.md").read_text()
        assert f"mean {round(drift['words', 'mean'][side], 1)}" in card
    fallen = next(row for row in describe(b)["funnel"] if row["level"] == "question" and row["stage"] == "filter")
    assert about["removed"] == [{"stage": "filter", **one} for one in fallen["dropped"]]


def test_figures_do_not_depend_on_the_order_of_rows(write, ask):
    """A join promises none, and a sum of floats in another order has other last digits."""
    rights = [(True,), (True, False), (True, False, False), (True, True, False)]
    versions = [write([ask(number, right=rights[(number + shift) % 4]) for number in range(40)]) for shift in (0, 1)]
    tables = [read_tables(version, 1.0) for version in versions]

    def mixed(seed):
        return [
            replace(one, **{name: getattr(one, name).sample(fraction=1, shuffle=True, seed=seed)
                            for name in ("rows", "questions")})
            for one in tables
        ]  # fmt: skip

    assert all(figures(*mixed(seed)) == figures(*tables) for seed in range(10))


def test_money_is_that_of_stats_and_unknown_where_a_reply_has_no_price(home, write_version, ask, diff):
    priced = write_version(home, [ask(1), ask(2)])
    frames = {table: scan(priced, table).collect() for table in ("questions", "samples", "verdicts", "decisions")}
    frames["samples"] = frames["samples"].with_columns(cost_usd=pl.when(pl.col("index") > 0).then("cost_usd"))
    rows = scan_rows(priced.path, [*FLAT, *map(content, TURNS)]).collect()
    images = frames["questions"].select("question_id", "images")
    with VersionWriter(home, "partly") as writer:
        writer.append(**frames, rows=rows.join(images, on="question_id", maintain_order="left"))
        partly = writer.finish(priced.manifest.provenance)
    drift = {one["name"]: one for one in diff(priced, partly).about["drift"]}
    for side, version in (("a", priced), ("b", partly)):
        told = profile(version)["per_row"]
        assert drift["US$ per row"][side] == pytest.approx(told["cost_usd"])
        assert drift["tokens per row"][side] == pytest.approx(told["tokens"])
    assert drift["US$ per row"]["b"] is None


def test_edited_file_is_named_and_compared(write, ask, diff):
    a, b = write([ask(1), ask(2)]), write([ask(1), ask(3)])
    path = next((b.path / "data").glob("sft-*.parquet"))
    path.chmod(0o644)
    pl.read_parquet(path).drop("behaviour_plan", "mentions").write_parquet(path)
    about = diff(a, b).about
    assert len(about["notes"]) == 1
    assert f"data/{path.name} was changed" in about["notes"][0]
    assert about["rows"]["removed"] == 1
    plan = next(one for one in about["drift"] if one["name"] == "plan")
    assert plan["a"] > 0
    assert plan["b"] in (None, 0.0)


def test_what_cannot_be_read_is_one_line(write, ask, diff):
    a, b = write([ask(1)]), write([ask(2)])
    path = b.path / "ledger" / "samples.parquet"
    path.chmod(0o644)
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(OvtError, match=r"samples\.parquet was changed"):
        diff(a, b)
    path.unlink()
    with pytest.raises(OvtError, match=r"samples\.parquet is missing"):
        diff(a, b)


def test_version_of_another_format_is_refused(write, ask, diff):
    a, b = write([ask(1)]), write([ask(2)])
    manifest = b.path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 0'))
    with pytest.raises(OvtError, match="has format 0, this ovt reads 1"):
        diff(a, b)


@pytest.mark.parametrize(
    ("ref", "there"),
    [
        ("pocket", False),
        ("pocket@v1", False),
        ("./pocket@v1", False),
        ("a/b", True),
        ("a/b/c@v1", False),
        ("you/pocket@v1", True),
        ("hf://you/pocket", True),
    ],
)
def test_what_is_a_hub_id(ref, there):
    assert on_hub(ref) is there


def test_a_folder_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "you" / "pocket@v1").mkdir(parents=True)
    assert not on_hub("you/pocket@v1")


def test_a_version_of_the_hub_is_pulled(hub, write, ask, tmp_path, monkeypatch):
    version = write([ask(1), ask(2)])
    token = next(iter(hub.tokens))
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    publish(prepare(version, "you/made", "v1", {}), HfApi(hub.url, token=token))
    elsewhere = Home(tmp_path / "elsewhere")
    there = open_side("you/made@v1", elsewhere)
    assert (there.manifest.content_hash, check_files(there)) == (version.manifest.content_hash, ())
    assert list_versions(elsewhere)[0] == [there]


def test_no_such_folder_is_one_line(home):
    with pytest.raises(OvtError, match="is not a folder"):
        open_side("no/such", home)
