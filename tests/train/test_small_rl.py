"""What a small model learns from is what TRL would have it learn from: log-probabilities, entropies, the loss and its
gradients, on a batch of its own rollouts."""

from typing import Any

import pytest
import torch

from ovt.train import log_probs
from ovt.train.held_out import HeldOut
from ovt.train.log_probs import Eyes, Replies, cut, lay, unpad
from ovt.train.rl_trainer import RL, build_trainer
from ovt.train.runs import begin
from ovt.train.sampling import Sampler
from ovt.train.settings import RlSection
from ovt.train.small_rl import SmallSampler
from ovt.train.training import Order, make_record, prepare

SETTINGS = {
    "num_generations": 3,
    "rollout_batch_size": 4,
    "global_batch_size": 4,
    "max_steps": 1,
    "max_completion_length": 10,
    "per_device_train_batch_size": 12,
    "beta": 0.0,
}


def make_trainer(where: Any, home: Any, **changes: Any) -> Any:
    order = Order("colours", str(where), RlSection.model_validate(SETTINGS | changes), home)
    training = prepare(RL, order)
    run = begin(make_record(RL, training), home, "r", False)
    trainer: Any = build_trainer(training, RL.choose(training), run, None, None)
    trainer.model.train()  # as in the loop
    trainer.current_gradient_accumulation_steps = 1
    return trainer


@pytest.fixture
def trainer(small_vlm, home, colour_rows, write_version) -> Any:
    """On prompts of unequal lengths; the vision tower learns."""
    rows = colour_rows(8)
    write_version(home, [row | {"prompt": row["prompt"] + " Look." * number} for number, row in enumerate(rows)])
    made = make_trainer(small_vlm, home)
    torch.manual_seed(2)
    for weight in made.model.parameters():
        weight.data.add_(0.1 * torch.randn_like(weight))
    return made


def rollouts(trainer: Any) -> dict[str, Any]:
    """A batch as TRL has it."""
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


@pytest.fixture
def batch(trainer) -> dict[str, Any]:
    """Rollouts, with advantages for some."""
    scored = rollouts(trainer)
    scored["advantages"] = torch.tensor([1.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.7, 0.7, -1.4, -1.0, 0.5, 0.5])
    return scored


def learned(trainer: Any, batch: dict[str, Any], monkeypatch: Any, own: bool) -> tuple[float, dict[str, Any], Any]:
    """The loss, its gradients and what is logged: by our way, or by TRL's."""
    with monkeypatch.context() as patch:
        if not own:
            for name in ("_get_per_token_logps_and_entropies", "_compute_loss"):
                patch.setattr(SmallSampler, name, getattr(Sampler, name))
        trainer.model.zero_grad()
        trainer._metrics["train"].clear()
        loss = trainer._compute_loss(trainer.model, dict(batch))
        loss.backward()
    gradients = {
        name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None
    }
    return loss.item(), gradients, dict(trainer._metrics["train"])


def test_loss_gradients_and_metrics_are_trls(trainer, batch, monkeypatch):
    assert isinstance(trainer, SmallSampler)
    ours, theirs = (learned(trainer, batch, monkeypatch, own) for own in (True, False))
    assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    assert any("visual" in name for name in ours[1])
    for name, gradient in theirs[1].items():
        assert torch.allclose(ours[1][name], gradient, atol=1e-5), name
    assert ours[2]["entropy"] == pytest.approx(theirs[2]["entropy"], abs=1e-4)


def test_rows_without_an_advantage_are_not_learned_from(trainer, batch, monkeypatch):
    """The loss and the gradients are those of all rows; nothing runs backward through the idle ones."""
    batch["advantages"] = torch.zeros(12)
    loss, gradients, _ = learned(trainer, batch, monkeypatch, True)
    assert loss == 0
    assert all(not gradient.any() for gradient in gradients.values())


def test_the_token_of_a_picture_is_never_sampled(trainer):
    chosen = trainer.generation_config
    assert chosen.suppress_tokens == [trainer.model.config.image_token_id]
    likely = rollouts(trainer)["completion_ids"].unique().tolist()
    chosen.suppress_tokens = likely
    other = rollouts(trainer)
    assert not set(other["completion_ids"][other["completion_mask"].bool()].tolist()) & set(likely)


def test_the_token_of_a_picture_in_a_reply_is_no_picture(trainer, batch):
    batch["completion_ids"][0, 1] = trainer.model.config.image_token_id
    with torch.no_grad():
        assert torch.isfinite(scores(trainer, batch)).all()


