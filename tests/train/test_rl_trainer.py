"""Reinforcement by the real GRPOTrainer on a really small model that has begun to know the colours."""

import shutil
from typing import Any

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.versions.read import open_version, scan
from ovt.train import rollouts
from ovt.train.callbacks import LogLines
from ovt.train.rl_trainer import RL, build_trainer, rl
from ovt.train.runs import open_run, read_log
from ovt.train.settings import RlSection, SftSection
from ovt.train.sft_trainer import sft
from ovt.train.training import Order, make_record, prepare, train_stages
from ovt.verifiers import VERSION, verify_response

FAST = {
    "num_generations": 3,
    "rollout_batch_size": 4,
    "global_batch_size": 2,
    "max_steps": 4,
    "max_completion_length": 32,
    "learning_rate": 1e-3,
    "save_steps": 2,
}


def settings(**changes) -> RlSection:
    return RlSection.model_validate(FAST | changes)


@pytest.fixture(scope="module")
def taught(small_vlm, tmp_path_factory, colour_rows, write_version) -> Home:
    """A home with the version `colours` (both splits) and the run `taught`, a model that is right now and then."""
    home = Home(tmp_path_factory.mktemp("taught"))
    write_version(home, colour_rows(40) + colour_rows(8, first=40, split="rl"))
    easy = {"learning_rate": 8e-3, "global_batch_size": 16, "per_device_train_batch_size": 16, "max_steps": 25}
    sft("colours", str(small_vlm), SftSection.model_validate(easy), home, name="taught")
    return home


@pytest.fixture(scope="module")
def whole(taught):
    """An undisturbed run."""
    return rl("colours", "taught", settings(), taught, name="whole")


def test_rewards_are_the_verifiers_and_every_rollout_is_kept_once(taught, whole):
    found = rollouts.scan(whole).collect()
    assert len(found) == found["sample_id"].n_unique() == 2 * 4 * 3
    assert found["step"].unique(maintain_order=True).to_list() == [1, 3]
    golds = dict(row for split in ("sft", "rl") for row in _questions(taught, split))
    for one in found.to_dicts():
        verdict = verify_response(one["text"], golds[one["question_id"]])
        assert (one["outcome"], one["reward"]) == (verdict.outcome, float(verdict.outcome == "correct"))
    told = [line["reward"] for line in read_log(whole.log_path) if line.get("reward") is not None]
    means = found.group_by("step", maintain_order=True).agg(pl.col("reward").mean())["reward"].to_list()
    assert told == pytest.approx(means)


def _questions(home: Home, split: str):
    return scan(open_version("colours", home), split).select(pl.col("question_id"), pl.col("answer")).collect().rows()


def test_a_run_says_what_it_was_made_of(whole, changed):
    record = whole.record
    assert whole.done
    assert (record.kind, record.model, record.verifier_version) == ("rl", "taught", VERSION)
    assert record.parents == ["colours@v1", "taught"]
    result = record.result
    assert (result["steps"], result["questions"], result["verdicts"]) == (4, 48, 24)
    assert 0 < result["reward_share"] < 1
    assert len(read_log(whole.log_path)) >= 4
    assert {"kl", "entropy", "second_opinion", "abstain", "reward_s"} <= set(read_log(whole.log_path)[0])
    assert changed(whole.model, whole.path.parent / "taught" / "model")
    assert "trained by reinforcement" in (whole.model / "README.md").read_text()


@pytest.fixture(scope="module")
def replaced(taught):
    """A run that replaces questions whose rollouts all have one reward, and looks at held-out questions."""
    return rl("colours", "taught", settings(**REPLACING), taught, name="replaced")


REPLACING = {"max_rollout_batches": 4.0, "eval_size": 8, "eval_steps": 2, "questions": {"order": "stored"}}


