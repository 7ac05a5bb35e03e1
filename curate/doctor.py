"""The checks of `ovt doctor`: versions, key, GPU, disk and, with a recipe, a round trip to every endpoint.

status  check     found                        what to do
ok      python    3.11.7
warn    hub       HF_TOKEN is not set          set it to publish, or to read private data
"""

import asyncio
import io
import os
import platform
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Any, Literal

from ovt.core.errors import CallError, OvtError
from ovt.core.home import Home
from ovt.curate.claims import Claim, open_claims
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.replies import read_replies
from ovt.curate.endpoints.sampling import unset_line
from ovt.curate.endpoints.section import ServeSection
from ovt.curate.endpoints.serving import lists_models
from ovt.curate.endpoints.timing import seconds_of
from ovt.curate.endpoints.transport import HttpTransport
from ovt.curate.endpoints.urls import Url
from ovt.curate.recipe import Recipe

MODELS_SHOWN = 8
SIDE = 112  # pixels of the image that endpoints are shown
LONGEST_S = 60.0  # for one test request
MOST_TOKENS = 64  # of a test reply
LIMITS = ("max_tokens", "max_completion_tokens")
DRIVER_S = 20  # for nvidia-smi, which hangs where a driver is broken
LOW_DISK = 5  # GB free below which a build of real size may run out of space


@dataclass(frozen=True)
class Finding:
    """One check: `ok`, `warn` (works, but), or `fail` (will not work); `advice` says what to do about it."""

    check: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Probe:
    """What one URL did when sent two requests at once about a small image.

    error            why no reply came, in one line; None if one did
    latency_s        seconds of the round trip that was answered
    models           the models the server lists; None if it lists none (an embedded model)
    model_listed     whether the recipe's model is among them
    honours_n        whether n = 2 returned two choices
    accepts_images   whether it answered with an image in the prompt
    """

    url: str
    error: str | None = None
    latency_s: float = 0.0
    models: list[str] | None = None
    model_listed: bool | None = None
    honours_n: bool = False
    accepts_images: bool = False
    reply: str = ""


