"""Training settings: `[sft]` and `[rl]` in a recipe, `SftSection` and `RlSection` in Python.

Names follow TRL where the meaning is the same; defaults are the paper's. Importing this loads no trainer.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, field_validator, model_validator

from ovt.core.errors import RecipeError
from ovt.core.section import Section, added_later, read_section, set_key
from ovt.curate.sources.where import check_expression
from ovt.train import accepted
from ovt.verifiers import known_kind

SAMPLED = 8  # rollouts sampled at once for each that a training pass takes: without gradients, they keep only a cache
Chosen = TypeVar("Chosen", bound=Section)
GraderName = Literal["exact", "math-verify", "none"]


def share_or_count(value: float) -> float:
    """A share below 1, or a whole number from 1 on; ValueError between."""
    if value > 1 and value % 1:
        raise ValueError("give a share below 1, or a whole number")
    return value


def steps_or_all(value: int) -> int:
    """A number of steps, or -1 to go by num_train_epochs."""
    if value < 1 and value != -1:
        raise ValueError("give a number of steps, or -1 to go by num_train_epochs")
    return value


def listed(value: Any) -> Any:
    """A single name as a list."""
    return [value] if isinstance(value, str) else value


ShareOrCount = Annotated[float, AfterValidator(share_or_count)]
Steps = Annotated[int, AfterValidator(steps_or_all)]
Names = Annotated[list[str], BeforeValidator(listed)]


class LoraSection(Section):
    """Low-rank adapters instead of full weights; peft's names. target_modules is "all-linear" or names of layers."""

    r: int = Field(16, ge=1)
    lora_alpha: float = Field(32, gt=0)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: Annotated[
        str | list[str], AfterValidator(lambda asked: asked if asked == "all-linear" else listed(asked))
    ] = "all-linear"


class TrainerSection(Section):
    """The settings common to every training.

    max_pixels                larger images are shrunk to this many pixels
    activation_checkpointing  recompute activations instead of keeping them; null: if there is an accelerator
    bf16                      compute in bfloat16 (trained weights stay float32); null: if supported
    quantization              "nf4": the frozen base under adapters in four bits (QLoRA), on a GPU with bitsandbytes
    keep_checkpoints          whether a finished run keeps its last checkpoints beside its model
    trainer                   further arguments of TRL's SFTConfig or GRPOConfig, as in `accepted`, passed unchanged
    """

    max_pixels: int = Field(262_144, ge=784)
    freeze_vision_tower: bool = False
    lora: LoraSection | None = None
    quantization: Literal["nf4"] | None = added_later(None)
    save_total_limit: int = Field(2, ge=1)
    keep_checkpoints: bool = added_later(False)
    logging_steps: int = Field(1, ge=1)
    activation_checkpointing: bool | None = None
    bf16: bool | None = None
    attn_implementation: str | None = None
    report_to: Names = Field(default_factory=list)
    seed: int = Field(42, ge=0)
    trainer: dict[str, Any] = Field(default_factory=dict)


class SftSection(TrainerSection):
    """SFT settings; TRL's names where the meaning is the same, the paper's values.

    global_batch_size             rows per optimizer step, on any number of devices
    per_device_train_batch_size   rows at once on a device; null: the largest divisor of its share, at most 8
    train_sampling_strategy       how rows share micro-batches; "batch_rebalance": the rows of a step, drawn at random,
                                  are grouped by length, which saves padding
    warmup_steps                  below 1 a share of all steps, else a number of steps
    max_length                    tokens per row, image tokens included; longer rows are left out, never cut; null: the
                                  model's context
    eval_size                     rows held out, by image: below 1 a share (a row at least), else a number of rows
    eval_steps                    evaluate (and keep a checkpoint) this often when rows are held out; null: save_steps
    load_best_model_at_end        with held-out rows: whether the checkpoint with the lowest evaluation loss becomes the
                                  model, rather than the last one
    save_steps                    a checkpoint this often: steps, or below 1 a share of all steps
    """

    learning_rate: float = Field(5e-7, gt=0)
    num_train_epochs: float = Field(1.0, gt=0)
    max_steps: Steps = -1
    global_batch_size: int = Field(32, ge=1)
    per_device_train_batch_size: int | None = Field(None, ge=1)
    train_sampling_strategy: Literal["random", "sequential", "group_by_length", "batch_rebalance"] = "batch_rebalance"
    lr_scheduler_type: str = "cosine"
    warmup_steps: ShareOrCount = Field(0.1, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, ge=0)
    max_length: int | None = Field(None, ge=1)
    eval_size: ShareOrCount = Field(0.0, ge=0)
    eval_steps: ShareOrCount | None = Field(None, gt=0)
    load_best_model_at_end: bool = True
    save_steps: ShareOrCount = Field(50, gt=0)
    dataloader_num_workers: int | None = Field(None, ge=0)


