"""`--set endpoint.KEY=VALUE` of an evaluation: any setting of the model's server, also its batch API."""

import json
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from PIL import Image

from ovt import api
from ovt.core.errors import RecipeError
from ovt.curate.endpoints import batches
from ovt.curate.endpoints.section import EndpointSection
from ovt.evaluation.evaluate import with_settings
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
