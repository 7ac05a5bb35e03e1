"""The picture of a build's panel."""

import pytest
from rich.console import Console


def test_a_build_that_ends_early_is_not_waited_for(load_file, monkeypatch, tmp_path):
    panel = load_file("../scripts/panel")
    monkeypatch.setattr(panel.ovt, "build", lambda recipe, **_: None)
    with pytest.raises(SystemExit, match="the build ended before its panel could be drawn"):
        panel.draw(tmp_path, Console())
