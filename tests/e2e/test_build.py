"""`ovt curate build` from questions to a version, undisturbed and disturbed."""

import hashlib
import json
import re
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest


def files(folder: Path) -> dict[str, str]:
    """The hash of every file of a version, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_build_ends_in_a_version_that_datasets_loads(shell, loopback, table):
    built = shell.build()
    assert (built["ref"], built["questions"]) == ("small@v1", 20)
    assert (built["sft"], built["rl"]) == (16, 4)  # numbers 0, 5, 10 and 15 are never right
    assert len(loopback.answered) == 20 + 20  # one caption, and one call for four chains, per question

    from datasets import load_dataset

    loaded = load_dataset(built["path"])
    assert {split: len(rows) for split, rows in loaded.items()} == {"sft": 16, "rl": 4}
    row = loaded["sft"][0]
    assert row["images"][0].size == (56, 56)
    assert row["prompt"][0]["role"] == "user"
    assert row["completion"][0]["content"].endswith(f"<answer>{row['answer']}</answer>")
    assert "step 0.\n</think>" in row["completion"][0]["content"]  # the shortest correct one
    assert loaded["rl"][0]["completion"] == []


def test_every_question_and_sample_ends_in_one_decision(shell, table):
    built = shell.build()
    decisions, samples, questions = (table(built, name) for name in ("decisions", "samples", "questions"))
    assert Counter(decisions["id"].to_list()).most_common(1)[0][1] == 1
    assert set(decisions["id"]) == set(questions["question_id"]) | set(samples["sample_id"])


def test_the_same_build_again_asks_nothing_and_adds_nothing(shell, loopback):
    first = shell.build()
    loopback.seen.clear()
    assert shell.build() == first
    assert loopback.seen == []


def test_more_samples_reuse_those_that_are_there(shell, loopback):
    shell.build()
    loopback.seen.clear()
    built = shell.build("--set", "reason.k=6")
    assert built["ref"] == "small@v2"
    assert {seen.n for seen in loopback.answered} == {2}
    assert len(loopback.answered) == 20


@pytest.mark.parametrize("answered", [1, 12, 28])  # among the first captions, the last ones, the chains
def test_kill_9_and_again_is_the_undisturbed_build(shell, loopback, tmp_path, answered):
    loopback.latency_s = 0.1
    process = shell.start("curate", "build", str(shell.recipe))
    while len(loopback.answered) < answered:
        time.sleep(0.002)
    process.kill()
    process.wait()
    before = len(loopback.answered)
    resumed = shell.build()
    asked = Counter(seen.digest for seen in loopback.answered)
    repeated = sum(asked.values()) - len(asked)
    assert before < 40
    # At most what was under way at the kill (the endpoint's max_concurrency), and what had come within its last
    # milliseconds and was not committed yet.
    assert repeated <= 2 * 8
    undisturbed = shell.build(home=tmp_path / "other")
    assert files(Path(resumed["path"])) == files(Path(undisturbed["path"]))


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stopped_build_says_how_to_resume(shell, loopback, number, code, word):
    loopback.latency_s = 0.2
    process = shell.start("curate", "build", str(shell.recipe), "--set", "reason.k=2")
    while not loopback.seen:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert f"ovt: {word}; every reply so far is kept" in err
    assert f"resume with: ovt curate build {shell.recipe} --set reason.k=2" in err
    assert "Traceback" not in err


def test_ctrl_c_stops_an_import_at_once(shell):
    source = shell.folder / "questions.jsonl"
    rows = [json.loads(row) for row in source.read_text().splitlines()]
    more = [row | {"question": f"{row['question']} {i}"} for i in range(200) for row in rows]
    source.write_text("".join(json.dumps(row) + "\n" for row in more))
    process = shell.start("curate", "build", str(shell.recipe))
    while not shell.home.joinpath("images").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "resume with: ovt curate build" in err
    assert "4,000/4,000" not in err


def test_a_dry_run_needs_no_key_and_a_build_says_which_it_needs(shell):
    key = ["--set", "endpoints.server.base_url=https://127.0.0.2/v1", "--set", "endpoints.server.api_key_env=MY_KEY"]
    planned = shell.run("curate", "build", str(shell.recipe), "--dry-run", "--json", *key)
    assert planned.returncode == 0, planned.stderr
    refused = shell.run("curate", "build", str(shell.recipe), "--yes-send-key", *key)
    assert refused.returncode == 1
    assert "$MY_KEY is not set" in refused.stderr


def test_a_server_that_says_anything_leaves_no_trace_of_the_key(shell, loopback, table):
    key = "k3y-of-the-user-1234"
    replies = {1: f"Bearer {key}", 2: "\x1b[31m[/red]\x00\ud800<script>", 3: "\u202e" * 1000}
    said = {4: (400, {"error": {"message": f"\x1b]0;{key}\x07\ud800"}}), 5: (200, {"error": f"key {key}"})}

    def number(body):
        found = re.search(r"number (\d+)", str(body))
        return int(found[1]) if found else 0

    loopback.reply = lambda body, choice: replies.get(number(body), f"<answer>{number(body)}</answer>")
    loopback.status = lambda body: said.get(number(body))
    settings = ("endpoints.server.api_key_env=MY_KEY", "endpoints.server.max_retries=1", "limits.max_failed=0.2")
    options = [part for setting in settings for part in ("--set", setting)]
    built = shell.build(*options, MY_KEY=key)
    decisions = table(built, "decisions")
    assert len(decisions.filter(level="question")) == 20
    assert len(decisions.filter(reason="request_failed")) == 8
    assert decisions["detail"].str.contains("\x1b").any() is False
    for path in shell.home.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
    shown = shell.run("curate", "preview", str(shell.recipe), "-n", "6", *options, MY_KEY=key)
    assert shown.returncode == 0, shown.stderr
    assert not {"\x1b", "\x00", "\u202e"} & set(shown.stdout)


def test_two_builds_at_once_in_one_home(shell, tmp_path):
    both = [shell.start("curate", "build", str(shell.recipe), "--json") for _ in range(2)]
    outlines = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], outlines
    first, second = (json.loads(out) for out, _ in outlines)
    assert first == second
    assert files(Path(first["path"])) == files(Path(shell.build(home=tmp_path / "other")["path"]))


def test_under_failures_every_question_ends_in_a_decision(shell, loopback, table, tmp_path):
    loopback.chaos = replace(loopback.chaos, share=0.2)
    built = shell.build("--set", "endpoints.server.max_retries=12")
    decisions = table(built, "decisions")
    assert len(decisions.filter(level="question")) == 20
    assert set(decisions["id"]) >= set(table(built, "samples")["sample_id"])
    assert len({seen.outcome for seen in loopback.seen}) > 3


def test_what_fails_is_a_row_with_a_reason_and_is_asked_again_next_time(shell, loopback, table):
    loopback.status = lambda body: (400, {"error": {"message": "too long"}}) if "number 7?" in str(body) else None
    built = shell.build()
    failed = table(built, "decisions").filter(reason="request_failed")
    assert len(failed) == 4
    assert table(built, "decisions").filter(reason="no_reply")["level"].to_list() == ["question"]
    loopback.status = lambda body: None
    loopback.seen.clear()
    again = shell.build()
    assert (again["ref"], again["sft"]) == ("small@v2", 16)
    assert len(loopback.answered) == 1


def test_an_answer_lost_to_a_kill_that_comes_empty_afterwards_is_asked_until_it_is_there(shell, loopback, tmp_path):
    undisturbed, said = shell.build(home=tmp_path / "other"), loopback.reply
    loopback.reply = lambda body, choice: "" if "number 7?" in str(body) else said(body, choice)
    assert shell.build()["sft"] == 15  # and exit code 0: one of twenty may fail
    loopback.reply = said
    assert files(Path(shell.build()["path"])) == files(Path(undisturbed["path"]))


def test_a_budget_stops_before_it_is_overspent_and_resumes(shell, loopback):
    prices = [
        "--set", "endpoints.server.usd_per_million_prompt_tokens=1",
        "--set", "endpoints.server.usd_per_million_completion_tokens=1",
        "--set", "reason.sampling.max_tokens=100", "--set", "caption.sampling.max_tokens=100",
    ]  # fmt: skip
    stopped = shell.run("curate", "build", str(shell.recipe), "--max-tokens", "1000", *prices)
    assert stopped.returncode == 3
    assert "resume with a larger --max-tokens: ovt curate build" in stopped.stderr
    assert sum(seen.prompt_tokens + seen.completion_tokens for seen in loopback.answered) <= 1000
    before = len(loopback.answered)
    assert 0 < before < 40
    shell.build(*prices)
    assert len(loopback.answered) == 40


def test_a_dry_run_asks_nothing(shell, loopback):
    done = shell.run("curate", "build", str(shell.recipe), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    captions, chains = json.loads(done.stdout)
    assert (captions["stage"], captions["wanted"], captions["answered"], captions["calls"]) == ("caption", 20, 0, 20)
    assert (chains["stage"], chains["wanted"], chains["calls"]) == ("reason", 80, 20)
    assert loopback.seen == []
    shell.build()
    done = shell.run("curate", "build", str(shell.recipe), "--dry-run", "--json")
    assert [(stage["answered"], stage["calls"]) for stage in json.loads(done.stdout)] == [(20, 0), (80, 0)]


def test_preview_shows_prompts_and_replies_and_leaves_no_version(shell, loopback):
    done = shell.run("curate", "preview", str(shell.recipe))
    assert done.returncode == 0, done.stderr
    for shown in ("Describe.", "A picture with 1 image. | What is number 2?", "<answer>2</answer>", "kept at version"):
        assert shown in done.stdout
    assert json.loads(shell.run("data", "list", "--json").stdout) == []
    loopback.seen.clear()
    shell.build("--limit", "3")
    assert loopback.seen == []  # its replies were kept


def test_the_first_iteration_can_see_the_image_instead(shell, loopback):
    built = shell.build("--set", "reason.see=image", "--set", "reason.prompt={question}", "--set", "caption.prompt=x")
    assert built["sft"] == 16
    assert all("image_url" in str(seen.body) for seen in loopback.answered)


def test_the_key_is_in_no_file_and_on_no_screen(shell, loopback):
    loopback.api_key = "sk-very-secret-1234567890"
    wrong = shell.run(
        "curate",
        "build",
        str(shell.recipe),
        "--set",
        "endpoints.server.api_key_env=MY_KEY",
        MY_KEY="sk-wrong-987654321",
    )
    assert wrong.returncode == 1
    assert "sk-wrong" not in wrong.stdout + wrong.stderr
    done = shell.run(
        "curate", "build", str(shell.recipe), "--set", "endpoints.server.api_key_env=MY_KEY", MY_KEY=loopback.api_key
    )
    assert done.returncode == 0, done.stderr
    assert "very-secret" not in done.stdout + done.stderr
    for path in shell.home.rglob("*"):
        if path.is_file():
            assert b"very-secret" not in path.read_bytes(), path
