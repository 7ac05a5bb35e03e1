"""Rollouts by vLLM: what TRL 1.16 gets wrong for prompts with images, and how its server is started.

colocate   TRL hands vLLM prompts in which an image has all of its tokens already, and the image, for which vLLM writes
           them once more (trl#6294). Here it gets prompts as the chat template writes them, with one mark for an image
server     the server makes features of the images, and TRL lays them beside the tokens that are there: as it should be

Neither passes max_pixels on (trl#6401): images are scaled down before. Weights are pushed by NCCL from GPU to GPU; a
trainer on a CPU writes them to its run's folder, from which a server on the same machine reads them.

Whether all that is right shows in the log-probabilities of the first rollouts, vLLM's and the trainer's: where they are
further apart than arithmetic explains, the run ends before it learns from them.
"""

import json
import shlex
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from trl.data_utils import prepare_multimodal_messages
from trl.generation import vllm_generation
from trl.generation.vllm_client import VLLMClient

from ovt.core.errors import OvtError
from ovt.train.sampling import Sampler

COLOCATE = "colocate"
PUSHED = "for-vllm"  # beside a run's checkpoints
GAP = "sampling/sampling_logp_difference/mean"  # in TRL's log
FURTHEST = 0.1  # nats a token, on average: bfloat16 gives some 0.01, an image that is missing or there twice 0.3


class ByVllm(Sampler):
    """TRL's trainer, with prompts that vLLM reads as the trainer does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        told: Any = kwargs["args"]
        self._unchecked = bool(told.use_vllm and told.vllm_importance_sampling_correction)
        with by_files(Path(told.output_dir) / PUSHED if told.use_vllm and told.use_cpu else None):
            try:
                super().__init__(*args, **kwargs)
            except (OSError, RuntimeError) as error:
                if not told.use_vllm:
                    raise
                raise OvtError(f"rollouts by vLLM cannot begin: {' '.join(str(error).split())[:300]}") from error

    def _tokenize_prompts(self, prompts: list[Any]) -> Any:
        """As TRL's; the prompts as written are kept for `_generate_single_turn`, which takes none."""
        if self.use_vllm and self.vllm_mode == COLOCATE:
            self._written = as_written(self.processing_class, prompts)
        return super()._tokenize_prompts(prompts)

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and self.vllm_mode == COLOCATE and images:
            prompt_ids = self._written
        return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)

    def _generate_and_score_completions(self, inputs: list[Any]) -> Any:
        made = super()._generate_and_score_completions(inputs)
        if self._unchecked:
            check_gap(self._metrics["train"][GAP][-1])
            self._unchecked = False
        return made


def check_gap(gap: float) -> None:
    """OvtError for log-probabilities that are not of one model and prompt. gap: of tokens, their mean difference."""
    if not gap <= FURTHEST:
        raise OvtError(
            f"vLLM's log-probabilities differ from the trainer's by {gap:.2f} a token, and rounding explains "
            f"{FURTHEST}: it reads other prompts, or has other weights; leave use_vllm out"
        )


class ByFiles(VLLMClient):
    """TRL's client of a server, whose weights travel through a folder that both see."""

    def __init__(self, *args: Any, folder: Path, **kwargs: Any) -> None:
        self._folder = folder
        super().__init__(*args, **kwargs)

    def init_communicator(self, device: Any = 0) -> None:
        """Nothing to begin: TRL's is NCCL's, which needs a GPU on either side."""

    def update_named_params(self, metadata: Any, named_params: Iterator[tuple[str, Any]]) -> None:
        from safetensors.torch import save_file

        self._folder.mkdir(parents=True, exist_ok=True)
        weights = {name: weight.detach().contiguous() for name, weight in named_params}
        save_file(weights, self._folder / "model.safetensors", {"format": "pt"})
        asked = {"method": "reload_weights", "kwargs": {"weights_path": str(self._folder.resolve())}}
        self._post(f"{self.base_url}/collective_rpc", json=asked)


@contextmanager
def by_files(folder: Path | None) -> Generator[None]:
    """Makes the block's trainer push its weights through this folder; None: as TRL does."""
    made: Any = vllm_generation
    before = made.VLLMClient
    made.VLLMClient = partial(ByFiles, folder=folder) if folder else before
    try:
        yield
    finally:
        made.VLLMClient = before


def as_written(processor: Any, prompts: list[Any]) -> list[list[int]]:
    """The tokens of prompts as the chat template writes them, before a processor puts an image's own in place."""
    asked = [prepare_multimodal_messages(prompt) for prompt in prompts]
    texts = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    return processor.tokenizer(texts, add_special_tokens=False)["input_ids"]


def server_command(model: str, length: int, by_nccl: bool) -> str:
    """How to start the server that TRL's client needs, for prompts and responses of so many tokens together."""
    transfer = f" --weight-transfer-config {shlex.quote(json.dumps({'backend': 'nccl'}))}" if by_nccl else ""
    return (
        f"VLLM_SERVER_DEV_MODE=1 vllm serve {shlex.quote(model)} --max-model-len {length} --enable-scale-out{transfer} "
        "--logprobs-mode processed_logprobs --max-logprobs -1"
    )
