"""Direct preference optimization on pairs of one question with TRL's DPOTrainer: verified right against verified wrong.

Everything around it is SFT's: what fits, batches, checkpoints, runs that resume. A row is a pair (`pairs.py`).
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.hub.pull import open_or_pull
from ovt.train import devices
from ovt.train.arguments import dpo_arguments, refusals
from ovt.train.data import Rows, fed_to
from ovt.train.lengths import describe_refused, fit, learned_wrongly, length_limit, measure
from ovt.train.mixture import Part
from ovt.train.models import load_processor
from ovt.train.pairs import pairs
from ovt.train.runs import Run, read_log
from ovt.train.settings import DpoSection, PairsSection
from ovt.train.sft_trainer import describe_result, hold_out, shared, split_rows
from ovt.train.training import Fed, Kind, Options, Training, make_order, train
from ovt.train.weights import prepare_policy

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import DPOTrainer


def dpo(
    version: Any,
    model: Any,
    settings: DpoSection | Mapping[str, Any] | None = None,
    home: Home | Path | str | None = None,
    **options: Unpack[Options],
) -> Run:
    """Trains a model on a version's pairs of right and wrong responses to one question, like `sft`.

        run = ovt.train.dpo("charts@2", "charts-sft", {"pairs": {"length_ratio": 1.5}})

    Raises what `training.train` does.
    """
    return train(DPO, make_order(DpoSection, (version, model), settings, home, options))


def choose_pairs(training: Training[DpoSection]) -> Fed:
    """The pairs whose responses both fit, and the held-out ones among them. OvtError if there are none."""
    settings, rows = training.settings, training.rows
    processor = load_processor(training.where, settings.max_pixels)
    paired = pair_rows(training)
    with devices.main_first():
        lengths = both_lengths(paired.dataset, processor, length_limit(training.where, settings.max_length))
    fits = fit(lengths)
    if not fits:
        raise OvtError(f"no pair of {rows.ref} can be trained on: {describe_refused(lengths)}; raise max_length")
    notes = [f"pairs left out of {rows.ref}: {describe_refused(lengths)}"] if len(fits) < len(lengths) else []
    alone = paired.dataset.remove_columns("rejected").rename_column("chosen", "completion")
    if warning := learned_wrongly(alone[fits[0]], processor, training.where):
        notes.append(f"warning: {warning}")
    return hold_out(paired, lengths, settings, "; ".join(notes))


def pair_rows(training: Training[DpoSection]) -> Rows:
    """A version's rows, or several's, as pairs: images, prompt, chosen, rejected, question_id, sample_id. OvtError if a
    version has none."""
    from datasets import concatenate_datasets

    rows, section = training.rows, training.settings.pairs
    paired, start = [], 0
    for part in rows.parts:
        own = rows.dataset.select(range(start, start + part.rows)) if len(rows.parts) > 1 else rows.dataset
        paired.append(pair_part(part, own, section, training.home))
        start += part.rows
    parts = tuple(replace(part, rows=len(one)) for part, one in zip(rows.parts, paired, strict=True))
    return replace(rows, dataset=concatenate_datasets(paired) if len(paired) > 1 else paired[0], parts=parts)


def pair_part(part: Part, dataset: "Dataset", section: PairsSection, home: Home) -> "Dataset":
    """The pairs of one version, given its rows."""
    texts = [turns[0]["content"] for turns in dataset["completion"]]
    ids = {name: dataset[name][:] for name in ("question_id", "sample_id")}
    kept = pl.DataFrame(ids | {"chosen": texts}, dict.fromkeys((*ids, "chosen"), pl.String))
    found = pairs(open_or_pull(part.asked, home), kept, section.per_question, section.length_ratio)
    if found.is_empty():
        near = f" within a length ratio of {section.length_ratio:g}" if section.length_ratio else ""
        raise OvtError(
            f"{part.ref} has no pairs: no question has both a kept and a wrong response that ended by itself{near}; "
            "build it with more samples per question (reason.k), or save the rollouts of an RL run as a version"
        )
    place = {sample: index for index, sample in enumerate(ids["sample_id"])}
    chosen = dataset.select([place[sample] for sample in found["sample_id"]])
    chosen = chosen.select_columns(["images", "prompt", "completion", "question_id", "sample_id"])
    rejected = [[{"role": "assistant", "content": text}] for text in found["rejected"]]
    return chosen.rename_column("completion", "chosen").add_column(
        "rejected", rejected, feature=chosen.features["prompt"]
    )


def both_lengths(paired: "Dataset", processor: Any, limit: int | None) -> pl.DataFrame:
    """The lengths of pairs (LENGTHS), whose two rows are read together; "too_long" if one of the two is."""
    alone = paired.remove_columns(["chosen", "rejected"])
    one, other = (
        measure(alone.add_column("completion", paired[side][:], feature=paired.features[side]), processor, limit)
        for side in ("chosen", "rejected")
    )
    tokens = {name: one[name] + other[name] for name in ("prompt_tokens", "image_tokens", "completion_tokens")}
    return one.with_columns(reason=pl.select(pl.coalesce(one["reason"], other["reason"])).to_series(), **tokens)


def make_collator(processor: Any) -> Callable[[list[dict[str, Any]]], Any]:
    """The collator of pairs."""
    from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

    return fed_to(DataCollatorForVisionPreference, processor)


@contextmanager
def make_trainer(
    training: Training[DpoSection], fed: Fed, run: Run, checkpoint: Path | None
) -> Generator["DPOTrainer"]:
    """TRL's trainer on these pairs. checkpoint: where the run resumes."""
    from trl import DPOConfig, DPOTrainer

    settings = training.settings
    arguments = dpo_arguments(settings, devices.world_size(), run.checkpoints)
    given = shared(training, fed, make_collator)
    model = prepare_policy(run, training.where, settings, checkpoint)
    arguments["ddp_find_unused_parameters"] = not fed.pictured
    with refusals():
        trainer = DPOTrainer(model=model, args=DPOConfig(**arguments), **given)
    yield trainer


def result(training: Training[DpoSection], fed: Fed, run: Run, trainer: Any) -> dict[str, Any]:
    """A finished run's result: SFT's, and how often the right response was preferred, at the first and last
    logged step."""
    told = [line["rewards/accuracies"] for line in read_log(run.log_path) if "rewards/accuracies" in line]
    preferred = {"first_preferred": told[0], "last_preferred": told[-1]} if told else {}
    return describe_result(training, fed, run, trainer) | preferred


DPO = Kind(
    "dpo",
    splits=lambda settings: ("sft",),
    choose=choose_pairs,
    arguments=lambda settings, fed, world: dpo_arguments(settings, world),
    batches=split_rows,
    trainer=make_trainer,
    result=result,
)
