"""How long a server took, and how long to wait for it, not counting time in which this process did not look.

    request's last byte out ─▶ server ─▶ answer's last byte in ─▶ (this process is busy) ─▶ read

A process that is busy, or gets no CPU, reads late what arrived long ago. On Linux the system knows when it arrived.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

TCP_INFO = getattr(socket, "TCP_INFO", None) if hasattr(socket, "SO_PEERCRED") else None  # Linux has both
AGES = struct.Struct("=44x3I")  # of struct tcp_info: milliseconds since data was sent, acknowledged and received
TICK_S = 0.02  # the system counts in steps of up to 10 ms
LATE_S = 0.1  # a deadline noticed later than this was missed by us
GRACE_S = 5.0  # for reading what has arrived; no longer than the deadline itself


class Answer(dict[str, Any]):
    """The body of a response; `seconds`: from its request's last byte to its own."""

    def __init__(self, body: Mapping[str, Any], seconds: float) -> None:
        super().__init__(body)
        self.seconds = seconds


def seconds_of(response: Mapping[str, Any], began: float) -> float:
    """How long a response took; for an embedded model, which has no connection, all the time since `began`."""
    return response.seconds if isinstance(response, Answer) else time.monotonic() - began


class Stopwatch:
    """The time of one round trip, from now on. Moments are monotonic seconds."""

    def __init__(self) -> None:
        self._sent = time.monotonic()
        self._link: Any = None

    def answered(self, response: Any) -> None:
        """To be called once the head of the response is here, while it still has its connection."""
        # The connection goes back as soon as the body is here; without this attribute our own clock has to do.
        transport = getattr(getattr(response, "_protocol", None), "transport", None)
        self._link = transport.get_extra_info("socket") if transport else None
        if (ages := self._ages()) and (sent := time.monotonic() - ages[0]) > self._sent + TICK_S:
            self._sent = sent

    def seconds(self) -> float:
        """From the request's last byte to the last one that arrived."""
        ages, now = self._ages(), time.monotonic()
        late = ages[1] if ages and ages[1] > TICK_S else 0.0
        return max(0.0, now - late - self._sent)

    def _ages(self) -> tuple[float, float] | None:
        """How many seconds ago data was last sent and received; None where the system does not tell."""
        if self._link is None or TCP_INFO is None:
            return None
        try:
            sent, _, received = AGES.unpack(self._link.getsockopt(socket.IPPROTO_TCP, TCP_INFO, AGES.size))
        except (OSError, struct.error):  # closed meanwhile
            return None
        return sent / 1000, received / 1000


class Deadline:
    """Ends a round trip that takes too long, through `limit`; each piece of a stream puts it off.

    If it is noticed late, what arrived meanwhile is read first: an answer in time counts however late it is read.
    """

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._grace = min(GRACE_S, seconds)
        self._due = self._loop.time() + seconds
        self._set()

    def put_off(self, seconds: float) -> None:
        """Moves it to this many seconds from now."""
        self._due = self._loop.time() + seconds
        if self._due < self._timer.when():
            self.close()
            self._set()

    def close(self) -> None:
        self._timer.cancel()

    def _set(self) -> None:
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        if self._due <= now and now - self._timer.when() > LATE_S and self._grace:
            self._due, self._grace = now + self._grace, 0.0
        if self._due > now:
            self._set()
        else:
            self._limit.reschedule(now)
