"""What counts as a secret, where it is found, and that it is never shown."""

import random
import string
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.used_keys import remember_key
from ovt.curate.hub.checks import check_secrets, key_variables, make_search, scan

LETTERS = string.ascii_letters
SECRETS = {
    "a Hugging Face token": "hf_" + LETTERS[:34],
    "an OpenAI or Anthropic key": "sk-proj-" + LETTERS + "0123",
    "an AWS key id": "AKIA" + "ABCDEFGH01234567",
    "a GitHub token": "ghp_" + LETTERS[:36],
    "a GitLab token": "glpat-" + LETTERS[:20],
    "a Google key": "AIza" + LETTERS[:35],
    "a Slack token": "xoxb-" + "1234567890-abc",
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "the value of $GATEWAY_KEY": "quiet horses at noon",
}
ENVIRON = {"GATEWAY_KEY": "quiet horses at noon", "PATH": "/usr/bin:/usr/local", "SHORT_TOKEN": "figure"}
HARMLESS = [
    "risk-free tasks",
    "hf_short",
    "sk-",
    "the AKIA of it",
    "figure",
    "/usr/bin:/usr/local",
    "a PRIVATE KEY",
    "ask-me-anything",
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items(), ids=lambda value: value[:12])
def test_each_kind_is_found_in_any_text_column(tmp_path, kind, secret):
    path = tmp_path / "x.parquet"
    nested = [[{"role": "user", "content": "a"}]] * 6 + [[{"role": "user", "content": f"see: {secret}."}]]
    frame = pl.DataFrame({"text": ["", None, f"({secret})", "b", "c", "d", "e"], "n": range(7), "prompt": nested,
                          "choices": [["a", secret]] + [None] * 6})  # fmt: skip
    frame.write_parquet(path)
    found = list(scan("data/x.parquet", path, make_search(ENVIRON)))
    assert {(one.place, one.kind) for one in found} == {
        ("column text, row 3", kind),
        ("column prompt, row 7", kind),
        ("column choices, row 1", kind),
    }
    assert secret not in "".join(map(str, found))


def test_rows_are_counted_across_batches(tmp_path):
    path = tmp_path / "x.parquet"
    secret = SECRETS["a GitHub token"]
    texts = ["plain"] * 9000 + [secret] + ["plain"] * 9
    pl.DataFrame({"text": texts, "row": ["kept"] * len(texts)}).write_parquet(path, row_group_size=1000)
    assert [one.place for one in scan("x.parquet", path, make_search({}))] == ["column text, row 9001"]


@pytest.mark.parametrize("name", ["README.md", "manifest.json", "template.jinja", "train.sh", "notes.log", "NOTICE"])
def test_text_files_are_read_line_by_line(name):
    content = f"one\ntwo {SECRETS['an AWS key id']}\n".encode()
    with pytest.raises(OvtError, match=f"an AWS key id in {name}, line 2"):
        check_secrets({name: content}, {})


def test_images_and_weights_are_not_text(tmp_path):
    secret = SECRETS["an AWS key id"].encode()
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}" + secret)
    files = {"a.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + secret, "model.safetensors": tmp_path / "model.safetensors"}
    check_secrets(files, {})


def test_what_only_looks_alike_is_let_through():
    check_secrets({"README.md": "\n".join(HARMLESS).encode()}, ENVIRON)


def test_the_line_says_how_many_and_how_to_let_one_through():
    files = {f"{number}.md": SECRETS["a Slack token"].encode() for number in range(5)}
    with pytest.raises(OvtError, match=r"nothing was sent.*in 0\.md.* and 2 more.*--not-secret \w{8}$") as caught:
        check_secrets(files, {})
    mark = str(caught.value)[-8:]
    check_secrets(files, {}, [mark])


@settings(max_examples=60)
@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text(), st.integers(0, 99))
def test_a_secret_is_found_whatever_stands_around_it(before, kind, after, seed):
    glue = random.Random(seed).choice([" ", "\n", '"', "=", ": "])
    text = f"{before}{glue}{SECRETS[kind]}{glue}{after}"
    assert kind in {one for one, _ in make_search(ENVIRON).find(text)}


def test_a_key_that_a_build_sent_is_found_after_it_was_changed(config, tmp_path):
    remember_key("correct.horse-battery-staple")
    text = "the header was 'correct.horse-battery-staple'"
    pl.DataFrame({"completion": ["x", text]}).write_parquet(tmp_path / "train.parquet")
    for file in (text.encode(), tmp_path / "train.parquet"):
        with pytest.raises(OvtError, match="a key that a build has sent in a"):
            check_secrets({"a.parquet" if isinstance(file, Path) else "a.md": file}, {})
    check_secrets({"a.md": b"correct.horse-battery, and correct.horse.battery.staples"}, {})


def test_the_keys_of_a_versions_endpoints_are_looked_for_whatever_they_are_called():
    recipe = {"endpoints": {"a": {"api_key_env": "MY_BANK"}, "b": {"api_key_env": None}, "c": {}}}
    assert key_variables(recipe) == {"MY_BANK"}
    recipe["endpoints"]["c"] = {"headers": {"X": "$MY_HEADER"}, "query": {"sig": "$MY_QUERY", "v": "1"}}
    assert key_variables(recipe) == {"MY_BANK", "MY_HEADER", "MY_QUERY"}
    assert key_variables({}) == set()
    files = {"README.md": b"opensesame-opensesame"}
    check_secrets(files, {"MY_BANK": "opensesame-opensesame"})
    with pytest.raises(OvtError, match=r"the value of \$MY_BANK in README.md"):
        check_secrets(files, {"MY_BANK": "opensesame-opensesame"}, variables={"MY_BANK"})