def as_replies(trainer: Any, batch: dict[str, Any]) -> Replies:
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    kept = batch["completion_ids"].shape[1]
    return Replies(ids, mask, kept, batch["pixel_values"], batch["image_grid_thw"], batch["num_images"])


def test_rows_are_cut_by_prompt_and_the_idle_ones_apart(trainer, batch, monkeypatch):
    replies = as_replies(trainer, batch)
    rows = unpad(replies, Eyes(trainer.model).see(replies))
    idle = batch["advantages"] == 0
    pieces = cut(rows, idle)
    assert sorted(at for piece in pieces for at in piece) == list(range(12))
    assert [{bool(idle[at]) for at in piece} for piece in pieces] == [{False}, {True}]
    laid = lay(trainer.model, [rows[at] for at in pieces[0]], [torch.zeros(4, 8)] * 12, replies.grids)
    assert (len(laid.prompts), len(laid.replies)) == (4, 9)  # a prompt of several rollouts is read once
    monkeypatch.setattr(log_probs, "PIECE", 1)
    assert sorted(cut(rows, idle)) == [[at] for at in range(12)]


def test_however_rows_are_cut_they_are_scored_alike(trainer, batch, monkeypatch):
    """And a row without a reply, whose mask TRL empties where it was cut off, is scored as nothing."""
    batch["completion_mask"][3] = 0
    with torch.no_grad():
        together = scores(trainer, batch)
        monkeypatch.setattr(log_probs, "PIECE", 1)
        assert torch.allclose(scores(trainer, batch), together, atol=1e-5)
    assert not together[3].any()


def test_half_precision_is_near_trls(small_vlm, trainer, home, monkeypatch):
    """In bfloat16 both round: a token's log-probability is within 0.03 of TRL's on average."""
    made = make_trainer(small_vlm, home, bf16=True, freeze_vision_tower=True)
    scored = rollouts(made)
    mask = scored["completion_mask"].bool()
    told = []
    for own in (True, False):
        with monkeypatch.context() as patch, torch.no_grad():
            if not own:
                name = "_get_per_token_logps_and_entropies"
                patch.setattr(SmallSampler, name, getattr(Sampler, name))
            told.append(scores(made, scored)[mask])
    assert (told[0] - told[1]).abs().mean() < 0.03


def scores(trainer: Any, batch: dict[str, Any]) -> torch.Tensor:
    """The log-probabilities of a batch's completions."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    fields = {name: batch[name] for name in ("pixel_values", "image_grid_thw", "mm_token_type_ids", "num_images")}
    kept = batch["completion_ids"].shape[1]
    return trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, kept, **fields)[0]


def test_a_frozen_tower_sees_each_picture_once(small_vlm, trainer, home, monkeypatch):
    made = make_trainer(small_vlm, home, freeze_vision_tower=True)
    scored = rollouts(made)
    with torch.no_grad():
        first = scores(made, scored)
        seen = []
        features = made.model.model.get_image_features
        monkeypatch.setattr(
            made.model.model,
            "get_image_features",
            lambda *args, **kwargs: (seen.append(1), features(*args, **kwargs))[1],
        )
        again = scores(made, scored)
    assert torch.equal(first, again)
    names = [name for eyes in made._eyes.values() for name in eyes.known]
    assert {len(name) for name in names} == {32}  # and not the pixels themselves
    assert not seen


def test_a_prompt_is_read_once_and_every_completion_has_its_own_random_numbers(trainer):
    batch = next(iter(trainer.get_train_dataloader()))
    trainer._generate_and_score_completions(batch)
    prompts, of = trainer._asked
    assert len(prompts) == 4
    assert of == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    drawn = []
    for number in (0, 1, 0):  # the same draw of the same step is drawn again as it was
        trainer._drawn = (0, number - 1)
        drawn.append(trainer._generate_and_score_completions(batch)["completion_ids"])
    assert torch.equal(drawn[0], drawn[2])
    assert drawn[0].tolist() != drawn[1].tolist()
    assert len({tuple(row) for row in drawn[0][:3].tolist()}) > 1


def test_a_greedy_answer_draws_no_random_numbers(trainer):
    before = trainer._drawn
    rows = [next(iter(trainer.get_train_dataloader()))[0]] * 2
    with trainer._greedy():
        one, two = trainer._answer(rows)
    assert one == two
    assert trainer._drawn == before


@pytest.mark.parametrize("changes", [{"lora": {"r": 2}}, {"trainer": {"min_p": 0.1}}])
def test_what_it_cannot_do_is_left_to_trl(changes, small_vlm, trainer, home):
    assert type(make_trainer(small_vlm, home, **changes)) is HeldOut
