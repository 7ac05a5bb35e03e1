"""Every command explains itself: its examples parse, its version and mistyped names are answered, shells complete."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import ovt
from ovt.cli import GROUPS, app, group
from ovt.commands.options import complete_names, complete_recipes, complete_versions

ROOT: Any = typer.main.get_command(app)


def tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, under the words that call it."""
    for name, child in getattr(command, "commands", {}).items():
        yield from tree(group(name) if command is ROOT and name in GROUPS else child, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(tree(ROOT))


def parsed(line: str) -> tuple[str, ...]:
    """The command that a line calls, all of whose arguments have to be understood."""
    program, *words = shlex.split(line)
    assert program == "ovt"
    command, path, context = ROOT, [], None
    while True:
        context = command.make_context(command.name, list(words), parent=context)
        if not hasattr(command, "commands"):
            return tuple(path)
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        path.append(name)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_has_examples_that_call_it(path):
    lines = [line.strip() for line in (COMMANDS[path].epilog or "").splitlines() if line.strip().startswith("ovt ")]
    assert lines
    for line in lines:
        assert parsed(line) == path


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_and_option_says_what_it_does(path):
    command = COMMANDS[path]
    assert command.help.strip().split("\n")[0].endswith((".", "resume."))
    for option in command.params:
        assert option.help, option.name


def ran(*arguments: str):
    return CliRunner().invoke(app, list(arguments), prog_name="ovt")


def test_the_version():
    assert ran("--version").output == f"ovt {ovt.__version__}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("curate buidl", "No such command 'buidl'. Did you mean 'build'?"),
        ("currate", "Did you mean 'curate'?"),
        ("data lst", "Did you mean 'list'?"),
        ("data list --jsno", "--json"),
    ],
)
def test_a_mistyped_command_or_option_gets_the_nearest_one(line, said):
    done = ran(*line.split())
    assert done.exit_code == 2
    assert said in done.output


def test_a_mistyped_command_of_verify_is_an_answer_and_a_hint():
    done = ran("verify", "audti", "x")
    assert done.exit_code == 1
    assert "did you mean `ovt verify audit`?" in done.stderr


def test_exit_codes_are_told():
    assert "143 terminated" in " ".join(ran("--help").output.split())


def test_names_of_versions_and_recipes_complete(tmp_path, monkeypatch):
    monkeypatch.setenv("OVT_HOME", str(tmp_path))
    for name in ("charts/v1", "charts/v2", "maps/v1", "@you/charts/v1"):
        (tmp_path / "versions" / name).mkdir(parents=True)
        (tmp_path / "versions" / name / "manifest.json").touch()
    context: Any = type("Context", (), {"params": {}})
    assert complete_versions(context, "") == ["charts", "maps", "you/charts"]
    assert complete_versions(context, "ch") == ["charts"]
    assert complete_versions(context, "charts@") == ["charts@v1", "charts@v2"]
    assert complete_versions(context, "you/charts@") == ["you/charts@v1"]
    assert complete_recipes("pocket-l") == ["pocket-loop"]
    (tmp_path / "runs" / "charts-sft").mkdir(parents=True)
    assert complete_names("runs")(context, "ch") == ["charts-sft"]


def test_paths_and_patterns_complete_to_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("OVT_HOME", str(tmp_path))
    (tmp_path / "runs" / "charts-sft").mkdir(parents=True)
    context: Any = type("Context", (), {"params": {}})
    for typed in ("/home", "../", "a**", "["):
        assert complete_recipes(typed) == []
        assert complete_versions(context, typed) == complete_names("runs")(context, typed) == []


def test_a_shell_asks_for_completion_and_gets_it(tmp_path):
    (tmp_path / "versions" / "charts" / "v1").mkdir(parents=True)
    (tmp_path / "versions" / "charts" / "v1" / "manifest.json").touch()
    asked = {"_OVT_COMPLETE": "complete_bash", "COMP_WORDS": "ovt data show c", "COMP_CWORD": "3"}
    done = CliRunner().invoke(app, [], prog_name="ovt", env=asked | {"OVT_HOME": str(tmp_path)})
    assert done.output.split() == ["charts"]
