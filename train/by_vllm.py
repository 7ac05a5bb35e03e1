"""Rollouts by vLLM: what TRL 1.16 gets wrong for prompts with images, and how its server is started.

colocate   TRL hands vLLM prompts in which an image has all of its tokens already, and the image, for which vLLM adds
           them once more (trl#6294). Here it gets prompts as the chat template writes them, with one mark per image
server     the server computes the images' features, and TRL puts them beside the tokens that are there, as it should

Neither passes max_pixels on (trl#6401): images are scaled down before. Weights are pushed by NCCL from GPU to GPU; a
trainer on a CPU writes them to its run's folder, from which a server on the same machine reads them. The features
of an image that vLLM keeps come from older weights: TRL lets them stay (trl#7198), and after `reload_weights` a server
of 0.32 exits when the image comes again. They are dropped here with each push.

Whether all of that works shows in the log-probabilities of each batch of rollouts, vLLM's and the trainer's: if they
are further apart than arithmetic explains, or than they were at first, the run ends before it learns from them.
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
FURTHEST = 0.1  # nats per token, on average: about 0.01 in bfloat16, 1e-6 in float32
GROWTH = 10  # since the first batch, before which no weights had to arrive


class ByVllm(Sampler):
    """TRL's trainer, with prompts that vLLM reads as the trainer does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        told: Any = kwargs["args"]
        self._compares = bool(told.use_vllm and told.vllm_importance_sampling_correction)
        self._first_gap: float | None = None
        with own_client(Path(told.output_dir) / PUSHED if told.use_cpu else None):
            try:
                super().__init__(*args, **kwargs)
                if told.use_vllm and self.vllm_mode == COLOCATE:
                    forget_images(self.vllm_generation.llm)
            except (OSError, RuntimeError) as error:
                if not told.use_vllm:
                    raise
                raise OvtError(f"rollouts by vLLM cannot start: {' '.join(str(error).split())[:300]}") from error

    def _tokenize_prompts(self, prompts: list[Any]) -> Any:
        """Like TRL's; the prompts as written are kept for `_generate_single_turn`, which takes none."""
        if self.use_vllm and self.vllm_mode == COLOCATE:
            self._written = as_written(self.processing_class, prompts)
        return super()._tokenize_prompts(prompts)

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm and self.vllm_mode == COLOCATE and images:
            prompt_ids = self._written
        try:
            return super()._generate_single_turn(prompt_ids, images, *args, **kwargs)
        except OSError as error:
            if not self.use_vllm:
                raise
            why = " ".join(str(error).split())[:200]
            raise OvtError(
                f"vLLM no longer answers ({why}): start it again, then resume from the last checkpoint"
            ) from error

    def _generate_and_score_completions(self, inputs: list[Any]) -> Any:
        made = super()._generate_and_score_completions(inputs)
        if self._compares:
            gap = self._metrics["train"][GAP][-1]
            check_gap(gap, self._first_gap)
            self._first_gap = gap if self._first_gap is None else self._first_gap
        return made


def check_gap(gap: float, first: float | None = None) -> None:
    """OvtError for log-probabilities that are not of one model and prompt. gap: their mean difference per token;
    first: that of the first batch."""
    most = FURTHEST if first is None else min(FURTHEST, GROWTH * first + 0.001)
    if not gap <= most:
        why = (
            "it reads different prompts, or has different weights"
            if first is None
            else "it lacks weights that it was sent"
        )
        raise OvtError(
            f"vLLM's log-probabilities differ from the trainer's by {gap:.1g} per token, and rounding explains "
            f"only {most:.1g}: {why}; leave use_vllm out"
        )


class Client(VLLMClient):
    """TRL's client of a server, which drops cached images when it drops cached prompts."""

    def reset_prefix_cache(self) -> None:
        super().reset_prefix_cache()
        told = self.session.post(f"{self.base_url}/reset_encoder_cache")
        if told.status_code != 200:
            raise OvtError(
                f"vLLM cannot drop images that older weights saw (/reset_encoder_cache answers {told.status_code}): "
                "start it with the command shown above"
            )


class ByFiles(Client):
    """The same, with weights that travel through a folder that both it and the server see."""

    def __init__(self, *args: Any, folder: Path, **kwargs: Any) -> None:
        self._folder = folder
        super().__init__(*args, **kwargs)

    def init_communicator(self, device: Any = 0) -> None:
        """Nothing to start: TRL's is NCCL's, which needs a GPU on both sides."""

    def update_named_params(self, metadata: Any, named_params: Iterator[tuple[str, Any]]) -> None:
        from safetensors.torch import save_file

        self._folder.mkdir(parents=True, exist_ok=True)
        weights = {name: weight.detach().contiguous() for name, weight in named_params}
        save_file(weights, self._folder / "model.safetensors", {"format": "pt"})
        asked = {"method": "reload_weights", "kwargs": {"weights_path": str(self._folder.resolve())}}
        self._post(f"{self.base_url}/collective_rpc", json=asked)


def forget_images(engine: Any) -> None:
    """Makes vLLM's engine in this process drop cached images when it drops cached prompts, for new weights."""
    reset = engine.reset_prefix_cache

    def both(*args: Any, **kwargs: Any) -> Any:
        engine.llm_engine.reset_encoder_cache()
        return reset(*args, **kwargs)

    engine.reset_prefix_cache = both


@contextmanager
def own_client(folder: Path | None) -> Generator[None]:
    """Makes the block's trainer use `Client`, or `ByFiles` with this folder."""
    made: Any = vllm_generation
    before = made.VLLMClient
    made.VLLMClient = partial(ByFiles, folder=folder) if folder else Client
    try:
        yield
    finally:
        made.VLLMClient = before


def as_written(processor: Any, prompts: list[Any]) -> list[list[int]]:
    """The tokens of prompts as the chat template writes them, before a processor inserts an image's own."""
    asked = [prepare_multimodal_messages(prompt) for prompt in prompts]
    texts = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    return processor.tokenizer(texts, add_special_tokens=False)["input_ids"]


def no_image_token(config: Any) -> dict[str, Any]:
    """What TRL passes on to vLLM so that no image token is sampled, for which the learning pass would look for an image
    (trl#3847); TRL itself tells transformers' sampling so. config: the model's."""
    return {"logit_bias": {config.image_token_id: -100.0}}


def server_command(model: str, length: int, by_nccl: bool) -> str:
    """How to start the server that TRL's client needs, for prompts and responses of `length` tokens together."""
    transfer = f" --weight-transfer-config {shlex.quote(json.dumps({'backend': 'nccl'}))}" if by_nccl else ""
    return (
        f"VLLM_SERVER_DEV_MODE=1 vllm serve {shlex.quote(model)} --max-model-len {length} --enable-scale-out{transfer} "
        "--logprobs-mode processed_logprobs --max-logprobs -1"
    )
