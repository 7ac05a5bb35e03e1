"""Who may ask, and what they get: hosts, origins, tokens, headers, images, and no way to the disk."""

import hashlib
import json
import re
from importlib.resources import files

import pytest

from ovt.core.files import write_file
from ovt.curate.sources.images import image_path
from ovt.view.answers import View
from ovt.view.pages import assets, script
from ovt.view.server import HEADERS, is_loopback, new_token


def test_only_loopback_names_are_answered(site):
    port = site.url.rstrip("/").rsplit(":", 1)[1]
    for host in (
        f"127.0.0.1:{port}",
        f"localhost:{port}",
        f"[::1]:{port}",
        "127.0.0.1",
        "localhost:9",
    ):  # a tunnel's port
        assert site.ask("/api/home", Host=host)[0] == 200, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "10.0.0.7",
        "",
        "[",
        "localhost.evil",
    ):
        assert site.ask("/api/home", Host=host)[0] in (400, 403), host


def test_other_sites_are_refused(site):
    own = site.url.rstrip("/")
    assert site.ask("/api/home", Origin=own)[0] == 200
    for origin in ("http://evil.example", "null", "http://[", own.replace("http", "https"), "http://localhost:1"):
        assert site.ask("/api/home", Origin=origin)[0] == 403, origin


def test_beyond_loopback_a_token_is_needed(served, old_home):
    assert new_token("127.0.0.1") is new_token("localhost") is new_token("::1") is None
    token = new_token("0.0.0.0")
    assert token != new_token("0.0.0.0")
    assert token
    assert len(token) >= 32
    with served(View(old_home), token) as site:
        assert token in site.url
        assert site.ask("/")[0] == site.ask("/?token=guess")[0] == site.ask("/api/home", Cookie="ovt_view=é")[0] == 403
        status, headers, _ = site.ask(f"/?token={token}", Host="box.example:9")
        assert status == 200
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert site.ask("/api/home", Cookie=cookie.split(";")[0])[0] == 200
        assert site.ask("/api/home", Cookie=cookie.split(";")[0], Origin="http://evil.example")[0] == 403
        proxied = {"Host": "box.example", "Cookie": cookie.split(";")[0]}  # by one that speaks https
        assert site.ask("/api/home", **proxied, Origin="https://box.example")[0] == 200
        assert site.ask("/api/home", **proxied, Origin="https://evil.example")[0] == 403


def test_two_views_on_one_host_keep_apart(served, old_home):
    """A browser sends a cookie to every port of its host."""
    with served(View(old_home), "a" * 32) as one, served(View(old_home), "b" * 32) as other:
        given = [
            site.ask(f"/?token={letter * 32}")[1]["Set-Cookie"].split(";")[0]
            for site, letter in ((one, "a"), (other, "b"))
        ]
        both = "; ".join(given)
        assert [site.ask("/api/settings", Cookie=both)[0] for site in (one, other)] == [200, 200]
        assert one.ask("/api/settings", Cookie=given[1])[0] == 403


def test_every_response_has_the_policy(site):
    for path in ("/", "/view.js", "/api/home", "/api/nothing", "/nowhere", "/image/xyz"):
        _, headers, _ = site.ask(path)
        assert headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert site.ask("/", Host="evil.example")[1]["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/vendor/../view.py", "/vendor/%2e%2e/rows.py", "/image/../../replies.sqlite", "//etc/passwd",
     "/image/%2e%2e%2f%2e%2e%2fx", "/api/../view.js/..", "/vendor/vendored.json", "/image/" + "a" * 63 + "%00"],
)  # fmt: skip
def test_no_path_reaches_the_disk(site, path):
    assert site.ask(path)[0] in (400, 404)


def test_images_have_their_true_type(site, old_home):
    page = site.get("rows", version="small")
    id_ = page["rows"][0]["images"][0]
    status, headers, content = site.ask(f"/image/{id_}")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert hashlib.sha256(content).hexdigest() == id_
    assert site.ask(f"/image/{id_}?width=16")[1]["Content-Type"] in ("image/webp", "image/png")
    hostile = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    name = hashlib.sha256(hostile).hexdigest()
    write_file(image_path(old_home, name), hostile)
    assert site.ask(f"/image/{name}")[0] == site.ask(f"/image/{name}?width=16")[0] == 404


def test_an_image_that_the_home_lost_comes_from_the_data(site, old_home):
    row = next(one for one in site.get("rows", version="small", stage="version")["rows"])
    path = image_path(old_home, row["images"][0])
    content = path.read_bytes()
    path.unlink()
    try:
        assert site.ask(f"/image/{row['images'][0]}")[2] == content
    finally:
        write_file(path, content)


def test_is_loopback():
    assert [is_loopback(name) for name in ("127.0.0.1", "127.8.8.8", "::1", "LocalHost")] == [True] * 4
    assert [is_loopback(name) for name in ("0.0.0.0", "", "::", "example.org", "127.0.0.1.example.org")] == [False] * 5


def test_vendored_files_are_the_pinned_ones():
    top = files("ovt.view") / "vendor"
    listed = json.loads((top / "vendored.json").read_bytes())
    there = {
        f"{folder}{place.name}"
        for folder, where in (("", top), ("fonts/", top / "fonts"))
        for place in where.iterdir()
        if place.is_file()
    }
    assert there - {"vendored.json"} == listed["files"].keys()
    for name, wanted in listed["files"].items():
        assert hashlib.sha256((top / name).read_bytes()).hexdigest() == wanted, name
    for one in listed["libraries"]:
        assert f"LICENSE-{one['name'].split()[0]}" in there
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
    assert sum(len((top / name).read_bytes()) for name in there) < 750_000


def test_the_page_loads_nothing_from_elsewhere():
    found = assets()
    page = found["/"].content.decode()
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert f"/{name}" in found
    ours = script().content.decode() + found["/view.css"].content.decode() + page
    assert re.findall(r"https?://[^\s\"'`]+", ours) == []
    assert not re.search(
        r"innerHTML|dangerouslySetInnerHTML|\beval\(|document\.write|insertAdjacentHTML|\son[a-z]+=\"", ours
    )


def test_modules_are_one_script():
    text = script().content.decode()
    assert not re.search(r"^(import|export) ", text, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let) (?:\{([^}]+)\}|(\w+))", text, re.MULTILINE)
    flat = [name.strip() for group, one in names for name in (group or one).split(",")]
    assert sorted(flat) == sorted(set(flat))  # they share one scope
