"""`--set endpoint.KEY=VALUE` of an evaluation: any setting of the model's server, also its batch API."""

import json
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from PIL import Image

from ovt import api
from ovt.core.errors import OvtError, RecipeError
from ovt.curate.endpoints import batches
from ovt.curate.endpoints.section import EndpointSection
from ovt.evaluation.evaluate import endpoint_at, with_settings
from ovt.evaluation.judging import judge_at
from ovt.evaluation.results import headline

HERE = EndpointSection(base_url="http://127.0.0.1:9/v1", model="m")


def test_overrides_of_the_server_are_told_from_those_of_the_questions() -> None:
    endpoint, others = with_settings(HERE, ["k=2", "endpoint.batch=true", "endpoint.headers.x-team=a"])
    assert (endpoint.batch, endpoint.headers, others) == (True, {"x-team": "a"}, ["k=2"])
    assert with_settings(HERE, ["k=2"]) == (HERE, ["k=2"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("endpoint.bacth=true", r"--set endpoint: bacth is not a known key; did you mean batch\?"),
        ("endpoint.batch=maybe", r"--set endpoint: batch is 'maybe'"),
    ],
)
def test_what_the_server_cannot_be_told_is_one_line(override: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        with_settings(HERE, [override])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("httpfoo", "'httpfoo' is not a URL"),
        ("http://h:99999/v1", "is not a URL"),
        ("https://h/v1?api_key=pw12", "holds no user, password or query"),
        ("http://me:pw12@h/v1", "holds no user, password or query"),
    ],
)
def test_a_bad_url_is_one_line_without_its_password(url: str, said: str) -> None:
    for made in (lambda: endpoint_at(url, "m"), lambda: judge_at(f"m@{url}")):
        with pytest.raises(RecipeError, match=said) as found:
            made()
        assert "pw12" not in str(found.value)
    with pytest.raises(OvtError, match="--served-as NAME") as found:
        endpoint_at(url, None)
    assert "pw12" not in str(found.value)


def test_an_evaluation_at_half_price(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(batches, "FIRST_LOOK_S", 0.001)
    monkeypatch.setattr(batches, "LONGEST_LOOK_S", 0.01)
    Image.new("RGB", (56, 56)).save(tmp_path / "a.png")
    rows = [{"image": "a.png", "question": f"What is number {number}?", "answer": "4"} for number in range(3)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"endpoint.batch": True, "endpoint.usd_per_million_completion_tokens": 2.0, "sampling.max_tokens": 100}
    server = BatchServer()
    with server:
        asked: dict[str, Any] = {"served_as": "test-model", "set": settings, "home": tmp_path / "home"}
        told = api.plan_evaluation(server.url, tmp_path / "q.jsonl", **asked).data[0]
        assert told["cost_usd"] == pytest.approx(3 * 100 * 2.0 / 1e6 / 2)
        done = api.evaluate(server.url, tmp_path / "q.jsonl", **asked)
        assert headline(done).questions == 3
        assert server.batches
