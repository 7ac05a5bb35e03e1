"""A checkpoint that brings Python of its own: every command that loads a model ends in one line, and runs none of it.

Standard input is full of `y`, which is what transformers waits for where it is not told that remote code is refused.
"""

import io
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.train import accepted, runs
from ovt.train.arguments import rl_arguments, sft_arguments
from ovt.train.models import load_config, load_model, load_processor
from ovt.train.runs import RunRecord, finish
from ovt.train.settings import RlSection, SftSection, load_settings, load_stages
from ovt.train.weights import take_model

YES = "y\n" * 1000
BOUND_S = 60.0  # on two slow, shared cores; most of it is importing torch and TRL
CLASSES = ("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForImageTextToText", "AutoProcessor",
           "AutoImageProcessor", "AutoVideoProcessor", "AutoTokenizer")  # fmt: skip
CONFIGS = ("config.json", "preprocessor_config.json", "tokenizer_config.json", "processor_config.json")
UNKNOWN = {"config.json": {"model_type": "evil_vl", "architectures": ["Evil"]}}
DRESSED = {  # a model that transformers knows, with parts that it does not
    "preprocessor_config.json": {"image_processor_type": "EvilImages", "processor_class": "EvilProcessor"},
    "tokenizer_config.json": {"tokenizer_class": "EvilTokenizer", "processor_class": "EvilProcessor"},
    "processor_config.json": {"processor_class": "EvilProcessor"},
}
LOOP = """
name = "strange"
base = "{model}"
[[curate.sources]]
path = "{folder}/train.jsonl"
[curate.endpoints.server]
base_url = "http://127.0.0.1:9/v1"
model = "nobody"
[curate.reason]
endpoint = "server"
prompt = "{{question}}"
see = "image"
[sft]
max_steps = 1
[evaluate]
sources = [{{ path = "{folder}/test.jsonl" }}]
"""

Ovt = Callable[..., tuple[int, str]]
Checkpoint = Callable[..., Path]


@pytest.fixture
def marker(tmp_path) -> Path:
    """What the code of a checkpoint writes where it runs."""
    return tmp_path / "it-ran"


@pytest.fixture
def checkpoint(tmp_path, small_vlm, marker) -> Checkpoint:
    """A folder with a model, its files changed as asked, all naming the classes of a Python file beside them."""

    def make(name: str, changes: dict[str, dict]) -> Path:
        folder = tmp_path / name
        shutil.copytree(small_vlm, folder)
        for file in CONFIGS:
            path = folder / file
            stored = json.loads(path.read_text()) if path.is_file() else {}
            named = dict.fromkeys(CLASSES, "evil.Evil") | {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
            path.write_text(json.dumps(stored | {"auto_map": named} | changes.get(file, {})))
        code = f"open({str(marker)!r}, 'a').write('ran ')\nclass Evil: pass\ndef generate(*a, **k): pass\n"
        (folder / "evil.py").write_text(code)
        (folder / "custom_generate").mkdir()
        (folder / "custom_generate" / "generate.py").write_text(code)
        return folder

    return make


@pytest.fixture
def ovt(monkeypatch, capsys, home) -> Ovt:
    """Runs a command line in this process, its input full of `y`: (exit code, what it said)."""
    from ovt.cli import main

    monkeypatch.setenv("OVT_HOME", str(home.path))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ovt", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(YES))
        with pytest.raises(SystemExit) as ended:
            main()
        assert sys.stdin.tell() == 0, "nothing was read"
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


OWN = """
name = "own"
[[sources]]
path = "{folder}/train.jsonl"
[endpoints.here]
base_url = "embedded:{model}"
[reason]
endpoint = "here"
see = "image"
"""


def write_questions(folder: Path, picture) -> None:
    """Questions with pictures of their own, to train on and to evaluate with."""
    for number, name in enumerate(("train", "test")):
        picture("red", number).save(folder / f"{name}.png")
        row = {"image": f"{name}.png", "question": "Which colour is it?", "answer": "red"}
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")


def adapter_run(home, base: Path) -> str:
    """A finished run whose model is an adapter of that base."""
    run = runs.start(RunRecord(name="low", kind="sft", model=str(base), ovt_version="0"), home)
    run.model.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(base), "r": 4, "target_modules": ["q_proj"]}
    (run.model / "adapter_config.json").write_text(json.dumps(config))
    return finish(run, {}).name


