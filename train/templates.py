"""What a chat template writes around a response, and what is wrong if it is learned differently than asked for.

opening           the beginning of a response that is already in the prompt, such as `<think>`
takes_thinking    thinking in a field of its own, as Qwen3.8's asks for; most templates take a response as it is
mistaught         no end is learned (GLM-4V's), or a response is learned after a different start than it is asked for:
                  Qwen3.5's smaller models answer after an empty thinking block
"""

from collections.abc import Collection
from typing import Any

from ovt.train.models import ending_tokens, generation_settings

THINKS, THOUGHT = "<think>", "</think>"
ASKED = {"role": "user", "content": [{"type": "text", "text": "?"}]}


def rendered(processor: Any) -> str:
    """A short prompt, as the template writes it."""
    return processor.apply_chat_template([ASKED], add_generation_prompt=True, tokenize=False)


def opening(processor: Any) -> str:
    """What a response begins with that the template has already written into the prompt: "<think>\\n", or nothing."""
    prompt = rendered(processor)
    return prompt[prompt.rindex(THINKS) :] if prompt.rstrip().endswith(THINKS) else ""


def answered(processor: Any, content: str, **told: str) -> str:
    """A short prompt and a response with further fields, as the template writes them."""
    turn = {"role": "assistant", "content": [{"type": "text", "text": content}], **told}
    return processor.apply_chat_template([ASKED, turn], tokenize=False)


def takes_thinking(processor: Any) -> bool:
    """Whether the template has a field for thinking, and would write thinking inside a response after an empty one."""
    inside = answered(processor, f"{THINKS}a{THOUGHT}b").count(THINKS)
    return inside > answered(processor, "b", reasoning_content="a").count(THINKS) > 0


def with_thinking(turn: dict[str, Any]) -> dict[str, Any]:
    """A response with its thinking in a field of its own, if it begins with some."""
    thinking, thought, rest = turn["content"].lstrip().partition(THOUGHT)
    if not thought or not thinking.startswith(THINKS):
        return turn
    return turn | {"reasoning_content": thinking.removeprefix(THINKS).strip("\n"), "content": rest.lstrip("\n")}


def mistaught(learned: Collection[int], processor: Any, where: str) -> str | None:
    """What is wrong with how responses are learned; None if nothing is. learned: the tokens learned from one."""
    ends = ending_tokens(generation_settings(where), processor.tokenizer)
    if ends.isdisjoint(learned):
        names = ", ".join(processor.tokenizer.convert_ids_to_tokens(sorted(ends)))
        return (
            f"no token that ends a response is learned ({names}): the chat template writes none after an answer, so "
            "the model may not learn to stop; add one to its chat_template.jinja"
        )
    asked = rendered(processor).rstrip()
    if answered(processor, f"{THINKS}a{THOUGHT}b").startswith(asked):
        return None
    return (
        f"the chat template asks for a response after {asked[asked.rfind(THINKS) :][-40:]!r}, but puts one that is "
        "learned after something else: the model would be trained at a different place than it answers at; change its "
        "chat_template.jinja (for Qwen3.5, a first line {%- set enable_thinking = true %} is enough)"
    )
