"""Rollouts by vLLM: what TRL 1.16 gets wrong for prompts with images, and how its server is started.

colocate   TRL hands vLLM prompts in which an image has all of its tokens already, and the image, for which vLLM writes
           them once more (trl#6294). Here it gets prompts as the chat template writes them, with one mark for an image
server     the server makes features of the images, and TRL lays them beside the tokens that are there: as it should be

Neither passes max_pixels on (trl#6401): images are scaled down before. Weights are pushed by NCCL, so a server on a CPU
can sample, and cannot follow the training.
"""

import json
import shlex
from typing import Any

from trl.data_utils import prepare_multimodal_messages

from ovt.train.sampling import Sampler

COLOCATE = "colocate"


class ByVllm(Sampler):
    """TRL's trainer, with prompts that vLLM reads as the trainer does."""

    def _tokenize_prompts(self, prompts: list[Any]) -> Any:
        """As TRL's; the prompts as written are kept for `_generate_single_turn`, which takes none."""
        if self.use_vllm and self.vllm_mode == COLOCATE:
            self._written = as_written(self.processing_class, prompts)
        return super()._tokenize_prompts(prompts)

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and self.vllm_mode == COLOCATE and images:
            prompt_ids = self._written
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)


def as_written(processor: Any, prompts: list[Any]) -> list[list[int]]:
    """The tokens of prompts as the chat template writes them, before a processor puts an image's own in place."""
    asked = [prepare_multimodal_messages(prompt) for prompt in prompts]
    texts = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    return processor.tokenizer(texts, add_special_tokens=False)["input_ids"]


def server_command(model: str, length: int) -> str:
    """How to start the server that TRL's client needs, for prompts and responses of so many tokens together."""
    transfer = shlex.quote(json.dumps({"backend": "nccl"}))
    return (
        f"VLLM_SERVER_DEV_MODE=1 vllm serve {shlex.quote(model)} --max-model-len {length} --enable-scale-out "
        f"--weight-transfer-config {transfer} --logprobs-mode processed_logprobs --max-logprobs -1"
    )
