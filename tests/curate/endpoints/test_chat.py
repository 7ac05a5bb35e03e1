"""A reply's address holds everything that shapes it, and nothing else; images travel as data URLs."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.endpoints.chat import PLACE, body_pieces, data_url, mime_type, reply_keys, request_body

contents = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.one_of(
            st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=10)),
            st.builds(lambda image: {"type": "image", "image": image}, st.text("0123456789abcdef", min_size=4)),
        ),
        min_size=1,
        max_size=3,
    ),
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": contents}), min_size=1, max_size=3
)
samplings = st.dictionaries(
    st.sampled_from(["temperature", "top_p", "max_tokens", "seed", "stop"]),
    st.one_of(st.integers(0, 99), st.floats(0, 2), st.lists(st.text(max_size=3), max_size=2)),
)


def reply_key(model: str, revision: str | None, messages: Any, sampling: Any, index: int) -> str:
    """The one key of sample number `index`."""
    (key,) = reply_keys(model, revision, messages, sampling, [index])
    return key


def backwards(value: Any) -> Any:
    """The same value, every dict in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(item) for key, item in reversed(value.items())}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@given(messages, samplings, st.integers(0, 7))
def test_key_does_not_depend_on_the_order_of_dicts(messages: list, sampling: dict, index: int) -> None:
    key = reply_key("m", None, messages, sampling, index)
    assert key == reply_key("m", None, backwards(messages), backwards(sampling), index)
    assert len(bytes.fromhex(key)) == 32


@given(messages, samplings, st.integers(0, 7))
def test_any_change_of_what_shapes_a_reply_changes_the_key(messages: list, sampling: dict, index: int) -> None:
    longer = [*messages, {"role": "user", "content": "x"}]
    other_role = [{**messages[0], "role": "assistant"}, *messages[1:]]
    keys = [
        reply_key("m", None, messages, sampling, index),
        reply_key("m2", None, messages, sampling, index),
        reply_key("m", "r1", messages, sampling, index),
        reply_key("m", None, longer, sampling, index),
        reply_key("m", None, other_role, sampling, index),
        reply_key("m", None, messages, {**sampling, "min_p": 0.5}, index),
        reply_key("m", None, messages, sampling, index + 1),
    ]
    assert len(set(keys)) == len(keys)


def test_one_spelling_of_numbers_and_of_what_is_unset() -> None:
    messages = [{"role": "user", "content": "a"}]
    key = reply_key("m", None, messages, {"temperature": 1.0}, 0)
    assert key == reply_key("m", None, messages, {"temperature": 1, "top_p": None}, 0)
    assert key != reply_key("m", None, messages, {"temperature": 0.1}, 0)


def test_text_and_image_of_the_same_name_differ() -> None:
    as_text = [{"role": "user", "content": [{"type": "text", "text": "ab"}]}]
    as_image = [{"role": "user", "content": [{"type": "image", "image": "ab"}]}]
    assert reply_key("m", None, as_text, {}, 0) != reply_key("m", None, as_image, {}, 0)


def test_nan_has_no_address() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        reply_key("m", None, [{"role": "user", "content": "a"}], {"temperature": float("nan")}, 0)


def test_body_carries_images_in_place_and_n_only_where_it_is_more_than_one(png: bytes) -> None:
    asked = ({"role": "user", "content": [{"type": "image", "image": "id1"}, {"type": "text", "text": "what?"}]},)
    body = request_body("m", asked, {"max_tokens": 5}, 4, {"id1": data_url(png)}.__getitem__)
    url = str(body["messages"][0]["content"][0]["image_url"]["url"])
    assert url.startswith("data:image/png;base64,")
    assert base64.b64decode(url.partition(",")[2]) == png
    assert body["n"] == 4
    assert body["max_tokens"] == 5
    assert asked[0]["content"][0] == {"type": "image", "image": "id1"}
    assert "n" not in request_body("m", asked, {}, 1, lambda image: data_url(png))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_media_types_come_from_the_bytes(format: str) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (3, 3)).save(file, format)
    assert mime_type(file.getvalue()) == f"image/{format.lower()}"


def test_unknown_bytes_are_not_called_an_image() -> None:
    assert str(data_url(b"hello")).startswith("data:application/octet-stream;base64,")


@given(messages, samplings)
def test_a_body_is_the_json_that_it_would_be_anyway(asked: list, sampling: dict) -> None:
    body = request_body("m", asked, sampling, 4, lambda image: data_url(image.encode() * 100))
    assert b"".join(body_pieces(body)) == json.dumps(body, default=str).encode()


@pytest.mark.parametrize("url", ['data:"', "data:\\", "https://a/b.png", 7, None])
def test_a_url_that_was_not_made_here_is_escaped_as_usual(url: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}
    body = {"messages": [{"role": "user", "content": [image, "a", {"type": "image_url", "image_url": "data:x"}]}]}
    assert b"".join(body_pieces(body)) == json.dumps(body).encode()


def test_a_text_that_holds_the_mark_of_an_image_stays_a_text() -> None:
    image = {"type": "image_url", "image_url": {"url": data_url(b"\xff\xd8\xff a photo")}}
    body = {"messages": [{"role": "user", "content": [image, {"type": "text", "text": PLACE}]}]}
    assert b"".join(body_pieces(body)) == json.dumps(body, default=str).encode()
