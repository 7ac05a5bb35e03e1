"""Where the home is."""

from ovt.core.home import Home


def test_an_empty_variable_names_no_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVT_HOME", "")
    assert Home.locate().path == tmp_path / "ovt-home"
    monkeypatch.setenv("OVT_HOME", "there")
    assert Home.locate().path == tmp_path / "there"
