"""A build: a recipe's questions, through the stages, into a version.

    import → dedup → decontam      before anything is paid for; the latter two where the recipe has them
    caption → reason               ask models; every reply goes to the reply store as it arrives
    verify → select → filter       read the replies back, chunk by chunk, and decide
    version                        write what was kept and why the rest was not

The first half can be stopped at any moment; the second half depends on the stored replies alone, so a resumed build
writes the bytes of an undisturbed one. Only the asking is asynchronous: Ctrl-C stops the rest at once, too.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Literal

import polars as pl

from ovt import __version__
from ovt.core.home import Home
from ovt.core.progress import Progress, Tally
from ovt.core.schema import SAMPLES
from ovt.curate.decide import CHUNK, Tables, decide, described, import_drops
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, Reply
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.recipe import Recipe
from ovt.curate.screen.screen import Screened, screen
from ovt.curate.sources.images import image_bytes
from ovt.curate.sources.importing import Imported, import_sources
from ovt.curate.stages import caption, judge, reason, samples, verify
from ovt.curate.stages.caption import CaptionSection
from ovt.curate.stages.judge import JudgeSection
from ovt.curate.stages.reason import ReasonSection
from ovt.curate.versions.manifest import Input, ModelUse, Provenance
from ovt.curate.versions.read import Version, is_whole, list_versions
from ovt.curate.versions.write import VersionWriter
from ovt.verifiers import VERSION as VERIFIER_VERSION


def build(
    recipe: Recipe,
    home: Home,
    *,
    budget: Budget,
    progress: Progress,
    rebuild: str,
    limit: int | None = None,
    git_commit: str | None = None,
) -> Version:
    """Build a version of `recipe.name`, asking only for replies that are not stored yet.

    limit: questions at most. rebuild: the command that makes this version again, for its card. Raises
    BudgetReached and OvtError; whatever was answered until then is kept.
    """
    imported = import_questions(recipe, home, progress, limit)
    screened = screen_questions(recipe, imported.questions, home, progress)
    endpoints = open_endpoints(recipe)
    provenance = provenance_of(recipe, imported, screened, endpoints, rebuild, git_commit)
    if (built := built_before(recipe.name, provenance, home)) is not None:
        return built
    with ReplyStore(home.replies) as store:
        asyncio.run(ask(recipe, screened.questions, endpoints, store, home, budget, progress))
        return write(recipe, imported, screened, endpoints, store, home, progress, provenance)


def built_before(name: str, provenance: Provenance, home: Home) -> Version | None:
    """The version that this build would come to, if it is there: same recipe, inputs, models and verifier, and no
    request of it failed. Stored replies never change, so nothing else could come out."""
    made = {"git_commit": None, "rebuild": ""}
    wanted = provenance.model_copy(update=made)
    for version in list_versions(home, name)[0]:
        complete = not any(use.failed for use in version.manifest.usage) and is_whole(version)
        if complete and version.manifest.provenance.model_copy(update=made) == wanted:
            return version
    return None


def import_questions(recipe: Recipe, home: Home, progress: Progress, limit: int | None) -> Imported:
    tally = progress.begin("import")

    def count(rows: int) -> None:
        tally.done = rows

    imported = import_sources(recipe.sources, home, limit, count)
    tally.total = tally.done = sum(imported.rows_in.values())
    progress.notes += imported.notes
    return imported


def screen_questions(recipe: Recipe, questions: pl.DataFrame, home: Home, progress: Progress) -> Screened:
    """What of the questions is new and in no benchmark; all of them where the recipe does not ask."""
    if recipe.dedup or recipe.decontam:
        progress.begin("dedup, decontam", len(questions))
    screened = screen(questions, recipe.dedup, recipe.decontam, home)
    progress.notes += screened.notes
    return screened


def open_endpoints(recipe: Recipe) -> dict[str, Endpoint]:
    """The endpoints that stages of the recipe use, by name; nothing is sent, no key is needed yet."""
    used = {section.endpoint for section in (recipe.caption, recipe.reason, recipe.verify.judge) if section}
    return {name: open_endpoint(name, recipe.endpoints[name]) for name in sorted(used)}


async def ask(
    recipe: Recipe,
    questions: pl.DataFrame,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
    home: Home,
    budget: Budget,
    progress: Progress,
) -> None:
    """The part that costs: see that every caption and every chain of reasoning is in the store, or its failure is."""
    async with AsyncExitStack() as stack:
        for endpoint in endpoints.values():
            await stack.enter_async_context(endpoint)
        images = partial(image_bytes, home)
        if recipe.caption:
            tally = progress.begin("caption", len(questions))
            endpoint = endpoints[recipe.caption.endpoint]
            await fill(caption.requests(questions, recipe.caption), endpoint, store, budget, tally, images)
        tally = progress.begin("reason", len(questions) * recipe.reason.k)
        requests = reason_requests(recipe, questions, endpoints, store, tally)
        await fill(requests, endpoints[recipe.reason.endpoint], store, budget, tally, images)
        if recipe.verify.judge:
            tally = progress.begin("judge")
            requests = judge_requests(recipe, recipe.verify.judge, questions, endpoints, store, tally)
            await fill(requests, endpoints[recipe.verify.judge.endpoint], store, budget, tally, images)


def reason_requests(
    recipe: Recipe, questions: pl.DataFrame, endpoints: Mapping[str, Endpoint], store: ReplyStore, tally: Tally
) -> Iterator[ChatRequest]:
    """The requests of every question that can be asked; the tally's total comes down by those that cannot."""
    for chunk in chunks(questions):
        captioned, captions, _ = describe(recipe, chunk, endpoints, store)
        tally.total -= (len(chunk) - len(captioned)) * recipe.reason.k
        yield from reason.requests(captioned, captions, recipe.reason)


