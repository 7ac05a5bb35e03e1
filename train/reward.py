"""The reward of GRPO: the same `ovt.verifiers` verdict that curation and evaluation use.

    correct 1.0    wrong 0.0    abstain None: TRL leaves the rollout out of its group, so it teaches nothing

A reward for the response format and a penalty for length can be added; both are off, as in the paper.

Optionally, a grader that shares no rule with the reward gives a second opinion: if the reward rises while
it falls, the reward is being hacked.

    exact         the one closed <answer> is the gold, or its option's letter or text, ignoring case and white space
    math-verify   as math-verify judges that answer, in its own process

Both are stricter than the verifier, so their level says little; the trend is what counts.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ovt.core.errors import OvtError
from ovt.curate.audit.peers import Peer, installed
from ovt.train.devices import world_size
from ovt.train.settings import GraderName, RewardSection, RlSection
from ovt.verifiers import Verdict, split_golds, verify_many

Grader = Callable[[Sequence[str], Sequence[str], Sequence[Sequence[str] | None]], float]
WORTH = {"correct": 1.0, "wrong": 0.0, "abstain": None}
TAG = re.compile(r"</?(?:think|answer)>")
FORMAT = ["<think>", "</think>", "<answer>", "</answer>"]
SOME = 32  # rollouts of a batch that math-verify judges: each takes about 10 ms


LISTS = ("question_ids", "texts", "tokens", "verdicts", "rewards")  # of Judged, an item per rollout


@dataclass(frozen=True)
class Judged:
    """A batch of rollouts with their results, position by position; `tokens` are the completions' token ids.

    step      the first optimizer step that learns from them, counted from 1
    seconds   that judging took
    """

    step: int
    question_ids: Sequence[str]
    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]
    verdicts: Sequence[Verdict]
    rewards: Sequence[float | None]
    seconds: float = 0.0

    @classmethod
    def together(cls, parts: Sequence["Judged"]) -> "Judged":
        """Several batches of one step as one."""
        lists = (list(chain.from_iterable(getattr(part, name) for part in parts)) for name in LISTS)
        return cls(parts[0].step, *lists, sum(part.seconds for part in parts))

    def at(self, places: Sequence[int]) -> "Judged":
        """The rollouts at these positions."""
        return replace(self, **{name: [getattr(self, name)[place] for place in places] for name in LISTS})


def worth(verdict: Verdict, text: str, length: int, section: RewardSection, limit: int) -> float | None:
    """The reward of a response of `length` tokens, at most `limit`; None if no rule could decide."""
    value = WORTH[verdict.outcome]
    if value is None:
        return None
    value += section.format_weight * is_formatted(text)
    return value - section.length_weight * overlong(length, limit, section.length_cache)


def is_formatted(text: str) -> bool:
    """Whether a response has one thinking block and then one answer: <think>…</think> … <answer>…</answer>.

    A `<think>` that the chat template writes into the prompt is part of the response here.
    """
    stripped = text.strip()
    return TAG.findall(stripped) == FORMAT and stripped.startswith(FORMAT[0]) and stripped.endswith(FORMAT[-1])


def overlong(length: int, limit: int, cache: int) -> float:
    """0 up to `limit - cache` tokens, 1 from `limit` on, a straight line between."""
    return min(max((length - (limit - cache)) / cache, 0.0), 1.0)


class Reward:
    """TRL's reward function: judges a batch of rollouts, passes it to `keep`, and logs the judging time."""

    __name__ = "verifier"  # its name in TRL's log: rewards/verifier/mean

    def __init__(
        self, settings: RlSection, kind: str, grader: Grader | None, keep: Callable[[Judged], None], opening: str = ""
    ) -> None:
        """opening: what the template has already written of each response."""
        self._opening = opening
        self._section, self._limit = settings.reward, settings.max_completion_length
        self._kind, self._grader, self._keep = kind, grader, keep
        self.ready: Judged | None = None  # what the next call would judge, if that was done before (admission.py)

    def __call__(
        self,
        *,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **columns: Any,
    ) -> list[float | None]:
        """The rewards of a batch; lists are by rollout, as TRL passes them."""
        ready, self.ready = self.ready, None
        judged = ready or self.judge(trainer_state.global_step + 1, completions, completion_ids, columns)
        texts, rewards = judged.texts, judged.rewards
        log_metric("verdicts", len(rewards) * world_size())  # TRL logs the mean over processes
        log_metric("reward_s", judged.seconds)
        log_metric("abstain", sum(reward is None for reward in rewards) / len(rewards))
        log_metric("formatted", sum(map(is_formatted, texts)) / len(texts))
        if self._grader:
            log_metric("second_opinion", self._grader(texts, columns["answer"], columns["choices"]))
        self._keep(judged)
        return list(rewards)

    def judge(
        self,
        step: int,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        columns: Mapping[str, Sequence[Any]],
    ) -> Judged:
        """The verdicts and rewards of rollouts. columns: `answer`, `choices` and `question_id` of each."""
        began = time.perf_counter()
        texts = [self._opening + completion[-1]["content"] for completion in completions]
        asked = zip(texts, columns["answer"], columns["choices"], strict=True)
        verdicts = verify_many(asked, responses=True, kind=self._kind)
        rows = zip(verdicts, texts, completion_ids, strict=True)
        rewards = [worth(verdict, text, len(ids), self._section, self._limit) for verdict, text, ids in rows]
        taken = time.perf_counter() - began
        return Judged(step, columns["question_id"], texts, completion_ids, verdicts, rewards, taken)