@pytest.mark.parametrize(("kind", "changes"), [("unknown", UNKNOWN), ("dressed", DRESSED)])
def test_every_command_that_loads_a_model_refuses_it_in_one_line(
    ovt, checkpoint, home, colour_rows, write_version, marker, tmp_path, kind, changes
):
    folder = checkpoint(kind, changes)
    write_version(home, colour_rows(8))
    write_questions(tmp_path, lambda colour, number: colour_rows(1, number)[0]["images"][0])
    (tmp_path / "loop.toml").write_text(LOOP.format(model=folder, folder=tmp_path))
    small = ("--set", "rollout_batch_size=4", "--set", "global_batch_size=4", "--set", "max_completion_length=64")
    train = {"preview": (), "sft": (), "rl": small, "dpo": ()}
    lines: list[tuple] = [("train", name, "colours", "-m", folder, *more) for name, more in train.items()]
    lines += [(*line, "--dry-run") for line in lines if line[1] != "preview"]
    lines += [("eval", "run", folder, tmp_path / "loop.toml"), ("loop", "run", tmp_path / "loop.toml")]
    (tmp_path / "own.toml").write_text(OWN.format(model=folder, folder=tmp_path))
    lines += [("curate", *name, tmp_path / "own.toml") for name in (("build",), ("build", "--dry-run"), ("preview",))]
    if kind == "unknown":  # the parts of an adapter's own folder are the run's
        lines += [("train", "merge", adapter_run(home, folder))]
    for line in lines:
        began = time.monotonic()
        code, said = ovt(*line)
        told = said.strip().splitlines()
        assert code in (1, 2), (line, said)
        assert told[-1].startswith("ovt: "), (line, said)
        assert not [other for other in told if "Traceback" in other or "[y/N]" in other], (line, said)
        assert "cannot be loaded without running the Python code" in told[-1], (line, said)
        assert time.monotonic() - began < BOUND_S, line
        assert not marker.exists(), line


def test_a_known_model_is_loaded_by_the_librarys_own_code(ovt, checkpoint, home, colour_rows, write_version, marker):
    """Its map to other code is not followed; what transformers has built in reads the same files."""
    folder = checkpoint("mapped", {})
    write_version(home, colour_rows(8))
    assert ovt("train", "preview", "colours", "-m", folder)[0] == 0
    assert type(load_model(str(folder))).__module__.startswith("transformers.")
    assert type(load_processor(str(folder)).tokenizer).__module__.startswith("transformers.")
    assert not marker.exists()


def test_a_trained_model_names_no_code(checkpoint, home, small_vlm):
    """Whoever loads it with trust_remote_code would otherwise look for Python that is not there."""
    base = checkpoint(
        "mapped", {"processor_config.json": {"image_processor": {"auto_map": {"AutoImageProcessor": "x"}}}}
    )
    run = runs.start(RunRecord(name="trained", kind="sft", model=str(base), ovt_version="0"), home)
    take_model(run, base, str(base))
    assert [path.name for path in run.model.iterdir() if b"auto_map" in path.read_bytes()] == []
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        assert json.loads((run.model / name).read_text()) == json.loads((small_vlm / name).read_text())
    assert (run.model / "tokenizer.json").read_bytes() == (small_vlm / "tokenizer.json").read_bytes()


@pytest.mark.slow
def test_a_piped_y_runs_nothing(checkpoint, start, home, colour_rows, write_version, marker, tmp_path):
    """As people type it: a process of its own, with `yes |` before it."""
    folder = checkpoint("unknown", UNKNOWN)
    write_version(home, colour_rows(4))
    (tmp_path / "yes").write_text(YES)
    program = f"import sys; sys.stdin = open({str(tmp_path / 'yes')!r}); from ovt.cli import main; main()"
    process = start("train", "preview", "colours", "-m", folder, program=program)
    out, err = process.communicate()
    assert process.returncode == 1, err
    assert len(err.strip().splitlines()) == 1
    assert "ovt runs no code that comes with a model" in err
    assert "Do you wish to run" not in out + err
    assert not marker.exists()


def test_attention_code_of_the_hub_is_refused(checkpoint):
    for number, asked in enumerate(("stranger/attention", "stranger/attention@main:forward")):
        folder = checkpoint(f"kernel-{number}", {"config.json": {"attn_implementation": asked, "auto_map": {}}})
        for load in (load_config, load_model):
            with pytest.raises(OvtError, match="asks for attention code from the Hub"):
                load(str(folder))
    for asked in ("stranger/attention", "paged|stranger/attention"):
        with pytest.raises(RecipeError, match=r"attn_implementation = .* is code from the Hub"):
            sft_arguments(SftSection(attn_implementation=asked), 1)


def test_an_adapter_that_names_a_module_to_import_is_refused(tmp_path, small_vlm):
    config = {"peft_type": "LORA", "base_model_name_or_path": str(small_vlm), "r": 4, "target_modules": ["q_proj"],
              "megatron_config": {"a": 1}, "megatron_core": "evil"}  # fmt: skip
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(OvtError, match="is an adapter for Megatron, whose code it names"):
        load_model(str(tmp_path))


