"""Checks the versions in constraints.txt against the known vulnerabilities, with pip-audit: `make audit`.

pip-audit is not a dependency: uv or pipx runs it, or it goes into a temporary environment of its own. Exit
codes are pip-audit's (1: vulnerabilities were found), and 2 where nothing could be checked.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKED = Path(__file__).parents[1] / "constraints.txt"
ARGUMENTS = ["--requirement", str(LOCKED), "--no-deps", "--disable-pip", "--vulnerability-service", "osv"]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = runner(Path(folder))
        if command is None:
            return unchecked("pip-audit cannot be installed here, and there is no uv or pipx")
        done = subprocess.run([*command, *ARGUMENTS], capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout.strip() and "vulnerabilit" not in done.stderr:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return unchecked(f"the list of vulnerabilities cannot be reached ({said[-1]})")
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


def runner(folder: Path) -> list[str] | None:
    """The command that runs pip-audit; None if it is not available."""
    if shutil.which("uvx"):
        return ["uvx", "pip-audit"]
    if shutil.which("pipx"):
        return ["pipx", "run", "pip-audit"]
    python = folder / "bin" / "python"
    for step in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit"],
    ):
        if subprocess.run(step, check=False).returncode:
            return None
    return [str(python), "-m", "pip_audit"]


def unchecked(why: str) -> int:
    print(f"nothing was checked: {why}; run this with network access", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