def test_questions_that_teach_nothing_are_replaced_and_what_it_costs_is_told(replaced):
    learned, everything = rollouts.scan(replaced).collect(), rollouts.scan_all(replaced).collect()
    lines = [line for line in read_log(replaced.log_path) if "asked" in line]
    assert len(everything) == everything["sample_id"].n_unique() == 3 * sum(line["asked"] for line in lines)
    assert len(learned) == 2 * 4 * 3
    for line in lines:
        step, full = pl.col("step") == line["step"], line["asked"] < 16
        groups = learned.filter(step).group_by("question_id").agg(pl.col("reward").n_unique().alias("rewards"))
        assert len(groups) == 4
        assert not full or groups["rewards"].min() == 2  # all of them teach something, unless 16 were asked
        assert line["replaced"] <= line["asked"] - 4
        assert line["replacing_s"] > 0 or line["asked"] == 4
    assert replaced.record.result["asked"] == sum(line["asked"] for line in lines) > 8
    assert set(rollouts.pass_rates(replaced)["question_id"]) == set(everything["question_id"])


def test_held_out_questions_are_answered_and_never_asked(replaced, taught, changed):
    told = [line for line in read_log(replaced.log_path) if "eval_accuracy" in line]
    assert [line["step"] for line in told] == [0, 2, 4]
    assert all(line["eval_low"] <= line["eval_accuracy"] <= line["eval_high"] for line in told)
    assert (replaced.record.result["questions"], replaced.record.result["eval_rows"]) == (40, 8)
    asked = rollouts.scan_all(replaced).select("question_id").unique().collect().height
    assert asked <= 40
    oftener = rl("colours", "taught", settings(**REPLACING | {"eval_steps": 1}), taught, name="oftener")
    assert not changed(oftener.model, replaced.model)  # looking changes nothing


def test_a_run_that_replaces_questions_resumes_as_if_undisturbed(replaced, taught, changed, monkeypatch):
    from ovt.train import rl_trainer

    keep = rl_trainer.keep_rollouts

    def stop(run, ends, judged, learned=True):
        if not learned and judged.step == 3:
            raise KeyboardInterrupt
        keep(run, ends, judged, learned=learned)

    monkeypatch.setattr(rl_trainer, "keep_rollouts", stop)
    with pytest.raises(KeyboardInterrupt):
        rl("colours", "taught", settings(**REPLACING), taught, name="halted")
    monkeypatch.undo()
    resumed = rl("colours", "taught", settings(**REPLACING), taught, name="halted")
    assert not changed(resumed.model, replaced.model)
    names = ("rollouts/" + path.name for path in sorted(replaced.rollouts.glob("*.parquet")))
    for name in names:
        one, two = (pl.read_parquet(run.path / name).drop("model") for run in (resumed, replaced))
        assert one.equals(two)


STALL = """
import time
from pathlib import Path
from ovt.core.home import Home
from ovt.curate.versions.read import open_version, scan
from ovt.train.rl_trainer import rl
from ovt.train.settings import RlSection
from ovt.train.small_rl import SmallSampler
sample = SmallSampler._generate_single_turn
calls = []
def hang(*args, **kwargs):
    calls.append(1)
    if len(calls) == 2:
        time.sleep(600)
    return sample(*args, **kwargs)
SmallSampler._generate_single_turn = hang
settings, home = RlSection.model_validate_json({settings!r}), Home(Path("{home}"))
rl("colours", "taught", settings, home, name="stalled", again="ovt train rl")
"""


@pytest.mark.timeout(600)
def test_a_stalled_run_ends_and_goes_on_as_if_nothing_had_been(taught, whole, changed, start):
    """The watchdog ends the process as kill -9 would: at once, with the last checkpoint on disk and nothing else."""
    chosen = settings(stall_s=10.0)
    program = STALL.format(settings=chosen.model_dump_json(), home=taught.path)
    process = start(program=program)
    _, err = process.communicate()
    assert process.returncode == 130, err[-2000:]
    assert "ovt: no step for 10 s: stopped" in err
    assert "resume with: ovt train rl\n" in err
    stalled = open_run("stalled", taught)
    assert not stalled.done
    shutil.copyfile(stalled.rollouts / "step-00001-0.parquet", stalled.rollouts / "step-00003-0.parquet")
    (stalled.checkpoints / "checkpoint-3").mkdir()  # half written
    gone_on = rl("colours", "taught", chosen, taught, name="stalled")
    assert gone_on.record.result["steps"] == 4
    assert not changed(gone_on.model, whole.model)
    assert rollouts.scan(gone_on).drop("model").collect().equals(rollouts.scan(whole).drop("model").collect())


