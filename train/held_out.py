"""How often a model in RL answers held-out questions correctly, every few steps: greedily, judged as the reward is.

    {"step": 40, "eval_accuracy": 0.381, "eval_low": 0.329, "eval_high": 0.436, "eval_abstain": 0.01, "eval_s": 21.3, …}

The interval is at 95%, by clusters of questions that share an image. TRL's own evaluation would sample as in training,
and compute a loss besides. Greedy answers draw no random numbers, so a run learns the same with and without it.
"""

import copy
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from accelerate.utils import gather
from trl.data_utils import prepare_multimodal_messages

from ovt.core.statistics import share_interval
from ovt.train.admission import Admission

if TYPE_CHECKING:
    from datasets import Dataset

OUTCOMES = ("wrong", "correct", "abstain")


@dataclass(frozen=True)
class Held:
    """Questions that are not learned from, as the trainer takes them. clusters: each one's group of images."""

    questions: "Dataset"
    clusters: Sequence[int]


class HeldOut(Admission):
    """TRL's trainer, whose evaluation is the accuracy on held-out questions; None: there are none."""

    def __init__(self, *args: Any, held: Held | None, **kwargs: Any) -> None:
        self._held = held
        super().__init__(*args, eval_dataset=held.questions if held else None, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The figures of the log; every process answers its share."""
        if self._held is None:
            return {}
        began, model = time.perf_counter(), self._trained
        learning = model.training
        model.eval()
        with self._greedy():
            told = summarise(self._answers(self._held.questions), self._held.clusters)
        told["eval_s"] = round(time.perf_counter() - began, 3)
        self.log(dict(told))
        model.train(learning)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, told)
        return told

    def _answers(self, questions: "Dataset") -> list[list[int]]:
        """(place in OUTCOMES, tokens) of each question's answer."""
        process, world = self.accelerator.process_index, self.accelerator.num_processes
        share = -(-len(questions) // world)
        places = [(process * share + number) % len(questions) for number in range(share)]
        found: list[list[int]] = []
        for first in range(0, share, self._rows):
            found += self._answer([questions[place] for place in places[first : first + self._rows]])
        together = gather(torch.tensor(found, device=self.accelerator.device))
        return together.tolist()[: len(questions)]

    def _answer(self, rows: list[Any]) -> list[list[int]]:
        """The same for some questions."""
        prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
        ids, _ = self._generate_single_turn(*self._tokenize_prompts(prompts), 1)
        processor: Any = self.processing_class
        texts = processor.batch_decode(ids, skip_special_tokens=True)
        columns = {name: [row[name] for row in rows] for name in ("answer", "choices", "question_id")}
        judged = self._reward.judge(self.state.global_step, [[{"content": text}] for text in texts], ids, columns)
        outcomes = [OUTCOMES.index(verdict.outcome) for verdict in judged.verdicts]
        return [[outcome, len(tokens)] for outcome, tokens in zip(outcomes, ids, strict=True)]

    @contextmanager
    def _greedy(self) -> Generator[None]:
        """Makes the block sample the likeliest tokens."""
        if self.use_vllm:
            sampler = self.vllm_generation
            before, sampler.temperature = sampler.temperature, 0.0
            try:
                yield
            finally:
                sampler.temperature = before
            return
        sampling, self.generation_config = self.generation_config, copy.deepcopy(self.generation_config)
        self.generation_config.update(do_sample=False, temperature=1.0, top_p=1.0, top_k=50, min_p=None)
        try:
            yield
        finally:
            self.generation_config = sampling


def summarise(answers: Sequence[Sequence[int]], clusters: Sequence[int]) -> dict[str, float]:
    """The figures of the log. answers: (place in OUTCOMES, tokens); what no rule can decide counts as not right, as in
    every evaluation."""
    outcomes = [outcome for outcome, _ in answers]
    right = [outcome == OUTCOMES.index("correct") for outcome in outcomes]
    accuracy = share_interval(pl.DataFrame({"right": right, "cluster": clusters}))
    return {
        "eval_accuracy": accuracy.value,
        "eval_low": accuracy.low,
        "eval_high": accuracy.high,
        "eval_abstain": outcomes.count(OUTCOMES.index("abstain")) / len(outcomes),
        "eval_tokens": sum(tokens for _, tokens in answers) / len(answers),
    }
