"""A build: a recipe's questions, through the stages, into a version.

    import → dedup → decontam      before anything is paid for; the latter two only if the recipe has them
    vision                         only if the recipe has it: leaves out what is answered correctly without the picture
    caption → reason → judge       ask models; every reply goes to the reply store as it arrives (flow.py)
    verify → select → filter       read the replies back, chunk by chunk, and decide
    version                        write what was kept and why the rest was not

The first half can be stopped at any moment; the second half depends on the stored replies alone, so a resumed build
writes the same bytes as an undisturbed one. Only the asking is asynchronous: Ctrl-C stops the rest at once, too.
"""

import asyncio
import math
from collections.abc import Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import polars as pl

from ovt import __version__
from ovt.core.coroutines import run_beside, run_to_end
from ovt.core.errors import TooManyFailed
from ovt.core.hashing import hash_json
from ovt.core.progress import Tally, shared
from ovt.core.records import MadeOf
from ovt.core.registry import FILTERS
from ovt.core.schema import kept_columns
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.failures import counted
from ovt.curate.endpoints.jobs import is_lacking
from ovt.curate.enough import ask_enough
from ovt.curate.flow import ask
from ovt.curate.on_ray import OnRay
from ovt.curate.parts import decided, mark_of
from ovt.curate.rates import keep_rates
from ovt.curate.recipe import Recipe
from ovt.curate.reports.failures import failures
from ovt.curate.run import Run, Session, asking_stage, planned, prepare, stages_of, unseen
from ovt.curate.servers import serving
from ovt.curate.servers_on_ray import serving_on_ray
from ovt.curate.versions.closed import Drifted
from ovt.curate.versions.ledger import usage
from ovt.curate.versions.manifest import ModelUse, Provenance, ReasonCount, Usage
from ovt.curate.versions.read import Version, is_whole, list_versions
from ovt.curate.versions.write import VersionWriter
from ovt.curate.watch import Score
from ovt.verifiers import VERSION as VERIFIER_VERSION

MOST_ERRORS = 20
HOW = ("git_commit", "rebuild")  # fields of the provenance that do not tell versions apart


def build(recipe: Recipe, session: Session) -> Version:
    """Build a version of `recipe.name`, requesting only replies that are not stored yet.

    Also works inside a running event loop. Raises BudgetReached and OvtError; all replies so far
    are kept, as after KeyboardInterrupt. TooManyFailed if the version is incomplete; it is written first.
    """
    run = prepare(recipe, session)
    if (built := built_before(run, provenance_of(run))) is not None:
        return built
    with run.store, running(run):
        with started(run) as started_run:
            run = run_to_end(ask_enough(started_run, ask, count_kept))
        return complete(write(run), recipe)


async def abuild(recipe: Recipe, session: Session) -> Version:
    """`build`, awaitable: all of its work runs in other threads, so the caller's loop stays responsive."""
    run = await asyncio.to_thread(prepare, recipe, session)
    if (built := await asyncio.to_thread(built_before, run, provenance_of(run))) is not None:
        return built
    with run.store, running(run):
        with ExitStack() as stack:
            started_run = await asyncio.to_thread(lambda: stack.enter_context(started(run)))
            run = await run_beside(ask_enough(started_run, ask, count_kept))
            await asyncio.to_thread(stack.close)
        return complete(await asyncio.to_thread(write, run), recipe)


def complete(version: Version, recipe: Recipe) -> Version:
    """The version itself; TooManyFailed if more requests failed than its recipe allows."""
    limit = recipe.limits.max_failed
    worst = max(version.manifest.usage, key=lambda use: use.failed / max(use.samples, 1), default=None)
    if worst is None or not worst.exceeds(limit):
        return version
    found = failures(version)
    share = f"{worst.failed:,} of {worst.samples:,} requests of {worst.stage} failed (max_failed is {limit:.0%})"
    said = f", most of them with: {found[0]['said']}" if found else ""
    fix = f"{version.ref} is marked incomplete; `ovt data failures {version.ref}` lists them"
    raise TooManyFailed(version.ref, found, share + said, fix)


@contextmanager
def running(run: Run) -> Generator[None]:
    """Shows the running build in `ovt view`, and keeps its speed for later plans."""
    session = run.session
    try:
        with shared(session.progress, session.home.live / f"build-{run.recipe.name}.json"):
            yield
    finally:
        keep_rates(run.recipe, session.home, session.progress)


@contextmanager
def started(run: Run) -> Generator[Run]:
    """The run with the servers that its recipe has ovt start, if there is anything left to ask them."""
    served = {name for name in run.endpoints if run.recipe.endpoints[name].serve is not None}
    wanted = {name: run.recipe.endpoints[name] for name in sorted(lacking(run, served))}
    # Endpoints are opened again, since the servers' tokens are known only then.
    if wanted and isinstance(run.session.engine, OnRay):
        with serving_on_ray(wanted, run.session.engine, run.session.progress) as servers:
            servers.endpoints = {name: open_endpoint(name, section) for name, section in servers.sections.items()}
            yield replace(run, endpoints={**run.endpoints, **servers.endpoints})
        return
    with serving(wanted, run.session.home, run.session.progress):
        opened = {name: open_endpoint(name, section) for name, section in wanted.items()}
        yield replace(run, endpoints={**run.endpoints, **opened})


