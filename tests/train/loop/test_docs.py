"""docs/loop.md shows only what a loop's recipe may say."""

import re
import tomllib
from pathlib import Path

from ovt.core.section import read_section
from ovt.train.loop.recipe import LoopRecipe, spell_out

ROOT = Path(__file__).parents[3]


def test_the_recipe_in_the_docs():
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/loop.md").read_text(), re.DOTALL)
    recipe = read_section(LoopRecipe, spell_out(tomllib.loads(block) | {"curate": "pocket"}), "docs/loop.md")
    first, second = recipe.iterations
    assert (len(first.rl), first.rl[0].freeze_vision_tower) == (2, True)
    assert second.curate.reasoners[0].see == "image"
    assert recipe.gate.max_drop == 0.02


def test_the_papers_figures():
    """arXiv 2503.17352, as far as a recipe holds it."""
    from ovt.train.loop.recipe import load_loop

    loop = load_loop("openvlthinker/loop")
    assert loop.base == "Qwen/Qwen2.5-VL-7B-Instruct"
    asked = loop.evaluate.sampling
    assert (asked.temperature, asked.top_p, asked.top_k, asked.max_tokens) == (0.01, 0.001, 1, 2048)
    first, second, third = loop.iterations
    assert {name: one.model for name, one in first.curate.endpoints.items()} == {
        "captioner": "Qwen/Qwen2.5-VL-3B-Instruct",
        "reasoner": "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
    }
    sources = "figureqa geos geometry3k tabmwp vizwiz ai2d"
    assert [source.name for source in first.curate.sources] == sources.split()
    reason, sft, rl = first.curate.reasoners[0], first.sft, first.rl[0]
    assert sft
    assert (reason.k, reason.sampling.temperature, reason.sampling.top_p) == (4, 0.6, 0.95)
    assert first.curate.select.strategy == "shortest_correct"
    assert first.curate.filter.reflection.mode == "truncate"
    assert (sft.learning_rate, sft.global_batch_size, sft.warmup_steps, sft.num_train_epochs) == (5e-7, 32, 0.1, 1)
    assert (sft.lr_scheduler_type, sft.max_pixels) == ("cosine", 262_144)
    assert (rl.num_generations, rl.rollout_batch_size, rl.global_batch_size) == (5, 512, 128)
    assert (rl.temperature, rl.top_p, rl.learning_rate, rl.beta) == (1.0, 0.99, 1e-6, 1e-2)
    assert (rl.weight_decay, rl.max_grad_norm, rl.max_completion_length) == (1e-2, 1.0, 2048)
    assert (rl.questions.max_prompt_length, rl.reward.format_weight, rl.max_pixels) == (6144, 0.0, 262_144)
    assert second.curate.reasoners[0].see == third.curate.reasoners[0].see == "image"
    assert [stage.questions.difficulty for stage in first.rl] == [["hard", "unsolved"]]  # few chains were distilled
    assert [stage.questions.difficulty for stage in third.rl] == [["medium"], ["hard"]]
    assert [stage.freeze_vision_tower for stage in third.rl] == [True, False]
