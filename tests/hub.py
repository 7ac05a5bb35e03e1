"""A stand-in for the Hugging Face Hub on 127.0.0.1, for the real client: repositories with commits, tags, pull requests
and large files, with tokens, and failures on demand.

In a test the fixture `hub` is a started Hub. What the client sends and asks is in `hub.seen`, as "METHOD path".
"""

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "loopback" * 4
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
LARGE = (".parquet", ".safetensors", ".png")

Files = dict[str, bytes]


@dataclass
class Repo:
    """One repository: files of each commit, and what the names of revisions mean."""

    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()  # paths that a .gitignore there would leave out

    def commit(self, files: Files, branch: str = "main") -> str:
        listed = json.dumps({path: hashlib.sha1(data).hexdigest() for path, data in sorted(files.items())})
        sha = hashlib.sha1(f"{self.branches.get(branch)} {listed}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def find(self, revision: str) -> str | None:
        sha = self.tags.get(revision) or self.branches.get(revision) or revision
        return sha if sha in self.commits else None


@dataclass
class Hub:
    """The server; `with Hub() as hub:` starts and stops it.

    refuse   (method, path) -> (status, message) to answer with an error, "drop" to cut the connection, or None
    """

    refuse: Callable[[str, str], tuple[int, str] | str | None] = lambda method, path: None
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: "you"})
    repos: dict[str, Repo] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)  # large files by sha256
    seen: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)  # bytes of each file
    url: str = ""

    def __enter__(self) -> "Hub":
        hub = self

        class Bound(Handler):
            pass

        Bound.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def make(self, name: str, private: bool = False) -> Repo:
        """A new repository ("datasets/you/pocket"), with the file that the Hub puts there."""
        self.repos[name] = Repo(private)
        self.repos[name].commit({".gitattributes": ATTRIBUTES})
        return self.repos[name]

    def count(self, pattern: str) -> int:
        """How many requests were seen that match."""
        return sum(bool(re.search(pattern, line)) for line in self.seen)

    def files(self, repo: str, revision: str = "main") -> Files:
        """The files of a revision of a repository ("datasets/you/pocket" or "models/you/pocket")."""
        found = self.repos[repo]
        return found.commits[found.find(revision) or ""]


