"""Fine-tuning by the real SFTTrainer on a really small model: it learns, stops, goes on, and refuses in one line."""

import os
import resource
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train.models import load_processor
from ovt.train.runs import is_complete, last_checkpoint, open_run, read_log
from ovt.train.settings import LoraSection, SftSection
from ovt.train.sft_trainer import sft

FAST = {
    "learning_rate": 3e-3,
    "global_batch_size": 16,
    "per_device_train_batch_size": 16,
    "max_steps": 6,
    "save_steps": 3,
    "warmup_steps": 1,
}
BRIEF = {"max_steps": 1, "keep_checkpoints": True}


def settings(**changes) -> SftSection:
    return SftSection.model_validate(FAST | changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_vlm, colour_rows, write_version) -> Home:
    """A home with a run `one` of a single step, which is done and has kept its checkpoint; nothing changes it."""
    home = Home(tmp_path_factory.mktemp("finished") / "home")
    write_version(home, colour_rows(16))
    sft("colours", str(small_vlm), settings(**BRIEF), home, name="one")
    return home


@contextmanager
def as_soon_as(happened: Callable[[], bool], act: Callable[[], None]) -> Generator[None]:
    """Acts once, from a thread, when something has happened while the block runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            if happened():
                act()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def interrupted_after(log: Path, count: int) -> AbstractContextManager[None]:
    """Sends this process what Ctrl-C sends, as soon as so many steps are logged."""
    return as_soon_as(
        lambda: log.is_file() and log.read_text().count("\n") >= count, lambda: os.kill(os.getpid(), signal.SIGINT)
    )


def test_it_learns_the_colours(home, small_vlm, colour_rows, write_version):
    """From nothing to nearly all held-out tokens right: the loss falls by far more than chance could."""
    write_version(home, colour_rows(96))
    run = sft("colours", str(small_vlm), settings(learning_rate=8e-3, max_steps=40, eval_size=16, save_steps=40), home)
    told = read_log(run.log_path)
    first = told[0]["loss"]
    evaluation = next(line for line in told if "eval_loss" in line)
    assert first > 4
    assert evaluation["eval_loss"] < 0.5
    assert evaluation["eval_mean_token_accuracy"] > 0.8
    assert run.done
    assert run.record.result["steps"] == 40
    assert run.record.result["eval_rows"] == 16


def test_stopped_and_resumed_is_the_same_as_undisturbed(home, small_vlm, colour_rows, write_version, changed, capfd):
    write_version(home, colour_rows(40))
    longer = settings(max_steps=10, save_steps=100)
    whole = sft("colours", str(small_vlm), longer, home, name="whole")
    with interrupted_after(home.runs / "halved" / "log.jsonl", 4), pytest.raises(KeyboardInterrupt):
        sft("colours", str(small_vlm), longer, home, name="halved")
    assert "ovt: stopping after this step, with a checkpoint; Ctrl-C again stops at once" in capfd.readouterr().err
    halved = open_run("halved", home)
    assert not halved.done
    checkpoint = last_checkpoint(halved)
    assert checkpoint is not None
    assert checkpoint.name != "checkpoint-10"
    halved = sft("colours", str(small_vlm), longer, home, name="halved")
    assert not changed(whole.model, halved.model)
    told = ("step", "loss", "learning_rate", "num_tokens")
    assert [[line.get(name) for name in told] for line in read_log(whole.log_path) if "loss" in line] == [
        [line.get(name) for name in told] for line in read_log(halved.log_path) if "loss" in line
    ]


def test_adapters_resume_and_merge_to_what_they_computed(home, small_vlm, colour_rows, write_version, changed):
    write_version(home, colour_rows(16))
    lora = settings(max_steps=8, save_steps=100, lora=LoraSection(r=4), freeze_vision_tower=True)
    whole = sft("colours", str(small_vlm), lora, home, name="whole")
    with interrupted_after(home.runs / "halved" / "log.jsonl", 3), pytest.raises(KeyboardInterrupt):
        sft("colours", str(small_vlm), lora, home, name="halved")
    halved = sft("colours", str(small_vlm), lora, home, name="halved")
    assert not changed(whole.model, halved.model)
    moved = changed(small_vlm, whole.model)
    assert moved
    assert all("language_model" in name and "proj" in name for name in moved)


def test_only_the_completion_is_learned(home, small_vlm, colour_rows, write_version):
    """Prompts that differ in what the loss must not see give the same labels."""
    from ovt.train.data import IGNORED, load_split, make_collator

    write_version(home, colour_rows(4))
    processor = load_processor(str(small_vlm))
    batch = make_collator(processor)(list(load_split("colours", "sft", home).dataset))
    for ids, labels, row in zip(batch["input_ids"], batch["labels"], colour_rows(4), strict=True):
        learned = processor.tokenizer.decode(ids[labels != IGNORED])
        assert learned == f"{row['completion']}<|im_end|>\n"
        assert torch.equal(labels[labels != IGNORED], ids[labels != IGNORED])


def test_the_best_checkpoint_becomes_the_model(home, small_vlm, colour_rows, write_version, changed):
    """With a learning rate that ruins the model after a while, the last checkpoint is not the best one."""
    write_version(home, colour_rows(24))
    wild = settings(max_steps=12, save_steps=4, eval_size=8, learning_rate=0.3, lr_scheduler_type="constant",
                    save_total_limit=1, keep_checkpoints=True)  # fmt: skip
    run = sft("colours", str(small_vlm), wild, home)
    losses = {line["step"]: line["eval_loss"] for line in read_log(run.log_path) if "eval_loss" in line}
    best = min(losses, key=lambda step: losses[step])
    assert run.record.result["best_step"] == best
    assert run.record.result["eval_loss"] == losses[best]
    assert not changed(run.model, run.checkpoints / f"checkpoint-{best}")
    assert best == 12 or changed(run.model, run.checkpoints / "checkpoint-12")
    # with a single checkpoint to keep, the trainer would delete the last one in favour of the best
    kept = {path.name for path in run.checkpoints.glob("checkpoint-*")}
    assert len(kept) == 2
    assert kept >= {f"checkpoint-{best}", "checkpoint-12"}


def test_one_checkpoint_asked_for_is_the_last(home, small_vlm, colour_rows, write_version, changed):
    write_version(home, colour_rows(24))
    wild = settings(max_steps=4, save_steps=2, eval_size=8, learning_rate=0.3, lr_scheduler_type="constant",
                    save_total_limit=1, load_best_model_at_end=False, keep_checkpoints=True)  # fmt: skip
    run = sft("colours", str(small_vlm), wild, home)
    assert {path.name for path in run.checkpoints.glob("checkpoint-*")} == {"checkpoint-4"}
    assert not changed(run.model, run.checkpoints / "checkpoint-4")


def test_a_finished_run_is_found_and_another_one_is_not_overwritten(finished, small_vlm):
    again = sft("colours", str(small_vlm), settings(**BRIEF), finished, name="one")
    assert again.record == open_run("one", finished).record
    with pytest.raises(OvtError, match=r"learning_rate was 0\.003, would be 0\.001\); choose another --name"):
        sft("colours", str(small_vlm), settings(**BRIEF, learning_rate=1e-3), finished, name="one")


def test_the_model_holds_what_others_load(finished, small_vlm):
    from ovt.pocket.engine import load

    run = open_run("one", finished)
    for folder in (run.model, run.checkpoints / "checkpoint-1"):
        for name in ("preprocessor_config.json", "tokenizer_config.json", "chat_template.jinja", "tokenizer.json",
                     "generation_config.json"):  # fmt: skip
            if (small_vlm / name).is_file():
                assert (folder / name).read_bytes() == (small_vlm / name).read_bytes()
    assert load(str(run.model)).revision
    assert not list(run.model.glob("*.bin"))


def test_rows_too_long_are_left_out_by_id(home, small_vlm, colour_rows, write_version, question_id, capsys):
    rows = colour_rows(18)
    rows[3] |= {"completion": "<think>" + "so it goes on, " * 200 + "</think>\n<answer>white</answer>"}
    write_version(home, rows)
    run = sft("colours", str(small_vlm), settings(max_steps=1), home)
    assert run.record.result["left_out"] == {"too_long": 1}
    assert run.record.result["train_rows"] == 17
    assert f"left out of colours@v1: too_long 1 ({question_id(3)})" in capsys.readouterr().err


@contextmanager
def disk_full_after(checkpoint: Path) -> Generator[None]:
    """No file can grow past 100 KB once a checkpoint is complete: what a full disk is to the trainer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with as_soon_as(partial(is_complete, checkpoint), fill):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_whole_checkpoint(home, small_vlm, colour_rows, write_version, changed):
    write_version(home, colour_rows(32))
    often = settings(max_steps=12, save_steps=4)
    run = home.runs / "full"
    with (
        disk_full_after(run / "checkpoints" / "checkpoint-4"),
        pytest.raises(OvtError, match=r"checkpoint-[48] is complete and kept: make room"),
    ):
        sft("colours", str(small_vlm), often, home, name="full")
    assert not open_run("full", home).done
    assert not (run / "model").exists()
    done = sft("colours", str(small_vlm), often, home, name="full")
    whole = sft("colours", str(small_vlm), often, home, name="whole")
    assert not changed(done.model, whole.model)


