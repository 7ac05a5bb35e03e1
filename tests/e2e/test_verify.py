"""`ovt verify`: one answer, and looking after the verifier over a built version."""

import json
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from ovt.curate.audit.attack import CROSSED, HACKS, TARGETS, attack
from ovt.curate.stages.verify import VerifySection, judge
from ovt.verifiers import verify_many, verify_response

Row = tuple[Any, ...]
REWARD = """
import json, multiprocessing, sys
from dataclasses import astuple
from ovt.verifiers import verify_response

rows, how = json.load(sys.stdin)

def reward(_=None):
    return [astuple(verify_response(text, gold, choices=choices, **how)) for text, gold, choices in rows]

told = {"reward": reward()}
with multiprocessing.get_context("fork").Pool(1) as pool:
    told["reward, forked"] = pool.map(reward, [0])[0]
print(json.dumps(told))
"""

OPEN = "\\int_0^1 \\int_0^1 \\sin(x^{y} + y^x) dx dy"  # against π/3: no rule decides it in time
GOLD = "\\frac{\\pi}{3}"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["x = 1/2", "0.5"], 0),
        (["7", "8"], 1),
        (["--", "-5", "-5"], 0),
        (["--", "-5", "5"], 1),
        (["answer", "A", "red", "--choices", "red", "--choices", "blue"], 0),
        (["--choices", "red", "--choices", "blue", "B", "red"], 1),
        (["--response", "<think>8</think><answer>7</answer>", "7"], 0),
        (["--", "audit", "audit"], 0),
        (["7"], 2),
    ],
)
def test_one_answer_with_or_without_the_commands_name(shell, arguments, code):
    done = shell.run("verify", *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_hostile_answer_does_not_reach_the_terminal(shell):
    assert "\x1b" not in shell.run("verify", "\x1b[31m7 [red]", "7").stdout


@pytest.mark.timeout(400)
def test_an_attack_passes_or_names_what_was_accepted(shell, monkeypatch):
    """On some of the suite; `curate/audit/test_attack.py` tries the whole."""
    monkeypatch.setattr(attack, "__defaults__", (verify_response, HACKS[::5], TARGETS[:10], CROSSED[:30]))
    done = shell.run("verify", "attack", "--json")
    told = json.loads(done.stdout)
    assert len(told["hacks"]) == len(HACKS[::5]) + 1
    assert done.returncode == (4 if told["accepted"] else 0)
    assert bool(told["accepted"]) == ("hacks were accepted" in done.stderr)


def paths(built: dict, table, **section: Any) -> dict[str, list[Row]]:
    """A version's verdicts again on every path that comes to one, field by field: all have to be the same.

    Curation judges tables, evaluation all rows at once; rewards come one by one, in a trainer's process and in a fork
    of it, as data loaders start.
    """
    asked = VerifySection.model_validate(section)
    verdicts, questions = table(built, "verdicts"), table(built, "questions")
    samples = verdicts.select("sample_id", "question_id").join(
        table(built, "samples").select("sample_id", "text"), on="sample_id", maintain_order="left"
    )
    rows = samples.join(questions, on="question_id", maintain_order="left").select("text", "gold", "choices").rows()
    how = {"kind": asked.kind, "presume_wrong": asked.presumes_wrong}
    elsewhere = subprocess.run(
        [sys.executable, "-c", REWARD], input=json.dumps([rows, how]), capture_output=True, text=True, check=True
    )
    told = {
        "curation": judge(samples, questions, asked).drop("sample_id", "question_id").rows(),
        "evaluation": [astuple(verdict) for verdict in verify_many(rows, responses=True, **how)],
        "ledger": verdicts.drop("sample_id", "question_id").rows(),
    }
    return told | {name: [tuple(row) for row in found] for name, found in json.loads(elsewhere.stdout).items()}


def test_every_path_comes_to_the_same_verdicts(shell, loopback, table):
    loopback.reply = write_question(shell, "a dog", "dog", "a cat", "a dog or a cat", "", judge=False)
    for built in (shell.build(), shell.build("--set", 'verify.kind="choice"')):
        kind = json.loads((Path(built["path"]) / "manifest.json").read_text())["provenance"]["recipe"]["verify"]["kind"]
        told = paths(built, table, kind=kind)
        assert list(told) == ["curation", "evaluation", "ledger", "reward", "reward, forked"]
        assert len(told["curation"]) == 4
        assert all(verdicts == told["curation"] for verdicts in told.values())


def write_question(shell, gold: str, *answers: str, kinds: str = '["expression", "number"]', judge: bool = True):
    """One question in the recipe's source; the server gives the answers in turn, and judges say CORRECT of a hound."""
    row = {"image": "0.png", "question": "What is number 0?", "answer": gold}
    (shell.folder / "questions.jsonl").write_text(json.dumps(row) + "\n")
    with shell.recipe.open("a") as recipe:
        recipe.write("" if not judge else f'\n[verify.judge]\nendpoint = "server"\nkinds = {kinds}\n')

    def reply(body: dict, choice: int) -> str:
        if "Answer to judge" in str(body):
            return "One is a cat.\nWRONG" if "cat" in str(body) else "They are the same.\nCORRECT"
        return f"<think>Hm, step {choice}.</think>\n<answer>{answers[choice % len(answers)]}</answer>"

    return reply


def test_an_audit_writes_disagreements_and_takes_labels_back(shell, loopback):
    loopback.reply = write_question(shell, "9:45", "9:45", "5 + 4", "9:45 am")
    shell.build()
    out, cases = shell.folder / "label.jsonl", shell.folder / "regressions.jsonl"
    done = shell.run("verify", "audit", "small", "--json", "--out", str(out), "--judge-recipe", str(shell.recipe))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["samples"], told["answers"], told["without_answer"]) == (4, 3, 0)
    assert {row["grader"] for row in told["by_kind"]} >= {"math-verify", "judge"}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    (disputed,) = [row for row in rows if row["answer"] == "5 + 4"]
    assert disputed["verdicts"] == disputed["verdicts"] | {"ovt": "wrong", "judge": "correct"}
    out.write_text(json.dumps(disputed | {"label": "wrong"}) + "\n")
    done = shell.run("verify", "labels", str(out), "--cases", str(cases), "--json")
    assert json.loads(done.stdout) == {"added": 1, "known": 0, "unlabelled": 0, "failing": []}
    assert json.loads(cases.read_text())["label"] == "wrong"
    asked = len(loopback.answered)
    done = shell.run("verify", "audit", "small", "--judge-recipe", str(shell.recipe))
    assert len(loopback.answered) == asked  # its judgements were kept
    assert "disputed" in done.stdout


