"""A reply that comes as server-sent events, put together as if it had come in one piece.

    data: {"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "The bar"}}]}
    : keep-alive
    data: {"choices": [{"index": 0, "delta": {"content": "12"}, "finish_reason": "stop"}]}
    data: {"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 9}}
    data: [DONE]

Of several values for one field the last one counts, except texts, which are joined. A server may end without [DONE].
"""

from typing import Any

from ovt.core.untrusted import parse_json

# Parts of a delta that are not texts to be joined.
NAMES = {"role", "index", "type", "id", "format", "signature"}
DONE = b"[DONE]"


class Stream:
    """The events of one reply, as bytes in pieces of any size.

    done: whether [DONE] came. counted: whether the token counts came after the last choice, which is an end as well.
    broken: the event that holds an error, if there was one.
    """

    def __init__(self) -> None:
        self.done = False
        self.counted = False
        self.broken: dict[str, Any] | None = None
        self._rest: list[bytes] = []  # pieces of a line whose end has not come yet
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}  # by index: how it ended
        self._said: dict[int, dict[str, list[Any]]] = {}  # by index: the deltas of each field of its message

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes; ValueError if an event is not JSON."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._take(b"".join([*self._rest, end]))
            self._rest = []
        self._rest.append(rest)

    def completion(self) -> dict[str, Any]:
        """What came, as the body of a chat completion; ValueError if nothing did, or if it stops short."""
        self._take(b"".join(self._rest))
        if self.broken is not None:
            return self.broken
        ended = self.done or self.counted or any("finish_reason" in one for one in self._choices.values())
        if not self._choices or not ended:
            raise ValueError("the stream ended early")
        return {**self._head, "choices": [self._whole(index) for index in sorted(self._choices)]}

    def _whole(self, index: int) -> dict[str, Any]:
        message = {name: put_together(name, values) for name, values in self._said[index].items()}
        return {"index": index, "message": message, "finish_reason": None, **self._choices[index]}

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.strip()
        if field != b"data" or not value:
            return
        if value == DONE:
            self.done = True
            return
        event = parse_json(value)
        if not isinstance(event, dict):
            raise ValueError("an event is not an object")
        if event.get("error"):
            self.broken = event
            return
        self._head.update((name, inner) for name, inner in event.items() if name != "choices" and inner is not None)
        self.counted = bool(self._choices and event.get("usage") and not event.get("choices"))
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._add(choice)

    def _add(self, choice: dict[str, Any]) -> None:
        given = choice.get("index")
        index = given if type(given) is int else 0
        if choice.get("usage"):  # Moonshot sends it here
            self._head["usage"] = choice["usage"]
        there = self._choices.setdefault(index, {})
        there.update((name, value) for name, value in choice.items() if name in ("finish_reason", "error") and value)
        said = self._said.setdefault(index, {})
        delta = choice.get("delta") or choice.get("message")
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if value is not None:
                said.setdefault(name, []).append(value)


def put_together(name: str, values: list[Any]) -> Any:
    """One field of a message from its deltas: texts are joined, and so are lists of parts; else the last one counts."""
    if name in NAMES or not all(isinstance(value, str | list) for value in values):
        return values[-1]
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    parts = ([{"type": "text", "text": value}] if isinstance(value, str) else value for value in values)
    return [part for some in parts for part in some]
