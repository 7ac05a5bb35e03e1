"""The loopback server with OpenAI's files and batches: POST /files, GET /files/ID/content, POST and GET /batches."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from loopback import Loopback

Line = Mapping[str, Any]


@dataclass
class BatchServer(Loopback):
    """The server; `with BatchServer() as server:` starts and stops it.

    fate      (line of a batch) -> what becomes of it: "answered", "expired", "lost" (no line at all), "short" (one
              choice only), "garbage", or a status such as "400"
    looks     how often a batch is asked about before it is over; ends: how it then stands ("failed": nothing is done)
    meanwhile called before each answer, with the path: a status to answer instead, or None
    files     contents by id; batches: by id, as they are answered; lines: all requests of batches, in order of arrival
    extra     lines that are put into each output
    """

    fate: Callable[[Line], str] = lambda line: "answered"
    looks: int = 1
    ends: str = "completed"
    meanwhile: Callable[[str], int | None] = lambda path: None
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    extra: list[bytes] = field(default_factory=list)
    refusal: str = "Unsupported value: 'temperature' does not support 0.7 with this model."

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self._guarded(self._upload))
        app.router.add_get("/v1/files/{id}/content", self._guarded(self._download))
        app.router.add_post("/v1/batches", self._guarded(self._create))
        app.router.add_get("/v1/batches", self._guarded(self._list_batches))
        app.router.add_get("/v1/batches/{id}", self._guarded(self._look))

    def _guarded(self, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.Response:
            if self.api_key is not None and request.headers.get("Authorization") != f"Bearer {self.api_key}":
                return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
            done = await answer(request)
            if status := self.meanwhile(f"{request.method} {request.path}"):
                return web.json_response({"error": {"message": "out of luck"}}, status=status)
            return done

        return guarded

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        name, file = f"file-{len(self.files)}", form["file"]
        assert isinstance(file, web.FileField)
        self.files[name] = file.file.read()
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _download(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]], content_type="application/octet-stream")

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        self.lines += lines
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {**asked, "id": name, "object": "batch", "status": "in_progress", "left": self.looks}
        self.batches[name]["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        return web.json_response(self.batches[name])

    async def _list_batches(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": list(self.batches.values()), "has_more": False})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return web.json_response({"error": {"message": "No batch found"}}, status=404)
        batch["left"] -= 1
        if batch["left"] < 0 and batch["status"] == "in_progress":
            self._finish(batch)
        return web.json_response(batch)

    def _finish(self, batch: dict[str, Any]) -> None:
        batch["status"] = self.ends
        if self.ends == "failed":
            errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]
            batch["errors"] = {"object": "list", "data": errors}
            return
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        answered, failed = [], []
        for line in lines:
            fate = self.fate(line)
            if fate != "lost":
                (answered if fate in ("answered", "short", "garbage") else failed).append(self._answer_line(line, fate))
        for name, found in (("output_file_id", [*self.extra, *answered]), ("error_file_id", failed)):
            if found:
                batch[name] = f"file-{name}-{batch['id']}"
                self.files[batch[name]] = b"\n".join(found) + b"\n"

    def _answer_line(self, line: Line, fate: str) -> bytes:
        told: dict[str, Any] = {"id": "batch_req_1", "custom_id": line["custom_id"], "response": None, "error": None}
        if fate == "garbage":
            return json.dumps(told).encode()[:40]
        if fate == "expired":
            told["error"] = {"code": "batch_expired", "message": "This request could not be executed in time."}
        elif fate.isdigit():
            told["response"] = {"status_code": int(fate), "body": {"error": {"message": self.refusal}}}
        else:
            body = self._completion(line["body"], None)
            body["choices"] = body["choices"][: 1 if fate == "short" else None]
            told["response"] = {"status_code": 200, "body": body}
        return json.dumps(told).encode()
