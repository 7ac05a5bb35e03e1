"""The settings of `ovt train rl`: one stage of reinforcement."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ovt.train.alarms import AlarmSection
from ovt.train.arguments import ShareOrCount, Steps, TrainerSection
from ovt.train.curriculum import QuestionsSection
from ovt.train.reward import RewardSection


class RlSection(TrainerSection):
    """How to reinforce, one stage; TRL's names where they mean the same, the paper's values.

    num_generations               rollouts per question, a group
    rollout_batch_size            questions that are answered at once, by one state of the model
    global_batch_size             questions per optimizer step, whatever the number of devices
    per_device_train_batch_size   rollouts at once on a device in a training pass; null: as many as divide its share, 8
                                  at most
    num_train_epochs, max_steps   how often each question is asked, or how many optimizer steps (-1: by epochs)
    max_completion_length         tokens of a response; longer ones are cut off
    max_pixels                    larger images are shrunk to this many pixels
    beta                          weight of the KL divergence (k3) from the model that the stage begins with
    save_steps                    a checkpoint this often, in steps, rounded up to whole batches of rollouts
    use_vllm                      rollouts by vLLM; null: where there is a GPU and vllm is installed, transformers else
    vllm_mode                     "colocate" (on the training GPUs) or "server" (`trl vllm-serve`, vllm_server_base_url)
    activation_checkpointing      recompute activations instead of keeping them; null: where there is an accelerator
    bf16                          compute in bfloat16 (weights stay float32 while they are trained); null: where it can
    stall_s                       seconds without a step until the run is stopped
    trainer                       further arguments of TRL's GRPOConfig, as they are
    """

    questions: QuestionsSection = QuestionsSection()
    reward: RewardSection = RewardSection()
    alarms: AlarmSection = AlarmSection()
    num_generations: int = Field(5, ge=2)
    rollout_batch_size: int = Field(512, ge=1)
    global_batch_size: int = Field(128, ge=1)
    per_device_train_batch_size: int | None = Field(None, ge=1)
    num_train_epochs: float = Field(1.0, gt=0)
    max_steps: Steps = -1
    max_completion_length: int = Field(2048, ge=1)
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(0.99, gt=0, le=1)
    beta: float = Field(0.01, ge=0)
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "group"
    learning_rate: float = Field(1e-6, gt=0)
    lr_scheduler_type: str = "constant"
    warmup_steps: ShareOrCount = Field(0.0, ge=0)
    weight_decay: float = Field(1e-2, ge=0)
    max_grad_norm: float = Field(1.0, ge=0)
    use_vllm: bool | None = None
    vllm_mode: Literal["colocate", "server"] = "colocate"
    vllm_server_base_url: str | None = None
    vllm_gpu_memory_utilization: float = Field(0.3, gt=0, le=1)
    vllm_tensor_parallel_size: int = Field(1, ge=1)
    save_steps: int = Field(4, ge=1)
    stall_s: float = Field(3600.0, gt=0)

    @model_validator(mode="after")
    def check_batches(self) -> Self:
        if self.rollout_batch_size % self.global_batch_size:
            raise ValueError(
                f"rollout_batch_size = {self.rollout_batch_size} is no multiple of global_batch_size = "
                f"{self.global_batch_size}: every question of a rollout batch is learned from in one step; change one "
                "of the two"
            )
        return self
