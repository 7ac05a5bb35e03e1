"""GRPO of a small Qwen2.5-VL on a CPU under TRL 1.16: rollouts by the embedded engine's own sampler (decoding.py) from
the live weights, and learning by log_probs.py. TRL keeps rewards, advantages, the loss and the optimizer.

Three methods are TRL's seams: `_tokenize_prompts` and `_generate_single_turn` between prompts and completions, and
`_get_per_token_logps_and_entropies`, which is asked before and while a batch is learned from.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ovt.curate.endpoints.embedded import Row
from ovt.train.decoding import Prompt, Vocabulary, generate
from ovt.train.held_out import HeldOut
from ovt.train.log_probs import Eyes, Replies, score
from ovt.train.qwen import is_plain, native_half
from ovt.train.sampling import Sampler

OWN_SAMPLING = ("min_p", "repetition_penalty", "generation_kwargs")  # what transformers' sampler can do and ours cannot


def suits(model: Any, arguments: dict[str, Any]) -> bool:
    """Whether a model and TRL's arguments are what this trainer is made for; any other is left to transformers."""
    plain_sampling = all(arguments.get(name) in (None, 1.0, {}) for name in OWN_SAMPLING)
    plain_learning = not any(arguments.get(name) for name in ("entropy_coef", "use_adaptive_entropy"))
    return is_plain(model) and not arguments["use_vllm"] and plain_sampling and plain_learning


class SmallSampler(HeldOut):
    """TRL's trainer with the arithmetic of qwen.py."""

    _asked: tuple[list[Prompt], list[int]]
    _idle: Tensor | None = None
    _drawn = (-1, 0)  # a step, and how often rollouts were drawn in it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dtype = native_half() if self.args.bf16 else torch.float32
        self._eyes: dict[int, Eyes] = {}

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[Any, Any, Any]:
        """Like TRL's, for each prompt once, however many completions it is to get."""
        names = [_name(prompt) for prompt in prompts]
        once = dict(zip(names, prompts, strict=True))
        places = {name: at for at, name in enumerate(once)}
        ids, images, fields = super(Sampler, self)._tokenize_prompts(list(once.values()))
        of = [places[name] for name in names]
        self._asked = _read(ids, images, fields), of
        return [ids[at] for at in of], images and [images[at] for at in of], {}

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        """Completions with the tokens that end them, and no log-probabilities (vLLM's only)."""
        prompts, of = self._asked
        chosen = self.generation_config
        if chosen.do_sample:
            step = self.state.global_step
            self._drawn = step, self._drawn[1] + 1 if self._drawn[0] == step else 0
        seeds = (
            np.random.SeedSequence([self.args.seed, *self._drawn]).spawn(len(of)) if chosen.do_sample else [0] * len(of)
        )
        heat = chosen.temperature if chosen.do_sample else 0.0
        settings = (heat, chosen.top_p or 1.0, chosen.top_k or 0, chosen.max_new_tokens)
        rows = [Row(at, np.random.default_rng(seed), *settings) for at, seed in zip(of, seeds, strict=True)]
        self._sample(prompts, rows)
        return [row.ids if row.end is None else [*row.ids, row.end] for row in rows], None

    def _sample(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> None:
        """Runs all rows to their ends: a thread for each core, and never more rows at a time than `rows` allows."""
        model = self.accelerator.unwrap_model(self.model)
        tokenizer: Any = self._tokenizer
        never = tuple(self.generation_config.suppress_tokens)  # the image token: learning would look for an image
        words = Vocabulary(frozenset(self.eos_token_ids), tokenizer.decode, never)
        threads = torch.get_num_threads()
        at_once = max(1, self._rows * len(prompts) // len(rows))
        parts = min(len(prompts), max(threads, -(-len(prompts) // at_once)))
        cuts = [len(prompts) * at // parts for at in range(parts + 1)]

        def run(begin: int, end: int) -> None:
            generate(model, prompts[begin:end], groups[begin], words, dtype=self._dtype)

        groups: dict[int, list[Row]] = {begin: [] for begin in cuts[:-1]}
        for row in rows:
            begin = max(one for one in groups if one <= row.prompt)
            groups[begin].append(row)
            row.prompt -= begin
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for job in [pool.submit(run, *cut) for cut in pairwise(cuts)]:
                job.result()

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        """Like TRL's; rows without an advantage are not learned from, unless the reference model pulls at them."""
        if self.beta == 0.0:
            self._idle = inputs["advantages"] == 0
            self._idle[0] &= not self._idle.all()  # a loss needs a gradient
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self._idle = None

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, **fields: Any
    ) -> Any:
        """Like TRL's, up to rounding (tests/train/test_small_rl.py)."""
        bare = self.accelerator.unwrap_model(model)
        eyes = self._eyes.setdefault(id(bare), Eyes(bare))
        pixels, grids, counts = (fields.get(name) for name in ("pixel_values", "image_grid_thw", "num_images"))
        none = [0] * len(input_ids)
        replies = Replies(input_ids, attention_mask, logits_to_keep, pixels, grids, none if counts is None else counts)
        logps, entropies = score(eyes, replies, self._dtype, self.temperature, self._idle)
        return logps, entropies if fields.get("compute_entropy") else None, None


def _name(prompt: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What tells prompts apart: their texts, and their pictures, which stay the same objects in TRL's copies."""
    return tuple((turn["role"], *map(_part_name, turn["content"])) for turn in prompt)


def _part_name(part: Any) -> Any:
    """The same for a part of a turn, or for a character if it is all text."""
    if isinstance(part, str):
        return part
    return id(part["image"]) if part["type"] == "image" else part["text"]


def _read(ids: list[list[int]], images: Any, fields: dict[str, Any]) -> list[Prompt]:
    """Tokenized prompts as the sampler takes them."""
    if not images:
        return [Prompt(list(row)) for row in ids]
    patches, grids = (torch.as_tensor(np.asarray(fields[name])) for name in ("pixel_values", "image_grid_thw"))
    ends = list(accumulate((len(own or ()) for own in images), initial=0))
    lengths = [0, *accumulate(grids.prod(-1).tolist())]
    return [
        Prompt(list(row), patches[lengths[first] : lengths[end]], grids[first:end])
        if end > first
        else Prompt(list(row))
        for row, (first, end) in zip(ids, pairwise(ends), strict=True)
    ]
