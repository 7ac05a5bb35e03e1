"""Which key goes where: only over https or to this machine, and only to servers that are known or agreed to.

https://api.openai.com      $OPENAI_API_KEY goes there without a question; any other variable is asked about once
https://llm.example.org     no key, unless api_key_env names one and the user has agreed to the pair
http://127.0.0.1:8000       whatever api_key_env names: it does not leave the machine
http://llm.example.org      never a key
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ovt.core.agreed import not_agreed
from ovt.core.errors import EndpointError
from ovt.curate.endpoints.families import provider
from ovt.curate.endpoints.section import LOOPBACK, EndpointSection

# Tokens of servers that this process started, by `server`: they are in no recipe and in no file.
TOKENS: dict[str, str] = {}


def key_variable(section: EndpointSection) -> str | None:
    """The environment variable with the endpoint's key. Without `api_key_env`, a known provider gets its own key, and
    any other URL gets none."""
    if section.api_key_env:
        return section.api_key_env
    known = {provider(url) for url in section.urls}
    return known.pop() if len(known) == 1 else None


def read_key(name: str, section: EndpointSection, environ: Mapping[str, str]) -> str | None:
    """The endpoint's key, None without one; EndpointError if the variable holds something else."""
    variable = key_variable(section)
    key = environ.get(variable, "").strip() if variable else TOKENS.get(server(section.urls[0]), "")
    if not (key.isascii() and key.isprintable()) or " " in key:
        what = f"${variable} does not hold a key (it contains a line end, a space or a non-ASCII character)"
        raise EndpointError(name, "denied", what, "set it again")
    return key or None


def needs_key(section: EndpointSection) -> bool:
    """Whether no call can succeed without a key."""
    return any(map(provider, section.urls)) or bool(section.api_key_env and not hosts(section) <= LOOPBACK)


def check_key(name: str, section: EndpointSection, key: str | None) -> None:
    """EndpointError if the endpoint's key is missing, or would go where it must not or the user has not agreed to."""
    variable = key_variable(section)
    if needs_key(section) and not key:
        what = f"{section.urls[0]} needs a key and ${variable} is not set"
        raise EndpointError(name, "denied", what, f"set it, or name another one as api_key_env in [endpoints.{name}]")
    sent = variables(section)
    if sent and (bare := next((url for url in section.urls if is_readable(url)), None)):
        what = f"${sent[0]} would be sent to {bare} unencrypted"
        raise EndpointError(name, "denied", what, "use https, or an SSH tunnel to this machine (ssh -L)")
    if unknown := not_agreed(sent_keys(section)):
        what = f"it would {unknown[0]}, which you have not agreed to"
        fix = "agree once: in a terminal, with --yes-send-key, or from Python with ovt.agree(recipe)"
        raise EndpointError(name, "denied", what, fix)


def sent_keys(section: EndpointSection) -> list[str]:
    """What the user must agree to, as lines: each server that gets a key that is not known to be its own. A key
    that would be readable on its way is refused and not asked about."""
    far = [url for url in section.urls if not is_readable(url) and urlsplit(url).hostname not in LOOPBACK]
    pairs = [(variable, url) for variable in variables(section) for url in far if provider(url) != variable]
    return [f"send ${variable} to {server(url)}" for variable, url in pairs]


def variables(section: EndpointSection) -> list[str]:
    """The environment variables whose values are sent: the key's, and those that headers and query name."""
    values = (*section.headers.values(), *section.query.values())
    named = (value.removeprefix("$") for value in values if value.startswith("$"))
    return list(dict.fromkeys([*filter(None, [key_variable(section)]), *named]))


def read_variables(name: str, section: EndpointSection, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that headers and query name, by "$NAME"; EndpointError if one is not set."""
    places = [("header", *item) for item in section.headers.items()]
    places += [("query key", *item) for item in section.query.items()]
    found = {}
    for kind, place, value in places:
        if value.startswith("$"):
            found[value] = environ.get(value.removeprefix("$"), "").strip()
            if not found[value] or not (found[value].isascii() and found[value].isprintable()):
                raise EndpointError(name, "denied", f"{value}, for the {kind} {place}, is not set", "set it")
    return found


def is_readable(url: str) -> bool:
    """Whether others could read what is sent to a URL."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def server(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def hosts(section: EndpointSection) -> set[str | None]:
    """The hosts behind the endpoint's URLs."""
    return {urlsplit(url).hostname for url in section.urls}
