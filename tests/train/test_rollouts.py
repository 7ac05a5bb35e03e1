"""Rollouts: every one kept once, in tables like a version's."""

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.core.schema import SAMPLES, VERDICTS
from ovt.train.reward import Judged
from ovt.train.rollouts import by_step, forget_after, pass_rates, pick, scan, tables, to_table, write
from ovt.train.runs import Run, RunRecord
from ovt.verifiers import Verdict

END = 2
RIGHT, WRONG, NONE = (Verdict(outcome, "text", "because") for outcome in ("correct", "wrong", "abstain"))


@pytest.fixture
def run(tmp_path) -> Run:
    return Run("r", tmp_path, RunRecord(name="r", kind="rl", model="m", ovt_version="0"))


def judged(step: int, *groups: tuple[str, tuple[Verdict, ...]]) -> Judged:
    """A batch of groups (question, verdicts); every second response is cut off."""
    rows = [(question, verdict) for question, verdicts in groups for verdict in verdicts]
    return Judged(
        step=step,
        question_ids=[question for question, _ in rows],
        texts=[f"Wait, first {i}" for i in range(len(rows))],
        tokens=[[7, END] if i % 2 == 0 else [7, 7] for i in range(len(rows))],
        verdicts=[verdict for _, verdict in rows],
        rewards=[{"correct": 1.0, "wrong": 0.0, "abstain": None}[verdict.outcome] for _, verdict in rows],
    )


def keep(run: Run, batch: Judged, rank: int = 0) -> None:
    write(to_table(batch, {END}, run.name, rank), run.rollouts, batch.step, rank)


def test_they_read_like_a_versions_samples(run):
    keep(run, judged(1, ("qa", (RIGHT, WRONG)), ("qb", (WRONG, NONE))))
    found = tables(run)
    assert found["samples"].schema == SAMPLES
    assert found["verdicts"].schema == VERDICTS
    assert found["samples"]["sample_id"].to_list() == [
        "qa-rollout-1-0", "qa-rollout-1-1", "qb-rollout-1-0", "qb-rollout-1-1",
    ]  # fmt: skip
    assert found["samples"]["finish_reason"].to_list() == ["stop", "length"] * 2
    assert found["verdicts"]["outcome"].to_list() == ["correct", "wrong", "wrong", "abstain"]


def test_advantages_are_within_a_question_and_step(run):
    keep(run, judged(1, ("qa", (RIGHT, WRONG)), ("qb", (WRONG, WRONG))))
    keep(run, judged(2, ("qa", (RIGHT, RIGHT))))
    advantages = scan(run).collect()["advantage"].to_list()
    assert advantages == pytest.approx([0.707, -0.707, 0, 0, 0, 0], abs=0.001)


@pytest.mark.parametrize(("scale", "first"), [("group", 0.707), ("batch", 0.5 / 0.548), ("none", 0.5)])
def test_advantages_are_scaled_as_trl_scales_them(tmp_path, scale, first):
    settings = {"scale_rewards": scale, "num_generations": 2}
    run = Run("r", tmp_path, RunRecord(name="r", kind="rl", model="m", ovt_version="0", settings=settings))
    keep(run, judged(1, ("qa", (RIGHT, WRONG)), ("qb", (WRONG, WRONG)), ("qa", (RIGHT, RIGHT))))
    assert scan(run).collect()["advantage"].to_list() == pytest.approx([first, -first, 0, 0, 0, 0], abs=0.002)
    assert by_step(run)["same"].to_list() == pytest.approx([2 / 3])  # a question that came twice has two groups


def test_a_step_written_again_replaces_itself(run):
    for _ in range(2):
        for step in (1, 3, 5):
            keep(run, judged(step, ("qa", (RIGHT, WRONG))))
    assert len(scan(run).collect()) == 6
    forget_after(run.rollouts, 3)
    assert scan(run).collect()["step"].unique(maintain_order=True).to_list() == [1, 3]
    assert not list(run.rollouts.glob(".*"))


def test_processes_write_beside_each_other(run):
    for rank in (0, 1):
        keep(run, judged(1, ("qa", (RIGHT, WRONG))), rank)
    assert scan(run).collect()["sample_id"].n_unique() == 4


def test_pick_and_count(run):
    keep(run, judged(1, ("qa", (RIGHT, WRONG)), ("qb", (WRONG, NONE))))
    keep(run, judged(2, ("qa", (RIGHT, RIGHT))))
    assert [one["step"] for one in pick(run, 9)] == [2, 2]
    assert [one["question_id"] for one in pick(run, 9, step=1, outcome="wrong")] == ["qa", "qb"]
    assert [one["step"] for one in pick(run, 9, question="qa")] == [1, 1, 2, 2]
    with pytest.raises(OvtError, match="run r has no rollouts of step 3: choose among 1, 2"):
        pick(run, 9, step=3)
    rates = dict(pass_rates(run).select("question_id", "pass_rate").iter_rows())
    assert rates == {"qa": 0.75, "qb": 0.0}
    first, second = by_step(run).to_dicts()
    assert first["rollouts"] == 4
    assert first["accuracy"] == pytest.approx(1 / 3)
    assert first["abstain"] == 0.25
    assert first["truncated"] == 0.5
    assert (first["same"], second["same"]) == (0.5, 1.0)
    assert first["behaviour_reflection"] == pytest.approx(1000 / 3)


def test_a_run_without_rollouts(run):
    with pytest.raises(OvtError, match="run r has no rollouts"):
        scan(run)


def test_advantages_of_nothing_but_abstentions(run):
    keep(run, judged(1, ("qa", (NONE, NONE))))
    assert scan(run).collect()["reward"].to_list() == [None, None]
    assert by_step(run)["same"].to_list() == [1.0]
    assert isinstance(by_step(run), pl.DataFrame)
