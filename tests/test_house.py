"""The house rules: which way imports run, what a wheel holds, and what `ovt --help` may load."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("verifiers", "curate", "train", "cli")  # each may import those to its left
OUTER = {
    "verifiers": {"torch", "transformers", "trl", "polars", "datasets", "openai"},
    "curate": {"torch", "transformers", "trl"},
}


def modules() -> list[Path]:
    inside = [path for package in PACKAGES[:3] for path in (ROOT / package).rglob("*.py")]
    return [*inside, ROOT / "cli.py"]


def imported(path: Path) -> set[str]:
    """Every module that the file names in an import, wherever it stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    home = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = PACKAGES[: PACKAGES.index(home) + 1]
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "ovt" and rest.split(".")[0] in PACKAGES:
            assert rest.split(".")[0] in allowed, f"{home} may not import {name}"
        if home in OUTER:
            assert top not in OUTER[home], f"{home} may not import {name}"


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
    }
    code = f"import sys, ovt.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_other_module_at_the_root():
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "cli.py"}


def test_every_package_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    homes = ("curate", "train", "verifiers", "recipes", "data_cards")
    found = {"ovt", *(dotted(init) for home in homes for init in (ROOT / home).rglob("__init__.py"))}
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
    homes = ("curate/", "train/", "verifiers/", "recipes/", "data_cards/")
    source = {
        f"ovt/{name}" for name in tracked if name.startswith(homes) or name in ("cli.py", "__init__.py", "py.typed")
    }
    shipped = {name for name in wheel if ".dist-info/" not in name}
    assert shipped == {name for name in source if (ROOT / name.removeprefix("ovt/")).exists()}


def test_docs_that_readers_start_from_exist():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "constraints.txt"):
        assert (ROOT / name).stat().st_size > 0
