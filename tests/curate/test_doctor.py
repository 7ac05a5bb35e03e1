"""What `ovt doctor` makes of a machine and of endpoints."""

from ovt.core.home import Home
from ovt.curate.doctor import examine, examine_home, examine_packages, judge_probe
from ovt.curate.endpoints.probe import Probe


def test_a_package_that_is_too_old_fails_and_says_what_to_install():
    (wrong, fine) = examine_packages(["polars>=99", "typer>=0.1"])
    assert (wrong.status, wrong.advice) == ("fail", "pip install 'polars>=99'")
    assert fine.status == "ok"


def test_a_missing_package_fails_and_a_missing_extra_does_not():
    findings = list(examine_packages(["not-there>=1", 'nor-this>=1; extra == "vllm"']))
    assert {finding.check: finding.status for finding in findings} == {"packages": "fail", "extra vllm": "ok"}


def test_a_home_need_not_be_there_yet(tmp_path):
    assert examine_home(Home(tmp_path / "not" / "yet")).status in ("ok", "warn")


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
