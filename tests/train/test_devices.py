"""Starting a training once per device: configurations of accelerate, and the command that is started."""

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.train.devices import Launch, without_launcher


def test_the_launched_command_is_the_same_without_its_launcher():
    asked = ["train", "sft", "v", "--accelerate", "fsdp", "-m", "m", "--processes=4", "--set", "seed=1"]
    assert without_launcher(asked) == ["train", "sft", "v", "-m", "m", "--set", "seed=1"]
    assert without_launcher(["--accelerate=x.yaml", "--processes", "2", "a"]) == ["a"]


def test_configurations_are_read(tmp_path):
    assert Launch("fsdp", 8).count == 8
    assert Launch("fsdp").shares
    assert Launch("zero3").shares
    own = tmp_path / "own.yaml"
    own.write_text("distributed_type: MULTI_GPU\nnum_processes: 3\n")
    assert Launch(str(own)).count == 3
    assert not Launch(str(own)).shares
    with pytest.raises(OvtError, match="neither fsdp nor zero3, nor a file"):
        assert Launch("fsdq").count


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[", "cannot read --accelerate .*: while parsing"),
        ("hello", "is not an accelerate configuration: expected YAML with distributed_type"),
        ("distributed_type: FOO", "'FOO' is not a valid DistributedType"),
        ("distributed_type: FSDP\nnum_procs: 2", "unknown keys .*num_procs"),
        ("\udcff", "cannot read --accelerate .*: 'utf-8' codec can't decode"),  # a byte that is no text
        ("a: 2001-99-99", "cannot read --accelerate .*: month must be"),
        ("distributed_type: FSDP\nnum_processes: two", "num_processes is 'two': give a number, or leave it out"),
    ],
)
def test_a_wrong_configuration_is_one_line(tmp_path, written, told):
    """The launcher itself answers with a traceback."""
    own = tmp_path / "own.yaml"
    own.write_text(written, errors="surrogateescape")
    with pytest.raises(RecipeError, match=told) as raised:
        assert Launch(str(own)).count
    assert "\n" not in str(raised.value)


def test_zero3_without_deepspeed_is_one_line(monkeypatch):
    monkeypatch.setattr("ovt.train.devices.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="--accelerate zero3 needs deepspeed, which is not installed"):
        Launch("zero3", 2).run([])
