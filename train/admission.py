"""Questions whose rollouts all get one reward teach nothing: others take their places before TRL sees the batch.

DAPO's dynamic sampling (Yu et al., 2025), which TRL 1.16 does not have (trl#3708):

    the batch's questions → rollouts → rewards → groups with unequal rewards are admitted
    while some are missing: as many spare questions as fill the gap at the rate so far → rollouts → …
    once `max_rollout_batches` have been asked: the first groups with equal rewards fill the batch

Spares are drawn from the seed and the batch's number alone, so that a resumed run asks the same ones. Rollouts that are
not admitted are kept beside the others, and the log has the cost: `asked`, `replaced` and `replacing_s` of a batch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather
from trl.data_utils import prepare_multimodal_messages

from ovt.train.by_vllm import ByVllm
from ovt.train.questions import Spares
from ovt.train.reward import Judged, Reward

if TYPE_CHECKING:
    from datasets import Dataset

OF_IMAGES = ("pixel_values", "pixel_attention_mask", "image_grid_thw", "image_sizes", "image_position_ids")
LEAST = 1 / 8  # the lowest share of informative questions that a round is planned for: it bounds how many are asked


@dataclass(frozen=True)
class Round:
    """Questions that were asked together, a row per rollout, in this process.

    said      what `_generate` returned: ids of prompts, ids of completions, completions, log-probabilities or None
    signals   of all processes (process, group): whether the rewards of a group differ
    """

    rows: Sequence[Any]
    said: tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any] | None]
    judged: Judged
    signals: torch.Tensor


class Admission(ByVllm):
    """TRL's trainer, with batches of questions that teach something, as far as the spares go."""

    def __init__(
        self,
        *args: Any,
        spares: Spares,
        questions: "Dataset",
        keep: Callable[..., None],
        **kwargs: Any,
    ) -> None:
        """questions: each once, as the trainer takes them; keep: takes the rollouts that are not admitted."""
        self._spares, self._questions, self._keep = spares, questions, keep
        self._ready: tuple[Any, ...] | None = None
        super().__init__(*args, **kwargs)
        self._each = self.num_generations or 1
        models: tuple[Any, ...] = (self.model, self.ref_model)
        for model in models:
            if model is not None:
                model.register_forward_pre_hook(without_empty_images, with_kwargs=True)

    def _generate_and_score_completions(self, inputs: list[Any]) -> Any:
        if self._spares.most and self._trained.training:
            inputs = self._admit(inputs)
        return super()._generate_and_score_completions(inputs)

    @property
    def _trained(self) -> Any:
        """The model, which TRL's types allow to be missing."""
        return self.model

    @property
    def _reward(self) -> Reward:
        """The one reward function; TRL's types allow others."""
        reward: Any = self.reward_funcs[0]
        return reward

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        """Like TRL's; the responses to admitted questions are there already. A prompt without images among others has
        [], where TRL's has None, which its learning pass cannot read (seen in 1.16; no report found)."""
        ready, self._ready = self._ready, None
        *said, images, tools = ready or super()._generate(prompts)
        return *said, images and [one or [] for one in images], tools

    def _admit(self, rows: list[Any]) -> list[Any]:
        """The rows to learn from, as many as were given, with their completions ready."""
        each, process = self._each, self.accelerator.process_index
        batch = self.state.global_step // self._spares.steps
        left = iter(self._spares.of(batch, process, self.accelerator.num_processes))
        rounds, wanted = [self._ask(rows)], len(rows) // each
        began = time.perf_counter()
        while places := list(islice(left, missing([one.signals for one in rounds], wanted))):
            asked = [self._questions[place] for place in places]
            rounds.append(self._ask([row for row in asked for _ in range(each)]))
        signals = torch.cat([one.signals for one in rounds], dim=1)
        taken = admitted(signals[process].tolist(), wanted)
        metrics = self._metrics["train"]
        metrics["asked"].append(signals.numel())
        metrics["replaced"].append(sum(place >= wanted for place in taken) * len(signals))
        metrics["replacing_s"].append(time.perf_counter() - began)
        return self._learn_from(rounds, [group * each + number for group in taken for number in range(each)])

    def _ask(self, rows: list[Any]) -> Round:
        """The rows with a completion for each, and which of their groups teach something."""
        prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
        ids, said, _, completions, logprobs, *_ = super()._generate(prompts)
        columns = {name: [row[name] for row in rows] for name in ("answer", "choices", "question_id")}
        judged = self._reward.judge(self.state.global_step + 1, completions, said, columns)
        signals = torch.tensor(informative(judged.rewards, self._each), device=self.accelerator.device)
        return Round(rows, (ids, said, completions, logprobs), judged, gather(signals[None]).cpu())

    def _learn_from(self, rounds: Sequence[Round], taken: Sequence[int]) -> list[Any]:
        """The rows at these places of all rounds, ready for TRL, and judged; the others are kept."""
        ids, said, completions, logprobs = (joined([one.said[part] for one in rounds], taken) for part in range(4))
        self._ready = (ids, said, None, completions, logprobs, {}, None, [])
        judged = Judged.together([one.judged for one in rounds])
        self._reward.ready = judged.at(taken)
        if left := sorted(set(range(len(judged.rewards))) - set(taken)):
            self._keep(judged.at(left))
        return joined([one.rows for one in rounds], taken) or []


def without_empty_images(module: Any, args: Any, fields: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A model's arguments, without the images of a micro-batch that has none: TRL slices them to no rows, or, for
    Idefics and its like, which pad each row's images (rows, images, …), to nothing but padding."""
    pixels = fields.get("pixel_values")
    if pixels is None or (pixels.numel() and (pixels.ndim < 5 or bool(pixels.any()))):
        return args, fields
    return args, {name: value for name, value in fields.items() if name not in OF_IMAGES}


def joined(parts: Sequence[Sequence[Any] | None], places: Sequence[int]) -> list[Any] | None:
    """The items at these places of all parts together; None if there are no parts."""
    if parts[0] is None:
        return None
    together = list(chain.from_iterable(part or () for part in parts))
    return [together[place] for place in places]


def informative(rewards: Sequence[float | None], each: int) -> list[bool]:
    """For each group of `each` rewards whether they differ; abstentions have none and do not count."""
    groups = (rewards[first : first + each] for first in range(0, len(rewards), each))
    return [len({reward for reward in group if reward is not None}) > 1 for group in groups]


def missing(rounds: Sequence[torch.Tensor], wanted: int) -> int:
    """How many questions each process asks next: what the process that lacks the most needs at the rate so far, or 0.

    rounds   (processes, groups) each, whether a group is informative
    """
    signals = torch.cat(list(rounds), dim=1)
    lacking = wanted - int(signals.sum(1).min())
    return ceil(lacking / max(float(signals.float().mean()), LEAST)) if lacking > 0 else 0


def admitted(signals: Sequence[bool], wanted: int) -> list[int]:
    """The groups to learn from: the first informative ones, or as many as there are and the first others; in order."""
    first = sorted(range(len(signals)), key=lambda group: (not signals[group], group))
    return sorted(first[:wanted])
