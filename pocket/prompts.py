"""The words pocket was trained to answer to; `recipes/pocket.toml` carries the same strings."""

from collections.abc import Sequence

CAPTION_PROMPT = "Describe the figure in detail."
REASON_PROMPT = "Figure: {caption}\nQuestion: {question}\nThink step by step."
DIRECT_PROMPT = "{question}\nAnswer directly."


def ask(question: str, choices: Sequence[str] | None = None) -> str:
    """The question, with its options as lettered lines below it: "A. star"."""
    if not choices:
        return question
    return "\n".join([question, *(f"{chr(65 + i)}. {choice}" for i, choice in enumerate(choices))])
