"""The Python API: what `import ovt` exports; the command line is a thin layer over the same functions.

Pass versions and evaluations by name or as objects. `home=` is the folder that holds them, like `--home`: by
default $OVT_HOME, else ./ovt-home. Settings are given as `set={"reason.k": 8}`, with a recipe's dotted keys.

User mistakes raise `OvtError` (`ovt.core.errors` draws the tree); a model's failure is a row with a reason.
The synchronous calls also work inside a running event loop, as in a notebook; `abuild` and `aevaluate` do not block it.
"""

import asyncio
import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.records import git_commit, rebuild_line
from ovt.core.report import Report, follow
from ovt.core.section import read_section, set_key, to_toml
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.failures import AGAIN
from ovt.curate.recipe import Recipe, load_recipe
from ovt.curate.run import Session, import_questions
from ovt.curate.versions import read

if TYPE_CHECKING:
    import datasets

    from ovt.curate.endpoints.section import EndpointSection
    from ovt.curate.reports.diff.diff import Diff
    from ovt.evaluation.judging import Judge
    from ovt.evaluation.posing import How
    from ovt.evaluation.question_set import EvaluateSection
    from ovt.evaluation.rescore import Rescored
    from ovt.evaluation.results import Evaluation, Posed
    from ovt.evaluation.score_file import Scored

    Asked = tuple[str, Posed, EndpointSection, EvaluateSection]

Settings = Mapping[str, Any] | Iterable[str]  # {"reason.k": 8}, or ("reason.k=8",) as on the command line
Place = Home | str | Path | None  # what `home=` takes
Split = Literal["sft", "rl"]
Table = Literal["questions", "samples", "verdicts", "decisions", "sft", "rl"]


