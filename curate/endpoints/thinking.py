"""Where a message holds the model's thinking: in a field of its own, in parts of the content, or in tags within it.

reasoning_content   DeepSeek, DashScope, vLLM, SGLang, transformers serve, Moonshot, Zhipu
reasoning           vLLM from 0.17 on, OpenRouter, Ollama, Groq, Together
reasoning_details   OpenRouter: [{"type": "reasoning.text", "text": …}, {"type": "reasoning.summary", "summary": …}]
thinking            Ollama's own API, some gateways to Anthropic; also thinking_blocks (LiteLLM)
content parts       Mistral: {"type": "thinking", "thinking": [{"type": "text", "text": …}]}; Anthropic: the same
                    with a text; also {"type": "reasoning", …}
tags                servers without a parser for their model: <think>…</think> and the model's own ones
"""

from collections.abc import Mapping
from typing import Any

from ovt.core.text import without_surrogates

FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
PARTS = ("thinking", "reasoning", "reasoning.text", "reasoning.summary", "redacted_thinking", "reasoning.encrypted")
TEXTS = ("text", "thinking", "reasoning", "summary", "content")  # where a part holds its text, the first that does

# Opening and closing tag at the start of a content.
TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel|>analysis<|message|>", "<|start|>assistant<|channel|>final<|message|>"),
)


def split_message(message: Mapping[str, Any]) -> tuple[str, str]:
    """(thinking, content) of a message; the content unchanged if it begins with thinking in `<think>`."""
    content = joined(message.get("content"))
    if content.lstrip().startswith("<think>"):
        return "", content
    fields = (joined(message.get(name), thoughts=True) for name in FIELDS)
    thinking = next(filter(None, fields), "") or thoughts_of(message.get("content"))
    return (thinking, content) if thinking else split_tags(content)


def split_tags(content: str) -> tuple[str, str]:
    """The same for thinking in a model's own tags, at the start of the content."""
    begun = content.lstrip()
    for opening, closing in TAGS[1:]:
        if begun.startswith(opening):
            thinking, _, rest = begun.removeprefix(opening).partition(closing)
            return thinking, rest
    return "", content


def rejoined(thinking: str, content: str, cut_off: bool) -> str:
    """The text of a reasoner. A chain that was cut off while thinking gets no closing tag: the model wrote none."""
    if not thinking:
        return content
    return f"<think>{thinking}" if cut_off and not content else f"<think>{thinking}</think>{content}"


def answer_alone(content: str, cut_off: bool) -> str:
    """The text of a captioner or judge: the content without thinking in `<think>`, even where the opening tag was part
    of the prompt. Empty if it was cut off inside the thinking."""
    before, closed, after = content.rpartition("</think>")
    if closed:
        return after.lstrip("\n") if before.count("<think>") <= 1 else after
    return "" if cut_off and content.lstrip().startswith("<think>") else content


def thoughts_of(content: Any) -> str:
    """The text of the parts of a content that are thinking."""
    parts = content if isinstance(content, list) else ()
    return "".join(part_text(part, thoughts=True) for part in parts if is_thought(part))


def joined(content: Any, thoughts: bool = False) -> str:
    """The text of a content: a string, parts (without those that are thinking, unless `thoughts`), or null."""
    if isinstance(content, list):
        return "".join(part_text(part, thoughts) for part in content if thoughts or not is_thought(part))
    return part_text(content, thoughts)


def part_text(part: Any, thoughts: bool) -> str:
    if isinstance(part, Mapping):
        return next(filter(None, (joined(part.get(name), thoughts) for name in TEXTS)), "")
    return without_surrogates(part) if isinstance(part, str) else ""


def is_thought(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in PARTS
