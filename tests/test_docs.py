"""The Python that docs and examples show runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(page: Path) -> str:
    """The Python of a page, in order, as one program."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))


def test_python_page(tmp_path):
    program = blocks(ROOT / "docs" / "python.md")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "did you mean k?" in done.stdout
    said = re.search(r"print\(v\) +# (.*)", program)
    assert said
    assert said[1] in done.stdout


def test_quickstart_notebook(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    kept = [shown(cell) for cell in notebook.cells if cell.cell_type == "code"]
    client = nbclient.NotebookClient(notebook, timeout=110, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert [shown(cell) for cell in notebook.cells if cell.cell_type == "code"] == kept


def shown(cell) -> list[str]:
    """The kinds of output that a cell has, each once: what is said differs from run to run, such as times."""
    return sorted({kind for output in cell.outputs for kind in output.get("data", {"text/plain": ""})})