@dataclass(frozen=True, repr=False)
class Version(read.Version):
    """A dataset version: a folder of Parquet files that never changes once it is written.

    >>> v = ovt.load("pocket", home=home)
    >>> v
    pocket@v1: 17 sft, 2 rl
    >>> v.table("decisions").columns
    ['level', 'id', 'question_id', 'stage', 'decision', 'reason', 'detail']
    >>> v.data("sft")[0]["images"][0].size
    (112, 112)
    """

    home: Home

    def data(self, split: Split = "sft") -> "datasets.Dataset":
        """The kept rows of a split, as trainers read them: images, prompt and completion as chat turns, and metadata
        columns. sft: verified responses; rl: questions that no sample solved. Memory-mapped from the home."""
        from ovt.curate.versions.data import read_split

        return read_split(self.path, split, self.home.make().path / "datasets")

    def table(self, name: Table) -> pl.DataFrame:
        """A table of the ledger (`questions`, `samples`, `verdicts`, `decisions`), or the rows of a split."""
        return self.scan(name).collect()

    def scan(self, name: Table) -> pl.LazyFrame:
        """Like `table`, but lazy: for tables that do not fit into memory."""
        return read.scan(self, name)

    def funnel(self, by: str = "stage") -> Report:
        """Where every question and sample ended: at each stage, rows in = rows out + those dropped, by reason.
        by: "stage", "source", "reason", or a column that its sources keep.

        >>> ovt.load("pocket", home=home).funnel().data[0]["stage"]
        'import'
        """
        from ovt.curate.reports import funnel

        return funnel.report(self, by)

    def failures(self) -> Report:
        """The requests that failed, counted by what the server said."""
        from ovt.curate.reports.failures import report

        return report(self)

    def stats(self, by: str = "source") -> Report:
        """Summary statistics: lengths, pass rates, kinds of answers, behaviours, finish reasons, cost;
        and those of each source, or of each value of a column that the sources keep."""
        from ovt.curate.reports.figures import report
        from ovt.curate.versions.profile import profile

        return report([profile(self, by)])

    def why(self, what: str) -> Report:
        """The story of a question or sample, kept or dropped, found by its id, an id prefix, or some of its text."""
        from ovt.curate.reports.why import look_up, report

        return report(look_up([self], what))

    def head(self, rows: int = 5, split: Split | None = None, **pick: Any) -> list[dict[str, Any]]:
        """The first rows of the data: flat columns, prompt and completion as text, image ids.

        Or others: `where` (SQL over their columns), `seed` (at random); `dropped` (a reason, or "any") and `stage` show
        what was dropped."""
        from ovt.curate.reports.head import Pick, head

        return head(self, Pick(rows, split=split, **pick))

    def export(
        self, to: str, out: str | Path, split: Split | None = None, drop: Sequence[str] = (), keep: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Write the version as files for another trainer: `to` is trl, llamafactory, easyr1, ms-swift, openai
        or a plugin's format. `drop`, `keep`: leave out rows with these labels, or write only those. Returns the record
        of what was written, with how to pass it to the trainer."""
        from ovt import __version__
        from ovt.curate.export.chosen import choose
        from ovt.curate.export.export import export

        return export(choose(self, drop, keep), to, Path(out), split, __version__)[0]

    def __repr__(self) -> str:
        return f"{self.ref}: " + ", ".join(f"{self.manifest.rows[split]:,} {split}" for split in ("sft", "rl"))

    def _repr_html_(self) -> str:
        return self.funnel()._repr_html_()


# Builds


def build(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    set: Settings = (),
    limit: int | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    retry: Iterable[str] = (),
    home: Place = None,
    progress: Progress | None = None,
    engine: str = "local",
    ray_address: str | None = None,
) -> Version:
    """Build a dataset version, requesting only replies that are not in the home yet; call it again to resume.

    recipe    a TOML file, the name of a shipped recipe, or nested dicts
    limit     at most this many questions, from the start of the sources
    max_usd, max_tokens    raises BudgetReached before a request could exceed them; replies so far are kept
    retry     kinds of stored replies to ask again: "empty", "filtered", "refusal", "tool_calls", "truncated"
    progress  updated while the build runs; a notebook shows progress anyway
    engine    "local", or "ray": pictures are decoded and chunks decided by Ray, on this machine or at `ray_address`

    >>> ovt.build("pocket", limit=20, home=home).ref
    'pocket@v1'
    """
    from ovt.curate import build as building
    from ovt.curate.on_ray import open_engine

    session = open_session(home, limit, Budget(max_usd, max_tokens), progress)
    chosen, session = agreed_build(recipe, set, asking_again(session, retry))
    with follow(session.progress), open_engine(engine, ray_address) as opened:
        return own(building.build(chosen, replace(session, engine=opened)), session.home)


async def abuild(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    set: Settings = (),
    limit: int | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    retry: Iterable[str] = (),
    home: Place = None,
    progress: Progress | None = None,
    engine: str = "local",
    ray_address: str | None = None,
) -> Version:
    """`build` as a coroutine: the work runs in other threads, so the caller's event loop stays free."""
    from ovt.curate import build as building
    from ovt.curate.on_ray import open_engine

    session = open_session(home, limit, Budget(max_usd, max_tokens), progress)
    chosen, session = agreed_build(recipe, set, asking_again(session, retry))
    with follow(session.progress), open_engine(engine, ray_address) as opened:
        return own(await building.abuild(chosen, replace(session, engine=opened)), session.home)


def plan(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    set: Settings = (),
    limit: int | None = None,
    retry: Iterable[str] = (),
    measured: bool = False,
    home: Place = None,
) -> Report:
    """What a build would request from each endpoint, and an upper bound on its cost; sends no request.

    retry     kinds of stored replies to ask again, as for a build; the chains of a caption that changes are not counted
    measured  also the tokens, GPUs and hours that this takes at the rates of the largest run so far, such as a
              preview's

    >>> [(stage["stage"], stage["calls"]) for stage in ovt.plan("pocket", limit=20, home=home).data]
    [('caption', 0), ('reason', 0)]
    """
    from ovt.curate import plan as planning
    from ovt.curate.claims import claims
    from ovt.curate.rates import read_rates

    chosen, session = read_recipe(recipe, set), asking_again(open_session(home, limit), retry)
    found = claims(chosen, session.home, file_of(recipe))
    rates = read_rates(chosen, session.home) if measured else {}
    plans = planning.plan(chosen, session, rates)
    further = planning.outlook_parts(plans, rates) if measured else ()
    return planning.report(chosen.name, plans, found, chosen.target_rows, further)


def preview(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    questions: int = 3,
    set: Settings = (),
    max_usd: float | None = None,
    home: Place = None,
) -> list[Report]:
    """Run the first questions through every stage: each one's story, with all prompts and replies. Keeps no version."""
    from ovt.curate import plan as planning
    from ovt.curate.reports.why import report

    session = open_session(home, questions, Budget(max_usd))
    chosen = agreed_recipe(recipe, set, session.home)
    return [report({"stories": [story]}) for story in planning.preview(chosen, session)]


def agree(recipe: str | Path | Mapping[str, Any] | Recipe, *, set: Settings = (), home: Place = None) -> list[str]:
    """Agree, once and for all, to what a recipe does that needs it: keys that it sends to servers not known to be
    theirs, and files from elsewhere that it sends to strangers (SECURITY.md). Returns a line for each of these.

    >>> ovt.agree("pocket", home=home)
    []
    """
    from ovt.curate.claims import agree_to, claims

    found = claims(read_recipe(recipe, set), place(home), file_of(recipe))
    agree_to(found)
    return [str(claim) for claim in found if claim.asked]


# Versions


def load(ref: str | Path | read.Version, home: Place = None) -> Version:
    """The version that `ref` names: "charts" (the latest), "charts@2", "charts@HASH", its folder, or
    "you/charts@v2", a pulled one."""
    there = place(home)
    return own(ref if isinstance(ref, read.Version) else read.open_version(str(ref), there), there)


def versions(name: str | None = None, home: Place = None) -> list[Version]:
    """The versions in a home, or those of one name, ordered by name and number.

    >>> ovt.versions(home=home)
    [pocket@v1: 17 sft, 2 rl]
    """
    there = place(home)
    return [own(version, there) for version in read.list_versions(there, name)[0]]


def diff(a: str | Version, b: str | Version, home: Place = None) -> "Diff":
    """What changed from version `a` to `b`: rows added, removed and changed, and why; drift, with intervals."""
    from ovt.curate.reports.diff.diff import compare

    there = place(home)
    return compare(load(a, there), load(b, there))


def what_if(version: str | Version, set: Settings, home: Place = None) -> Report:
    """What a version would have kept under other settings, from its stored replies; sends no request.

    >>> ovt.what_if("pocket", {"filter.length.max_words": 40}, home=home).data["rows"]["removed"]
    5
    """
    from ovt.curate.reports import what_if as deciding

    there = place(home)
    return deciding.report(deciding.what_if(load(version, there), overrides(set)))


def pull(address: str, home: Place = None, name: str | None = None) -> Version:
    """Download a version from the Hugging Face Hub ("OWNER/NAME" or "OWNER/NAME@TAG"), or from storage
    ("s3://store/charts@v3"), and check every file.

    It is then called "OWNER/NAME@vN", or is the next version of a local `name`, which storage requires.
    """
    from ovt.curate.hub.storage import pull_from

    there = place(home)
    return own(pull_from(address, there, name).version, there)


# Evaluations


def evaluate(
    model: str,
    questions: str | Path,
    *,
    name: str | None = None,
    set: Settings = (),
    limit: int | None = None,
    served_as: str | None = None,
    revision: str | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    how: "How | None" = None,
    judge: str | None = None,
    home: Place = None,
    progress: Progress | None = None,
) -> "Evaluation":
    """Answer held-out questions with a model (greedily by default) and score the answers.

    model      a server's URL (its name for the model in `served_as`), "pocket", a run, a folder or a Hub id
    questions  a question set or recipe (TOML), a source's path, or a benchmark: "mathvista", "emma:mini"
    how        for a benchmark: its prompt, its pictures, where its rows are; `ovt.How(prompt="openvlthinker")`
    judge      for a benchmark: a model that is asked about every answer, as MODEL@URL; adds a reading of its own
    name       the evaluation's name [MODEL-QUESTIONS]; an identical finished evaluation is returned, not repeated
    revision   identifies the server's weights, in any words; without it, stored replies under that name are reused
    set        keys of the question set, and of the server: `{"k": 4, "endpoint.batch": True}`
    """
    order = Order(model, questions, name, set, served_as, revision, how, judge)
    return carry_out(order, open_session(home, limit, Budget(max_usd, max_tokens), progress))


async def aevaluate(
    model: str,
    questions: str | Path,
    *,
    name: str | None = None,
    set: Settings = (),
    limit: int | None = None,
    served_as: str | None = None,
    revision: str | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    how: "How | None" = None,
    judge: str | None = None,
    home: Place = None,
    progress: Progress | None = None,
) -> "Evaluation":
    """`evaluate` as a coroutine: the caller's event loop stays free."""
    from ovt.evaluation import evaluate as evaluating

    order = Order(model, questions, name, set, served_as, revision, how, judge)
    session = open_session(home, limit, Budget(max_usd, max_tokens), progress)
    with follow(session.progress):
        asked, named = await asyncio.to_thread(prepared, order, session)
        return await asyncio.to_thread(judged, await evaluating.aevaluate(*asked, session), named)


def plan_evaluation(
    model: str,
    questions: str | Path,
    *,
    set: Settings = (),
    limit: int | None = None,
    served_as: str | None = None,
    revision: str | None = None,
    how: "How | None" = None,
    judge: str | None = None,
    home: Place = None,
) -> Report:
    """What `evaluate` would request, and an upper bound on its cost; sends no request. A judge's are not counted."""
    from ovt.evaluation import evaluate as evaluating

    session = open_session(home, limit)
    order = Order(model, questions, None, set, served_as, revision, how, judge)
    return evaluating.plan(*prepared(order, session)[0], session)


def evaluations(home: Place = None) -> "list[Evaluation]":
    """The finished evaluations in a home that can be read, by name."""
    from ovt.evaluation.results import list_evaluations

    return list_evaluations(place(home))[0]


def rescore(
    name: str,
    *,
    rule: str | None = None,
    kind: str | None = None,
    judge: str | None = None,
    keep: str | None = None,
    max_usd: float | None = None,
    home: Place = None,
    progress: Progress | None = None,
) -> "Rescored":
    """Read an evaluation's kept replies again, with this ovt's verifier, another rule or kind of answer.

    judge      a model that is asked for its opinion of each answer, as MODEL@URL; without it no model is asked
    keep       another name to keep the result under
    """
    from ovt.evaluation.rescore import Again
    from ovt.evaluation.rescore import rescore as read_again

    session = open_session(home, None, Budget(max_usd), progress)
    return read_again(name, Again(rule, kind, judge_of(judge, session), keep), session.home)


def score(
    file: str | Path,
    bench: str,
    *,
    questions: str | Path | None = None,
    rule: str = "official",
    judge: str | None = None,
    name: str | None = None,
    max_usd: float | None = None,
    home: Place = None,
    progress: Progress | None = None,
) -> "Scored":
    """Score outputs you already have, in any kit's format: ours, strict, the official rule and the file's verdicts.

    bench      the benchmark: "mathvista", "mmmu-pro:vision"; `ovt eval bench list` lists them
    questions  its rows, as a file or folder; without it the file's own golds, else the Hub's rows
    rule       the rule of the official reading
    judge      a model that is asked for its opinion of each answer, as MODEL@URL; without it no model is asked
    name       keeps each run as an evaluation, NAME or NAME-RUN, for `compare`, `why` and `rescore`
    """
    from ovt.evaluation.score_file import keep_runs, score_file

    session = open_session(home, None, Budget(max_usd), progress)
    where = None if questions is None else str(questions)
    scored = score_file(file, bench, where, rule, judge_of(judge, session))
    if name:
        keep_runs(scored, name, session.home)
    return scored


def compare(*names: str, home: Place = None, reading: str = "ours") -> Report:
    """Compare evaluations with the first one, paired by question: 95% intervals of the differences, McNemar's test,
    the questions that flip, and what else differs. reading: for benchmarks: ours, strict, official, judge or filed."""
    from ovt.evaluation.compare import compare as compare_evaluations

    return compare_evaluations(names, place(home), reading)


# Shared helpers


def place(home: Place) -> Home:
    """The home that `home=` refers to."""
    return home if isinstance(home, Home) else Home.locate(Path(home) if home is not None else None)


def own(version: read.Version, home: Home) -> Version:
    """The version in its public form, with methods for tables and reports."""
    return Version(version.path, version.ordinal, version.manifest, home)


def overrides(set: Settings) -> Iterator[str]:
    """Settings as `KEY=VALUE`, as on the command line and on a version's card."""
    if not isinstance(set, Mapping):
        yield from set
        return
    for key, value in set.items():
        yield f"{key}={to_toml(value)}"


def read_recipe(recipe: Recipe | str | Path | Mapping[str, Any], set: Settings) -> Recipe:
    """The recipe given by `recipe` and `set`; a string is a file or the name of a shipped recipe."""
    if isinstance(recipe, (str, Path)):
        return load_recipe(recipe, overrides(set))
    tree = recipe.model_dump(mode="json") if isinstance(recipe, Recipe) else copy.deepcopy(dict(recipe))
    for override in overrides(set):
        set_key(tree, override)
    return read_section(Recipe, tree, "the recipe")


def agreed_build(
    recipe: Recipe | str | Path | Mapping[str, Any], set: Settings, session: Session
) -> tuple[Recipe, Session]:
    """The recipe to run, and the session that knows how to rebuild the version. OvtError as from `agreed_recipe`."""
    wanted = tuple(overrides(set))  # an iterator gives its settings once
    chosen = agreed_recipe(recipe, wanted, session.home)
    return chosen, replace(session, rebuild=rebuild(recipe, wanted, session.limit))


def agreed_recipe(recipe: Recipe | str | Path | Mapping[str, Any], set: Settings, home: Home) -> Recipe:
    """`read_recipe`, for a recipe that is to be run: OvtError unless the user has agreed to what needs agreement."""
    from ovt.curate.claims import check_agreed, claims

    chosen = read_recipe(recipe, set)
    check_agreed(claims(chosen, home, file_of(recipe)))
    return chosen


def file_of(recipe: Any) -> str | Path | None:
    """The recipe's file, if it was given as one."""
    return recipe if isinstance(recipe, str | Path) else None


def rebuild(recipe: Any, set: Settings, limit: int | None) -> str:
    """How to rebuild a version: a command line, or Python if the recipe is not a file."""
    if isinstance(recipe, str | Path):
        return rebuild_line("curate", "build", str(recipe), overrides=overrides(set), limit=limit)
    return f"ovt.build(recipe, limit={limit})  # the recipe in manifest.json"


def open_session(
    home: Place, limit: int | None, budget: Budget | None = None, progress: Progress | None = None
) -> Session:
    """The session for a build or an evaluation."""
    return Session(place(home), budget or Budget(), progress or Progress(), limit, git_commit=git_commit())


def asking_again(session: Session, retry: Iterable[str]) -> Session:
    """The session, with the kinds of replies to ask again; RecipeError for an unknown kind."""
    kinds = frozenset(kind.strip() for kind in retry)
    if unknown := sorted(kinds - {*AGAIN}):
        raise RecipeError(f"retry: {unknown[0][:40]!a} is not a kind of reply: choose from {', '.join(AGAIN)}")
    return replace(session, retry=kinds)


@dataclass(frozen=True)
class Order:
    """An evaluation to make: the arguments of `evaluate`."""

    model: str
    questions: str | Path
    name: str | None = None
    set: Settings = ()
    served_as: str | None = None
    revision: str | None = None
    how: "How | None" = None
    judge: str | None = None


def carry_out(order: Order, session: Session) -> "Evaluation":
    """`evaluate`, within a session, whose budget several evaluations may share."""
    from ovt.evaluation.evaluate import evaluate

    with follow(session.progress):
        asked, named = prepared(order, session)
        return judged(evaluate(*asked, session), named)


def prepared(order: Order, session: Session) -> "tuple[Asked, Judge | None]":
    """What is asked, and the judge. OvtError for a judge of anything but a benchmark."""
    from ovt.evaluation.rescore import refuse_judge

    judge = judge_of(order.judge, session)
    asked = ask_for(order, session)
    if judge:
        refuse_judge(asked[0], asked[1].benchmark)
    return asked, judge


def judged(done: "Evaluation", judge: "Judge | None") -> "Evaluation":
    """The evaluation, with the judge's reading if there is a judge."""
    from ovt.evaluation.rescore import with_judge

    return with_judge(done, judge) if judge else done


def judge_of(judge: str | None, session: Session) -> "Judge | None":
    """The judge "MODEL@URL"."""
    from ovt.evaluation.judging import Judge, judge_at

    return Judge(judge_at(judge), session) if judge else None


def ask_for(order: Order, session: Session) -> "Asked":
    """The arguments of `evaluating.evaluate`: the evaluation's name, questions, endpoint and settings."""
    from ovt.evaluation.benchmark import benchmark_names
    from ovt.evaluation.evaluate import with_settings
    from ovt.evaluation.posing import How, pose
    from ovt.evaluation.question_set import default_name, load_question_set
    from ovt.evaluation.results import Posed
    from ovt.train.models import model_endpoint

    endpoint = model_endpoint(order.model, order.served_as, order.revision, session.home)
    endpoint, own = with_settings(endpoint, overrides(order.set))
    questions, how, model = order.questions, order.how, endpoint.model or "model"
    if named := benchmark_names(str(questions)):
        if len(named) > 1:
            raise RecipeError(f"{questions} names {len(named)} benchmarks: evaluate them one at a time")
        posed, settings = pose(named[0], how or How(), own, session)
        marked = default_name(model, "-".join([*named, *(how.marks if how else ())]))
        return order.name or marked, posed, endpoint, settings
    if how and how != How():
        raise RecipeError(f"{questions} is not a benchmark: only those have prompts, pictures and data of their own")
    chosen = load_question_set(questions, own)
    imported = import_questions(chosen.sources, session).questions
    return order.name or default_name(model, chosen.name), Posed(imported), endpoint, chosen.settings