def test_a_judge_gives_verdicts_where_the_rules_abstain(shell, loopback, table):
    loopback.reply = write_question(shell, GOLD, OPEN, GOLD)
    options = ["--set", "reason.k=2"]
    built = shell.build(*options)
    verdicts = table(built, "verdicts")
    assert verdicts["outcome"].to_list() == ["correct", "correct"]
    assert verdicts["reason"][0] == "judge"
    assert verdicts["explanation"][0].startswith("judge test-model (prompt ")
    manifest = json.loads((Path(built["path"]) / "manifest.json").read_text())
    assert [use["stage"] for use in manifest["provenance"]["models"]] == ["caption", "reason", "judge"]
    assert len(loopback.answered) == 3
    told = paths(built, table, judge={"endpoint": "server", "kinds": ["expression", "number"]})
    assert [row[0] for row in told["reward"]] == ["abstain", "correct"]  # RL and evaluation ask no model


def test_a_judge_is_asked_about_texts_that_differ_and_about_nothing_else(shell, loopback, table):
    loopback.reply = write_question(shell, "a dog", "a hound", "dog", "cat", "a dog or a cat", kinds='["text"]')
    before = planned(shell)
    assert (before["judge"]["wanted"], before["judge"]["calls"]) == (4, 4)
    built = shell.build()
    verdicts = table(built, "verdicts")
    assert verdicts.select("outcome", "reason").rows() == [
        ("correct", "judge"),
        ("correct", "equal"),
        ("wrong", "judge"),
        ("wrong", "different"),
    ]
    asked = [seen for seen in loopback.answered if "Answer to judge" in str(seen.body)]
    assert len(asked) == 2
    manifest = json.loads((Path(built["path"]) / "manifest.json").read_text())
    (used,) = [use for use in manifest["usage"] if use["stage"] == "judge"]
    assert (used["samples"], used["failed"]) == (2, 0)
    assert used["prompt_tokens"] == sum(seen.prompt_tokens for seen in asked)
    assert used["completion_tokens"] == sum(seen.completion_tokens for seen in asked) > 0
    after = planned(shell)
    assert (after["judge"]["wanted"], after["judge"]["answered"], after["judge"]["calls"]) == (2, 2, 0)
    told = paths(built, table, judge={"endpoint": "server", "kinds": ["text"]})
    ledger = [("abstain", row[1], "texts_differ") if row[2] == "judge" else row[:3] for row in told.pop("ledger")]
    assert all([row[:3] for row in verdicts] == ledger for verdicts in told.values())


def planned(shell) -> dict[str, dict]:
    """The stages of a dry run."""
    done = shell.run("curate", "build", str(shell.recipe), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    return {stage["stage"]: stage for stage in json.loads(done.stdout)}


def test_a_judge_counts_against_the_budget(shell, loopback):
    loopback.reply = write_question(shell, "a dog", "a hound", "a cat", kinds='["text"]')
    shell.build("--set", 'verify.judge.kinds=["expression"]', "--set", "reason.k=2")
    asked = len(loopback.answered)
    done = shell.run("curate", "build", str(shell.recipe), "--set", "reason.k=2", "--max-tokens", "1")
    assert done.returncode == 3, done.stderr
    assert len(loopback.answered) == asked


def test_a_judge_that_no_endpoint_answers_for_is_refused(shell):
    done = shell.run("curate", "build", str(shell.recipe), "--set", 'verify.judge.endpoint="gpt"')
    assert done.returncode == 2
    assert "verify.judge.endpoint is 'gpt', which is not under [endpoints]" in done.stderr


def test_an_audit_needs_a_judge_where_it_is_told_to_ask_one(shell):
    done = shell.run("verify", "audit", "small", "--judge-recipe", str(shell.recipe))
    assert done.returncode == 1
    assert "has no [verify.judge]" in done.stderr
