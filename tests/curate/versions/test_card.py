"""The data card: what it says, and that no text can break out of its place in it."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.curate.reports.show import describe
from ovt.curate.versions.card import fence, harmless, licenses
from ovt.curate.versions.manifest import Input, ModelUse

HOSTILE = (
    "</td><script>alert(1)</script> | x | ![i](http://e/x.png) [a](javascript:b) `c` \n# Head\n---\n```\x1b[2Jé\u202e"
)


def read_card(version):
    _, head, body = (version.path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_card_tells_what_the_version_is(home, make_build):
    version = make_build(10).write(home)
    head, body = read_card(version)
    assert head["license"] == ["mit"]
    assert head["configs"][0]["data_files"][0] == {"split": "sft", "path": "data/sft-*.parquet"}
    assert [feature["name"] for feature in head["dataset_info"]["features"]][:3] == ["images", "prompt", "completion"]
    for line in [
        f"`{version.manifest.hash_ref}`",
        "| sft | 4 |",
        "| shapes | pocket:figures | 9 | MIT | abababababab |",
        "### caption: pocket-vl",
        "```\n{question}\nThink.\n```",
        "| import | 11 | 1 | 10 | gold_empty 1 |",
        "| version | 6 | 0 | 6 | sft 4, rl 2 |",
        "mean 36.0, median 36, 95th percentile 36, longest 36",
        "| reflection | 27.78 |",
        "| 67% | 4 | 0 |",
        "| unsolved | 0 | 2 |",
        "| reason | 24 | 0 | 264 | 168 | 0.0240 |",
        "```bash\novt curate build tiny.toml\n```",
        "commit c0ffee",
    ]:
        assert line in body, line
    assert "\n\n\n" not in body


def test_card_and_show_give_the_same_numbers(home, make_build):
    version = make_build(10).write(home)
    about = describe(version)
    body = read_card(version)[1]
    for row in about["funnel"]:
        assert f"| {row['stage']} | {row['rows_in']} | {row['rows_in'] - row['rows_out']} | {row['rows_out']} |" in body
    assert f"mean {about['stats']['words']['mean']}" in body


def test_card_of_a_version_without_rows(home, make_build):
    head, body = read_card(make_build(0).write(home))
    assert head["size_categories"] == ["n<1K"]
    assert "No response was kept." in body


def test_hostile_text_stays_in_its_place(home, make_build):
    build = make_build(5, text=HOSTILE)
    for row in build.questions + build.rows:
        row["source"] = HOSTILE
    for row in build.decisions:
        row["reason"] = HOSTILE if row["stage"] == "import" else row["reason"]
    source = Input(source=HOSTILE, location=HOSTILE, fingerprint=HOSTILE, rows=1, license=HOSTILE)
    use = ModelUse(stage="reason", endpoint=HOSTILE, model=HOSTILE, revision=HOSTILE, prompt=HOSTILE)
    version = build.write(home, inputs=(source,), models=(use,), rebuild=HOSTILE, parent=HOSTILE)
    head, body = read_card(version)
    assert head["license"] == ["other"]
    text = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", body, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"<script|<td|(?<!\\)!\[|(?<!\\)\]\(|[\x00-\x08\x0b-\x1f\u202e]", text)
    assert re.findall(r"^# .*", text, flags=re.MULTILINE) == ["# tiny"]
    for row in re.findall(r"^\|.*sft.*\n\| --- .*\n(?:\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in row.splitlines()}) == 1
    assert "\x1b" not in body


def test_very_long_text_is_cut(home, make_build):
    use = ModelUse(stage="reason", endpoint="e", model="m" * 100_000, prompt="p" * 100_000)
    version = make_build(5, text="w" * 100_000).write(home, models=(use,))
    assert 20_000 < (version.path / "README.md").stat().st_size < 30_000


@settings(max_examples=50)
@given(st.text())
def test_any_text_becomes_one_line_of_a_table_cell(text):
    line = harmless(text)
    assert "\n" not in line
    assert "<" not in line
    assert not re.search(r"(?<!\\)(\\\\)*[|`]", line)


@settings(max_examples=50)
@given(st.text(alphabet="`\n~ab"))
def test_no_text_ends_its_fence(text):
    first, *_, last = str(fence(text, "json")).splitlines()
    ticks = first.removesuffix("json")
    assert last == ticks
    assert ticks not in text


@pytest.mark.parametrize(
    ("given_licenses", "expected"),
    [
        (["MIT", "Apache-2.0"], ["apache-2.0", "mit"]),
        (["CC BY 4.0", None], ["cc-by-4.0", "unknown"]),
        (["see the site"], ["other"]),
    ],
)
def test_licenses_as_the_hub_spells_them(home, make_build, given_licenses, expected):
    inputs = tuple(Input(source="s", location="l", fingerprint="f", rows=1, license=one) for one in given_licenses)
    assert licenses(make_build(2).write(home, inputs=inputs).manifest) == expected
