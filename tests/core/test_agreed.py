"""What the user agreed to, and the keys that builds have sent: kept in the user's own configuration."""

import json
import stat
from pathlib import Path
from threading import Thread

import pytest

from ovt.core import agreed, used_keys
from ovt.core.agreed import agree, not_agreed
from ovt.core.config import config_file
from ovt.core.errors import OvtError
from ovt.core.files import locked
from ovt.core.used_keys import remember_key

KEY = "sk-live-0123456789abcdef"


def test_an_agreement_is_kept_for_the_user_alone(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_agreed(["send a", "run b", "send a"]) == ["send a", "run b"]
    agree(["send a"])
    agree(["run b", "send a"])
    monkeypatch.setattr(agreed, "_now", set())  # another process
    assert not_agreed(["send a", "run b", "run b --x"]) == ["run b --x"]
    file = config_file(agreed.FILE)
    assert json.loads(file.read_text()) == ["send a", "run b"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.stat().st_mode) == 0o700


def test_what_another_process_adds_in_the_meantime_stays(config: Path) -> None:
    config.mkdir(parents=True)
    with locked(config):
        adding = Thread(target=agree, args=(["send b"],))
        adding.start()
        adding.join(0.2)
        (config / agreed.FILE).write_text('["send a"]')
    adding.join()
    assert json.loads((config / agreed.FILE).read_text()) == ["send a", "send b"]


def test_without_a_configuration_it_holds_for_the_process(config: Path) -> None:
    config.parent.mkdir(parents=True)
    config.write_text("a file where the folder should be")
    agree(["send a"])
    remember_key(KEY)
    assert not_agreed(["send a", "run b"]) == ["run b"]
    assert used_keys.used_keys() == []


def test_so_it_does_for_a_user_without_a_home(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home directory")))
    agree(["send a"])
    remember_key(KEY)
    assert not_agreed(["send a", "run b"]) == ["run b"]
    assert used_keys.used_keys() == []


def test_a_relative_place_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")  # a recipe's folder could hold it
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file("agreed.json") == tmp_path / ".config/ovt/agreed.json"


def test_a_file_that_was_broken_by_hand_is_told(config: Path) -> None:
    agree(["send a"])
    for broken in ("[", '{"a": 1}', "[1]"):
        config_file(agreed.FILE).write_text(broken)
        with pytest.raises(OvtError, match=r"agreed\.json is not a JSON list of texts"):
            not_agreed(["run b"])


def test_no_file_is_needed_where_nothing_is_asked(config: Path) -> None:
    assert not_agreed([]) == []
    assert not config.exists()


def test_keys_are_remembered_as_hashes(config: Path) -> None:
    remember_key(KEY)
    remember_key(KEY)
    remember_key("hunter2!horse-battery")
    for short in (None, "EMPTY", "token-1"):
        remember_key(short)
    first, second = used_keys.used_keys()
    file = config_file(used_keys.FILE)
    written = file.read_text()
    assert KEY not in written
    assert "hunter2" not in written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(first.find(f"x {KEY}, (key={KEY}) and {KEY[:-1]}")) == [KEY, KEY]
    assert list(second.find("it is 'hunter2!horse-battery'.")) == ["hunter2!horse-battery"]
    assert list(first.find("a" * 300)) == []
