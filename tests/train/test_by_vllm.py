"""What vLLM is handed: one mark for an image, whose tokens it writes itself."""

from typing import Any

import pytest
from trl.data_utils import prepare_multimodal_messages

from ovt.train import small_rl
from ovt.train.by_vllm import server_command
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


def test_the_server_is_told_what_trl_needs():
    line = server_command("a folder/model", 4096)
    assert line.startswith("VLLM_SERVER_DEV_MODE=1 vllm serve 'a folder/model' --max-model-len 4096 --enable-scale-out")
    assert """--weight-transfer-config '{"backend": "nccl"}'""" in line
