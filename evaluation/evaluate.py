"""Held-out evaluation: a model answers a question set, using curation's client, store, prompts and verifier.

    questions → requests (the reason stage's, images seen) → reply store → verdicts → evals/NAME/

evals/NAME/answers.parquet                       one row per answer (scores.py)
evals/NAME/{questions,samples,verdicts}.parquet  the underlying tables, with the ledger's schemas
evals/NAME/{items,readings}.parquet              of a benchmark: its rows (rows.py), and every reading (readings.py)
evals/NAME/result.json                           the request settings and the scores; the folder appears when complete

A stopped evaluation resumes when run again, since every reply is stored; a finished one is returned. A public
benchmark is questions like any others (posing.py), read in several ways.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ovt import __version__
from ovt.core.coroutines import run_beside, run_to_end
from ovt.core.errors import OvtError
from ovt.core.files import new_folder, write_file
from ovt.core.home import Home, check_name
from ovt.core.parquet import TableFile
from ovt.core.progress import Tally, shared
from ovt.core.records import MadeOf
from ovt.core.report import Report
from ovt.core.schema import QUESTIONS, SAMPLES, VERDICTS
from ovt.core.section import read_section, set_key
from ovt.core.text import without_secrets
from ovt.curate import plan as planning
from ovt.curate.endpoints.jobs import expected
from ovt.curate.endpoints.section import EMBEDDED, EndpointSection, server_section
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.flow import ask
from ovt.curate.recipe import Recipe
from ovt.curate.run import ASKING, Run, Session, open_endpoints, planned, reasoned
from ovt.curate.stages import verify
from ovt.curate.stages.verify import VerifySection
from ovt.evaluation.outputs import REPLIES
from ovt.evaluation.question_set import TASK, EvaluateSection
from ovt.evaluation.readings import READINGS
from ovt.evaluation.results import RESULT, Asked, AskedBenchmark, Evaluation, Posed, open_evaluation
from ovt.evaluation.rows import ITEMS, image_sizes, to_table
from ovt.evaluation.scored import read, replies_of, sizes_of
from ovt.evaluation.scores import ANSWERS, answers_table, score
from ovt.verifiers import VERSION as VERIFIER_VERSION

TABLES = {
    "questions": QUESTIONS,
    "samples": SAMPLES,
    "verdicts": VERDICTS,
    "answers": ANSWERS,
    "items": ITEMS,
    "readings": READINGS,
    "replies": REPLIES,
}
OF_ENDPOINT = "endpoint."  # the prefix of overrides for the model's server, not the questions
STAGES = {"reason": replace(ASKING["reason"], name=TASK)}  # an evaluation asks in one stage, under its own name


def evaluate(
    name: str, questions: pl.DataFrame | Posed, endpoint: EndpointSection, settings: EvaluateSection, session: Session
) -> Evaluation:
    """Answer `questions` (QUESTIONS rows, as from `import_sources`, or `posing.pose`) and store it as evals/NAME.

    Also works inside a running event loop. OvtError if the name belongs to another evaluation, or nothing was
    answered; BudgetReached as in builds.
    """
    check_name(name, "an evaluation")
    posed = questions if isinstance(questions, Posed) else Posed(questions)
    run = prepare(posed.questions, endpoint, settings, session)
    if found := find_evaluation(name, asked_of(run, settings, posed.benchmark), session.home):
        return found
    with run.store, shared(session.progress, session.home.live / f"eval-{name}.json"):
        run_to_end(ask(run, STAGES))
        return keep(name, settings, run, posed)


async def aevaluate(
    name: str, questions: pl.DataFrame | Posed, endpoint: EndpointSection, settings: EvaluateSection, session: Session
) -> Evaluation:
    """`evaluate`, awaitable: all of its work runs in other threads, so the caller's loop stays responsive."""
    check_name(name, "an evaluation")
    posed = questions if isinstance(questions, Posed) else Posed(questions)
    run = await asyncio.to_thread(prepare, posed.questions, endpoint, settings, session)
    if found := find_evaluation(name, asked_of(run, settings, posed.benchmark), session.home):
        return found
    with run.store, shared(session.progress, session.home.live / f"eval-{name}.json"):
        await run_beside(ask(run, STAGES))
        return await asyncio.to_thread(keep, name, settings, run, posed)


def plan(name: str, posed: Posed, endpoint: EndpointSection, settings: EvaluateSection, session: Session) -> Report:
    """What `evaluate` would request, and an upper bound on its cost; sends nothing."""
    run = prepare(posed.questions, endpoint, settings, session)
    stage = STAGES["reason"]
    with run.store:
        told = expected(planned(run, stage, settings.asking), run.work(settings.asking, Tally()))
    return planning.report(name, [planning.StagePlan(stage.name, TASK, len(run.questions), told)])


