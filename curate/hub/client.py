"""The Hugging Face Hub client: credentials, address, and every failure as a one-line error."""

import re
from collections.abc import Generator
from contextlib import contextmanager

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ovt.core.errors import OvtError, RecipeError
from ovt.core.text import plain
from ovt.curate.versions.read import HUB_PART

REFUSALS = {
    401: "the token was refused: set HF_TOKEN to a valid one (https://huggingface.co/settings/tokens)",
    403: "the token lacks permission: give it write access to this repository, or set HF_TOKEN to one that has it",
    409: "that name was created there just now: run the same command again",
    412: "the repository changed in the meantime: run the same command again",
    413: "it is too large for the Hub",
    429: "too many requests: wait a few minutes, then run the same command again",
}


def hub() -> HfApi:
    """The Hub at $HF_ENDPOINT (default: huggingface.co), with $HF_TOKEN or the token of `hf auth login`."""
    return HfApi(library_name="ovt")


def need_token(api: HfApi) -> None:
    """Raises OvtError without a token that can write."""
    if not (api.token or get_token()):
        raise OvtError(
            "no token for the Hub: set HF_TOKEN to one with write access (https://huggingface.co/settings/tokens)"
        )


def split_address(address: str) -> tuple[str, str | None]:
    """ "you/pocket@v3" -> ("you/pocket", "v3"); without "@": None. Raises RecipeError for anything else."""
    repo, _, tag = address.removeprefix("hf://").partition("@")
    if not re.fullmatch(rf"{HUB_PART}/{HUB_PART}", repo) or "--" in repo or ".." in repo:
        raise RecipeError(f"{address[:120]!a} is not a Hub repository: give OWNER/NAME, such as you/pocket")
    return repo, check_tag(tag) if tag else None


def check_tag(tag: str) -> str:
    """A tag that git, the Hub and URLs accept; a commit hash is one too."""
    if not re.fullmatch(HUB_PART, tag) or ".." in tag or tag.endswith(".lock"):
        raise RecipeError(f"{tag[:120]!a} cannot be a tag: use letters, digits, '.', '_' and '-', such as v3")
    return tag


@contextmanager
def hub_errors(repo: str) -> Generator[None]:
    """Turns a failure of the Hub or the connection into a one-line OvtError that names the repository."""
    try:
        yield
    except RuntimeError as error:  # what huggingface_hub raises if the upload of one file failed
        cause = error.__cause__
        if not isinstance(cause, HTTPError | OSError):
            raise
        raise OvtError(f"{repo}: {one_line(str(error))} {_why(cause)}") from error
    except (HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        # The last two are what hf_xet, the Hub's way for large files, raises.
        raise OvtError(f"{repo}: {_why(error)}") from error


def _why(error: BaseException) -> str:
    match error:
        case LocalEntryNotFoundError(__cause__=HTTPError() as cause):
            return _why(cause)
        case RevisionNotFoundError():
            return "it has no such tag or commit: see its revisions on the Hub"
        case RemoteEntryNotFoundError():
            return f"a file is not there ({one_line(str(error.response.url.path))}): is this a version that ovt pushed?"
        case RepositoryNotFoundError():
            return "not on the Hub, or not visible to this token: check the name and HF_TOKEN"
        case HfHubHTTPError():
            status = error.response.status_code
            said = one_line(error.server_message or "")
            advice = REFUSALS.get(status) or "run the same command again; what was sent stays there"
            return f"the Hub answered {status}{f' ({said})' if said else ''}: {advice}"
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set: unset it to reach the Hub"
    said = one_line(str(error)) or type(error).__name__
    return f"the connection failed ({said}): run the same command again; what was sent or fetched is kept"


def one_line(text: str) -> str:
    """External text, made safe for one line of a message."""
    line = " ".join(plain(text).split())
    return line if len(line) <= 200 else line[:200] + "…"
