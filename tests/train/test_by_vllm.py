"""What vLLM is handed: one mark for an image, whose tokens it writes itself, and weights; and what it hands back."""

import json
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trl.data_utils import prepare_multimodal_messages
from trl.generation import vllm_generation

from ovt.core.errors import OvtError
from ovt.train import small_rl
from ovt.train.by_vllm import PUSHED, Client, check_gap, forget_images, no_image_token, own_client, server_command
from ovt.train.rl_trainer import RL, build_trainer
from ovt.train.runs import begin
from ovt.train.settings import RlSection
from ovt.train.training import Order, make_record, prepare


class Vllm:
    """Stands in for TRL's access to vLLM, which needs a GPU: notes the prompts, and answers each with one token."""

    def __init__(self) -> None:
        self.prompts: list[list[int]] = []

    def generate(self, prompts: Any, images: Any, **options: Any) -> Any:
        self.prompts = prompts
        return prompts, [[5]] * len(prompts), [[[-0.1]]] * len(prompts), None


@pytest.mark.parametrize(("mode", "marks"), [("colocate", 1), ("server", 4)])
def test_an_image_is_one_mark_where_vllm_writes_its_tokens(
    mode, marks, small_vlm, home, colour_rows, write_version, monkeypatch
):
    monkeypatch.setattr(small_rl, "suits", lambda *_: False)  # as with use_vllm, which cannot be set without a GPU
    write_version(home, colour_rows(4))
    settings = RlSection(
        num_generations=2, rollout_batch_size=2, global_batch_size=2, max_steps=1, max_completion_length=8
    )
    training = prepare(RL, Order("colours", str(small_vlm), settings, home))
    run = begin(make_record(RL, training), home, "r", True)
    trainer: Any = build_trainer(training, RL.choose(training), run, None, None)
    trainer.use_vllm, trainer.vllm_mode, trainer.vllm_generation = True, mode, Vllm()
    trainer._last_loaded_step = trainer.state.global_step
    rows = next(iter(trainer.get_train_dataloader()))
    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    ids, images, fields = trainer._tokenize_prompts(prompts)
    completions, _ = trainer._generate_single_turn(ids, images, fields, 2)
    image = trainer.processing_class.image_token_id
    assert {prompt.count(image) for prompt in trainer.vllm_generation.prompts} == {marks}
    assert {list(prompt).count(image) for prompt in ids} == {4}  # what is learned from has them all
    assert completions == [[5]] * len(rows)


class Server(BaseHTTPRequestHandler):
    """A vLLM server as far as weights go: reads them from the folder that it is told, as `reload_weights` does."""

    read: list[dict[str, torch.Tensor]]
    forgot: list[str]

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "model"}]})

    def do_POST(self) -> None:
        if self.path.startswith("/reset_"):
            self.forgot.append(self.path)
            self.answer({"success": True} if self.path == "/reset_prefix_cache" else None)
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, asked["method"]) == ("/collective_rpc", "reload_weights")
        self.read.append(load_file(Path(asked["kwargs"]["weights_path"]) / "model.safetensors"))
        self.answer({"results": [None]})

    def answer(self, told: dict[str, Any] | None) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode() if told else b"")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Server.read, Server.forgot = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as started:
        Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def post(url: str, **told: Any) -> Any:
    """What requests does for TRL's client."""
    asked = urllib.request.Request(url, json.dumps(told.get("json", {})).encode())
    with urllib.request.urlopen(asked, timeout=60) as answer:
        said = answer.read()
    return SimpleNamespace(status_code=answer.status, json=lambda: json.loads(said))


def test_without_a_gpu_weights_reach_the_server_as_files(server, tmp_path):
    """TRL's client is made by hand, as it wants vLLM and requests to be installed."""
    theirs: Any = vllm_generation.VLLMClient
    with own_client(tmp_path / PUSHED):
        made: Any = vllm_generation.VLLMClient
    assert vllm_generation.VLLMClient is theirs
    client = made.func.__new__(made.func)
    client._folder = made.keywords["folder"]
    client.base_url, client.session = f"http://127.0.0.1:{server.server_port}", SimpleNamespace(post=post)
    client.init_communicator(device=torch.device("cpu"))
    for step in (1.0, 2.0):
        weights = {"a.weight": torch.full((2, 3), step).T, "b": torch.full((1,), step, dtype=torch.bfloat16)}
        client.update_named_params([], iter(weights.items()))
    assert [sorted(read) for read in Server.read] == [["a.weight", "b"]] * 2
    assert torch.equal(Server.read[1]["a.weight"], torch.full((3, 2), 2.0))
    assert Server.read[0]["b"].dtype == torch.bfloat16


def test_images_are_forgotten_with_new_weights(server):
    """trl#7198: what vLLM keeps of an image was made by the weights before."""
    client: Any = Client.__new__(Client)
    client.base_url, client.session = f"http://127.0.0.1:{server.server_port}", SimpleNamespace(post=post)
    client.reset_prefix_cache()
    assert Server.forgot == ["/reset_prefix_cache", "/reset_encoder_cache"]
    client.session = SimpleNamespace(
        post=lambda url, **_: SimpleNamespace(status_code=404 if "encoder" in url else 200)
    )
    with pytest.raises(OvtError, match="cannot drop images that older weights saw"):
        client.reset_prefix_cache()


def test_an_engine_in_this_process_forgets_them_too():
    done: list[str] = []
    engine: Any = SimpleNamespace(
        reset_prefix_cache=lambda: done.append("prompts"),
        llm_engine=SimpleNamespace(reset_encoder_cache=lambda: done.append("images")),
    )
    forget_images(engine)
    engine.reset_prefix_cache()
    assert done == ["images", "prompts"]


@pytest.mark.parametrize(
    ("gap", "first", "told"),
    [
        (0.4, None, "it reads different prompts, or has different weights"),
        (float("nan"), None, "it reads different prompts, or has different weights"),
        (0.011, 9e-7, "it lacks weights that it was sent"),  # as a server of 0.32 on a CPU after two steps
        (0.2, 0.02, "it lacks weights that it was sent"),
    ],
)
def test_log_probabilities_of_another_model_end_the_run(gap, first, told):
    for fine in ((0.02, None), (0.03, 0.02), (2e-6, 9e-7)):
        check_gap(*fine)
    with pytest.raises(OvtError, match=f"differ from the trainer's by .* per token, .*: {told}; leave use_vllm out"):
        check_gap(gap, first)


def test_the_server_is_told_what_trl_needs():
    line = server_command("a folder/model", 4096, by_nccl=True)
    assert line.startswith("VLLM_SERVER_DEV_MODE=1 vllm serve 'a folder/model' --max-model-len 4096 --enable-scale-out")
    assert """--weight-transfer-config '{"backend": "nccl"}'""" in line
    assert "nccl" not in server_command("a folder/model", 4096, by_nccl=False)


def test_no_token_of_an_image_is_sampled():
    """The sampling parameters of vLLM's engine keep a key as it is given, and tokens are numbers; a server reads what
    JSON makes of one as a number."""
    told = no_image_token(SimpleNamespace(image_token_id=151_655))
    assert told == {"logit_bias": {151_655: -100.0}}
    assert json.loads(json.dumps(told)) == {"logit_bias": {"151655": -100.0}}
