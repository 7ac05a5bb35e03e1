"""Alarms: signs in the log that reinforcement is going wrong; each is reported once, in time to stop.

    reward_hacking  the reward rises while a grader that shares no rule with it falls
    short, long     responses shrink to a fraction of their initial length, or grow to a multiple
    truncated       most responses run into max_completion_length
    same            most groups of rollouts have the same reward throughout, and teach nothing
    kl              the model has moved far from its starting point

A log is a list of lines as in log.jsonl: dicts by TRL's names. Lines without a name are skipped.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from ovt.train.settings import AlarmSection

Lines = Sequence[dict[str, Any]]


class Alarm(NamedTuple):
    """A fault (a short code), and the line for people: what was seen and what to do."""

    kind: str
    message: str


def find_alarms(lines: Lines, section: AlarmSection) -> list[Alarm]:
    """Every alarm raised by the last lines of a log."""
    checks = (check_hacking, check_length, check_truncated, check_same, check_kl)
    return [alarm for check in checks for alarm in check(lines, section)]


def check_hacking(lines: Lines, section: AlarmSection) -> Iterator[Alarm]:
    """The two graders diverge: over two windows, one goes up and the other down."""
    both = [line for line in lines if None not in (line.get("reward"), line.get("second_opinion"))]
    if len(both) < 2 * section.window:
        return
    before, after = both[-2 * section.window : -section.window], both[-section.window :]
    up = mean(after, "reward") - mean(before, "reward")
    down = mean(before, "second_opinion") - mean(after, "second_opinion")
    if up >= section.divergence and down >= section.divergence:
        yield Alarm(
            "reward_hacking",
            f"the reward rose by {up:.2f} while the {section.second_opinion} grader fell by {down:.2f}: inspect "
            "the rewarded responses with `ovt train rollouts RUN --outcome correct`",
        )


def check_length(lines: Lines, section: AlarmSection) -> Iterator[Alarm]:
    """Responses became much shorter or longer than in the first window."""
    lengths = values(lines, "completions/mean_length")
    if len(lengths) < 2 * section.window:
        return
    first, last = fmean(lengths[: section.window]), fmean(lengths[-section.window :])
    if last * section.length_ratio < first:
        yield Alarm("short", f"responses shrank from {first:.0f} to {last:.0f} tokens: read some, raise beta")
    if last > first * section.length_ratio:
        yield Alarm("long", f"responses grew from {first:.0f} to {last:.0f} tokens: set reward.length_weight")


def check_truncated(lines: Lines, section: AlarmSection) -> Iterator[Alarm]:
    """Most responses are cut off, and so cannot be right."""
    if (share := latest(lines, "completions/clipped_ratio", section.window)) and share > section.truncated:
        yield Alarm("truncated", f"{share:.0%} of responses were cut off: raise max_completion_length")


def check_same(lines: Lines, section: AlarmSection) -> Iterator[Alarm]:
    """Most groups carry no signal."""
    if (share := latest(lines, "frac_reward_zero_std", section.window)) and share > section.same:
        yield Alarm(
            "same",
            f"{share:.0%} of groups have one reward for all and teach nothing: ask questions of another difficulty, or "
            'leave out those with questions.sure = "rollouts"',
        )


def check_kl(lines: Lines, section: AlarmSection) -> Iterator[Alarm]:
    """The policy diverged from its reference."""
    if (far := latest(lines, "kl", max(1, section.window // 4))) and far > section.kl:
        yield Alarm("kl", f"the KL divergence is {far:.2f} per token: lower learning_rate, or raise beta")


def latest(lines: Lines, name: str, window: int) -> float | None:
    """The mean of the last `window` values of a name; None if there are fewer."""
    found = values(lines, name)
    return fmean(found[-window:]) if len(found) >= window else None


def mean(lines: Lines, name: str) -> float:
    return fmean(values(lines, name))


def values(lines: Lines, name: str) -> list[float]:
    """A name's values, in the order of the lines."""
    return [line[name] for line in lines if line.get(name) is not None]
