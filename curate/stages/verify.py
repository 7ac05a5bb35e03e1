"""Each sample's verdict against the gold; only correct samples continue.

    sample_id                  outcome  kind    reason  extracted  normalized_prediction  normalized_gold
    1f0c2d3e4a5b6c7d-reason-0  correct  number  equal   12         12                     12

The verifier is the one used by RL and evaluation (`ovt.verifiers`). Its many reasons are counted under five:

    truncated        not correct, and cut off at max_tokens (or inside a tag)
    no_answer        it contains no answer
    several_answers  it gives more than one answer
    wrong            any other answer that is not the gold
    abstain          no rule could decide; not the model's fault, so excluded from the pass rate
"""

from dataclasses import fields
from operator import attrgetter
from typing import Annotated

import polars as pl
from pydantic import AfterValidator

from ovt.core.decisions import dropped
from ovt.core.schema import VERDICTS
from ovt.core.section import Section
from ovt.curate.stages.judge import JudgeSection
from ovt.verifiers import Verdict, known_kind, verify_many

CUT = ("unclosed_answer", "unclosed_thinking")
in_order = attrgetter(*(field.name for field in fields(Verdict)))  # a verdict's values, in the order of VERDICTS
SEVERAL = ("several_answers", "several_choices", "hedged", "ambiguous_option", "letter_and_text_differ")


class VerifySection(Section):
    """How answers are compared with the gold.

    kind: one of `ovt.verifiers.kind_names()`; "auto" infers it from each gold, "auto+NAME" also tries a plugin's kind
    on golds that would otherwise be text. judge: a model for what the rules leave open.
    """

    kind: Annotated[str, AfterValidator(known_kind)] = "auto"
    judge: JudgeSection | None = None

    @property
    def presumes_wrong(self) -> bool:
        """Whether free texts that differ are wrong; with a judge for texts, the rules leave them open."""
        return self.judge is None or "text" not in self.judge.kinds


def judge(samples: pl.DataFrame, questions: pl.DataFrame, section: VerifySection) -> pl.DataFrame:
    """The rules' VERDICTS row for each answered sample, in the order of `samples`; `judge.py` has the model's."""
    golds = {
        question_id: truth for question_id, *truth in questions.select("question_id", "gold", "choices").iter_rows()
    }
    told = samples.select("sample_id", "question_id", "text").rows()
    verdicts = verify_many(
        ((text, *golds[question_id]) for _, question_id, text in told),
        responses=True,
        kind=section.kind,
        presume_wrong=section.presumes_wrong,
    )
    rows = [(*ids, *in_order(verdict)) for (*ids, _), verdict in zip(told, verdicts, strict=True)]
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def reason() -> pl.Expr:
    """The reason code of a verdict that is not "correct"."""
    cut = (pl.col("finish_reason") == "length").fill_null(False) | pl.col("reason").is_in(CUT)
    return (
        pl.when(pl.col("outcome") == "abstain")
        .then(pl.lit("abstain"))
        .when(cut)
        .then(pl.lit("truncated"))
        .when(pl.col("reason") == "no_answer")
        .then(pl.lit("no_answer"))
        .when(pl.col("reason").is_in(SEVERAL))
        .then(pl.lit("several_answers"))
        .otherwise(pl.lit("wrong"))
    )


def run(samples: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answered samples and their verdicts -> (correct samples; decisions on the others and on undecidable questions).

    A question whose samples all abstained is dropped: it is not unsolved, and RL could not reward it either.
    """
    judged = samples.join(verdicts.drop("question_id"), on="sample_id", maintain_order="left")
    right = pl.col("outcome") == "correct"
    undecided = judged.group_by("question_id", maintain_order=True).agg(pl.col("outcome").unique())
    undecided = undecided.filter(pl.col("outcome") == ["abstain"])
    decisions = [
        dropped(judged.filter(~right), "sample", "verify", reason(), pl.col("explanation")),
        dropped(undecided, "question", "verify", "abstain"),
    ]
    return judged.filter(right).select(samples.columns), pl.concat(decisions)
