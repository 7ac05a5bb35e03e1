"""When to stop a build: what a failure means for all further calls, and how to fix it.

a server that is out of reach, or refuses everything          at the first failure, or after some patience
one of several URLs that needs somebody to act                it is set aside, and the others carry on
many failures in a row, or some refusals in the same words    nothing else can be expected
"""

from ovt.core.errors import CallError, EndpointError, OvtError
from ovt.core.progress import Tally
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.failures import ALIKE, ALIKE_LATER
from ovt.curate.endpoints.meanings import MODEL_GONE
from ovt.curate.endpoints.sampling import unset_line
from ovt.curate.endpoints.transport import HttpTransport
from ovt.curate.endpoints.urls import FEW_STRIKES, LONGEST_WAIT_S, Url

HOPELESS = 50  # consecutive failed requests
RESUME = "every reply so far is kept, and the same command resumes from here"


async def own_failure(error: CallError, url: Url, endpoint: Endpoint) -> CallError | None:
    """The failure of a request that gets a gateway's error however long we wait, though its server still lists its
    models: a chain too long for the gateway's time-out, say. Otherwise the last such question of a build would end
    that build on every run."""
    if error.kind != "away" or not isinstance(url.transport, HttpTransport) or not endpoint.urls.out_of_reach():
        return None
    try:
        await url.transport.models()
    except CallError:
        return None
    return CallError("refused", error.reason, error.status)


def stopped(error: CallError, url: Url, endpoint: Endpoint) -> OvtError:
    """What to raise for a failed call: EndpointError if no call can succeed, else a CallError. A URL that needs
    somebody to act is set aside while others work, and the call goes to one of those."""
    what_now = no_way_on(error, url, endpoint)
    if what_now is not None:
        again = isinstance(what_now, EndpointError) and error.kind in ("denied", "misplaced", "limited", "broken")
        if again and endpoint.urls.set_aside(url, error.reason):
            return CallError("unreachable", error.reason, error.status)
        return what_now
    if error.kind != "misplaced":
        return error
    if url.strikes >= FEW_STRIKES and endpoint.urls.set_aside(url, error.reason):
        return CallError("unreachable", error.reason, error.status)
    return CallError("refused" if error.status else "broken", error.reason, error.status, billed=error.billed)


def no_way_on(error: CallError, url: Url, endpoint: Endpoint) -> EndpointError | None:
    """Why no call to this URL can succeed until somebody acts; None if one may."""
    table, said = f"[endpoints.{endpoint.name}]", f"{url.name} refuses: {error.reason}"

    def ended(what: str, fix: str) -> EndpointError:
        return EndpointError(endpoint.name, error.kind, what, fix)

    if error.kind in ("unreachable", "away") and endpoint.urls.out_of_reach():
        fix = f"start the server, or correct base_url in {table}; {RESUME}"
        return ended(f"no server answers at {url.name} ({error.reason})", fix)
    if (error.retry_after or 0.0) > LONGEST_WAIT_S:
        said = f"{url.name} asks clients to wait {error.retry_after:.0f} s ({error.reason})"
        return EndpointError(endpoint.name, "limited", said, f"wait that long; {RESUME}")
    if error.kind == "limited" and endpoint.urls.out_of_patience():
        said = f"{url.name} has refused every request for {LONGEST_WAIT_S / 60:.0f} minutes: {error.reason}"
        return ended(said, f"check the account's limits; {RESUME}")
    if error.kind == "denied" and error.status == 401:
        return ended(said, f"put a valid key into an environment variable and name it as api_key_env in {table}")
    if error.kind == "denied":
        return ended(said, f"check the account's balance; {RESUME}")
    if error.kind == "misplaced" and not url.answered:
        said = f"{url.name} does not look like a chat-completions API with this model: {error.reason}"
        return ended(said, f'check base_url (usually it ends in /v1) and model = "{endpoint.model}" in {table}')
    if error.kind == "misplaced" and url.strikes >= FEW_STRIKES and MODEL_GONE.search(error.reason):
        return ended(f"{url.name} has lost its model: {error.reason}", f"load it again; {RESUME}")
    return None


def stop_if_hopeless(error: CallError, endpoint: Endpoint) -> None:
    """EndpointError after a long run of failures, or a short one of refusals in the same words.

    After the first success a refusal may be the request's own fault, unless access or model are gone (403, 404).
    """
    gone = error.status in (403, 404) or not endpoint.answered
    alike = endpoint.failed.alike >= (ALIKE if gone else ALIKE_LATER)
    if alike or (endpoint.failed.length >= HOPELESS and (error.kind != "refused" or not endpoint.answered)):
        how_many = endpoint.failed.alike if alike else endpoint.failed.length
        what = f"the last {how_many} requests failed, the latest with: {error.reason}"
        raise EndpointError(endpoint.name, error.kind, what, what_to_check(error.reason))


def stop_if_all_failed(endpoint: Endpoint, tally: Tally) -> None:
    """EndpointError where every request of a fill was refused with the same words, however few there were."""
    failed = endpoint.failed
    if failed.alike and failed.alike == failed.length and not (endpoint.answered or tally.cached):
        what = f"all {failed.length} requests failed with: {failed.latest}"
        raise EndpointError(endpoint.name, "refused", what, what_to_check(failed.latest))


def what_to_check(reason: str) -> str:
    """What to do about failures for this reason."""
    line = unset_line(reason)
    return f"{f'put {line} into the section of that stage' if line else 'check the server and the request'}; {RESUME}"