class Handler(BaseHTTPRequestHandler):
    """The routes that huggingface_hub and datasets use."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.serve()

    do_HEAD = do_POST = do_PUT = do_GET

    def serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.seen.append(f"{self.command} {path}")
        wrong = self.hub.refuse(self.command, path)
        if wrong == "drop":
            self.close_connection = True
            return self.connection.shutdown(2)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if isinstance(wrong, tuple):
            return self.answer({"error": wrong[1]}, status=wrong[0], X_Error_Message=wrong[1])
        for pattern, route in ROUTES:
            if match := re.fullmatch(pattern, path):
                return route(self, *match.groups())
        return self.answer({"error": f"no route {path}"}, status=404)

    @property
    def user(self) -> str | None:
        return self.hub.tokens.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def may_write(self) -> bool:
        if self.user is None:
            message = "Invalid credentials in Authorization header"
            self.answer({"error": message}, status=401, X_Error_Message=message)
        return self.user is not None

    def repo(self, kind: str, name: str) -> Repo | None:
        found = self.hub.repos.get(f"{kind}/{name}")
        if found is None or (found.private and self.user is None):
            self.answer({"error": "Repository not found"}, status=404, X_Error_Code="RepoNotFound")
            return None
        return found

    def at(self, kind: str, name: str, revision: str) -> Iterator[tuple[Repo, str, Files]]:
        """(repository, commit, files), or nothing after an answer that says why not."""
        if repo := self.repo(kind, name):
            if sha := repo.find(revision):
                yield repo, sha, repo.commits[sha]
            else:
                self.answer({"error": "Revision not found"}, status=404, X_Error_Code="RevisionNotFound")

    def create(self) -> None:
        if self.may_write():
            asked = json.loads(self.body)
            name = f"{asked['type']}s/{asked.get('organization') or self.user}/{asked['name']}"
            about = {"url": f"{self.hub.url}/{name}", "id": name.partition("/")[2]}
            if name in self.hub.repos:
                return self.answer(about | {"error": "You already created this repo"}, status=409)
            self.hub.make(name, private=asked.get("visibility") == "private" or bool(asked.get("private")))
            return self.answer(about)
        return None

    def validate(self) -> None:
        self.answer({"errors": [], "warnings": []})

    def info(self, kind: str, name: str, revision: str | None = None) -> None:
        for repo, sha, files in self.at(kind, name, revision or "main"):
            siblings = [{"rfilename": path} for path in files]
            about = {"id": name, "sha": sha, "private": repo.private, "siblings": siblings, "tags": [], "downloads": 0}
            self.answer(about)

    def refs(self, kind: str, name: str) -> None:
        if repo := self.repo(kind, name):
            branches = [branch for branch in repo.branches if not branch.startswith("refs/pr/")]
            self.answer(
                {
                    "branches": [ref(f"refs/heads/{branch}", repo.branches[branch]) for branch in branches],
                    "tags": [ref(f"refs/tags/{tag}", sha) for tag, sha in repo.tags.items()],
                    "converts": [],
                }
            )

    def tree(self, kind: str, name: str, revision: str, below: str | None = None) -> None:
        for _, _, files in self.at(kind, name, revision):
            recursive = "recursive=True" in self.path or "recursive=true" in self.path
            prefix = f"{below.strip('/')}/" if below and below.strip("/") else ""
            inside = {path for path in files if path.startswith(prefix)}
            shown = [path for path in inside if recursive or "/" not in path.removeprefix(prefix)]
            folders = {path.rpartition("/")[0] for path in inside} - {""}
            rows = [entry(path, files[path]) for path in sorted(shown)]
            rows += [{"type": "directory", "path": one, "oid": "0" * 40, "size": 0} for one in sorted(folders)]
            self.answer(rows)

    def paths_info(self, kind: str, name: str, revision: str) -> None:
        is_json = self.body.startswith(b"{")  # of fsspec; the client itself sends a form
        wanted = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode())["paths"]
        for _, _, files in self.at(kind, name, revision):
            folders = {path.rpartition("/")[0] for path in files} & set(wanted)
            rows = [entry(path, files[path]) for path in wanted if path in files]
            self.answer(rows + [{"type": "directory", "path": one, "oid": "0" * 40} for one in folders])

    def preupload(self, kind: str, name: str, revision: str) -> None:
        for repo, _, files in self.at(kind, name, revision) if self.may_write() else ():
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": one["path"] in repo.ignore,
                    "oid": entry(one["path"], files[one["path"]])["oid"] if one["path"] in files else None,
                }
                for one in json.loads(self.body)["files"]
            ]
            self.answer({"files": modes})

    def batch(self, _name: str) -> None:
        objects = []
        for one in json.loads(self.body)["objects"] if self.may_write() else ():
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}}
            objects.append(one if one["oid"] in self.hub.stored else one | {"actions": upload})
        if self.user:
            self.answer({"transfer": "basic", "objects": objects})

    def store(self, sha256: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != sha256:
            return self.answer({"error": "other bytes than announced"}, status=400)
        self.hub.stored[sha256] = self.body
        return self.answer({})

    def commit(self, kind: str, name: str, branch: str) -> None:
        for repo, sha, files in self.at(kind, name, branch) if self.may_write() else ():
            lines = [json.loads(line) for line in self.body.splitlines()]
            if lines[0]["value"].get("parentCommit", sha) != sha:
                self.answer({"error": "the branch has moved"}, status=412)
                return
            made = dict(files)
            for line in lines[1:]:
                apply(line["key"], line["value"], made, self.hub.stored)
            pull_request = f"refs/pr/{len(repo.branches)}" if "create_pr=1" in self.path else None
            if pull_request:
                repo.branches[pull_request] = sha
            oid = repo.commit(made, pull_request or branch)
            place = f"{self.hub.url}/{kind}/{name}"
            self.answer(
                {
                    "success": True,
                    "commitOid": oid,
                    "commitUrl": f"{place}/commit/{oid}",
                    "pullRequestUrl": f"{place}/discussions/{len(repo.branches) - 1}" if pull_request else None,
                }
            )

    def tag(self, kind: str, name: str, revision: str) -> None:
        for repo, sha, _ in self.at(kind, name, revision) if self.may_write() else ():
            wanted = json.loads(self.body)["tag"]
            if wanted in repo.tags:
                self.answer({"error": "Tag exists"}, status=409)
                return
            repo.tags[wanted] = sha
            self.answer({})

    def resolve(self, datasets: str | None, name: str, revision: str, path: str) -> None:
        for _, sha, files in self.at("datasets" if datasets else "models", name, revision):
            if path not in files:
                self.answer({}, status=404, X_Error_Code="EntryNotFound")
                return
            data, whole = files[path], self.headers.get("Range", "bytes=0-")[6:]
            start, end = (int(one) if one else None for one in whole.split("-"))
            etag = (entry(path, data).get("lfs") or entry(path, data))["oid"]
            status = 206 if "Range" in self.headers else 200
            part = data[start : None if end is None else end + 1]
            if self.command == "GET":
                self.hub.sent[path] += len(part)
            self.answer(part, status, ETag=f'"{etag}"', X_Repo_Commit=sha, Accept_Ranges="bytes")

    def whoami(self) -> None:
        if self.may_write():
            self.answer({"name": self.user, "type": "user", "orgs": []})


def ref(name: str, sha: str) -> dict[str, str]:
    return {"name": name.split("/", 2)[2], "ref": name, "targetCommit": sha}


def entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the tree lists it: git's hash, and for a large one (whose blob is a pointer) its sha256."""
    if not path.endswith(LARGE):
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return {"type": "file", "path": path, "size": len(data), "oid": oid}
    sha256 = hashlib.sha256(data).hexdigest()
    lfs = {"oid": sha256, "size": len(data), "pointerSize": 130}
    return {
        "type": "file",
        "path": path,
        "size": len(data),
        "oid": hashlib.sha1(sha256.encode()).hexdigest(),
        "lfs": lfs,
    }


