"""Servers on this machine are asked directly, and whatever else listens there is not taken for one."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ovt.core.errors import OvtError
from ovt.curate.endpoints.serving import lists_models, start


@pytest.mark.parametrize("status", [403, 502])
def test_a_server_on_this_machine_is_not_asked_through_a_proxy(
    make_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    server, proxy = make_server(), make_server()
    proxy.answer = lambda request: web.Response(status=status)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert lists_models(server.url)
    assert not lists_models("http://127.0.0.1:9/v1")
    assert proxy.asked == []


def test_a_listener_that_does_not_speak_http_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                connection.recv(1 << 16)

        thread = threading.Thread(target=greet)
        thread.start()
        assert not lists_models(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        thread.join()


def test_a_command_with_a_null_byte_is_one_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as out, pytest.raises(OvtError, match=r"a\.command cannot be run: sh: .*null"):
        start("a.command", ["sh", "\0"], {}, out)
