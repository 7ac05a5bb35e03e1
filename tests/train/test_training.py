"""Training from Python: the names of `ovt.train`, settings as a dict, and the run that comes back."""

import subprocess
import sys

import pytest

import ovt.train
from ovt.core.errors import RecipeError


def test_importing_it_loads_nothing_heavy():
    heavy = {"torch", "transformers", "trl", "datasets", "polars", "pydantic"}
    code = f"import sys, ovt.train; dir(ovt.train); print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_its_names_are_there():
    assert all(getattr(ovt.train, name) for name in ovt.train.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'dpoo'"):
        ovt.train.dpoo  # noqa: B018


def test_a_run_from_python(home, small_vlm, colour_rows, write_version):
    """Versions and runs as objects, the home as a path; the second run starts from the first one's model."""
    version = write_version(home, colour_rows(8))
    settings = {"max_steps": 2, "global_batch_size": 4, "logging_steps": 1}
    run = ovt.train.sft(version, small_vlm, settings, home.path, name="first")
    assert (run.record.data, run.result["steps"]) == ("colours@v1", 2)
    assert run.log["loss"].drop_nulls().len() == 2
    assert run.card.startswith("---")
    assert (run.model / "model.safetensors").is_file()
    (run.model / "README.md").unlink()  # as if the process had ended before it wrote the card
    said: list[str] = []
    again = ovt.train.sft("colours", small_vlm, settings, home, name="first", say=said.append)
    assert again.record == run.record
    assert again.card.startswith("---")
    assert said == [f"run first is already done: {run.model}"]
    second = ovt.train.sft(version, run, {"max_steps": 1, "global_batch_size": 4}, home)
    assert (second.name, second.record.model) == ("colours-sft", "first")
    assert [one.name for one in ovt.train.list_runs(home.path)] == ["colours-sft", "first"]


def test_settings_that_are_not_known_are_one_line(home):
    with pytest.raises(RecipeError, match="settings: learning_rat is not a known key; did you mean learning_rate"):
        ovt.train.sft("colours", "pocket", {"learning_rat": 1}, home)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"use_liger_kernel": True}, "use_liger_kernel needs liger-kernel, which is not installed"),
        ({"padding_free": True}, "the trainer refuses these settings"),
    ],
)
def test_what_the_trainer_cannot_do_is_one_line_and_leaves_no_run(
    home, small_vlm, colour_rows, write_version, given, told
):
    write_version(home, colour_rows(4))
    with pytest.raises(RecipeError, match=told) as raised:
        ovt.train.sft("colours", str(small_vlm), {"max_steps": 1, "trainer": given}, home)
    assert "\n" not in str(raised.value)
    assert not (home.runs / "colours-sft").exists()
