"""What `ovt doctor` makes of a machine and of endpoints."""

import asyncio
from typing import Any

import pytest

from ovt.core.home import Home
from ovt.core.section import read_section
from ovt.curate import doctor
from ovt.curate.doctor import (
    Finding,
    Probe,
    examine,
    examine_endpoints,
    examine_home,
    examine_packages,
    judge_probe,
    probe,
)
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.recipe import Recipe


def test_a_package_that_is_too_old_fails_and_says_what_to_install():
    (wrong, fine) = examine_packages(["polars>=99", "typer>=0.1"])
    assert (wrong.status, wrong.advice) == ("fail", "pip install 'polars>=99'")
    assert fine.status == "ok"


def test_a_missing_package_fails_and_a_missing_extra_does_not():
    findings = list(examine_packages(["not-there>=1", 'nor-this>=1; extra == "vllm"']))
    assert {finding.check: finding.status for finding in findings} == {"packages": "fail", "extra vllm": "ok"}


def test_a_home_need_not_be_there_yet(tmp_path):
    assert examine_home(Home(tmp_path / "not" / "yet")).status in ("ok", "warn")


@pytest.mark.parametrize(
    ("program", "said"), [("#!/bin/sh\nexec sleep 9", "timed out"), ("#!/not/there", "No such file")]
)
def test_a_driver_that_hangs_or_cannot_be_run_is_a_warning(tmp_path, monkeypatch, program, said):
    (tmp_path / "nvidia-smi").write_text(program)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: str(tmp_path / "nvidia-smi"))
    monkeypatch.setattr(doctor, "DRIVER_S", 0.1)
    found = doctor.examine_gpu()
    assert (found.status, said in found.found) == ("warn", True)


def test_a_token_is_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    findings = list(examine(Home(tmp_path)))
    assert any(finding.check == "hub" and finding.status == "ok" for finding in findings)
    assert "verysecret" not in str(findings)


def test_what_a_probe_means():
    url = "http://127.0.0.1:8000/v1"
    assert judge_probe("a", Probe(url, error="nobody listens"), True).status == "fail"
    assert judge_probe("a", Probe(url, models=["b"], model_listed=False, accepts_images=True), True).status == "warn"
    assert judge_probe("a", Probe(url, accepts_images=False), True).status == "fail"
    assert judge_probe("a", Probe(url, accepts_images=False), False).status == "ok"
    # An alias that is not listed is a warning, but not where it would not work either.
    assert judge_probe("a", Probe(url, models=["b"], model_listed=False), True).status == "fail"
    many = [f"model-{i}" for i in range(300)]
    routed = judge_probe("a", Probe(url, models=many, model_listed=False, accepts_images=True), True)
    assert routed.found.endswith("model-7 and 292 more")
    fine = judge_probe("a", Probe(url, accepts_images=True, honours_n=True, latency_s=0.2), True)
    assert (fine.status, "k samples in one call" in fine.found) == ("ok", True)


def probes(*urls: str, model: str = "test-model", **section: Any) -> list[Probe]:
    async def run() -> list[Probe]:
        async with open_endpoint("tester", EndpointSection(base_url=list(urls), model=model, **section)) as endpoint:
            return await probe(endpoint)

    return asyncio.run(run())


def test_a_server_that_does_it_all(loopback: Any) -> None:
    (found,) = probes(loopback.url)
    assert found.error is None
    assert (found.model_listed, found.honours_n, found.accepts_images) == (True, True, True)
    assert found.latency_s > 0
    assert loopback.seen[0].body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png")


def examined(loopback: Any, **reason: Any) -> list[Finding]:
    tree = {
        "name": "a",
        "sources": [{"path": "q.jsonl"}],
        "endpoints": {"far": {"base_url": loopback.url, "model": "test-model"}},
        "reason": {"endpoint": "far", "see": "image", "prompt": "{question}", **reason},
    }
    return asyncio.run(examine_endpoints(read_section(Recipe, tree, "a")))


def test_it_asks_as_a_build_does(loopback: Any) -> None:
    said = "Unsupported value: 'temperature' does not support 0.6 with this model."
    loopback.status = lambda body: (400, {"error": {"message": said}}) if "temperature" in body else None
    (found,) = examined(loopback)
    assert (found.status, found.advice) == ("fail", 'unset = ["temperature"] in [reason]')
    assert (loopback.seen[0].body["temperature"], loopback.seen[0].body["top_p"]) == (0.6, 0.95)
    assert loopback.seen[0].body["max_tokens"] == 64
    (found,) = examined(loopback, unset=["temperature"])
    assert found.status == "ok"


def test_a_server_that_ignores_n(loopback: Any) -> None:
    loopback.honours_n = False
    (found,) = probes(loopback.url)
    assert (found.error, found.honours_n, found.accepts_images) == (None, False, True)


def test_a_server_for_text_only(loopback: Any) -> None:
    loopback.status = lambda body: (400, {"error": "no images please"}) if "image_url" in str(body) else None
    (found,) = probes(loopback.url)
    assert (found.error, found.accepts_images) == (None, False)


def test_each_url_is_told_apart(loopback: Any) -> None:
    good, dead = probes(loopback.url, "http://127.0.0.1:9/v1")
    assert good.error is None
    assert dead.error is not None
    assert "Connect" in dead.error


def test_a_model_that_is_not_served(loopback: Any) -> None:
    (found,) = probes(loopback.url, model="another")
    assert (found.models, found.model_listed) == (["test-model"], False)
    assert found.error is not None
    assert "does not exist" in found.error