class PairsSection(Section):
    """Which pairs of responses are compared (`pairs.py`).

    per_question   at most this many pairs per question
    length_ratio   only pairs where the longer response has at most this many times the words of the shorter: a model
                   that sees longer responses as the wrong ones learns to be short; null: any lengths
    """

    per_question: int = Field(1, ge=1)
    length_ratio: float | None = Field(None, ge=1)


class DpoSection(SftSection):
    """DPO settings: those of SFT, where a row is a pair, and these.

    beta        how strongly the model is held to the one that the run starts from
    loss_type   TRL's: "sigmoid" is the loss of the paper (Rafailov et al., 2023)
    """

    pairs: PairsSection = PairsSection()
    beta: float = Field(0.1, gt=0)
    loss_type: Literal["sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down", "sigmoid_norm"] = "sigmoid"


class QuestionsSection(Section):
    """Which questions to train on; both splits of a version hold images, prompts and answers.

    splits        "sft" (solved by the model that wrote the version) and "rl" (answered, but never right)
    difficulty    the version's buckets: easy, medium, hard, unsolved; empty: all
    where         an SQL expression over the columns of the data, including those that the sources keep: "grade <= 8"
    order         the order of a pass over the questions: "random", or drawn so that those whose answers vary most,
                  p (1 − p), tend to come first, by the "stored" pass rates or the "rollouts" of the run that the model
                  comes from
    sure          what to do with questions that are answered the same way every time, right or wrong, so that a group
                  of rollouts teaches nothing: "keep" them, or leave them out by the version's "stored" pass rates, or
                  by the "rollouts" of the run that the model comes from (the version's for questions it did not ask)
    max_prompt_length   tokens, image tokens included; longer prompts are left out, as are those that leave no room in
                        the model's context for a response of max_completion_length
    """

    splits: tuple[Literal["sft", "rl"], ...] = Field(("sft", "rl"), min_length=1)
    difficulty: list[str] = Field(default_factory=list)
    where: str | None = added_later(None)
    order: Literal["random", "stored", "rollouts"] = added_later("random")
    sure: Literal["keep", "stored", "rollouts"] = "keep"
    max_prompt_length: int = Field(6144, ge=1)

    @field_validator("where")
    @classmethod
    def _only_an_expression(cls, where: str | None) -> str | None:
        return where if where is None else check_expression(where)


class RewardSection(Section):
    """The reward beyond the verdict; a weight of 0 turns a part off.

    kind            how answers are compared, one of `ovt.verifiers.kind_names()`; null: as the version was verified
    format_weight   added for a response of the form <think>…</think> … <answer>…</answer>
    length_weight   subtracted at max_completion_length, and in proportion over the last `length_cache` tokens before it
                    (DAPO, equation 13)
    """

    kind: Annotated[str, AfterValidator(known_kind)] | None = None
    format_weight: float = Field(0.0, ge=0)
    length_weight: float = Field(0.0, ge=0)
    length_cache: int = Field(512, ge=1)


class AlarmSection(Section):
    """Alarm thresholds. Means are over `window` logged steps, so alarms start only after that many.

    second_opinion   the other grader: exact (the tagged answer is the gold to the letter), math-verify, or none
    divergence       reward up and that grader down by this much, from the first half of two windows to the second
    length_ratio     the mean length below 1/ratio of the first window's, or above ratio times it
    truncated        share of responses cut off at max_completion_length
    same             share of groups whose rewards are all equal
    kl               mean KL divergence per token from the model that the stage began with
    """

    window: int = Field(20, ge=1)
    second_opinion: GraderName = "exact"
    divergence: float = Field(0.05, gt=0)
    length_ratio: float = Field(2.0, gt=1)
    truncated: float = Field(0.5, gt=0)
    same: float = Field(0.8, gt=0)
    kl: float = Field(0.5, gt=0)