def open_grader(name: GraderName) -> AbstractContextManager[Grader | None]:
    """The grader of this name for the duration of the block; None for "none". OvtError if it is not installed."""
    if name == "none":
        return nullcontext(None)
    if name == "exact":
        return nullcontext(share_exact)
    if not installed()[name]:
        raise OvtError(f"second_opinion = {name!r} is not installed: pip install {name}, or choose exact")
    return peer_grader(name)


@contextmanager
def peer_grader(name: str):
    """A grader in its own process, which ends with the block."""
    with Peer(name) as peer:

        def share(texts: Sequence[str], golds: Sequence[str], choices: Sequence[Sequence[str] | None]) -> float:
            step = max(1, len(texts) // SOME)
            rows = list(zip(texts, golds, strict=True))[::step]
            return sum(peer.judge(only_answer(text) or "", gold) == "correct" for text, gold in rows) / len(rows)

        yield share


def share_exact(texts: Sequence[str], golds: Sequence[str], choices: Sequence[Sequence[str] | None]) -> float:
    """The share of responses that are exactly right."""
    rows = list(zip(texts, golds, choices, strict=True))
    return sum(is_exact(text, gold, options) for text, gold, options in rows) / len(rows)


def is_exact(text: str, gold: str, choices: Sequence[str] | None) -> bool:
    """Whether a response's only answer tag contains exactly the gold."""
    answer = only_answer(text)
    return answer is not None and fold(answer) in accepted(gold, choices or ())


def only_answer(text: str) -> str | None:
    """The content of the answer tag; None if there is none, or more than one."""
    if text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return None
    answer, closed, _ = text.partition("<answer>")[2].partition("</answer>")
    return answer if closed else None


def accepted(gold: str, choices: Sequence[str]) -> set[str]:
    """The accepted spellings of the gold: itself and, for an option, its letter, its text, or both."""
    golds = {fold(one) for one in split_golds(gold)}
    forms = set(golds)
    for number, choice in enumerate(choices):
        letter, text = chr(ord("a") + number), fold(choice)
        if golds & {letter, text}:
            forms |= {letter, f"({letter})", text, f"{letter}. {text}"}
    return forms


def fold(text: str) -> str:
    return " ".join(text.split()).casefold()