def examine(home: Home, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """All checks that need no recipe."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from examine_packages(requires("ovt") or [])
    yield examine_home(home)
    yield examine_gpu()
    yield examine_hub(environ)


def examine_packages(requirements: Iterable[str]) -> Iterator[Finding]:
    """The installed version of each requirement against ovt's requirements; extras may be missing."""
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
            yield Finding("packages", "fail", f"not installed: {', '.join(names)}", "reinstall ovt")


def examine_home(home: Home) -> Finding:
    """Whether the home is writable and has enough space."""
    folder = next(place for place in (home.path, *home.path.parents) if place.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if not os.access(folder, os.W_OK):
        return Finding("home", "fail", f"{home.path} cannot be written to", "choose another with --home or OVT_HOME")
    if free < LOW_DISK:
        return Finding("home", "warn", f"{home.path}, {free:.1f} GB free", "make room, or choose another with --home")
    return Finding("home", "ok", f"{home.path}, {free:,.0f} GB free")


def examine_gpu() -> Finding:
    """The GPUs that the driver reports, and whether torch would use them."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return Finding("gpu", "ok", "none: the embedded model runs on the CPU", "")
    query = [driver, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        seen = subprocess.run(query, capture_output=True, text=True, timeout=DRIVER_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("gpu", "warn", f"nvidia-smi: {error}", "repair the driver")
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


def examine_claims(found: Iterable[Claim]) -> Iterator[Finding]:
    """What the recipe does beyond its folder and the home; a warning where the user has yet to agree."""
    listed = list(found)
    left = set(open_claims(listed))
    for claim in listed:
        option = "--yes-send-key" if claim.does == "send" else "--yes-recipe"
        advice = f"you will be asked once; {option} agrees" if claim in left else ""
        yield Finding("recipe", "warn" if claim in left else "ok", f"it would {claim}", advice)


async def examine_endpoints(recipe: Recipe) -> list[Finding]:
    """A round trip to every URL of every endpoint of the recipe, with an image and the sampling of each stage that asks
    it; stores nothing."""
    findings = []
    for name, section in recipe.endpoints.items():
        stages = {key: asks for key, asks in recipe.asking.items() if asks.endpoint == name}
        if section.serve is not None and not all(map(lists_models, section.urls)):
            findings.append(starts(name, section.serve))
            continue
        try:
            async with open_endpoint(name, section) as endpoint:
                for key, asks in stages.items() or [("", None)]:
                    label = f"{name}, {key}" if len(stages) > 1 else name
                    found = await probe(endpoint, asks.sampling.asked() if asks else {})
                    findings += [judge_probe(label, one, bool(asks and asks.sees_images), key) for one in found]
        except OvtError as error:
            findings.append(Finding(f"endpoint {name}", "fail", str(error)))
    return findings


def starts(name: str, serve: ServeSection) -> Finding:
    """What a build would start for an endpoint, and whether the program is installed."""
    program = shlex.split(serve.line)[0]
    if shutil.which(program) is None:
        return Finding(f"endpoint {name}", "fail", f"{program} is not installed", "install it, or set serve.command")
    return Finding(f"endpoint {name}", "ok", f"a build starts {serve.replicas}: {serve.line}", "")


def listed_models(models: list[str]) -> str:
    """The first few of a server's models; routers list hundreds."""
    more = f" and {len(models) - MODELS_SHOWN:,} more" if len(models) > MODELS_SHOWN else ""
    return ", ".join(models[:MODELS_SHOWN]) + more or "nothing"


def judge_probe(name: str, found: Probe, needs_images: bool, stage: str = "reason") -> Finding:
    """The finding that follows from a probe."""
    check = f"endpoint {name}"
    if found.error:
        line = unset_line(found.error)
        advice = f"{line} in [{stage}]" if line else "check base_url, model, the key and the sampling"
        return Finding(check, "fail", f"{found.url}: {found.error}", advice)
    if needs_images and not found.accepts_images:
        return Finding(check, "fail", f"{found.url} refuses images", "serve a vision-language model there")
    if found.model_listed is False:
        listed = listed_models(found.models or [])
        return Finding(check, "warn", f"{found.url} answers, but lists {listed}", "check the endpoint's model")
    asked_once = "k samples in one call" if found.honours_n else "one call per sample"
    seeing = ", sees images" if found.accepts_images else ""
    return Finding(check, "ok", f"{found.url} answered in {found.latency_s:.2f} s{seeing}, {asked_once}")


async def probe(endpoint: Endpoint, sampling: Mapping[str, Any] | None = None) -> list[Probe]:
    """One Probe per URL, in the recipe's order; failures are recorded in them, not raised. Stores nothing."""
    return [await probe_url(url, endpoint, sampling or {}) for url in endpoint.urls.all]


async def probe_url(url: Url, endpoint: Endpoint, sampling: Mapping[str, Any]) -> Probe:
    """Sends an image and n = 2 with a stage's sampling, as a build does, then simpler requests while the server
    refuses."""
    found = Probe(url.name)
    if isinstance(url.transport, HttpTransport):
        found = await list_models(found, url.transport, endpoint.model)
    for image, n in ((True, 2), (True, 1), (False, 1)):
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_S):
                response = await url.transport.send(probe_body(endpoint, sampling, image, n))
            replies = read_replies(response, n, endpoint.section)
        except CallError as error:
            found = replace(found, error=error.reason)
            if error.status in (400, 413, 422) or (error.status or 0) >= 500:
                continue
            return found
        except TimeoutError:
            return replace(found, error=f"no answer within {LONGEST_S:.0f} s")
        if replies[0].error:
            return replace(found, error=replies[0].error)
        seconds, text = seconds_of(response, began), (replies[0].text or "")[:80]
        honours = len(replies) == 2
        return replace(found, error=None, latency_s=seconds, honours_n=honours, accepts_images=image, reply=text)
    return found


async def list_models(found: Probe, transport: HttpTransport, model: str) -> Probe:
    """`found` with the server's list of models; some servers list none, which is fine."""
    try:
        async with asyncio.timeout(LONGEST_S):
            models = await transport.models()
    except CallError as error:
        return replace(found, error=error.reason)
    except TimeoutError:
        return found
    return replace(found, models=models, model_listed=model in models)


def probe_body(endpoint: Endpoint, sampling: Mapping[str, Any], image: bool, n: int) -> dict[str, Any]:
    """A short request, as a build would send it with this sampling."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": "What colour is it? One word."}]
    if image:
        parts.insert(0, {"type": "image", "image": "red"})
    most = max(MOST_TOKENS, sampling.get("min_tokens") or 0)
    limits = {name: min(sampling[name], most) for name in LIMITS if sampling.get(name)}
    asked = {**sampling, **(limits or {"max_tokens": MOST_TOKENS})}
    if n > 1 and not asked.get("temperature"):
        asked.pop("temperature", None)  # greedy decoding refuses n > 1, and a build then asks for one
    request = ChatRequest(({"role": "user", "content": parts},), asked, n)
    return endpoint.body(request, 0, n, lambda image: red_square())


def red_square() -> bytes:
    """A PNG of one colour."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()