def lacking(run: Run, served: Collection[str]) -> set[str]:
    """The `served` endpoints that still have to be asked for a reply."""
    stages = stages_of(run) if served else ()
    return {
        section.endpoint
        for key, section, about in stages
        if section.endpoint in served
        and is_lacking(planned(about, asking_stage(key), section), run.work(section, Tally()))
    }


def built_before(run: Run, made: Provenance) -> Version | None:
    """The finished version of this build, if any: same recipe, inputs, models and verifier, and no failed
    request. Stored replies never change, so a second build would write the same."""
    if run.session.retry or any(name in FILTERS.added for name in run.recipe.filter.plugins):
        return None  # a script's filter may have changed since; deciding again costs no requests
    wanted = MadeOf(f"build of {run.recipe.name}", made.model_dump(mode="json"))
    for version in reversed(list_versions(run.session.home, run.recipe.name)[0]):
        whole = not any(use.failed for use in version.manifest.usage) and is_whole(version)
        if whole and not wanted.differences(version.manifest.provenance.model_dump(mode="json"), HOW):
            return version
    return None


def write(run: Run) -> Version:
    """Decide chunk by chunk and write the version; what a killed build had decided and written is reused."""
    run, blind = unseen(run)
    try:
        return write_chunks(run, blind)
    except Drifted:
        return write_chunks(run, blind)  # replies have changed since, so its files were removed


def write_chunks(run: Run, blind: pl.DataFrame) -> Version:
    """Writes the version. blind: the replies of `[vision]`."""
    judgements: dict[str, Reply | None] = {}
    score, provenance, kept = Score(), provenance_of(run), kept_columns(run.questions.schema)
    with VersionWriter(run.session.home, run.recipe.name, kept, key_of(run, provenance)) as writer:
        if (built := built_before(run, provenance)) is not None:
            return built  # another process has written it in the meantime
        tally = run.session.progress.begin("verify → version", len(run.questions))
        writer.append(mark_of(run.left_out.questions, run.left_out.decisions), **vars(run.left_out))
        for mark, made in decided(run, judgements, writer.decided):
            writer.append(mark, **vars(made))
            score.add(made)
            tally.done += len(made.questions)
        run.session.progress.alarms += score.lines()
        further = [Usage.model_validate(use | {"errors": frequent(blind["error"])}) for use in usage(blind)]
        further += [judge_usage(judgements.values())] if run.recipe.verify.judge else []
        return writer.finish(provenance, further, run.recipe.limits.max_failed)


def key_of(run: Run, made: Provenance) -> str:
    """A hash of everything the version is made of except its replies; empty if a script's filter may change."""
    if any(name in FILTERS.added for name in run.recipe.filter.plugins):
        return ""
    return hash_json(made.model_dump(mode="json", exclude=set(HOW)))[:16]


def count_kept(run: Run) -> int:
    """The number of sft rows that a run's questions give, from their stored replies."""
    return sum(int((made.rows["split"] == "sft").sum()) for _, made in decided(unseen(run)[0], {}))


def judge_usage(replies: Iterable[Reply | None]) -> Usage:
    """The judgements' usage, in the columns of `ledger.usage`; None stands for a request that was not sent."""
    asked = list(replies)
    found = [reply for reply in asked if reply and reply.error is None]
    costs = [reply.cost_usd for reply in found]
    return Usage(
        stage="judge",
        samples=len(asked),
        failed=len(asked) - len(found),
        prompt_tokens=sum(reply.prompt_tokens or 0 for reply in found),
        completion_tokens=sum(reply.completion_tokens or 0 for reply in found),
        cost_usd=math.fsum(cost for cost in costs if cost) if costs and None not in costs else None,
        errors=frequent(reply.error for reply in asked if reply),
    )


def frequent(errors: Iterable[str | None]) -> tuple[ReasonCount, ...]:
    """The most frequent failures of a stage, similar ones counted together."""
    found = counted(error for error in errors if error is not None)
    return tuple(ReasonCount(reason=said, rows=count) for said, count in found[:MOST_ERRORS])


def provenance_of(run: Run) -> Provenance:
    """The version's provenance, for its manifest and card."""
    uses = (
        ModelUse(
            stage=asking_stage(key).name,
            endpoint=endpoint.name,
            model=endpoint.model,
            revision=endpoint.revision,
            prompt=section.template,
            sampling=section.sampling.asked(),
        )
        for key, section in run.recipe.asking.items()
        for endpoint in [run.endpoints[section.endpoint]]
    )
    return Provenance(
        recipe=run.recipe.model_dump(mode="json"),
        inputs=run.inputs,
        models=tuple(uses),
        benchmarks=run.benchmarks,
        plugins=run.recipe.plugins,
        git_commit=run.session.git_commit,
        ovt_version=__version__,
        verifier_version=VERIFIER_VERSION,
        rebuild=run.session.rebuild,
    )
