"""`ovt data`: inspect dataset versions, and compare them with each other and with other settings."""

from pathlib import Path
from typing import Annotated

import typer

from ovt.commands.options import EngineName, HomePath, Json, Overrides, RayAddress, Ref, RefA, RefB, Refs, examples
from ovt.commands.terminal import console, note, print_json, report, tell
from ovt.core.home import Home
from ovt.core.records import git_commit, rebuild_line

By = Annotated[
    str, typer.Option("--by", metavar="COLUMN", help="stage, source, reason, model, or a column that the sources keep.")
]
commands = typer.Typer(no_args_is_help=True)


@commands.command("list", epilog=examples("ovt data list"))
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the versions of this home: date, rows, size, and how each differs from the one before."""
    from ovt.commands.views.data import version_list
    from ovt.curate.reports.show import listing
    from ovt.curate.versions.read import list_versions

    there = Home.locate(home)
    versions, broken = list_versions(there)
    report(listing(versions), json, version_list)
    for line in broken:
        note(line, "red")
    if not versions and not broken:
        note(f"no versions in {there.versions}: `ovt curate build pocket` makes one")


@commands.command(epilog=examples("ovt data show charts", "ovt data show charts@v2 --json"))
def show(ref: Ref, home: HomePath = None, json: Json = False) -> None:
    """Show what a version is, where it came from and what it holds."""
    from ovt.commands.views.data import description
    from ovt.curate.reports.show import describe
    from ovt.curate.versions.read import open_version

    report(describe(open_version(ref, Home.locate(home))), json, description)


@commands.command(
    epilog=examples(
        "ovt data head charts -n 1 --split rl",
        "ovt data head charts --dropped wrong --random -n 5",
        "ovt data head charts --where 'pass_rate < 0.5'",
    )
)
def head(
    ref: Ref,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 3,
    split: Annotated[str | None, typer.Option(help="sft or rl [default: both].")] = None,
    where: Annotated[str | None, typer.Option(metavar="SQL", help="Only rows for which this is true.")] = None,
    dropped: Annotated[
        str | None, typer.Option(metavar="REASON", help="Dropped rows instead: for this reason, or any.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Rows dropped at this stage.")] = None,
    drawn: Annotated[bool, typer.Option("--random", help="Random rows instead of the first ones.")] = False,
    seed: Annotated[int, typer.Option(help="With --random: another seed draws other rows.")] = 0,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show some rows of a version, kept or dropped."""
    from ovt.commands.views.data import rows_head
    from ovt.curate.reports.head import Pick
    from ovt.curate.reports.head import head as pick_rows
    from ovt.curate.versions.read import open_version

    pick = Pick(rows, seed if drawn else None, where, split, dropped, stage)
    report(pick_rows(open_version(ref, Home.locate(home)), pick), json, rows_head)


@commands.command(epilog=examples("ovt data why charts 1f0c2d3e", 'ovt data why charts@v1 charts@v2 "how many bars"'))
def why(
    refs: Refs,
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="An id or the start of one, the source's own id, or a text.")
    ],
    text: Annotated[bool, typer.Option("--text", help="Search for a text, even if it could be an id.")] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Tell the story of a question or sample, kept or dropped: prompts, replies, verdicts, decisions."""
    from ovt.commands.views.why import told
    from ovt.curate.reports.why import look_up
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    found = look_up([open_version(ref, there) for ref in refs], id_, text)
    if json:
        print_json(found["stories"][0] if len(refs) == len(found["stories"]) == 1 else found)
    else:
        console().print(told(found))


@commands.command(epilog=examples("ovt data funnel charts --by reason"))
def funnel(
    ref: Ref,
    by: By = "stage",
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show how many rows each stage received, dropped and passed on, and why."""
    from ovt.curate.reports.funnel import report as count
    from ovt.curate.versions.read import open_version

    tell(count(open_version(ref, Home.locate(home)), by), json)


@commands.command(epilog=examples("ovt data failures charts"))
def failures(ref: Ref, home: HomePath = None, json: Json = False) -> None:
    """List the requests that failed, counted by what the server said."""
    from ovt.curate.reports.failures import report as count
    from ovt.curate.versions.read import open_version

    tell(count(open_version(ref, Home.locate(home))), json)


@commands.command(epilog=examples("ovt data stats charts --plot charts.png", "ovt data stats charts@v1 charts@v2"))
def stats(
    refs: Refs,
    plot: Annotated[
        list[Path] | None, typer.Option("--plot", metavar="FILE", help="Also draw it: FILE.png, FILE.svg or FILE.html.")
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="Group one version's table by a column that sources keep.")
    ] = "source",
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show lengths, pass rates, answers, behaviours and cost of one version, or of several side by side."""
    from ovt.curate.versions.profile import profile
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    profiles = [profile(open_version(ref, there), by) for ref in refs]
    for path in plot or ():
        from ovt.curate.reports.plots import write_plot

        write_plot(profiles, path)
    from ovt.commands.views.data import profiles_shown

    report(profiles, json, profiles_shown)


@commands.command(epilog=examples("ovt data diff charts@v1 charts@v2", "ovt data diff charts@v1 charts@v2 --rows -n 2"))
def diff(
    a: RefA,
    b: RefB,
    rows: Annotated[bool, typer.Option("--rows", help="Also show rows and how their texts differ.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many rows of each kind of change.")] = 5,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML page with plots and rows.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show which rows two versions share, which were added, removed or changed, and how the data drifted."""
    from ovt.curate.reports.diff.diff import compare, open_side
    from ovt.curate.reports.diff.examples import examples as pick

    there = Home.locate(home)
    found = compare(open_side(a, there), open_side(b, there))
    if html:
        from ovt.curate.reports.diff.page import write_page

        write_page(found, html, limit)
    picked = pick(found, limit) if rows else []
    if json:
        print_json(found.about | ({"examples": picked} if rows else {}))
        return
    from ovt.commands.views.diff import rows_shown, summary

    screen = console()
    screen.print(summary(found.about, screen))
    if rows:
        screen.print(rows_shown(picked, bool(screen.color_system)))


@commands.command(
    "what-if",
    epilog=examples(
        "ovt data what-if charts --set filter.length.max_words=300",
        "ovt data what-if charts --reverify --save-as charts-again",
    ),
)
def what_if(
    ref: Ref,
    overrides: Overrides = None,
    reverify: Annotated[bool, typer.Option("--reverify", help="Judge every answer again with this verifier.")] = False,
    rows: Annotated[int, typer.Option("-n", "--examples", min=0, help="Rows to show of each kind of change.")] = 1,
    save_as: Annotated[str | None, typer.Option(metavar="NAME", help="Save the result as a version.")] = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show a version's funnel and rows under other settings, from the stored replies; sends no request."""
    from ovt.curate.on_ray import open_engine
    from ovt.curate.reports.what_if import Saving
    from ovt.curate.reports.what_if import what_if as decide_again
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    version = open_version(ref, there)
    saving = None
    if save_as is not None:
        options = {"overrides": overrides, "reverify": reverify, "save_as": save_as}
        again = rebuild_line("data", "what-if", version.manifest.hash_ref, **options)
        saving = Saving(save_as, there, again, git_commit())
    how = {"judge_again": reverify, "examples": rows, "saving": saving}
    with open_engine(engine, ray_address) as opened:
        about = decide_again(version, overrides or (), engine=opened, **how)
    from ovt.commands.views.diff import what_if_shown

    report(about, json, lambda about: what_if_shown(about, bool(console().color_system)))
