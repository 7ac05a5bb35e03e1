"""The gate between iterations: compares an iteration's evaluation with the previous one, and writes a report.

ok    accuracy       56.3%   at least 52.3% (the lower end of the interval before)
fail  truncated      0.21    at most 0.1
"""

from collections.abc import Mapping
from typing import NamedTuple

from ovt.core.section import Section
from ovt.evaluation.scores import Accuracy, Scores
from ovt.train.loop.recipe import GateSection

WHAT_TO_DO = (
    "What to do: look at the runs' curves and at the evaluation's answers, and change the iteration's settings under a"
    " new loop name; or, if you accept the finding, resume with a wider bound or `--set gate.enabled=false`."
)


class Finding(NamedTuple):
    """One check: whether it passed, what was found and what was required, for people."""

    check: str
    held: bool
    found: str
    wanted: str


class GateReport(Section):
    """The gate's findings after an iteration; `before` and `after` name the evaluations.

    gain: the paired difference of accuracy with its 95% interval (value, low, high).
    """

    before: str
    after: str
    findings: list[Finding]
    gain: tuple[float, float, float]

    @property
    def held(self) -> bool:
        return all(finding.held for finding in self.findings)

    @property
    def failed(self) -> str:
        """The failed checks, in one line."""
        return "; ".join(f"{one.check} is {one.found}, wanted {one.wanted}" for one in self.findings if not one.held)


def check(before: Scores, after: Scores, section: GateSection, first: bool) -> list[Finding]:
    """The results of all checks. first: `before` is the base, whose words and behaviours SFT is meant to change."""
    findings = [
        check_accuracy(before, after, section),
        Finding(
            "format validity",
            after.format_valid >= section.min_format_valid,
            f"{after.format_valid:.1%}",
            f"at least {section.min_format_valid:.1%}",
        ),
        Finding(
            "answers cut off",
            after.truncated <= section.max_truncated,
            f"{after.truncated:.1%}",
            f"at most {section.max_truncated:.1%}",
        ),
    ]
    return findings if first else [*findings, check_words(before, after, section), check_drift(before, after, section)]


def check_benchmarks(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]], section: GateSection
) -> list[Finding]:
    """Each benchmark's accuracy, as `check_accuracy`: by name, each with accuracy, low and high."""
    read = {name: [Accuracy(answers=int(one["questions"]), **one) for one in (was, after[name])]
            for name, was in before.items() if name in after}  # fmt: skip
    return [check_accuracy(*pair, section)._replace(check=f"accuracy on {name}") for name, pair in read.items()]


def check_accuracy(before: Accuracy, after: Accuracy, section: GateSection) -> Finding:
    """Accuracy may not drop by more than max_drop, or else below the previous interval."""
    if section.max_drop is None:
        least, why = before.low, "the lower end of the 95% interval before"
    else:
        least, why = before.accuracy - section.max_drop, f"{before.accuracy:.1%} before, less {section.max_drop:.1%}"
    return Finding("accuracy", after.accuracy >= least, f"{after.accuracy:.1%}", f"at least {least:.1%} ({why})")


def check_words(before: Scores, after: Scores, section: GateSection) -> Finding:
    """Answers may get longer or shorter by at most a factor."""
    low, high = before.words / section.max_words_ratio, before.words * section.max_words_ratio
    wanted = f"{low:.0f} to {high:.0f} words ({before.words:.0f} before)"
    return Finding("mean length", low <= after.words <= high, f"{after.words:.0f} words", wanted)


def check_drift(before: Scores, after: Scores, section: GateSection) -> Finding:
    """The behaviour families may shift at most this much in total."""
    shifts = {name: rate - before.behaviours.get(name, 0.0) for name, rate in after.behaviours.items()}
    drift = sum(map(abs, shifts.values()))
    told = ", ".join(f"{name} {shift:+.1f}" for name, shift in shifts.items() if abs(shift) >= 0.05) or "none"
    found = f"{drift:.1f} cues per 1,000 words ({told})"
    return Finding(
        "behaviour drift", drift <= section.max_behaviour_drift, found, f"at most {section.max_behaviour_drift:g}"
    )


def report_text(report: GateReport, loop: str, iteration: int) -> str:
    """The report as Markdown, for the file that a stopped loop points to."""
    outcome = "passed" if report.held else "failed"
    value, low, high = (100 * bound for bound in report.gain)
    lines = [
        f"# {loop}, gate after iteration {iteration}: {outcome}",
        "",
        f"`{report.after}` against `{report.before}`, on the same held-out questions: accuracy {value:+.1f} points"
        f" (95% interval {low:+.1f} to {high:+.1f}; paired by question, clustered by image).",
        "",
        "|  | check | found | wanted |",
        "| --- | --- | --- | --- |",
        *(
            f"| {'ok' if one.held else '**fail**'} | {one.check} | {one.found} | {one.wanted} |"
            for one in report.findings
        ),
    ]
    if not report.held:
        lines += ["", WHAT_TO_DO]
    return "\n".join(lines) + "\n"
