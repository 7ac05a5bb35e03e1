"""Data sets by name: `preset = "geometry3k"` in a recipe, and `ovt data presets`.

    { preset = "geometry3k" }                              # from the Hub
    { preset = "clevr", path = "data/CLEVR_v1.0" }         # a folder, as downloaded
    { preset = "scienceqa", limit = 500 }                  # your own keys take precedence

A preset is just its lines in presets.toml: a manifest records what it stood for, so that a build stays the same when
the table changes.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ovt.core.errors import RecipeError
from ovt.core.text import did_you_mean
from ovt.core.untrusted import parse_toml

ABOUT = ("what", "cite", "get", "file", "images")  # keys of a preset that [[sources]] does not have
OF_HUB = ("split", "config", "revision")


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The table, by name."""
    return parse_toml(files("ovt.curate.sources").joinpath("presets.toml").read_text(encoding="utf-8"))


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """A [[sources]] entry in which `preset` is replaced by what it stands for. ValueError for an unknown one, or a data
    set that has to be downloaded first."""
    own = {key: value for key, value in given.items() if key != "preset"}
    name = given["preset"]
    if not isinstance(name, str) or name not in presets():
        known = presets()
        hint = did_you_mean(str(name), known, f"choose one of {', '.join(known)}")
        raise ValueError(f"preset {str(name)[:40]!r} is not known; {hint}")
    preset = presets()[name]
    settings = {key: value for key, value in preset.items() if key not in ABOUT}
    if "path" in own:
        settings = {key: value for key, value in settings.items() if key not in OF_HUB}
        settings |= located(preset, str(own.pop("path")))
    elif "path" not in settings:
        raise ValueError(
            f'preset {name} is not on the Hub: download it from {preset["get"]}, and add path = "its folder"'
        )
    theirs = _mapping(own.pop("columns", {}))
    pictures = {"image", "images"} if {"image", "images"} & theirs.keys() else set()
    columns = {ours: name for ours, name in settings.get("columns", {}).items() if ours not in pictures} | theirs
    return {"name": name, **settings, **own, "columns": columns}


def located(preset: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The path of a preset's file and images in the folder that was downloaded; a file or a Hub path is as given."""
    if path.startswith("hf://") or not Path(path).expanduser().is_dir():
        return {"path": path}
    inside = {"path": str(Path(path) / preset["file"])} if "file" in preset else {"path": path}
    root = {"image_root": str(Path(path) / preset.get("images", ""))} if "file" in preset else {}
    return inside | root


def _mapping(columns: Any) -> dict[str, Any]:
    return dict(columns) if isinstance(columns, Mapping) else {"columns": columns}


def one_preset(name: str) -> dict[str, Any]:
    """A preset of `listing`. RecipeError for an unknown one."""
    found = next((one for one in listing() if one["name"] == name), None)
    if found is None:
        hint = did_you_mean(name, presets(), f"choose one of {', '.join(presets())}")
        raise RecipeError(f"{name[:40]!a} is not a preset; {hint}")
    return found


def listing() -> list[dict[str, Any]]:
    """The presets for people: name, what, where (on the Hub, or where to get it), license, cite, settings."""
    return [
        {
            "name": name,
            "what": preset["what"],
            "where": preset.get("path") or preset["get"],
            "license": preset["license"],
            "cite": preset["cite"],
            "settings": {key: value for key, value in preset.items() if key not in (*ABOUT, "path", "license")},
        }
        for name, preset in presets().items()
    ]
