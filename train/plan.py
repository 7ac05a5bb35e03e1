"""`--dry-run`: the trainer's arguments, and the memory that each device needs.

Memory is estimated from the model's configuration alone (no weights are read). With N parameters,
T of them trained, on D devices that share (D = 1 where every device holds all, as in plain data parallelism), per
device:

    weights       (4 B per trained parameter, the stored type's size per frozen one) / D
    copies        bfloat16 copies that autocast makes of what is stored in float32: 2 B each, of one layer where
                  devices share
    gradients     4 B * T / D
    optimizer     8 B * T / D: Adam's two moments
    activations   per layer and token 34 * hidden size values of a transformer with fused attention (Korthikanti et al.,
                  2022, at 2 B per value: 34 B in bfloat16), with checkpointing 2 B and one layer in full; tokens of the
                  longest row times the rows of a micro-batch, and the patches of its images for the vision tower
    reference     RL's and DPO's second model, 4 B * N / D; none with adapters
    kv_cache      RL: keys and values of the rollouts that are sampled at once, at their longest
    pixel_values  RL: the images of a device's share of a rollout batch, which stay until it is learned from

The cache and the activations never exist at the same time: the larger one counts. Each process also loads the weights
into host memory once (`host_memory`, for all processes), and a checkpoint takes the weights and Adam's moments on disk.

Not included are the framework, fragmentation and the largest temporary tensors: leave 10-20% of a device free.
"""

from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from ovt.train import devices
from ovt.train.chips import CHIPS
from ovt.train.models import load_config, load_processor
from ovt.train.settings import SAMPLED, DpoSection, RlSection, TrainerSection
from ovt.train.training import Kind, Order, Settings, prepare
from ovt.train.weights import IN_VISION, weights_dtype

if TYPE_CHECKING:
    import torch

PATCH = 3 * 2 * 14 * 14  # values of a patch of Qwen2-VL and later, which read each image twice, as two frames
PER_TOKEN = 34  # bytes per unit of hidden size, at 2 bytes per value


@dataclass(frozen=True)
class Sizes:
    """A model in numbers; (layers, hidden size) of the text model and of the vision tower."""

    parameters: int
    trained: int
    frozen_bytes: float  # of one frozen parameter
    text: tuple[int, int]
    vision: tuple[int, int]
    cache: int = 0  # values that the text model keeps of each token it has read


@dataclass(frozen=True)
class Work:
    """A micro-batch: `rows` rows of this many tokens and patches each."""

    rows: int
    tokens: int
    patches: int


@dataclass(frozen=True)
class Memory:
    """Bytes per device."""

    weights: int
    copies: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


def plan(
    kind: Kind[Settings], order: Order[Settings], count: int = 1, shared: bool = False, device: str | None = None
) -> dict[str, Any]:
    """What would be trained: rows, steps, the arguments, bytes per device (Memory). Nothing is trained, and vLLM is not
    counted.

    count    devices; shared: whether weights, gradients and optimizer states are split among them
    device   one of `chips.CHIPS`, whatever this machine has; None: this machine's
    """
    with devices.planned_for(device):
        return planned(kind, order, count, shared) | {
            "device": device,
            "device_memory": CHIPS[device].memory if device else None,
        }