class RlSection(TrainerSection):
    """RL settings for one stage; TRL's names where the meaning is the same, the paper's values.

    num_generations               rollouts per question, a group
    rollout_batch_size            questions answered at once, by one state of the model
    max_rollout_batches           how many batches of questions may be asked for each one that is learned from: until
                                  then, questions whose rollouts all have the same reward are replaced by others
                                  (DAPO's dynamic sampling); 1: never
    global_batch_size             questions per optimizer step, on any number of devices
    per_device_train_batch_size   rollouts at once on a device in a training pass; null: the largest divisor of its
                                  share, at most 8
    per_device_generation_batch_size   rollouts sampled at once on a device, without vLLM; null: eight times those of
                                  a training pass
    num_train_epochs, max_steps   how often each question is asked, or how many optimizer steps (-1: by epochs)
    max_completion_length         tokens of a response; longer ones are truncated
    beta                          weight of the KL divergence (k3) from the model that the stage begins with
    save_steps                    a checkpoint this often, in steps, rounded up to whole batches of rollouts
    eval_size                     questions held out, by image: below 1 a share (one at least), else a number; answered
                                  greedily before the first step, every eval_steps (null: save_steps) and after the last
    use_vllm                      rollouts by vLLM, with top_p = 1; null: by transformers
    vllm_mode                     "colocate" (on the training GPUs) or "server" (`vllm serve`, at vllm_server_base_url)
    stall_s                       seconds without a step before the run is stopped
    """

    questions: QuestionsSection = QuestionsSection()
    reward: RewardSection = RewardSection()
    alarms: AlarmSection = AlarmSection()
    num_generations: int = Field(5, ge=2)
    rollout_batch_size: int = Field(512, ge=1)
    max_rollout_batches: Annotated[float, Field(ge=1)] = added_later(1.0)
    global_batch_size: int = Field(128, ge=1)
    per_device_train_batch_size: int | None = Field(None, ge=1)
    per_device_generation_batch_size: PositiveInt | None = added_later(None)
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
    eval_size: Annotated[ShareOrCount, Field(ge=0)] = added_later(0.0)
    eval_steps: PositiveInt | None = added_later(None)
    stall_s: float = Field(3600.0, gt=0)

    @model_validator(mode="after")
    def check_batches(self) -> Self:
        if self.rollout_batch_size % self.global_batch_size:
            raise ValueError(
                f"rollout_batch_size = {self.rollout_batch_size} is not a multiple of global_batch_size = "
                f"{self.global_batch_size}: every question of a rollout batch is learned from in one step; change one "
                "of the two"
            )
        return self


def load_settings(kind: type[Chosen], table: str, config: Path | None, overrides: list[str] | None) -> Chosen:
    """The settings of a TOML file (its [sft] or [rl] table where it has one), or the defaults, with --set applied."""
    where, tree = load_tables(table, config)
    if isinstance(tree, list):
        raise RecipeError(f"{where}: [[{table}]] is a list of stages; {table} is one training: write [{table}]")
    for override in overrides or ():
        set_key(tree, override)
    settings = read_section(kind, tree, where)
    check_trainer(settings)
    return settings


def load_stages(config: Path | None, overrides: list[str] | None) -> list[RlSection]:
    """The stages of a TOML file: its [rl] table or [[rl]] tables, or the file as a whole; --set applies to each."""
    where, tables = load_tables("rl", config)
    stages = []
    for table in tables if isinstance(tables, list) else [tables]:
        for override in overrides or ():
            set_key(table, override)
        stages.append(read_section(RlSection, table, where))
        check_trainer(stages[-1])
    return stages


def check_trainer(settings: Section) -> None:
    """RecipeError for what settings may not ask for: code and services of somebody else's choice.

    Called where settings are read for training, and not in the sections: those of old runs are still listed and shown.
    """
    if isinstance(settings, TrainerSection):
        takes = accepted.arguments_of(kind_of(settings))
        accepted.check_accepted(settings.trainer, takes, type(settings).model_fields)
        accepted.check_reporters(settings.report_to)
        accepted.check_attention(settings.attn_implementation)


def kind_of(settings: TrainerSection) -> Literal["sft", "dpo", "rl"]:
    """The kind of training that settings are for."""
    return "rl" if isinstance(settings, RlSection) else "dpo" if isinstance(settings, DpoSection) else "sft"


def load_tables(table: str, config: Path | None) -> tuple[str, Any]:
    """(where, settings) of a TOML file: its table, or list of tables, of that name, or the file as a whole.

    RecipeError for a missing file, and for a key outside the table, which would be ignored.
    """
    from ovt.curate.recipe import load_tree  # imports all of recipes, which reading runs does without

    if config is None:
        return "--set", {}
    if not config.is_file():
        raise RecipeError(f"no settings at {config}: give --config a TOML file")
    where, tree = load_tree(config)
    if table not in tree:
        return where, tree
    if beside := sorted(key for key in tree if key not in ("sft", "dpo", "rl")):
        raise RecipeError(f"{where}: {beside[0]} is outside [{table}]: move it there, or remove [{table}]")
    return where, tree[table]
