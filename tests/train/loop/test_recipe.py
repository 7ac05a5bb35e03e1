"""A loop's recipe: iterations laid over the shared tables, the paper's rule for later data, mistakes in one line."""

import pytest

from ovt.core.errors import RecipeError
from ovt.curate.recipe import load_recipe
from ovt.train.loop.recipe import lay_over, load_loop
from ovt.train.loop.steps import plan_steps

LOOP = """
name = "mine"
base = "pocket"
curate = "pocket"
[evaluate]
sources = [{ path = "pocket:figures", seed = 900, limit = 20 }]
[sft]
learning_rate = 1e-3
[[rl]]
max_steps = 2
"""


@pytest.fixture
def loop(tmp_path):
    """Reads a loop with some more TOML."""

    def read(more: str = "", overrides=()):
        file = tmp_path / "loop.toml"
        file.write_text(LOOP + more)
        return load_loop(file, overrides)

    return read


def test_an_iteration_is_laid_over_the_shared_tables(loop):
    own = "sft.seed = 7\ncurate.sources = [{ path = 'pocket:figures', seed = 5 }]"
    recipe = loop(f"[[iterations]]\n[[iterations]]\n{own}")
    first, second = recipe.iterations
    assert (first.sft.learning_rate, second.sft.learning_rate) == (1e-3, 1e-3)
    assert (first.sft.seed, second.sft.seed) == (42, 7)
    assert first.curate.sources[0].limit == 200  # the recipe's own
    assert [source.seed for source in second.curate.sources] == [5]
    assert (first.curate.name, second.curate.name) == ("mine-1", "mine-2")


def test_later_data_is_written_by_the_model_before_seeing_the_image(loop):
    first, second = loop("[[iterations]]\n[[iterations]]").iterations
    assert (first.curate.caption is None, first.curate.reason.see) == (False, "caption")
    assert second.curate.caption is None
    assert (second.curate.reason.see, second.curate.reason.endpoint) == ("image", "previous")
    assert second.curate.reason.prompt == second.curate.data.prompt  # what it was trained with
    assert second.curate.reason.k == first.curate.reason.k


def test_rl_stages_are_laid_over_those_of_the_same_number(loop):
    own = "rl = [{ seed = 5 }, { seed = 6, max_steps = 9 }]"
    first, second, third = loop(f"[[iterations]]\n[[iterations]]\n{own}\n[[iterations]]\nrl = []").iterations
    assert [(stage.max_steps, stage.seed) for stage in first.rl] == [(2, 42)]
    assert [(stage.max_steps, stage.seed) for stage in second.rl] == [(2, 5), (9, 6)]
    assert third.rl == []


def test_an_iteration_can_do_otherwise(loop):
    more = "[[iterations]]\n[[iterations]]\ncurate.reason.endpoint = 'pocket'\ncurate.reason.k = 8"
    second = loop(more).iterations[1]
    assert (second.curate.reason.endpoint, second.curate.reason.k) == ("pocket", 8)
    assert [step.model for step in plan_steps(loop(more)) if step.kind == "data"] == [None, None]


def test_the_steps_in_order(loop):
    recipe = loop("[[rl]]\nmax_steps = 3\n[[iterations]]\n[[iterations]]\nrl = []")
    steps = plan_steps(recipe)
    assert [step.name for step in steps] == [
        "eval-base",
        *("data-1", "sft-1", "eval-sft-1", "rl-1-1", "eval-rl-1-1", "rl-1-2", "eval-rl-1-2", "gate-1"),
        *("data-2", "sft-2", "eval-sft-2", "gate-2"),
    ]
    of = {step.name: step for step in steps}
    assert (of["sft-1"].model, of["sft-2"].model) == ("base", "base")  # SFT starts from the base, always
    assert (of["rl-1-1"].model, of["rl-1-2"].model) == ("sft-1", "rl-1-1")
    assert of["data-2"].model == "rl-1-2"
    assert (of["gate-1"].before, of["gate-2"].before, of["gate-2"].model) == ("eval-base", "eval-rl-1-2", "sft-2")


def test_rl_from_the_base(loop):
    steps = plan_steps(loop("[[iterations]]\nsft = false"))
    assert [step.name for step in steps] == ["eval-base", "data-1", "rl-1", "eval-rl-1", "gate-1"]
    assert steps[2].model == "base"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "[[iterations]]\nsft.learning_rat = 1",
            r"iterations.0.sft.learning_rat is not .* did you mean learning_rate\?",
        ),
        ("[stf]\nseed = 1", r"loop.toml: stf is not a known key; did you mean sft\?"),
        ("[serving]\ncommand = ''", "serving.command is '': it is empty"),
        ("[serving]\ncommand = 'vllm \"serve'", "No closing quotation"),
        ("[gate]\nmax_dropp = 1", r"gate.max_dropp is not a known key; did you mean max_drop\?"),
        ("[[iterations]]\nsft = false\nrl = []", "trains nothing"),
        (
            "[[iterations]]\ncurate.reason.endpoint = 'previous'",
            "iterations.0.curate: reason.endpoint is 'previous', which",
        ),
        ("[[iterations]]\ncurate = 'nothing'", "no recipe at nothing"),
        ("[[iterations]]\ncurate = 5", r"curate is 5: expected a recipe's name or path, or its tables"),
        ("[[iterations]]\ncurate = ['pocket']", r"curate is \['pocket'\]: expected a recipe's name"),
        ("[[iterations]]\n[[iterations.curate]]", r"curate is \[\{\}\]: expected a recipe's name"),
        ("iterations = 3", "iterations"),
        (
            "[[rl]]\nrollout_batch_size = 100",
            "iterations.0.rl.1: rollout_batch_size = 100 is not a multiple of global_batch_size = 128: .* change one",
        ),
    ],
)
def test_mistakes(loop, more, said):
    with pytest.raises(RecipeError, match=said):
        loop(more)


def test_a_recipe_of_the_wrong_shape(loop):
    with pytest.raises(RecipeError, match="curate is 5: expected a recipe's name or path"):
        loop("[[iterations]]", ["curate=5"])
    with pytest.raises(RecipeError, match=r"iterations\.0\.curate\.data is 5"):
        loop("[[iterations]]\n[[iterations]]", ["curate.data=5"])


def test_a_recipe_for_data_and_a_loops_are_told_apart():
    with pytest.raises(RecipeError, match="recipe pocket is a recipe for data alone: give it to `ovt curate build`"):
        load_loop("pocket")
    with pytest.raises(RecipeError, match=r"recipe pocket-loop is a loop's recipe.*`ovt loop run`"):
        load_recipe("pocket-loop")


def test_overrides_reach_everywhere(loop):
    recipe = loop("", ["gate.enabled=false", "sft.seed=3", "name=other", "curate.sources.0.limit=7"])
    assert (recipe.gate.enabled, recipe.iterations[0].sft.seed, recipe.name) == (False, 3, "other")
    assert recipe.iterations[0].curate.sources[0].limit == 7


def test_laying_over_leaves_what_lies_below():
    below = {"a": {"b": 1, "c": [1, 2]}, "d": 2}
    assert lay_over(below, {"a": {"c": [3]}, "e": 5}) == {"a": {"b": 1, "c": [3]}, "d": 2, "e": 5}
    assert below == {"a": {"b": 1, "c": [1, 2]}, "d": 2}


@pytest.mark.parametrize("name", ["pocket-loop", "openvlthinker/loop"])
def test_shipped_loops(name):
    assert load_loop(name).iterations
