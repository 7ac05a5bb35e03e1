"""The house rules: which way imports run, what a wheel holds, and what `ovt --help` may load."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    "core",
    "verifiers",
    "curate",
    "evaluation",
    "train",
    "view",
    "commands",
    "cli",
)  # each may import those to its left
PLUGGED = "pocket"  # the embedded world: stands on the library as a plugin does, and is found by core/registry.py alone
OUTER = {
    "core": {"torch", "transformers", "trl", "typer", "rich"},
    "verifiers": {"torch", "transformers", "trl", "polars", "datasets", "openai", "typer", "rich"},
    "curate": {"torch", "transformers", "trl", "typer", "rich"},
    "evaluation": {"torch", "transformers", "trl", "typer", "rich"},
    "train": {"typer", "rich"},
    "view": {"torch", "transformers", "trl", "typer", "rich"},
    "pocket": {"trl", "typer", "rich"},
}
HOMES = (*FLOORS[:-1], PLUGGED, "recipes", "data_cards")


def source_files() -> list[Path]:
    inside = [path for home in (*FLOORS[:-1], PLUGGED) for path in (ROOT / home).rglob("*.py")]
    return [*inside, ROOT / "cli.py", ROOT / "api.py"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("ovt", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """What a file imports, wherever the line stands: modules, and MODULE.NAME for each name; types alone left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@functools.cache
def arrows() -> dict[str, set[str]]:
    """module -> the modules of ours that it imports; a package's `__init__` counts where it does more than say what
    is in it."""
    modules = {module_name(path): path for path in source_files()}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        targets = {name if name in modules else name.rpartition(".")[0] for name in imported(path)}
        found[module] = {name for name in targets & modules.keys() if name != module}
    return found


def circles(nodes: Iterable[str], edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected sets of more than one node (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            at = stack.index(node)
            ring = stack[at:]
            del stack[at:]
            if len(ring) > 1:
                found.append(sorted(ring))

    for node in nodes:
        if node not in order:
            visit(node)
    return found


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    home = path.relative_to(ROOT).parts[0].removesuffix(".py")
    own = {"pocket": {*FLOORS[:5], "pocket"}, "api": {*FLOORS[:-2], "api"}}
    allowed = own.get(home) or {*FLOORS[: FLOORS.index(home) + 1], "api"} - ({"api"} if home in FLOORS[:-2] else set())
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "ovt" and rest.split(".")[0] in {*FLOORS, PLUGGED, "api"}:
            assert rest.split(".")[0] in allowed, f"{home} may not import {name}"
        assert top not in OUTER.get(home, ()), f"{home} may not import {name}"


def test_no_circle_of_files():
    assert circles(arrows(), arrows()) == []


def test_no_circle_of_folders():
    """Inside each folder, what it holds (files and folders) is seen as one node each."""
    for folder in {module.rsplit(".", up)[0] for module in arrows() for up in range(1, module.count(".") + 1)}:
        depth = folder.count(".") + 2
        edges: dict[str, set[str]] = {}
        for module, targets in arrows().items():
            for target in targets:
                if module.startswith(f"{folder}.") and target.startswith(f"{folder}."):
                    source, sink = (".".join(name.split(".")[:depth]) for name in (module, target))
                    edges.setdefault(source, set()).update({sink} - {source})
        assert circles(edges, edges) == [], f"a circle in {folder}"


def test_the_walk_finds_circles():
    assert circles("abcd", {"a": "b", "b": "c", "c": "b", "d": "a"}) == [["b", "c"]]


def test_help_loads_nothing_heavy():
    heavy = {
        "torch",
        "transformers",
        "trl",
        "datasets",
        "sympy",
        "math_verify",
        "polars",
        "openai",
        "pydantic",
        "pyarrow",
        "asyncio",
        "ovt.commands.train",
    }
    code = f"import sys, ovt.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_other_module_at_the_root():
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "api.py", "cli.py"}


def test_no_folder_is_read_as_a_pattern():
    """A home may lie in a folder such as "runs [old]"; Polars takes brackets in a path for a pattern."""
    calls = [
        (path.name, call)
        for path in source_files()
        for call in re.findall(r"pl\.(?:read|scan)_parquet\b(?!_).*", path.read_text(encoding="utf-8"))
    ]
    assert calls
    assert [call for call in calls if "glob=False" not in call[1]] == []


def test_every_package_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {"ovt", *(dotted(init) for home in HOMES for init in (ROOT / home).rglob("__init__.py"))}
    assert set(listed) == found


def dotted(init: Path) -> str:
    return ".".join(("ovt", *init.parent.relative_to(ROOT).parts))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """The files of a wheel built through a source distribution, as a release is (the tools are installed already)."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(zipfile.ZipFile(next(out.glob("*.whl"))).namelist())


def test_the_wheel_holds_the_source_and_nothing_else(wheel):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = ("cli.py", "api.py", "__init__.py", "py.typed")
    source = {f"ovt/{name}" for name in tracked if name.startswith(tuple(f"{home}/" for home in HOMES)) or name in top}
    shipped = {name for name in wheel if ".dist-info/" not in name}
    assert shipped == {name for name in source if (ROOT / name.removeprefix("ovt/")).exists()}


def test_docs_that_readers_start_from_exist():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "constraints.txt"):
        assert (ROOT / name).stat().st_size > 0
