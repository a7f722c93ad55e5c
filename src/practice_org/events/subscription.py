"""One subscription: its position in the log, the events that the client asked for, and the keepalives."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from practice_org.events import reading, refusals
from practice_org.events.callers import EventCaller
from practice_org.events.encoding import Encoder
from practice_org.events.settings import KEEPALIVE, KEEPALIVE_SECONDS
from practice_org.events.topics import Topic
from practice_org.events.trouble import Trouble

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_REQUESTED = 100
MOST_BYTES = 2_500_000
"""Of the events of one response: gRPC clients refuse messages of more than 4 MB."""
LOOK_SECONDS = 0.5
"""How often an idle stream looks whether its session still lives and the clock has moved."""


class Requests:
    """What the client sends on a stream, taken in by a thread of its own."""

    def __init__(self, source: Iterable[Any], wake: threading.Event) -> None:
        self._source = source
        self._wake = wake
        self._came: deque[Any] = deque()
        self.ended = False
        threading.Thread(target=self._take_in, daemon=True, name="event-requests").start()

    def _take_in(self) -> None:
        try:
            for request in self._source:
                self._came.append(request)
                self._wake.set()
        except Exception:
            # The stream broke: for us the same as its end, and grpc tells the handler.
            pass
        finally:
            self.ended = True
            self._wake.set()

    def first(self) -> Any | None:
        """Wait for the first request; None when the client sends none."""
        while not self._came and not self.ended:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
        return self._came.popleft() if self._came else None

    def is_empty(self) -> bool:
        """Whether everything that came has been taken."""
        return not self._came

    def waiting(self) -> Iterator[Any]:
        """The requests that came since."""
        while self._came:
            yield self._came.popleft()


class Subscription:
    """Delivers a topic's events from a position on, never more than were asked for."""

    def __init__(self, org: Org, caller: EventCaller, topic: Topic, position: int, trouble: Trouble) -> None:
        self._org = org
        self._caller = caller
        self._topic = topic
        self._trouble = trouble
        self._encoder = Encoder(org, caller.hidden(topic))
        self.position = position
        self.pending = 0
        self._answered = time.monotonic()

    def ask(self, number: int) -> None:
        """The client is ready for so many more. Raises Refusal when it asks for none."""
        if number <= 0:
            raise refusals.bad_number()
        self.pending += min(number, MOST_REQUESTED)

    def step(self) -> tuple[list[Any], bytes] | None:
        """Events to send with the position after them, or a keepalive that is due (no events), or None.

        Raises Refusal when the session has ended.
        """
        self._org.late.settle()
        if not self._caller.alive():
            raise refusals.unauthenticated()
        events = self._deliverable() if self.pending and not self._trouble.keepalive_only else []
        if not events:
            quiet = float(self._org.setting(KEEPALIVE, KEEPALIVE_SECONDS))
            if time.monotonic() - self._answered < quiet:
                return None
        elif self._trouble.delay_seconds:
            time.sleep(self._trouble.delay_seconds)
        self._answered = time.monotonic()
        return events, reading.replay_id(self.position)

    def count(self, delivered: int) -> None:
        """Note that so many events have left. Raises Refusal when the stream is to drop after them."""
        if delivered and self._trouble.delivered(delivered):
            raise refusals.unavailable()

    def _deliverable(self) -> list[Any]:
        most = min(self.pending, MOST_REQUESTED, self._trouble.left_to_deliver())
        found, end = reading.after(self._org, self._topic, self.position, most)
        events: list[Any] = []
        size = 0
        for stored in found:
            event = self._encoder.event(stored)
            size += event.ByteSize()
            if events and (size > MOST_BYTES or len(events) >= most):
                return events
            twice = len(events) + 1 < most and self._trouble.strikes("duplicates")
            for _ in range(2 if twice else 1):
                events.append(event)
                self.pending -= 1
            self.position = stored.replay
        self.position = end
        return events


def run(
    stream: Subscription,
    requests: Requests,
    wake: threading.Event,
    active: Callable[[], bool],
    take: Callable[[Any], Iterator[Any]],
    respond: Callable[[list[Any], bytes, int], Any],
) -> Iterator[Any]:
    """Serve a stream: `take` handles a request (and may give answers), `respond` makes a response.

    Ends when the client has sent its last request and what it asked for, as far as there is, has left.
    Raises Refusal.
    """
    while active():
        wake.clear()
        ended = requests.ended
        for request in requests.waiting():
            yield from take(request)
        made = stream.step()
        if made is not None:
            yield respond(*made, stream.pending)
            stream.count(len(made[0]))
            if made[0]:
                continue
        if ended:
            return
        wake.wait(LOOK_SECONDS)
