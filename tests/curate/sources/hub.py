"""A stand-in for the Hugging Face Hub on 127.0.0.1 that lets one dataset be read, and a process that imports from it.

`hub.py SECTIONS` serves ./served/REVISION/… as owner/animals, imports the sections of a JSON list one by one (offline
where one says "offline"), and prints a line of JSON for each.
"""

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


def commit(revision: str, revisions: dict[str, Files]) -> str | None:
    """The commit that a branch or a commit means."""
    commits = {name: hashlib.sha1(name.encode()).hexdigest() for name in revisions}
    return commits.get(revision) or (revision if revision in commits.values() else None)


@contextmanager
def serve(repo: str, revisions: dict[str, Files]) -> Generator[str]:
    """The URL of a running server; `revisions` maps a branch to its files."""
    by_commit = {commit(name, revisions): files for name, files in revisions.items()}

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["paths"]
            self.list_files(wanted)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if match := re.fullmatch(rf"/datasets/{repo}/resolve/([^/]+)/(.+)", path):
                return self.file(commit(match[1], revisions), match[2])
            if match := re.fullmatch(rf"/api/datasets/{repo}(?:/revision/([^/]+))?", path):
                sha = commit(match[1] or "main", revisions)
                if sha:
                    siblings = [{"rfilename": name} for name in by_commit[sha]]
                    body = {"id": repo, "sha": sha, "siblings": siblings, "private": False, "tags": [], "downloads": 0}
                    return self.answer(200, json.dumps(body).encode(), Content_Type="application/json")
            if re.match(rf"/api/datasets/{repo}/tree/", path):
                return self.list_files(None)
            return self.answer(404, b"{}", X_Error_Code="RepoNotFound")

        def file(self, sha: str | None, name: str) -> None:
            if sha is None or name not in by_commit[sha]:
                return self.answer(404, X_Error_Code="EntryNotFound" if sha else "RevisionNotFound")
            body = by_commit[sha][name]
            return self.answer(200, body, ETag=f'"{hashlib.sha1(body).hexdigest()}"', X_Repo_Commit=sha)

        def list_files(self, wanted: list[str] | None) -> None:
            match = re.match(
                rf"/api/datasets/{repo}/(?:tree|paths-info)/([^/]+)/?(.*)", unquote(urlsplit(self.path).path)
            )
            sha = commit(match[1], revisions) if match else None
            if match is None or sha is None:
                return self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
            files = by_commit[sha]
            names = [name for name in files if (name in wanted if wanted is not None else name.startswith(match[2]))]
            rows = [
                {"type": "file", "path": name, "size": len(files[name]), "oid": hashlib.sha1(files[name]).hexdigest()}
                for name in names
            ]
            folders = {name.rpartition("/")[0] for name in files} - {""}
            shown = [folder for folder in folders if wanted is None or folder in wanted]
            rows += [{"type": "directory", "path": folder, "oid": "0" * 40} for folder in shown]
            return self.answer(200, json.dumps(rows).encode(), Content_Type="application/json")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def report(section: dict[str, Any]) -> dict[str, Any]:
    """What importing a section gives."""
    from ovt.curate.errors import OvtError
    from ovt.curate.home import Home
    from ovt.curate.sources.importing import import_sources
    from ovt.curate.sources.section import SourceSection

    try:
        imported = import_sources([SourceSection(**section)], Home(Path("home")))
    except OvtError as error:
        return {"error": str(error)}
    return {
        "questions": imported.questions.to_dicts(),
        "reasons": imported.decisions["reason"].to_list(),
        "fingerprint": imported.fingerprint,
        "notes": imported.notes,
    }


def main() -> None:
    served = Path("served")
    revisions = {
        place.name: {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        for place in served.iterdir()
    }
    with serve("owner/animals", revisions) as url:
        os.environ["HF_ENDPOINT"] = url
        import datasets.config
        import huggingface_hub.constants

        for section in json.loads(sys.argv[1]):
            offline = section.pop("offline", False)
            huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = offline
            print(json.dumps(report(section)))


if __name__ == "__main__":
    main()