def prepare(questions: pl.DataFrame, endpoint: EndpointSection, settings: EvaluateSection, session: Session) -> Run:
    """An evaluation as a build that sees the images and ends with the verdicts; sends nothing yet."""
    recipe = Recipe.model_construct(
        name=TASK,
        sources=[],  # the questions are already here
        endpoints={TASK: endpoint},
        reason=settings.asking,
        verify=VerifySection(kind=settings.kind),
    )
    return Run(recipe, session, questions, open_endpoints(recipe), ReplyStore(session.home.make().replies))


def asked_of(run: Run, settings: EvaluateSection, benchmark: AskedBenchmark | None = None) -> Asked:
    """Everything an evaluation's answers depend on."""
    endpoint = run.endpoints[TASK]
    return Asked(
        model=endpoint.model,
        revision=endpoint.revision,
        questions_hash=questions_hash(run.questions),
        settings=settings,
        verifier_version=VERIFIER_VERSION,
        ovt_version=__version__,
        benchmark=benchmark,
    )


def questions_hash(questions: pl.DataFrame) -> str:
    """The identity of the questions and their order: sha256 (hex) over their ids."""
    return hashlib.sha256("\n".join(questions["question_id"]).encode()).hexdigest()


def find_evaluation(name: str, asked: Asked, home: Home, option: str = "--name") -> Evaluation | None:
    """The finished evaluation of this name; None if there is none, or requests failed. DriftError for another's."""
    if not (home.evals / name / RESULT).is_file():
        return None
    there = open_evaluation(name, home)
    wanted = MadeOf(f"evaluation {name}", asked.model_dump(mode="json"), f"choose another {option}")
    wanted.require(there.asked.model_dump(mode="json"))
    return None if there.failed else there


def keep(name: str, settings: EvaluateSection, run: Run, posed: Posed) -> Evaluation:
    """Judges and scores the stored replies, and moves the evaluation into place."""
    questions = run.questions
    samples = pl.concat([SAMPLES.to_frame(), *(reasoned(run, chunk)[1] for chunk in run.chunks())])
    answered = samples.filter(pl.col("text").is_not_null())
    if answered.is_empty():
        why = samples["error"].drop_nulls().head(1).to_list()
        raise OvtError(
            f"none of {len(samples):,} requests was answered ({(why or ['no questions'])[0]}): see `ovt doctor`"
        )
    verdicts = verify.judge(answered, questions, run.recipe.verify)
    answers = answers_table(questions, answered, verdicts)
    asked, home = asked_of(run, settings, posed.benchmark), run.session.home
    done = Evaluation(name=name, asked=asked, failed=len(samples) - len(answered), scores=score(answers))
    tables = {"questions": questions, "samples": samples, "verdicts": verdicts, "answers": answers}
    if posed.benchmark:
        found = read(name, posed.benchmark, posed.items, replies_of(samples))
        sizes = sizes_of(samples, image_sizes(questions, home))
        done = done.model_copy(update={"benchmark": found.scores, "sizes": sizes})
        tables |= {"items": to_table(list(posed.items.values()), posed.benchmark.name), "readings": found.table}
    write(home.make().evals / name, tables, done)
    return done


def write(folder: Path, tables: dict[str, pl.DataFrame], done: Evaluation) -> None:
    """Writes the tables and the result into a folder that appears when complete; an older one there is replaced, so
    ask `find_evaluation` first."""
    with new_folder(folder) as made:
        for table, frame in tables.items():
            file = TableFile(made / f"{table}.parquet", TABLES[table])
            file.append(frame)
            file.close()
        write_file(made / RESULT, done.model_dump_json(indent=2) + "\n")


def endpoint_at(url: str, served_as: str | None, revision: str | None = None) -> EndpointSection:
    """The endpoint of a model on a server. revision: identifies its weights, if known."""
    if not served_as:
        shown = without_secrets(url)
        raise OvtError(f"{shown} is a server: give the name that it serves the model under, with --served-as NAME")
    return server_section("the model's server", url, served_as, revision)


def with_settings(endpoint: EndpointSection, overrides: Iterable[str]) -> tuple[EndpointSection, list[str]]:
    """The endpoint with the overrides that start with `endpoint.` ("endpoint.batch=true"), and the other overrides."""
    own, others = [], []
    for override in overrides:
        (own if override.startswith(OF_ENDPOINT) else others).append(override)
    if not own:
        return endpoint, others
    tree: dict[str, Any] = {"endpoint": endpoint.model_dump(exclude_defaults=True)}
    for override in own:
        set_key(tree, override)
    return read_section(EndpointSection, tree["endpoint"], "--set endpoint"), others


def embedded_endpoint(folder: str, name: str) -> EndpointSection:
    """The endpoint of a model that runs in this process: its folder, and its name in replies."""
    return EndpointSection(base_url=EMBEDDED + folder, model=name, max_concurrency=128)
