from ovt.core.schema import SAMPLES
from ovt.curate.endpoints.chat import Reply
from ovt.curate.stages import samples


def test_replies_become_rows_by_question_and_index(questions_of):
    replies = {
        "k1": Reply("one", "stop", 5, 7, 0.25, model="m"),
        "k2": Reply(None, error="HTTP 500"),
        "k3": Reply("three", "length"),
    }
    keys = [[("r1", "k1"), ("r2", "k2")], [("r1", "k3"), ("r2", "k4")]]
    table = samples.table(questions_of({"question_id": "a"}, {"question_id": "b"}), "reason", keys, replies)
    assert table.schema == SAMPLES
    assert table["sample_id"].to_list() == ["a-reason-0", "a-reason-1", "b-reason-0", "b-reason-1"]
    assert table["text"].to_list() == ["one", None, "three", None]
    assert table["endpoint"].to_list() == ["r1", "r2", "r1", "r2"]
    assert table["error"].to_list() == [None, "HTTP 500", None, "no reply was stored"]
    assert table.row(0, named=True) == {
        "sample_id": "a-reason-0",
        "question_id": "a",
        "stage": "reason",
        "index": 0,
        "text": "one",
        "finish_reason": "stop",
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "cost_usd": 0.25,
        "model": "m",
        "endpoint": "r1",
        "error": None,
        "reply_key": "k1",
    }


def test_no_questions_make_no_rows(questions_of):
    assert samples.table(questions_of(), "caption", [], {}).schema == SAMPLES
