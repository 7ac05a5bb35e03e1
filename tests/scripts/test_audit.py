"""`make audit` where nothing can be checked."""

import subprocess


def test_a_silent_failure_is_told(load_file, monkeypatch, capsys):
    audit = load_file("../scripts/audit")
    monkeypatch.setattr(audit, "runner", lambda folder: ["pip-audit"])
    monkeypatch.setattr(audit.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 3, "", ""))
    assert audit.main() == 2
    assert "nothing was checked: the list of vulnerabilities cannot be reached (exit code 3)" in capsys.readouterr().err