def judge_requests(
    recipe: Recipe,
    section: JudgeSection,
    questions: pl.DataFrame,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
    tally: Tally,
) -> Iterator[ChatRequest]:
    """The requests about what the rules leave open; the tally's total grows as they are found."""
    for chunk in chunks(questions):
        captioned, captions, _ = describe(recipe, chunk, endpoints, store)
        answered, _ = reason.run(captioned, reasoned(recipe, captioned, captions, endpoints, store))
        verdicts = verify.judge(answered, captioned, recipe.verify)
        for request in judge.requests(captioned, verdicts, section):
            tally.total += 1
            yield request


def chunks(questions: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return questions.iter_slices(CHUNK)


def describe(
    recipe: Recipe, questions: pl.DataFrame, endpoints: Mapping[str, Endpoint], store: ReplyStore
) -> tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]:
    """(questions that can be asked, their captions, caption samples); no captions where images are seen."""
    said = SAMPLES.to_frame()
    if recipe.caption:
        requests = caption.requests(questions, recipe.caption)
        said = replies(questions, "caption", requests, endpoints[recipe.caption.endpoint], store)
    captioned, captions, _ = described(recipe, questions, said)
    return captioned, captions, said


def replies(
    questions: pl.DataFrame,
    stage: Literal["caption", "reason"],
    requests: Iterable[ChatRequest],
    endpoint: Endpoint,
    store: ReplyStore,
) -> pl.DataFrame:
    """The stored replies and failures to `requests`, as SAMPLES rows."""
    keys = [endpoint.keys(request) for request in requests]
    wanted = [key for of_question in keys for key in of_question]
    found = store.get_many(wanted)
    failures = store.get_failures(key for key in wanted if key not in found)
    return samples.table(questions, stage, keys, failures | found, endpoint.name)


def reasoned(
    recipe: Recipe,
    captioned: pl.DataFrame,
    captions: pl.DataFrame | None,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
) -> pl.DataFrame:
    """The samples of the questions that can be asked."""
    requests = reason.requests(captioned, captions, recipe.reason)
    return replies(captioned, "reason", requests, endpoints[recipe.reason.endpoint], store)


