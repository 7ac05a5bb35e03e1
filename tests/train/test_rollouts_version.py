"""Rollouts as a version: the same samples and verdicts, read by whatever reads versions."""

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.curate.reports.why import story
from ovt.curate.versions.read import scan
from ovt.train import rollouts
from ovt.train.reward import Judged
from ovt.train.rollouts import save_rollouts
from ovt.train.runs import Run, RunRecord
from ovt.verifiers import Verdict, verify_response

END = 2
RECIPE = {
    "name": "colours",
    "sources": [{"path": "here"}],
    "endpoints": {"e": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}},
    "caption": {"endpoint": "e"},
    "reason": {"endpoint": "e"},
}


@pytest.fixture
def run(home, write_version, colour_rows, question_id) -> Run:
    """A run on three of five questions: its second step asks the first question again."""
    version = write_version(home, colour_rows(5), recipe=RECIPE)
    record = RunRecord(name="r", kind="rl", model="m", data=version.ref, data_hash=version.manifest.content_hash,
                       ovt_version="0", verifier_version="7")  # fmt: skip
    run = Run("r", home.runs / "r", record)
    golds = [row["answer"] for row in colour_rows(5)]
    for step, numbers in ((1, (0, 2)), (3, (0, 4))):
        said = [(number, answer) for number in numbers for answer in (golds[number], "violet", golds[number])]
        keep(run, step, [question_id(number) for number, _ in said], [answer for _, answer in said],
             [golds[number] for number, _ in said])  # fmt: skip
    return run


def keep(run: Run, step: int, question_ids: list[str], answers: list[str], golds: list[str]) -> None:
    texts = [f"<think>Step {step}.</think>\nIt is so.\n<answer>{answer}</answer>" for answer in answers]
    verdicts: list[Verdict] = [verify_response(text, gold) for text, gold in zip(texts, golds, strict=True)]
    judged = Judged(step=step, question_ids=question_ids, texts=texts, tokens=[[7, END]] * len(texts),
                    verdicts=verdicts, rewards=[float(bool(verdict)) for verdict in verdicts])  # fmt: skip
    rollouts.write(rollouts.to_table(judged, {END}, run.name), run.rollouts, step)


def test_every_rollout_is_a_sample_with_its_verdict(run, home, question_id):
    version = save_rollouts(run, "tried", home, "…")
    samples, verdicts = scan(version, "samples").collect(), scan(version, "verdicts").collect()
    assert samples["text"].sort().to_list() == rollouts.scan(run).collect()["text"].sort().to_list()
    assert verdicts["outcome"].value_counts().sort("outcome").rows() == [("correct", 8), ("wrong", 4)]
    of_first = samples.filter(pl.col("question_id") == question_id(0))
    assert of_first["index"].to_list() == [0, 1, 2, 3, 4, 5]
    assert of_first["reply_key"][3] == f"r/{question_id(0)}-rollout-3-0"
    assert set(samples["model"]) == {"r"}


def test_what_reads_versions_reads_it(run, home, question_id):
    version = save_rollouts(run, "tried", home, "…")
    assert version.manifest.rows == {"sft": 3, "rl": 0, "questions": 3, "samples": 12, "verdicts": 12, "decisions": 15}
    assert version.manifest.provenance.verifier_version == "7"
    assert str(version.manifest.provenance.parent).startswith("colours@")
    assert len(story(version, question_id(4))["samples"]) == 3
    assert [row.rows_out for row in version.manifest.funnel if row.level == "sample"][-1] == 3


def test_saved_again_it_is_the_same_version(run, home):
    first, second = (save_rollouts(run, "tried", home, "…") for _ in range(2))
    assert first.ref == second.ref == "tried@v1"


def test_a_run_whose_version_is_gone(run, home):
    lost = Run("r", run.path, run.record.model_copy(update={"data": "gone@v1"}))
    with pytest.raises(OvtError, match="no version is named 'gone'"):
        save_rollouts(lost, "tried", home, "…")


def test_a_version_of_the_hub_is_found_by_its_content(run, home):
    """A run on a Hub id learned from what came home then, whatever its name here."""
    from_hub = Run("r", run.path, run.record.model_copy(update={"data": "you/colours"}))
    assert save_rollouts(from_hub, "tried", home, "…").manifest.rows
    gone = Run("r", run.path, from_hub.record.model_copy(update={"data_hash": "0" * 64}))
    with pytest.raises(OvtError, match="you/colours, which run r trained on, is not in this home: `ovt data pull` it"):
        save_rollouts(gone, "tried", home, "…")
