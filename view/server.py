"""The server behind `ovt view`: our own pages, the answers, and images by content hash. Nothing else is served.

Listens on loopback unless told otherwise; there, requests must name a loopback host, so that no web page can reach it
through a name of its own (DNS rebinding). Elsewhere every request needs the token in the printed URL. No request path
reaches the disk: pages are read at startup, images are found by a checked hash.
"""

import asyncio
import errno
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from pydantic_core import to_json

from ovt.core.errors import OvtError
from ovt.view import answers
from ovt.view.answers import View
from ovt.view.images import image
from ovt.view.pages import POLICY, Asset, assets

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PORT = 8417
MOST_SENT = 64 << 10  # bytes of a request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
VIEW = web.AppKey("view", View)


@dataclass(frozen=True)
class Guard:
    """Who may ask. token: required in every request if the server is reachable from other machines, else None."""

    token: str | None

    def refusal(self, request: web.Request) -> str | None:
        """Why a request is refused; None if it is not."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if self.token is None and not is_loopback(host_name(host)):
            return "this view answers only on loopback addresses: open it at 127.0.0.1 or localhost"
        own = {f"{request.scheme}://{host}"} | ({f"https://{host}"} if self.token else set())  # through a proxy
        if origin is not None and origin not in own:
            return "this view does not answer to other sites"
        if self.token is not None and not hmac.compare_digest(self._given(request), self.token):
            return "this view needs its token: open the whole address that `ovt view` printed"
        return None

    def _given(self, request: web.Request) -> str:
        given = request.query.get("token") or request.cookies.get(self.cookie, "")
        return given if given.isascii() else ""

    @property
    def cookie(self) -> str:
        """Its name: a browser sends a host's cookies to all of its ports, so each view has one of its own."""
        return f"ovt_view_{hashlib.sha256((self.token or '').encode()).hexdigest()[:8]}"


GUARD = web.AppKey("guard", Guard)


def host_name(host: str) -> str:
    """The name or address in a Host header; empty if it has none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # such as "["
        return ""


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine itself."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_app(view: View, token: str | None = None) -> web.Application:
    """The application; a token is needed where it listens beyond loopback."""
    app = web.Application(middlewares=[guarded], client_max_size=MOST_SENT)
    app[VIEW], app[GUARD] = view, Guard(token)
    for path, asset in assets().items():
        app.router.add_get(path, partial(send_asset, asset=asset))
    app.router.add_get("/api/{name}", send_answer)
    app.router.add_post("/api/labels", take_label)
    app.router.add_get("/image/{hash}", send_image)
    return app


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses strangers, and gives every response the common headers."""
    if why := request.app[GUARD].refusal(request):
        response: web.StreamResponse = web.Response(status=403, text=why + "\n")
    else:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.reason + "\n")
    response.headers.update(HEADERS)
    if request.path == "/" and (token := request.app[GUARD].token) and response.status == 200:
        response.set_cookie(request.app[GUARD].cookie, token, httponly=True, samesite="Strict")
    return response


async def send_asset(request: web.Request, asset: Asset) -> web.Response:
    return web.Response(body=asset.content, content_type=asset.kind, charset=asset.charset)


async def send_answer(request: web.Request) -> web.Response:
    params = {name: request.query.getall(name) for name in request.query if name != "token"}
    return await respond(answers.get, request.app[VIEW], request.match_info["name"], params)


async def take_label(request: web.Request) -> web.Response:
    """Takes a label as JSON, a content type that no other site's form can send."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason="send application/json")
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(reason="send a JSON object")
    return await respond(answers.give_label, request.app[VIEW], asked)


async def respond(work: Callable[..., Any], *arguments: Any) -> web.Response:
    """What `work` returns, as JSON; the user's mistake as {"error": line} with status 400."""
    try:
        body, status = await asyncio.to_thread(work, *arguments), 200
    except OvtError as error:
        body, status = {"error": str(error)}, 400
    content = to_json(body, inf_nan_mode="null")
    return web.Response(
        body=content, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def send_image(request: web.Request) -> web.Response:
    width = request.query.get("width", "")
    wide = int(width) if width.isascii() and width.isdigit() and len(width) < 5 else None
    try:
        found = await asyncio.to_thread(image, request.app[VIEW].home, request.match_info["hash"], wide)
    except OvtError as error:
        raise web.HTTPNotFound(reason=" ".join(str(error).split())) from None
    kept = {"Cache-Control": "private, max-age=31536000, immutable"}
    return web.Response(body=found.content, content_type=found.kind, headers=kept)


async def serve(app: web.Application, host: str, port: int | None, ready: Callable[[str], None]) -> None:
    """Serves until cancelled. ready: is given the address once it answers. OvtError if it cannot listen there.

    port: None for PORT, or a free one if that is taken.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, PORT if port is None else port).start()
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                why = error.strerror or str(error)
                raise OvtError(f"cannot listen on {host} ({why}): choose another --port or --host") from None
            await web.TCPSite(runner, host, 0).start()
        ready(address(runner, host, app[GUARD].token))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def address(runner: web.AppRunner, host: str, token: str | None) -> str:
    """The URL to open."""
    bound = runner.addresses[0][1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound}/" + (f"?token={token}" if token else "")


def first_screen(refs: Sequence[str]) -> str:
    """What follows the address: the version, or the comparison of two."""
    if not refs:
        return ""
    return (
        "#/version?" + urlencode({"version": refs[0]})
        if len(refs) == 1
        else "#/compare?" + urlencode({"a": refs[0], "b": refs[1]})
    )


def new_token(host: str) -> str | None:
    """A token for a server that listens beyond loopback."""
    return None if is_loopback(host) else secrets.token_urlsafe(24)
