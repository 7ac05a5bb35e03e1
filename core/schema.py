"""The four flat tables of a build, joined by id and never by position.

Every question and every sample ends in exactly one row of `DECISIONS`, so that at each stage
*rows in = rows kept + Σ rows dropped by reason* can be derived and nothing is silently lost.
"""

import re

import polars as pl

# A question: one source row with its image(s) and its known answer.
#   question_id  first 16 hex digits of sha256 over image ids, question, choices and gold (see sources/)
#   images       image ids (sha256 of the stored bytes, hex), in the order of the question's image slots
#   choices      option texts in order, null for a free-form question
#   source       the name of the source in the recipe; source_id the row's own id (or number) there
QUESTIONS = pl.Schema(
    {
        "question_id": pl.String,
        "images": pl.List(pl.String),
        "question": pl.String,
        "gold": pl.String,
        "choices": pl.List(pl.String),
        "source": pl.String,
        "source_id": pl.String,
    }
)

# A sample: one reply of a model to a question, exactly as received (edits affect the version's data, not this table).
#   sample_id      "{question_id}-{stage}-{index}", stage being "caption" or "reason"
#   text           null if the request failed; then `error` says why
#   finish_reason  as reported by the server: "stop", "length" (cut off: data, not an error), …
#   reply_key      the reply's address in the reply store, which also records latency and the URL that answered
SAMPLES = pl.Schema(
    {
        "sample_id": pl.String,
        "question_id": pl.String,
        "stage": pl.String,
        "index": pl.Int32,
        "text": pl.String,
        "finish_reason": pl.String,
        "prompt_tokens": pl.Int64,
        "completion_tokens": pl.Int64,
        "cost_usd": pl.Float64,
        "model": pl.String,
        "endpoint": pl.String,
        "error": pl.String,
        "reply_key": pl.String,
    }
)

# A verdict on one "reason" sample; the fields of `ovt.verifiers.Verdict`.
VERDICTS = pl.Schema(
    {
        "sample_id": pl.String,
        "question_id": pl.String,
        "outcome": pl.String,
        "kind": pl.String,
        "reason": pl.String,
        "extracted": pl.String,
        "normalized_prediction": pl.String,
        "normalized_gold": pl.String,
        "explanation": pl.String,
    }
)

# What happened to a question or a sample: the one stage where it ended, and why.
#   level     "question" or "sample"; id is the question_id or the sample_id
#   stage     one of STAGES
#   decision  "kept" or "dropped"
#   reason    a short snake_case code, for counting; detail is for people, and may be null
DECISIONS = pl.Schema(
    {
        "level": pl.String,
        "id": pl.String,
        "question_id": pl.String,
        "stage": pl.String,
        "decision": pl.String,
        "reason": pl.String,
        "detail": pl.String,
    }
)

# The order of the stages; rows that reach "version" are in the version's data.
SCREENS = ("dedup", "decontam", "vision")  # only in recipes that have them; nothing more is asked about what they drop
STAGES = ("import", "dedup", "decontam", "vision", "caption", "reason", "verify", "select", "filter", "version")

# A kept row, flat: what the builder passes to the writer; `data.py` nests it into the columns that trainers read.
# Rows follow the order of their questions (and, with select = "all", of their samples); a question is in one split.
#   split            "sft" (a chosen sample) or "rl" (answered, but no sample correct)
#   prompt           the user's turn as text: question, lettered options, instruction of the response format
#   completion       the assistant's turn as trained on, after the filters' edits; null in rl
#   sample_id        the sample that `completion` came from; null in rl
#   answer           the gold answer; caption is null if the model saw the image
#   pass_rate        n_correct / n_samples of the question
#   difficulty       the bucket: "easy", "medium", "hard" …
#   mentions         whether `completion` refers to the caption (filter.mentions marks it); null if not checked
#   response_words   words of `completion`; behaviour_* count the cues of each family in it; all null in rl
ROWS = pl.Schema(
    {
        "split": pl.String,
        "question_id": pl.String,
        "sample_id": pl.String,
        "images": pl.List(pl.String),
        "prompt": pl.String,
        "completion": pl.String,
        "answer": pl.String,
        "choices": pl.List(pl.String),
        "question": pl.String,
        "source": pl.String,
        "caption": pl.String,
        "pass_rate": pl.Float64,
        "n_samples": pl.Int32,
        "n_correct": pl.Int32,
        "difficulty": pl.String,
        "mentions": pl.Boolean,
        "response_words": pl.Int32,
        "behaviour_visual": pl.Int32,
        "behaviour_digest": pl.Int32,
        "behaviour_plan": pl.Int32,
        "behaviour_reflection": pl.Int32,
        "behaviour_alternate": pl.Int32,
    }
)

SPLITS = ("sft", "rl")

# Columns that a recipe's sources keep (`keep`) follow those of the questions and of the rows, under other names.
KEPT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
PLACE = "\0place"  # of a row's number in a table, whatever its columns are called
TABLE_COLUMNS = frozenset(name for table in (QUESTIONS, SAMPLES, VERDICTS, DECISIONS, ROWS) for name in table)


def kept_columns(questions: pl.Schema) -> pl.Schema:
    """The columns of a table of questions, or of its rows, that its sources keep."""
    return pl.Schema({name: kind for name, kind in questions.items() if name not in TABLE_COLUMNS})


# What each stage received, dropped and passed on (`ledger.funnel`); the counts are rows.
_COUNTS = pl.List(pl.Struct({"reason": pl.String, "rows": pl.Int64}))
FUNNEL = pl.Schema(
    {
        "level": pl.String,
        "stage": pl.String,
        "rows_in": pl.Int64,
        "rows_out": pl.Int64,
        "dropped": _COUNTS,
        "kept_as": _COUNTS,
    }
)
