"""The files of the front end: one page, one stylesheet, one script made of our modules, and the vendored libraries.

There is no build step: the modules of js/ are joined, without their imports and exports, in the order of MODULES, since
a page opened from disk cannot load modules.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from ovt.core.report import render_page

MODULES = (
    "base",
    "plot",
    "text",
    "local",
    "home",
    "version",
    "rows",
    "pictures",
    "question",
    "compare",
    "whatif",
    "runs",
    "main",
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
STATIC_POLICY = POLICY.replace("connect-src 'self'; ", "")
KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".html": "text/html",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    content: bytes
    kind: str

    @property
    def charset(self) -> str | None:
        return "utf-8" if self.kind.startswith("text/") else None


@cache
def assets() -> dict[str, Asset]:
    """Every file by its path on the server: "/", "/view.js", "/view.css", "/vendor/…"."""
    found = {"/": page(), "/view.js": script(), "/view.css": Asset(style(), KINDS[".css"])}
    found["/icon.svg"] = _asset(files("ovt.view") / "icon.svg")
    return found | {f"/vendor/{name}": _asset(place) for name, place in vendored().items()}


def page(scripts: tuple[str, ...] = (), policy: str = "") -> Asset:
    """The page. scripts: more, which a saved view needs before its own; policy: given where no server sends it."""
    libraries = [f"vendor/{one['script']}" for one in libraries_used() if one.get("script")]
    html = render_page("ovt.view", "view.html.j2", scripts=[*libraries, *scripts, "view.js"], policy=policy)
    return Asset(html.encode(), KINDS[".html"])


def script() -> Asset:
    """Our modules as one script, in a scope of its own."""
    parts = [(files("ovt.view") / "js" / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    plain = [re.sub(r"^import [^;]*;\n|^export (?=\w)", "", part, flags=re.MULTILINE) for part in parts]
    return Asset(f'"use strict";\n(() => {{\n{"".join(plain)}\n}})();\n'.encode(), KINDS[".js"])


def style() -> bytes:
    """The look shared by all pages, and what the view adds."""
    shared = (files("ovt.core") / "page.css").read_bytes()
    return shared + (files("ovt.view") / "view.css").read_bytes()


def libraries_used() -> list[dict[str, str]]:
    """vendor/vendored.json: name, version, license, and the script to load."""
    return json.loads((files("ovt.view") / "vendor" / "vendored.json").read_bytes())["libraries"]


def vendored() -> dict[str, Traversable]:
    """The vendored files that pages load, by their path below vendor/."""
    top = files("ovt.view") / "vendor"
    names = json.loads((top / "vendored.json").read_bytes())["files"]
    return {name: top / name for name in names if name.endswith(tuple(KINDS))}


def _asset(place: Traversable) -> Asset:
    return Asset(place.read_bytes(), KINDS[place.name[place.name.rindex(".") :]])