def test_abstentions_alone_teach_nothing_and_stop_nothing(taught, changed):
    """Where no rule can decide on any rollout, the model stays as it is."""
    from ovt.train.questions import choose_questions
    from ovt.train.runs import start

    chosen = settings(beta=0.0, weight_decay=0.0, max_steps=1, global_batch_size=4)
    training = prepare(RL, Order("colours", "taught", chosen, taught))
    run = start(make_record(RL, training).model_copy(update={"name": "abstained"}), taught)
    trainer = build_trainer(training, choose_questions(training), run, None, None)
    trainer.add_callback(LogLines(run.log_path))
    trainer.reward_funcs[0] = lambda completions, **columns: [None] * len(completions)
    model: Any = trainer.model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    trainer.train()
    assert not changed(before, model.state_dict())
    assert read_log(run.log_path)[0]["reward"] is None


def test_stages_follow_each_other(taught, changed):
    """A frozen vision tower first, then adapters, on the questions that the first stage did not find sure."""
    one = {"max_steps": 1, "rollout_batch_size": 16, "global_batch_size": 16}  # enough for some to be unsure
    stages = [
        settings(**one, freeze_vision_tower=True, questions={"difficulty": ["easy"]}),
        settings(max_steps=1, rollout_batch_size=2, global_batch_size=2, lora={"r": 2}, questions={"sure": "rollouts"}),
    ]
    first, second = train_stages(RL, Order("colours", "taught", stages[0], taught, name="staged"), stages)
    assert second.record.parents == ["colours@v1", "staged-1"]
    assert first.record.result["left_out"] == {"difficulty": 8}
    moved = changed(taught.runs / "taught" / "model", first.model)
    assert moved
    assert not any("visual" in name for name in moved)
    assert (second.model / "adapter_config.json").is_file()
    assert rl("colours", "staged-1", stages[1], taught, name="staged-2").done


def test_what_cannot_be_reinforced_is_one_line(taught):
    for changes, told in (
        ({"questions": {"difficulty": ["hard"]}}, "no question is 'hard'"),
        ({"questions": {"max_prompt_length": 3}}, "no question of colours@v1 is left to ask .too_long 48."),
        ({"questions": {"sure": "rollouts"}}, "run taught has no rollouts"),
        ({"max_completion_length": 512}, "max_completion_length = 512 leaves no room for a prompt in the 512 tokens"),
        ({"max_completion_length": 510}, "no question of colours@v1 is left to ask .too_long 48."),
        ({"trainer": {"num_iterations": "two"}}, "trainer.num_iterations is 'two': give the number of times"),
        ({"trainer": {"delta": "x"}}, "trainer.delta is 'x': Input should be a valid number"),
        ({"lr_scheduler_type": "constnt"}, "the trainer refuses these settings: constnt is not a valid SchedulerType"),
        ({"rollout_batch_size": 64, "global_batch_size": 64}, "48 questions are fewer than a rollout batch of 64"),
    ):
        with pytest.raises(OvtError, match=told):
            rl("colours", "taught", settings(**changes), taught, name="refused")
        assert not (taught.runs / "refused").exists()
        with pytest.raises(OvtError, match=told):
            rl("colours", "taught", settings(**changes), taught, name="taught", resume=False)
        assert open_run("taught", taught).done  # what is refused replaces nothing


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loss_type": "dapoo"}, "loss_type"),
        ({"reward": {"kind": "foo"}}, "unknown kind .foo.: expected one of auto, choice"),
        ({"max_steps": 0}, "give a number of steps, or -1"),
        ({"warmup_steps": 1.5}, "give a share below 1, or a whole number"),
    ],
)
def test_values_that_would_fail_later_are_refused_at_once(changes, told):
    """TRL would find out at the first loss, after a batch of rollouts, or never."""
    with pytest.raises(ValueError, match=told):
        settings(**changes)
