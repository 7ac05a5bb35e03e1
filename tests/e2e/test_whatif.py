"""`ovt data what-if`, `funnel` and `stats` on a built version, as a user types them."""

import json
from pathlib import Path

from ovt.curate.versions.manifest import read_manifest

SETTINGS = ("--set", "filter.length.max_words=14", "--set", "select.strategy=longest_correct", "--set", "reason.k=3")


def report(shell, *arguments: str):
    done = shell.run("data", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_if_saves_what_a_build_with_these_settings_makes(shell, loopback):
    shell.build()
    loopback.seen.clear()
    about = report(shell, "what-if", "small", *SETTINGS, "--save-as", "shorter")
    assert loopback.seen == []
    built = shell.build(*SETTINGS)
    assert loopback.seen == []  # the replies were there
    assert built["ref"] == "small@v2"
    assert report(shell, "show", "shorter")["content_hash"] == built["content_hash"]
    assert about["funnel"]["b"] == report(shell, "funnel", "small@2")
    found = report(shell, "diff", "small@1", "shorter")
    assert {name: about["rows"][name] for name in ("same", "changed", "removed", "added")} == {
        name: found["rows"][name] for name in ("same", "changed", "removed", "added")
    }
    assert [about[name] for name in ("removed", "added", "changed")] == [
        found[name] for name in ("removed", "added", "changed")
    ]
    again = shell.run(*made_by(shell, "shorter")[1:])
    assert "saved as    shorter@v1" in again.stdout  # the same content is the same version


def made_by(shell, name: str) -> list[str]:
    """The command that a version's card tells."""
    import shlex

    return shlex.split(read_manifest(Path(report(shell, "show", name)["path"])).provenance.rebuild)


def test_funnels_add_up_and_stats_draw(shell):
    shell.build()
    by_source, by_reason = (report(shell, "funnel", "small", "--by", by) for by in ("source", "reason"))
    stages = report(shell, "funnel", "small")
    for stage in stages:
        of_stage = [row for row in by_source if (row["level"], row["stage"]) == (stage["level"], stage["stage"])]
        assert sum(row["rows_out"] for row in of_stage) == stage["rows_out"]
    assert sum(row["rows"] for row in by_reason) == sum(
        end["rows"] for stage in stages for end in stage["dropped"] + stage["kept_as"]
    )
    (profile,) = report(shell, "stats", "small", "--plot", "small.png", "--plot", "small.html")
    assert (profile["sft"], profile["rl"]) == (16, 4)
    assert (shell.folder / "small.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (shell.folder / "small.html").read_text()


def test_mistakes_are_one_line(shell):
    shell.build("--limit", "2")
    for said, *arguments in (
        ("reason.k = 8 needs a model", "what-if", "small", "--set", "reason.k=8"),
        ("did you mean small?", "what-if", "smal"),
        ("give a file that ends in .png, .svg or .html", "stats", "small", "--plot", "small.pdf"),
    ):
        done = shell.run("data", *arguments)
        assert done.returncode in (1, 2)
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
