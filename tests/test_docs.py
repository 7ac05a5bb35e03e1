"""The Python that docs and examples show runs as it stands, and the links of every page lead somewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(page: Path) -> str:
    """The Python of a page, in order, as one program."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))


def test_python_page(tmp_path, load_file):
    program = blocks(ROOT / "docs" / "python.md")
    process = load_file("shell").Shell(tmp_path, dict(os.environ)).start(program=program)
    out, err = process.communicate()
    assert process.returncode == 0, err[-2000:]
    assert "did you mean k?" in out
    said = re.search(r"print\(v\) +# (.*)", program)
    assert said
    assert said[1] in out


def test_the_plugins_page_shows_its_files():
    folder = ROOT / "examples" / "plugin"
    source = "\n".join(path.read_text(encoding="utf-8") for path in (folder / "ovt_example").glob("*.py")).splitlines()
    shown = [line for line in blocks(folder / "README.md").splitlines() if line[:1].strip()]
    assert len(shown) > 4
    assert [line for line in shown if line not in source] == []


def test_links():
    """Every relative link and image of every page leads to a tracked file or folder, and to a heading that it has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = {ROOT / name for name in listed.split("\0") if name}
    there = files | {folder for file in files for folder in file.parents}
    pages = sorted(file for file in files if file.suffix == ".md")
    broken = []
    for page in pages:
        for link in links(page):
            path, _, heading = link.partition("#")
            target = Path(os.path.normpath(page.parent / path)) if path else page
            if target not in there or (heading and heading not in headings(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert len(pages) > 15
    assert broken == []


def links(page: Path) -> list[str]:
    """The targets of a page's links and images, outside of its code, that are not addresses of the web."""
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", prose)
    return [link for pair in found if not re.match(r"\w+:", link := "".join(pair))]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_quickstart_notebook(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    kept = [shown(cell) for cell in notebook.cells if cell.cell_type == "code"]
    client = nbclient.NotebookClient(notebook, timeout=110, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert [shown(cell) for cell in notebook.cells if cell.cell_type == "code"] == kept


def shown(cell) -> list[str]:
    """The kinds of output that a cell has, each once: what is said differs from run to run, such as times."""
    outputs = [output for output in cell.outputs if output.get("name") != "stderr"]  # warnings of the machine
    return sorted({kind for output in outputs for kind in output.get("data", {"text/plain": ""})})
