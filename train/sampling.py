"""Where TRL 1.16's GRPOTrainer is wrong for vision-language models, or leaves something to its caller.

pad_left      prompts are padded on the left, whatever the processor says (trl#5785): the token types that the
              learning pass reads are laid beside prompts that TRL itself pads on the left. Nor does TRL's learning pass
              know that a rendered prompt already has its first token, which Gemma's tokenizer adds once more
Sampler       a device's share of a rollout batch is sampled a few prompts at a time: TRL asks for all of them at
              once, 326 GiB of cache for 7 B parameters and the paper's batches. TRL also hands LLaVA-OneVision's count
              of images to a method that does not take it (seen in 1.16; no report found)
LISTS         Pixtral's processor tries to make tensors of prompts of unequal lengths unless told not to
check_prompts the two passes must read a prompt alike, or what is learned belongs to other tokens
"""

from functools import partial
from typing import Any

from PIL import Image
from trl import GRPOTrainer

from ovt.core.errors import OvtError
from ovt.train.templates import rendered

LISTS: dict[str, Any] = {"return_tensors": None}  # how prompts are read to sample from them
TRIED = ("Is it red?", "Is the picture that you see red, or is it rather of another colour?")  # of unequal lengths


class Sampler(GRPOTrainer):
    """TRL's trainer, with rollouts by `transformers` of at most `rows` prompts at a time."""

    def __init__(self, *args: Any, rows: int, **kwargs: Any) -> None:
        self._rows = rows
        self._parts: list[tuple[Any, Any, Any]] = []
        super().__init__(*args, **kwargs)
        self.chat_template_kwargs: dict[str, Any] = LISTS | dict(self.chat_template_kwargs)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[Any, Any, Any]:
        """Like TRL's, part by part; the parts are kept for `_generate_single_turn`, which takes no prompts."""
        if self.use_vllm:
            return super()._tokenize_prompts(prompts)
        self._parts = []
        for first in range(0, len(prompts), self._rows):
            self._parts.append(super()._tokenize_prompts(prompts[first : first + self._rows]))
        ids = [row for part_ids, _, _ in self._parts for row in part_ids]
        images = [row for part, found, _ in self._parts for row in found or [None] * len(part)]
        return ids, images if any(images) else None, {}

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Completions, as lists of token ids, and no log-probabilities (vLLM's only)."""
        if self.use_vllm:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, *args, **kwargs)
        completions: list[list[int]] = []
        for part in self._parts:
            sampled, _ = super()._generate_single_turn(*part, *args, **kwargs)
            completions += sampled
        return completions, None

    def _get_per_token_logps_and_entropies(self, *args: Any, batch_num_images: Any = None, **fields: Any) -> Any:
        """Like TRL's, which does not know LLaVA-OneVision's field that counts the images of each row: it adds nothing
        for rows of one image, and TRL's learning pass never gets it, so rows of several cannot be learned from."""
        if batch_num_images is not None and int(batch_num_images.max()) > 1:
            raise OvtError(refusal("this model", "TRL reads its prompts of several images as prompts of one image"))
        return super()._get_per_token_logps_and_entropies(*args, **fields)


def pad_left(processor: Any) -> Any:
    """The processor, padding on the left from now on, and adding no first token to a rendered prompt."""
    processor.tokenizer.padding_side = "left"
    family = type(processor)

    class Rendered(family):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **{"add_special_tokens": False} | kwargs)

    if begins_itself(processor):
        processor.__class__ = Rendered
    return processor


def begins_itself(processor: Any) -> bool:
    """Whether tokenizer and template both write the first token of a prompt."""
    first = processor.tokenizer.bos_token
    told = processor.tokenizer("?")["input_ids"]
    return bool(first) and told[:1] == [processor.tokenizer.bos_token_id] and rendered(processor).startswith(first)


def check_prompts(processor: Any, where: str) -> None:
    """OvtError for a model whose prompts TRL reads in two ways: one to sample from, another to learn from."""
    picture = Image.new("RGB", (56, 56), "red")
    asked = [
        [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": text}]}]
        for text in TRIED
    ]
    render = partial(processor.apply_chat_template, add_generation_prompt=True)
    try:
        sampled = render(asked, tokenize=True, return_dict=True, **LISTS)["input_ids"]
        texts = [render(one, tokenize=False) for one in asked]
        learned = processor(images=[[picture], [picture]], text=texts, padding=True, return_tensors="pt")
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise OvtError(refusal(where, f"its processor fails on two prompts ({why})")) from error
    longest = max(map(len, sampled))
    for row, mask, ids in zip(learned["input_ids"].tolist(), learned["attention_mask"].tolist(), sampled, strict=True):
        if [token for token, there in zip(row, mask, strict=True) if there] != list(ids):
            raise OvtError(refusal(where, "its processor reads a prompt's text and its messages as different tokens"))
        if len(row) != longest or mask != sorted(mask):
            raise OvtError(refusal(where, "its processor pads prompts on the right and cannot be told otherwise"))


def refusal(where: str, why: str) -> str:
    return f"TRL 1.16 cannot run RL on {where}: {why}; choose a model of another family, or train it by SFT"