HOSTILE_ADAPTERS = {
    "other kind": ({"peft_type": "PROMPT_TUNING", "tokenizer_name_or_path": "a/b"}, b"", "not a LoRA adapter"),
    "no weights": ({}, None, "has no adapter_model.safetensors"),
    "no safetensors": ({}, b"cos\nsystem\n(S'touch owned'\ntR.", "as a LoRA adapter"),
    "rank of terabytes": ({"r": 10**9}, b"", "expected whole numbers from 1 to 8,192"),
    "rank of a layer": ({"rank_pattern": {"q_proj": 10**9}}, b"", "expected whole numbers from 1 to 8,192"),
    "no such layers": ({"target_modules": ["nowhere"]}, b"", "as a LoRA adapter"),
    "a file as its start": ({"init_lora_weights": "corda", "corda_config": {"cache_file": "/etc/passwd"}}, b"",
                            "as a LoRA adapter"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE_ADAPTERS)
def test_a_hostile_adapter_is_one_line(tmp_path, small_vlm, kind):
    about, weights, said = HOSTILE_ADAPTERS[kind]
    config = {"peft_type": "LORA", "base_model_name_or_path": str(small_vlm), "r": 4, "target_modules": ["q_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | about))
    if weights is not None:
        (tmp_path / "adapter_model.safetensors").write_bytes(weights)
    with pytest.raises(OvtError, match=said):
        load_model(str(tmp_path))
    assert not Path("owned").exists()


REFUSED = {
    "trust_remote_code": True, "chat_template_path": "stranger/model", "push_to_hub": True, "hub_token": "hf_secret",
    "hub_model_id": "a/b", "hub_strategy": "all_checkpoints", "hub_private_repo": False, "hub_always_push": True,
    "hub_revision": "x", "trackio_space_id": "a/b", "trackio_bucket_id": "a/b", "trackio_static_space_id": "a/b",
    "deepspeed": "ds.json", "fsdp": "full_shard", "fsdp_config": "fsdp.json", "accelerator_config": "a.json",
    "parallelism_config": {}, "model_init_kwargs": {"trust_remote_code": True}, "save_only_model": True,
    "resume_from_checkpoint": "elsewhere", "dataset_kwargs": {}, "torch_compile_backend": "evil",
}  # fmt: skip
REFUSED_RL = {"generation_kwargs": {"custom_generate": "a/b"}, "log_completions_hub_repo": "a/b", "log_completions": 1,
              "vllm_server_host": "elsewhere", "transformers_continuous_batching_config": {}}  # fmt: skip


@pytest.mark.parametrize("key", [*REFUSED, *REFUSED_RL])
def test_arguments_that_reach_out_are_refused(tmp_path, key):
    """Where settings are read, for each way in, and once more where TRL's arguments are made."""
    value = (REFUSED | REFUSED_RL)[key]
    with pytest.raises(RecipeError, match=rf"trainer\.{key} is not accepted: [^\n]*$"):
        rl_arguments(RlSection(trainer={key: value}), 512, 1)
    with pytest.raises(RecipeError, match=rf"trainer\.{key} is not accepted: [^\n]*$"):
        load_stages(None, [f"trainer.{key}={json.dumps(value)}"])
    if key in REFUSED:
        with pytest.raises(RecipeError, match=rf"trainer\.{key} is not accepted: [^\n]*$"):
            sft_arguments(SftSection(trainer={key: value}), 1)
        with pytest.raises(RecipeError, match=rf"trainer\.{key} is not accepted: [^\n]*$"):
            load_settings(SftSection, "sft", None, [f"trainer.{key}={json.dumps(value)}"])


def test_a_loop_is_refused_before_its_first_step(ovt, small_vlm, tmp_path, home, colour_rows):
    write_questions(tmp_path, lambda colour, number: colour_rows(1, number)[0]["images"][0])
    text = LOOP.format(model=small_vlm, folder=tmp_path) + "[[rl]]\ntrainer = { trust_remote_code = true }\n"
    (tmp_path / "loop.toml").write_text(text)
    code, said = ovt("loop", "run", tmp_path / "loop.toml")
    assert code == 2
    assert "trainer.trust_remote_code is not accepted" in said.strip().splitlines()[-1]
    assert not home.loops.exists()


@pytest.mark.parametrize("name", ["mlflow", "comet_ml", "azure_ml", "clearml", "all"])
def test_reporters_are_those_of_the_documentation(name):
    with pytest.raises(RecipeError, match=rf"report_to = '{name}': expected wandb, trackio or tensorboard"):
        load_settings(SftSection, "sft", None, [f"report_to={name}"])


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_what_is_accepted_is_trls_and_nothing_that_reaches_out(kind):
    from trl import GRPOConfig, SFTConfig

    names, section = accepted.arguments_of(kind), SftSection if kind == "sft" else RlSection
    assert set(names) <= (SFTConfig if kind == "sft" else GRPOConfig).__dataclass_fields__.keys()
    assert not set(names) & section.model_fields.keys()
    assert not {*REFUSED, *REFUSED_RL} & set(names)
    assert not [name for name in names if "hub" in name or "trust" in name or name.endswith(("_path", "_config_file"))]
    assert len(names) == len(set(names))


def test_a_run_of_before_is_still_listed_and_shown(ovt, home):
    stored = SftSection().model_dump(mode="json")
    stored |= {"trainer": {"hub_strategy": "end", "trust_remote_code": True}, "report_to": ["mlflow"]}
    run = runs.start(RunRecord(name="old", kind="sft", model="pocket", ovt_version="0", settings=stored), home)
    finish(run, {"steps": 1})
    assert ovt("train", "list") == (0, "")
    assert ovt("train", "show", "old") == (0, "")
    assert ovt("train", "list", "--json") == (0, "")
