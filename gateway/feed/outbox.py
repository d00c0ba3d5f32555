"""What waits for one socket, and the bytes that go out next. No socket, no clock.

Messages wait without a number and get it when they become bytes, so that what is left out in between
is counted in one place: the numbers that it would have had are used up, and a gap message stands where
they are missing.
"""

from collections import Counter
from typing import Any

from gateway.feed.frame import close_frame, ping_frame, pong_frame
from gateway.feed.message import Message, MessageType, Missing, Stream, Unreadable, stamped

MAX_WAITING = 32_768
MAX_WAITING_BYTES = 32 * 1024 * 1024
"""What may wait before quotes are merged: the newest of each stream stays."""

MAX_KEPT = 4_096
"""How many of those may wait that must not be left out: trade events, replies, notices, price reminders."""

BATCH = 128
"""How many messages become bytes at once."""


class Outbox:
    """The messages for one socket, in order. Whoever offers appends to `waiting` itself.

    `sent` counts what became bytes, by type; many outboxes may share one.
    The owner writes what `take` gives, hands back with `keep` what was not accepted, and calls `settle`
    from time to time while the socket accepts nothing. `seq` is the last number that was given.
    """

    def __init__(self, sent: Counter[str]) -> None:
        self._sent = sent
        self.waiting: list[Message] = []
        self.seq = 0
        self.merged = 0
        self.is_closed = False
        self.bytes = 0
        self.kept = 0
        self._measured = 0
        self._missing = 0
        self._rest: bytes | memoryview = b""
        self._ping = b""
        self._pong = b""
        self._close = b""
        self._skipped: Counter[Stream | Unreadable] = Counter()

    def ping(self) -> None:
        """Ask for a sign of life before the next message; one that still waits is enough."""
        self._ping = ping_frame()

    def pong(self, payload: bytes) -> None:
        """Answer a ping; only the newest has to be (RFC 6455, section 5.5.3)."""
        self._pong = pong_frame(payload)

    def skip(self, what: Unreadable) -> None:
        """Use up a number for something that cannot be shown; a gap message tells of it in its place."""
        self.waiting.append(Missing(what))
        self._missing += 1

    def close(self, code: int, reason: str) -> list[Message]:
        """End with a close frame after what was begun; tells the messages that will not be sent.

        Nothing may be offered any more.
        """
        left_out = self.waiting
        self.waiting = []
        self._ping = self._pong = b""
        self._close = close_frame(code, reason)
        self._skipped.clear()
        self.is_closed = True
        self._measured = self._missing = 0
        return left_out

    def take(self) -> bytes | memoryview:
        """What to write next: whole frames, or the rest of those that were begun. Empty: all is written."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        batch = self.waiting
        is_special = self._ping or self._pong or self._skipped or self._measured or self.is_closed
        if is_special or self._missing or len(batch) > BATCH:
            return self._take_carefully()
        self.waiting = []
        return b"".join(self._stamped(batch))

    def keep(self, rest: memoryview) -> None:
        """What of the bytes taken last was not accepted."""
        self._rest = rest

    def settle(self) -> bool:
        """Merge when too much waits; says whether what may not be left out still fits."""
        self._measure()
        if len(self.waiting) > MAX_WAITING or self.bytes > MAX_WAITING_BYTES:
            self._merge()
        return self.kept <= MAX_KEPT

    def _take_carefully(self) -> bytes:
        if self.is_closed:
            frame, self._close = self._close, b""
            return frame
        parts = [self._pong, self._ping]
        self._ping = self._pong = b""
        self._skip_missing()
        if self._skipped:
            parts.append(self._gap())
        parts += self._stamped(self._taken(self._present()))
        return b"".join(parts)

    def _skip_missing(self) -> None:
        """Leave out what is missing at the begin of what waits."""
        while self._missing and isinstance(self.waiting[0], Missing):
            self._skipped[self.waiting[0].what] += 1
            self._missing -= 1
            self._taken(1)

    def _present(self) -> int:
        """How many messages are next, before something that is missing."""
        batch = self.waiting[:BATCH]
        places = (place for place, each in enumerate(batch) if isinstance(each, Missing))
        return next(places, len(batch)) if self._missing else len(batch)

    def _taken(self, count: int) -> list[Message]:
        """The next messages, which wait no longer."""
        batch = self.waiting[:count]
        del self.waiting[:count]
        self._forget(batch[: self._measured])
        return batch

    def _stamped(self, batch: list[Message]) -> list[bytes]:
        first = self.seq + 1
        self.seq += len(batch)
        self._sent.update([message.type for message in batch])
        return stamped(batch, first)

    def _gap(self) -> bytes:
        """The message that says which numbers are missing before it, and what they would have been."""
        first, last = self.seq + 1, self.seq + self._skipped.total()
        skipped: list[dict[str, Any]] = [
            {**what.fields(), "count": count} for what, count in self._skipped.items()
        ]
        self._skipped.clear()
        self.seq = last
        (frame,) = self._stamped(
            [Message(MessageType.GAP, {"from_seq": first, "to_seq": last, "skipped": skipped})]
        )
        return frame

    def _measure(self) -> None:
        """Count what came since the last time; a socket that takes its messages at once is never measured."""
        for message in self.waiting[self._measured :]:
            self.bytes += message.size
            self.kept += message.stream is None
        self._measured = len(self.waiting)

    def _forget(self, measured: list[Message]) -> None:
        self._measured -= len(measured)
        for message in measured:
            self.bytes -= message.size
            self.kept -= message.stream is None

    def _merge(self) -> None:
        """Leave out every message of which a newer one of the same stream waits."""
        newest = {message.stream: index for index, message in enumerate(self.waiting)}
        merged: list[Message] = []
        for index, message in enumerate(self.waiting):
            if message.stream is None or newest[message.stream] == index:
                merged.append(message)
            else:
                self._skipped[message.stream] += 1
                self.bytes -= message.size
        self.merged += len(self.waiting) - len(merged)
        self.waiting = merged
        self._measured = len(merged)
