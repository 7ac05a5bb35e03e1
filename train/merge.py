"""`ovt train merge`: a run's LoRA adapters added into the weights of its base, as a run of its own."""

import shutil

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train import runs
from ovt.train.card import write_card
from ovt.train.models import ADAPTER, adapter_base, copy_processor, load_model, weights_revision
from ovt.train.runs import Run, open_finished
from ovt.train.save import cast_weights, weights_dtype


def merge(ref: str, home: Home, *, name: str | None = None, git_commit: str | None = None) -> Run:
    """The run NAME-merged, whose model is the whole one. OvtError for a run that is not done or has no adapters."""
    from ovt import __version__

    source = open_finished(ref, home)
    where = str(source.model)
    base = adapter_base(where)
    if base is None:
        raise OvtError(f"run {ref} has whole weights already (no {ADAPTER}): use {source.model} as it is")
    record = source.record.model_copy(
        update={
            "name": name or f"{ref}-merged",
            "kind": "merge",
            "model": ref,
            "model_revision": weights_revision(where),
            "parents": [ref],
            "ovt_version": __version__,
            "git_commit": git_commit,
            "libraries": runs.libraries(),
            "status": "running",
            "result": {},
        }
    )
    run = runs.start(record, home)
    if run.done:
        return run
    with runs.held(run), runs.disk_trouble(run):
        write_merged(run, where, base)
        if source.log.is_file():  # how the adapters were trained: for the card and the curves
            shutil.copyfile(source.log, run.log)
        done = runs.finish(run, source.record.result)
        write_card(done, home)
    return done


def write_merged(run: Run, where: str, base: str) -> None:
    """Merges in float32 and stores in the base's type, so that the weights are rounded once."""
    import torch

    with runs.new_model(run) as folder:
        load_model(where, dtype=torch.float32).save_pretrained(folder)
        cast_weights(folder, weights_dtype(base))
        copy_processor(where, folder)
