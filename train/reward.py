"""The reward of GRPO: the verdict of `ovt.verifiers`, the very one that curation and evaluation give.

    correct 1.0    wrong 0.0    abstain None: TRL leaves the rollout out of its group, so it teaches nothing

A reward for the response format and a penalty for length can be added; both are off, as in the paper.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ovt.core.section import Section
from ovt.train.devices import world_size
from ovt.train.second_opinion import Grader
from ovt.verifiers import KINDS, Verdict, verify_many

WORTH = {"correct": 1.0, "wrong": 0.0, "abstain": None}
TAG = re.compile(r"</?(?:think|answer)>")
FORMAT = ["<think>", "</think>", "<answer>", "</answer>"]


def known_kind(kind: str) -> str:
    """The kind, where the verifier has it; ValueError else."""
    if kind not in KINDS:
        raise ValueError(f"the verifier knows {', '.join(KINDS)}")
    return kind


class RewardSection(Section):
    """What a rollout is worth beside its verdict; a weight of 0 is off.

    kind            how answers are compared, one of `ovt.verifiers.KINDS`; null: as the version was verified
    format_weight   added for a response of the form <think>…</think> … <answer>…</answer>
    length_weight   taken off at max_completion_length, and in proportion over the last `length_cache` tokens before it
                    (DAPO, equation 13)
    """

    kind: Annotated[str, AfterValidator(known_kind)] | None = None
    format_weight: float = Field(0.0, ge=0)
    length_weight: float = Field(0.0, ge=0)
    length_cache: int = Field(512, ge=1)


@dataclass(frozen=True)
class Judged:
    """A batch of rollouts with what came of them, position by position; `tokens` are the completions' token ids.

    step   the optimizer step that learns from them first, counted from 1
    """

    step: int
    question_ids: Sequence[str]
    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]
    verdicts: Sequence[Verdict]
    rewards: Sequence[float | None]


def worth(verdict: Verdict, text: str, length: int, section: RewardSection, limit: int) -> float | None:
    """The reward of a response of `length` tokens, `limit` at most; None where no rule could decide on it."""
    value = WORTH[verdict.outcome]
    if value is None:
        return None
    value += section.format_weight * is_formatted(text)
    return value - section.length_weight * overlong(length, limit, section.length_cache)


def is_formatted(text: str) -> bool:
    """Whether a response thinks first and then answers, each once: <think>…</think> … <answer>…</answer>."""
    stripped = text.strip()
    return TAG.findall(stripped) == FORMAT and stripped.startswith(FORMAT[0]) and stripped.endswith(FORMAT[-1])


def overlong(length: int, limit: int, cache: int) -> float:
    """0 up to `limit - cache` tokens, 1 from `limit` on, a straight line between."""
    return min(max((length - (limit - cache)) / cache, 0.0), 1.0)


class Reward:
    """TRL's reward function: judges a batch of rollouts, hands it to `keep`, and logs what the judging took."""

    __name__ = "verifier"  # what TRL calls it in its log: rewards/verifier/mean

    def __init__(
        self, section: RewardSection, kind: str, limit: int, grader: Grader | None, keep: Callable[[Judged], None]
    ) -> None:
        self._section, self._kind, self._limit = section, kind, limit
        self._grader, self._keep = grader, keep

    def __call__(
        self,
        *,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        answer: Sequence[str],
        choices: Sequence[Sequence[str] | None],
        question_id: Sequence[str],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **columns: Any,
    ) -> list[float | None]:
        """The rewards of a batch; lists are by rollout, as TRL hands them in."""
        began = time.perf_counter()
        texts = [completion[-1]["content"] for completion in completions]
        verdicts = verify_many(zip(texts, answer, choices, strict=True), responses=True, kind=self._kind)
        rows = zip(verdicts, texts, completion_ids, strict=True)
        rewards = [worth(verdict, text, len(ids), self._section, self._limit) for verdict, text, ids in rows]
        log_metric("verdicts", len(verdicts) * world_size())  # TRL logs the mean over processes
        log_metric("reward_s", time.perf_counter() - began)
        log_metric("abstain", sum(reward is None for reward in rewards) / len(rewards))
        log_metric("formatted", sum(map(is_formatted, texts)) / len(texts))
        if self._grader:
            log_metric("second_opinion", self._grader(texts, answer, choices))
        self._keep(Judged(trainer_state.global_step + 1, question_id, texts, completion_ids, verdicts, rewards))
        return rewards