@pytest.mark.parametrize(
    ("change", "changes", "told"),
    [
        ({"images": [], "prompt": "<image>?"}, {}, "colours@v1 has no images for the <image> tags of its prompts"),
        ({"completion": "so " * 900}, {}, "every row of colours@v1 is longer than 512 tokens"),
        ({}, {"max_length": 4096}, "max_length = 4096 is more than the 512 tokens of .*'s? context: lower it"),
        ({}, {"max_length": 8}, r"every row of colours@v1 is longer than 8 tokens \(shortest \d+\): raise max_length"),
        ({}, {"per_device_train_batch_size": 7}, "do not divide a global batch of 16 rows"),
        ({}, {"trainer": {"optimm": "sgd"}}, "trainer.optimm is not accepted: .* did you mean optim"),
        ({}, {"trainer": {"packing": True}}, "trainer.packing is not accepted: .*; leave it out"),
        ({}, {"trainer": {"learning_rate": 1}}, r"trainer.learning_rate is a setting of its own"),
        ({}, {"trainer": {"output_dir": "x"}}, "trainer.output_dir is set by ovt"),
        ({}, {"trainer": {"disable_tqdm": False}}, "trainer.disable_tqdm is set by ovt"),
        ({}, {"trainer": {"hub_token": "hf_secret"}}, "trainer.hub_token is not accepted: "),
        ({}, {"trainer": {"data_seed": "abc"}}, "trainer.data_seed is 'abc': Input should be a valid integer"),
        ({}, {"trainer": {"optim": "sdg"}}, "the trainer refuses these settings: sdg is not a valid OptimizerNames"),
        ({}, {"trainer": {"padding_free": True}}, "the trainer refuses these settings: .*[pP]adding.free"),
        ({}, {"lr_scheduler_type": "cosin"}, "the trainer refuses these settings: cosin is not a valid SchedulerType"),
        ({}, {"report_to": "wnadb"}, "report_to = 'wnadb': expected wandb, trackio or tensorboard; did you mean wandb"),
        ({}, {"attn_implementation": "nonsense"}, "cannot load .* as a vision-language model: .*nonsense"),
        ({}, {"lora": {"target_modules": "q_prj"}}, 'adapters is named q_prj; choose "all-linear" or some of .*q_proj'),
        (
            {},
            {"lora": {"target_modules": "lm_head"}},
            r"adapters is named lm_head; choose [^:]* or some of (?!.*lm_head)",
        ),
        ({}, {"eval_size": 4}, r"eval_size = 4 leaves nothing to train on \(4 rows, 4 groups of images\): lower it"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(home, small_vlm, colour_rows, write_version, change, changes, told):
    write_version(home, [row | change for row in colour_rows(4)])
    with pytest.raises(OvtError, match=told) as raised:
        sft("colours", str(small_vlm), settings(**changes), home)
    assert "\n" not in str(raised.value)
    assert not list(home.runs.glob("*"))  # the name is free for the line that is mended


def test_what_is_refused_replaces_no_run(finished, small_vlm):
    for changes in ({"lr_scheduler_type": "cosin"}, {"max_length": 8}, {"per_device_train_batch_size": 7}):
        with pytest.raises(OvtError):
            sft("colours", str(small_vlm), settings(**changes), finished, name="one", resume=False)
        assert open_run("one", finished).done


def test_data_of_another_verifier_is_told(home, small_vlm, colour_rows, write_version, capsys):
    write_version(home, colour_rows(8), verifier="0")
    sft("colours", str(small_vlm), settings(max_steps=1, trainer={"optim": "sgd"}), home)
    assert "colours@v1 was verified by verifier 0, this is" in capsys.readouterr().err