def judged(
    answered: pl.DataFrame,
    questions: pl.DataFrame,
    *,
    recipe: Recipe,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
    judgements: dict[str, Reply | None],
) -> pl.DataFrame:
    """The rules' verdicts and, where they abstain and the recipe wants one, a model's, which go into `judgements`."""
    verdicts = verify.judge(answered, questions, recipe.verify)
    section = recipe.verify.judge
    if section is None:
        return verdicts
    endpoint = endpoints[section.endpoint]
    keys = [endpoint.keys(request)[0] for request in judge.requests(questions, verdicts, section)]
    found = store.get_many(keys)
    # Only what they took is kept of them: there may be a million.
    judgements |= {key: replace(found[key], text=None) if key in found else None for key in keys}
    return judge.run(verdicts, keys, found, section, endpoint.model)


def decide_chunk(
    recipe: Recipe,
    questions: pl.DataFrame,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
    judgements: dict[str, Reply | None],
) -> Tables:
    """One chunk, from its stored replies; what a judge said in it goes into `judgements`."""
    captioned, captions, caption_samples = describe(recipe, questions, endpoints, store)
    said = pl.concat([caption_samples, reasoned(recipe, captioned, captions, endpoints, store)])
    give = partial(judged, recipe=recipe, endpoints=endpoints, store=store, judgements=judgements)
    return decide(recipe, questions, said, give)


def write(
    recipe: Recipe,
    imported: Imported,
    screened: Screened,
    endpoints: Mapping[str, Endpoint],
    store: ReplyStore,
    home: Home,
    progress: Progress,
    provenance: Provenance,
) -> Version:
    """Decide chunk by chunk and write the version."""
    tally = progress.begin("verify → version", len(screened.questions))
    judgements: dict[str, Reply | None] = {}
    with VersionWriter(home, recipe.name) as writer:
        writer.append(**vars(import_drops(pl.concat([imported.decisions, screened.decisions]), screened.gone)))
        for chunk in chunks(screened.questions):
            writer.append(**vars(decide_chunk(recipe, chunk, endpoints, store, judgements)))
            tally.done += len(chunk)
        return writer.finish(provenance, [judge.usage(judgements.values())] if recipe.verify.judge else [])


def asking(recipe: Recipe) -> Iterator[tuple[str, CaptionSection | ReasonSection | JudgeSection, str]]:
    """(stage, section, prompt template) of each stage that asks a model."""
    if recipe.caption:
        yield "caption", recipe.caption, recipe.caption.prompt
    yield "reason", recipe.reason, recipe.reason.template
    if recipe.verify.judge:
        yield "judge", recipe.verify.judge, recipe.verify.judge.prompt


def provenance_of(
    recipe: Recipe,
    imported: Imported,
    screened: Screened,
    endpoints: Mapping[str, Endpoint],
    rebuild: str,
    git_commit: str | None,
) -> Provenance:
    """Where the version comes from, for its manifest and its card."""
    return Provenance(
        recipe=recipe.model_dump(mode="json"),
        inputs=tuple(
            Input(
                source=source.name,
                location=source.path,
                fingerprint=imported.fingerprints[source.name],
                rows=imported.rows_in[source.name],
                license=source.license or None,
            )
            for source in recipe.sources
        ),
        models=tuple(
            ModelUse(
                stage=stage,
                endpoint=endpoint.name,
                model=endpoint.model,
                revision=endpoint.revision,
                prompt=template,
                sampling=section.sampling.asked(),
            )
            for stage, section, template in asking(recipe)
            for endpoint in [endpoints[section.endpoint]]
        ),
        benchmarks=screened.benchmarks,
        git_commit=git_commit,
        ovt_version=__version__,
        verifier_version=VERIFIER_VERSION,
        rebuild=rebuild,
    )
