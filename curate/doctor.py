"""What `ovt doctor` looks at: versions, key, GPU, disk, and, with a recipe, every endpoint by a round trip.

status  check     found                        what to do
ok      python    3.11.7
warn    hub       HF_TOKEN is not set          set it to publish, or to read private data
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Literal

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.probe import Probe, probe
from ovt.curate.recipe import Recipe

MODELS_SHOWN = 8
LOW_DISK = 5  # GB free below which a build of real size may not end well


@dataclass(frozen=True)
class Finding:
    """One check: `ok`, `warn` (works, but), or `fail` (will not work); `advice` says what to do about it."""

    check: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def examine(home: Home, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Everything that can be said without a recipe."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from examine_packages(requires("ovt") or [])
    yield examine_home(home)
    yield examine_gpu()
    yield examine_hub(environ)


def examine_packages(requirements: Iterable[str]) -> Iterator[Finding]:
    """The installed version of each requirement against what ovt asks for; extras may be missing."""
    from packaging.requirements import Requirement

    found, missing = [], {}
    for requirement in map(Requirement, requirements):
        extra = str(requirement.marker).partition("==")[2].strip(' "') if requirement.marker else ""
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            missing.setdefault(extra, []).append(requirement.name)
            continue
        if requirement.specifier.contains(installed, prereleases=True):
            found.append(f"{requirement.name} {installed}")
        else:
            advice = f"pip install '{requirement.name}{requirement.specifier}'"
            yield Finding("packages", "fail", f"{requirement.name} {installed}", advice)
    yield Finding("packages", "ok", ", ".join(found))
    for extra, names in missing.items():
        if extra:
            advice = f"pip install 'ovt[{extra}]', in an environment that needs it"
            yield Finding(f"extra {extra}", "ok", f"not installed: {', '.join(names)}", advice)
        else:
            yield Finding("packages", "fail", f"not installed: {', '.join(names)}", "install ovt again")


def examine_home(home: Home) -> Finding:
    """Can the home be written to, and is there room?"""
    folder = next(place for place in (home.path, *home.path.parents) if place.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if not os.access(folder, os.W_OK):
        return Finding("home", "fail", f"{home.path} cannot be written to", "choose another with --home or OVT_HOME")
    if free < LOW_DISK:
        return Finding("home", "warn", f"{home.path}, {free:.1f} GB free", "make room, or choose another with --home")
    return Finding("home", "ok", f"{home.path}, {free:,.0f} GB free")


def examine_gpu() -> Finding:
    """The GPUs that the driver knows, and whether torch would use them."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return Finding("gpu", "ok", "none: the embedded model runs on the CPU", "")
    query = [driver, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    seen = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    if seen.returncode:
        return Finding("gpu", "warn", f"nvidia-smi: {seen.stderr.strip() or seen.stdout.strip()}", "repair the driver")
    return Finding("gpu", "ok", "; ".join(seen.stdout.strip().splitlines()))


def examine_hub(environ: Mapping[str, str]) -> Finding:
    if find_spec("huggingface_hub"):
        from huggingface_hub import get_token

        if get_token():
            return Finding("hub", "ok", "a token is set")
    if environ.get("HF_HUB_OFFLINE"):
        return Finding("hub", "warn", "HF_HUB_OFFLINE is set", "unset it to read hf:// sources")
    return Finding("hub", "warn", "no token", "set HF_TOKEN to publish, or to read gated and private data")


async def examine_endpoints(recipe: Recipe) -> list[Finding]:
    """A round trip with an image to every URL of every endpoint of the recipe; nothing is stored."""
    findings = []
    for name, section in recipe.endpoints.items():
        try:
            async with open_endpoint(name, section) as endpoint:
                needs_images = any(asks.sees_images for asks in recipe.asking.values() if asks.endpoint == name)
                findings += [judge_probe(name, found, needs_images) for found in await probe(endpoint)]
        except OvtError as error:
            findings.append(Finding(f"endpoint {name}", "fail", str(error)))
    return findings


def listed_models(models: list[str]) -> str:
    """The first few of what a server lists; routers list hundreds."""
    more = f" and {len(models) - MODELS_SHOWN:,} more" if len(models) > MODELS_SHOWN else ""
    return ", ".join(models[:MODELS_SHOWN]) + more or "nothing"


def judge_probe(name: str, found: Probe, needs_images: bool) -> Finding:
    """What a probe means for the recipe."""
    check = f"endpoint {name}"
    if found.error:
        return Finding(check, "fail", f"{found.url}: {found.error}", "check base_url, model and the key")
    if needs_images and not found.accepts_images:
        return Finding(check, "fail", f"{found.url} refuses images", "serve a vision-language model there")
    if found.model_listed is False:
        listed = listed_models(found.models or [])
        return Finding(check, "warn", f"{found.url} answers, but lists {listed}", "check the endpoint's model")
    asked_once = "k samples in one call" if found.honours_n else "one call per sample"
    seeing = ", sees images" if found.accepts_images else ""
    return Finding(check, "ok", f"{found.url} answered in {found.latency_s:.2f} s{seeing}, {asked_once}")
