"""A live endpoint: a model behind URLs, with what was learned about it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.section import EndpointSection


class Transport(Protocol):
    """Takes an OpenAI chat-completions request body to a model, and brings the response body back.

    `revision` identifies the weights where they are known (a hash, for an embedded model).
    """

    revision: str | None

    async def send(self, body: dict[str, Any]) -> dict[str, Any]: ...

    async def close(self) -> None: ...


Embedded = Callable[[str], Transport]


class Endpoint:
    """`async with open_endpoint(…) as endpoint`: one per [endpoints.NAME] and build."""

    name: str
    section: EndpointSection
    model: str
    revision: str | None

    def keys(self, request: ChatRequest) -> list[str]:
        """The addresses of `request`'s replies, index 0 … n-1."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None: ...


def open_endpoint(
    name: str, section: EndpointSection, embedded: Embedded | None = None, environ: Mapping[str, str] | None = None
) -> Endpoint:
    """The endpoint `name` of a recipe, ready for `fill`.

    `embedded` makes the transport of "embedded:WHAT" from WHAT; `environ` (os.environ) is where keys come from.
    """
    raise NotImplementedError