def apply(key: str, value: dict[str, Any], files: Files, stored: dict[str, bytes]) -> None:
    """One line of a commit."""
    if key == "file":
        files[value["path"]] = base64.b64decode(value["content"])
    if key == "lfsFile":
        files[value["path"]] = stored[value["oid"]]
    if key == "deletedFile":
        del files[value["path"]]


KIND, NAME, REVISION = "(datasets|models)", "([^/]+/[^/]+)", "(refs/pr/[0-9]+|[^/]+)"
ROUTES: list[tuple[str, Callable[..., None]]] = [
    ("/api/whoami-v2", Handler.whoami),
    ("/api/repos/create", Handler.create),
    ("/api/validate-yaml", Handler.validate),
    (f"/api/{KIND}/{NAME}", Handler.info),
    (f"/api/{KIND}/{NAME}/revision/{REVISION}", Handler.info),
    (f"/api/{KIND}/{NAME}/refs", Handler.refs),
    (f"/api/{KIND}/{NAME}/tree/{REVISION}(/.*)?", Handler.tree),
    (f"/api/{KIND}/{NAME}/paths-info/{REVISION}", Handler.paths_info),
    (f"/api/{KIND}/{NAME}/preupload/{REVISION}", Handler.preupload),
    (f"/api/{KIND}/{NAME}/commit/{REVISION}", Handler.commit),
    (f"/api/{KIND}/{NAME}/tag/{REVISION}", Handler.tag),
    (r"/(?:datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", Handler.batch),
    ("/lfs/([0-9a-f]{64})", Handler.store),
    (f"/(datasets/)?{NAME}/resolve/{REVISION}/(.+)", Handler.resolve),
]