def planned(kind: Kind[Settings], order: Order[Settings], count: int, shared: bool) -> dict[str, Any]:
    """`plan`, for an accelerator that exists or is assumed to."""
    training = prepare(kind, order)
    settings, where, fed = order.settings, training.where, kind.choose(training)
    arguments = kind.arguments(settings, fed, count)
    tokens, images = fed.longest
    longest = tokens + (settings.max_completion_length if isinstance(settings, RlSection) else 0)
    sizes = describe(where, settings, not arguments["use_cpu"])
    held = count if shared else 1
    patches = images * patches_per_token(load_processor(where, settings.max_pixels))
    step = Work(arguments["per_device_train_batch_size"], longest, patches)
    batch = Work(arguments.get("generation_batch_size", 0) // count, longest, patches)
    memory = estimate(sizes, step, held, arguments["bf16"], arguments["activation_checkpointing"])
    per_device = asdict(memory) | reference(settings, sizes, held) | rollouts(sizes, settings, arguments, batch)
    at_once = min(per_device["activations"], per_device.get("kv_cache", 0))
    return {
        "data": training.rows.ref,
        "model": order.model,
        "train_rows": len(fed.train),
        "eval_rows": len(fed.held_out) if fed.held_out else 0,
        "left_out": sum(fed.left_out.values()),
        "steps": step_count(len(fed.train), arguments, settings),
        "devices": count,
        "parameters": sizes.parameters,
        "trained_parameters": sizes.trained,
        "longest_row": longest,
        "memory_per_device": per_device | {"total": sum(per_device.values()) - at_once},
        "host_memory": 4 * sizes.parameters * count,
        "disk_per_checkpoint": 4 * (sizes.trained if settings.lora else sizes.parameters) + 8 * sizes.trained,
        "arguments": arguments,
    }


def step_count(rows: int, arguments: dict[str, Any], settings: Any) -> int:
    """Total optimizer steps; the last one of an epoch may have fewer rows."""
    if arguments["max_steps"] > 0:
        return arguments["max_steps"]
    return ceil(ceil(rows / settings.global_batch_size) * settings.num_train_epochs)


def reference(settings: TrainerSection, sizes: Sizes, held: int) -> dict[str, int]:
    """The second model of RL and DPO, the reference of their divergence; with adapters, the model with these
    switched off is the reference."""
    if not isinstance(settings, RlSection | DpoSection):
        return {}
    return {"reference": 0 if settings.lora or not settings.beta else 4 * sizes.parameters // held}


def rollouts(sizes: Sizes, settings: TrainerSection, arguments: dict[str, Any], share: Work) -> dict[str, int]:
    """What sampling adds for RL. share: a device's rollouts of a batch, tokens and patches of the longest."""
    if not isinstance(settings, RlSection):
        return {}
    at_once = settings.per_device_generation_batch_size or SAMPLED * arguments["per_device_train_batch_size"]
    width = 2 if arguments["bf16"] else 4
    cache = 0 if arguments["use_vllm"] else min(at_once, share.rows) * share.tokens * sizes.cache * width
    return {"kv_cache": cache, "pixel_values": share.rows * share.patches * PATCH * 4}


def patches_per_token(processor: Any) -> int:
    """Patches that the vision tower sees for each image token of the text model."""
    return int(getattr(processor.image_processor, "merge_size", 1)) ** 2


def describe(where: str, settings: TrainerSection, accelerator: bool) -> Sizes:
    """The sizes of the model at `where`, from its configuration, and how much of it is trained."""
    import torch
    from transformers import AutoModelForImageTextToText

    frozen_vision, lora = settings.freeze_vision_tower, settings.lora.model_dump() if settings.lora else None
    config = load_config(where)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
    in_vision = {name for name, _ in model.named_parameters() if IN_VISION.search(name)}
    frozen = in_vision if frozen_vision else set()
    total = sum(weight.numel() for weight in model.parameters())
    trained = sum(weight.numel() for name, weight in model.named_parameters() if name not in frozen)
    adapters = count_adapters(model, lora, frozen_vision) if lora else 0
    text, vision = config.get_text_config(), getattr(config, "vision_config", None)
    return Sizes(
        parameters=total + adapters,
        trained=adapters if lora else trained,
        frozen_bytes=frozen_width(where, settings) if lora and accelerator else 4,
        text=(text.num_hidden_layers, text.hidden_size),
        vision=(layers(vision), getattr(vision, "hidden_size", 0)),
        cache=cached(text),
    )


def frozen_width(where: str, settings: TrainerSection) -> float:
    """Bytes per parameter under adapters: four bits and the scales of blocks of 64, or as it is stored."""
    return 0.5625 if settings.quantization else weights_dtype(where).itemsize


def cached(text: Any) -> int:
    """How many numbers the keys and values of a token are, in all layers that have them."""
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * heads * width * sum(kind != "linear_attention" for kind in kinds)


def layers(vision: Any) -> int:
    """The layers of a vision tower, under any family's name for them."""
    return next((getattr(vision, name) for name in ("num_hidden_layers", "depth") if hasattr(vision, name)), 0)


def count_adapters(model: "torch.nn.Module", lora: dict[str, Any], frozen_vision: bool) -> int:
    """The parameters of LoRA adapters on a model: r * (in + out) for each layer that gets one."""
    import torch

    targets = lora["target_modules"]
    names = [targets] if isinstance(targets, str) else targets
    found = 0
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or name.endswith("lm_head"):
            continue
        if frozen_vision and IN_VISION.search(name):
            continue
        if "all-linear" in names or name.rpartition(".")[2] in names:
            found += lora["r"] * (module.in_features + module.out_features)
    return found


def estimate(sizes: Sizes, work: Work, count: int, bf16: bool, checkpointing: bool) -> Memory:
    """The memory of each of `count` devices that share the model, for these micro-batches."""
    frozen = sizes.parameters - sizes.trained
    wide = sizes.trained + (frozen if sizes.frozen_bytes == 4 else 0)  # the others are in bfloat16 already
    copied = wide if count == 1 else wide // max(1, sizes.text[0])
    return Memory(
        weights=int(4 * sizes.trained + sizes.frozen_bytes * frozen) // count,
        copies=2 * copied if bf16 else 0,
        gradients=4 * sizes.trained // count,
        optimizer=8 * sizes.trained // count,
        activations=(1 if bf16 else 2)
        * work.rows
        * (kept(*sizes.text, work.tokens, checkpointing) + kept(*sizes.vision, work.patches, checkpointing)),
    )


def kept(layer_count: int, hidden: int, length: int, checkpointing: bool) -> int:
    """Bytes of activations that a stack of layers keeps for the backward pass, at 2 bytes per value."""
    if checkpointing:
        return length * hidden * (2 * layer_count + PER_TOKEN)
    return length * hidden * PER_TOKEN * layer_count
