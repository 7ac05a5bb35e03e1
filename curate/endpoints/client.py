"""`fill`: the one road on which every model call of a build goes."""

from collections.abc import Iterable

from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, ImageBytes
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.endpoints.tally import Tally


async def fill(
    requests: Iterable[ChatRequest],
    endpoint: Endpoint,
    store: ReplyStore,
    budget: Budget,
    tally: Tally,
    images: ImageBytes,
) -> None:
    """Sees to it that every (request, index) has a reply in `store`, or a recorded failure; resumes by itself.

    `requests` is consumed lazily. Raises BudgetReached when the next request would overspend, OvtError where going on
    is pointless (wrong URL, missing key, unknown model, full disk); all that was answered is kept.
    """
    raise NotImplementedError
