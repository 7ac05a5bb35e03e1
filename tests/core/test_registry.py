"""What is registered is found by name, whoever registered it, and imported only when it is asked for."""

import sys
from importlib import metadata

import pytest

from ovt.core import registry
from ovt.core.errors import OvtError, RecipeError
from ovt.core.registry import Registry

OURS = {"length": "ovt.core.text:plain", "format": "ovt.core.no_such_module:apply"}


@pytest.fixture
def filters():
    return Registry("filter", "ovt.filters", OURS)


@pytest.fixture
def install(monkeypatch):
    """Makes entry points (name=value) look installed."""

    def use(*points):
        found = [metadata.EntryPoint(*point.split("="), "ovt.filters") for point in points]
        monkeypatch.setattr(registry.metadata, "entry_points", lambda group: found)

    use()
    return use


def test_ours_are_imported_when_they_are_asked_for(filters, install):
    from ovt.core.text import plain

    assert filters.get("length") is plain
    assert "format" in filters  # though its module is missing


def test_nothing_is_imported_to_list_or_to_look_for_a_name(filters, install):
    install("min_words=xdrlib_plugin:apply")
    assert filters.names() == ["length", "format", "min_words"]
    assert "min_words" in filters
    assert "xdrlib_plugin" not in sys.modules


def test_ours_come_first_then_others_by_name(filters, install):
    install("z=json:loads", "a=json:dumps")
    filters(name="m")(len)
    assert filters.names() == ["length", "format", "a", "m", "z"]


def test_an_installed_one_is_loaded(filters, install):
    import json

    install("parse=json:loads")
    assert filters.get("parse") is json.loads


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lenght", "'lenght' is not a known filter; did you mean length?"),
        ("min_word", "'min_word' is not a known filter; did you mean min_words?"),
        ("xyz", "'xyz' is not a known filter; choose one of length, format, min_words"),
        ("\x1b[2J" + "x" * 100, "'\\x1b[2J" + "x" * 36 + "' is not a known filter; choose one of"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(filters, install, name, told):
    install("min_words=json:loads")
    with pytest.raises(RecipeError) as error:
        filters.get(name)
    assert str(error.value).startswith(told)


def test_where_there_are_none(install):
    with pytest.raises(RecipeError, match="'charts' is not a known benchmark; there are none"):
        Registry("benchmark", "ovt.benchmarks", {}).get("charts")


def test_a_decorator_registers_under_the_functions_name_or_a_given_one(filters, install):
    @filters
    def min_words(text):
        return text

    @filters(name="max_words")
    def other(text):
        return text

    assert (filters.get("min_words"), filters.get("max_words")) == (min_words, other)


def test_a_decorated_name_can_be_given_again_as_a_notebooks_cell_does(filters, install):
    filters(name="min_words")(len)
    filters(name="min_words")(max)
    assert filters.get("min_words") is max


@pytest.mark.parametrize("name", ["length", "parse"])
def test_a_decorator_cannot_take_one_of_ours_or_an_installed_ones_name(filters, install, name):
    install("parse=json:loads")
    with pytest.raises(OvtError, match=f"filter '{name}' is already taken; choose another name"):
        filters(name=name)(len)


@pytest.mark.parametrize("points", [("length=json:loads",), ("a=json:loads", "a=json:dumps")])
def test_a_name_that_two_packages_take(filters, install, points):
    install(*points)
    with pytest.raises(OvtError, match=r"filter '(length|a)' of the package json:[a-z]+ uses a name that is already"):
        filters.names()


def test_the_same_entry_point_twice_is_one(filters, install):
    install("a=json:loads", "a=json:loads")  # as two copies of a package's metadata give it
    assert filters.names() == ["length", "format", "a"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_package:apply", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("json:no_such", "AttributeError: module 'json' has no attribute 'no_such'"),
        ("ovt_test_breaks:apply", "RuntimeError: two lines"),
    ],
)
def test_a_broken_entry_point_is_one_line(filters, install, tmp_path, monkeypatch, value, why):
    (tmp_path / "ovt_test_breaks.py").write_text('raise RuntimeError("two\\nlines")')
    monkeypatch.syspath_prepend(tmp_path)
    install(f"broken={value}")
    with pytest.raises(OvtError) as error:
        filters.get("broken")
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"filter 'broken' of the package {value} cannot be loaded ({why}")
    assert line.endswith("; update or uninstall that package")


@pytest.mark.parametrize(
    "seam", [one for one in vars(registry).values() if isinstance(one, Registry)], ids=lambda seam: seam.noun
)
def test_everything_of_ours_is_there(seam):
    for name in seam.ours:
        assert seam.get(name) is not None
