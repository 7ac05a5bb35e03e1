"""When going on is pointless: what a failure says about the whole build, told in one line that says what to do."""

from ovt.core.errors import OvtError
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.transport import CallError
from ovt.curate.endpoints.urls import Url

HOPELESS = 50  # requests given up in a row
LONGEST_WAIT_S = 900.0
GO_ON = "every reply so far is kept, the same command goes on from here"


def stopped(error: CallError, url: Url, endpoint: Endpoint) -> Exception:
    """What to raise for a failed call: OvtError where no call will do better, else the CallError to act upon."""
    place = f'endpoint "{endpoint.name}": {url.name}'
    table = f"[endpoints.{endpoint.name}]"
    if error.kind == "unreachable" and endpoint.urls.out_of_reach():
        what = f"nobody answers at {url.name} ({error.reason})"
        return OvtError(f'endpoint "{endpoint.name}": {what}; start the server, or mend base_url in {table}; {GO_ON}')
    if (error.retry_after or 0.0) > LONGEST_WAIT_S:
        return OvtError(f"{place} asks to wait {error.retry_after:.0f} s ({error.reason}); {GO_ON} after that")
    if error.kind == "denied":
        return OvtError(f"{place} refuses: {error.reason}; {denial_remedy(error, table)}")
    if error.kind == "misplaced" and not url.answered:
        remedy = f'check base_url (usually it ends in /v1) and model = "{endpoint.model}" in {table}'
        return OvtError(f"{place} is no place to ask: {error.reason}; {remedy}")
    if error.kind == "misplaced":
        return CallError("refused" if error.status else "broken", error.reason, error.status, billed=error.billed)
    return error


def denial_remedy(error: CallError, table: str) -> str:
    """What to do about a 401, or an account without money."""
    if error.status == 401:
        return f"put a valid key into an environment variable and name it as api_key_env in {table}"
    return f"see to the account's balance; {GO_ON}"


def stop_if_hopeless(error: CallError, endpoint: Endpoint) -> None:
    """OvtError when only failures have come for long.

    Refusals count only while nothing was ever answered: later they are the requests' own fault.
    """
    if endpoint.failed_in_a_row >= HOPELESS and (error.kind != "refused" or not endpoint.answered):
        what = f"the last {endpoint.failed_in_a_row} requests failed, the latest with: {error.reason}"
        raise OvtError(f'endpoint "{endpoint.name}": {what}; see to the server or the request; {GO_ON}')


def stop_if_unbounded(bound: int | None, budget: Budget, endpoint: Endpoint) -> None:
    """OvtError where a budget is set but a request's worst case is not known."""
    section = endpoint.section
    if bound is None:
        raise OvtError("a budget needs to know how long a reply may get: set max_tokens in the stage's sampling")
    unpriced = section.usd_per_million_prompt_tokens is None or section.usd_per_million_completion_tokens is None
    if budget.max_usd is not None and unpriced and not endpoint.own_machine:
        prices = "usd_per_million_prompt_tokens and usd_per_million_completion_tokens"
        raise OvtError(f"--max-usd needs prices: set {prices} in [endpoints.{endpoint.name}] (0 for your own servers)")
