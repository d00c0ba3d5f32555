"""One client's socket, written to by one greenlet at a time, in whole frames, and never waited for.

Whoever has something to say puts it into the outbox and flushes: one write that does not wait. What
the client does not take at once is written by a greenlet of this socket alone.
"""

from collections import Counter
from contextlib import suppress

import gevent
from gevent import socket

from gateway.clock import Clock
from gateway.feed.inbound import ABNORMAL
from gateway.feed.message import Message
from gateway.feed.outbox import Outbox

CLOSE_LIMIT_S = 3.0
"""How long a close frame may take to be written and answered, before the connection is cut."""

STALL_LIMIT_S = 30.0
"""How long a client may accept no byte while there is something to write."""

WRITES_AT_ONCE = 4
"""How many batches one flush writes before the rest has to wait for others."""


class Peer:
    """A socket and what waits for it. `sock` is gevent's; it is closed by whoever accepted it.

    `greeting` are bytes that go out before all messages.
    `heard_s` is the monotonic time of the client's last sign of life. `code` is what the socket was or is
    being closed with, None while it is open.
    """

    def __init__(self, sock: socket.socket, clock: Clock, sent: Counter[str], greeting: bytes = b"") -> None:
        sock.settimeout(0.0)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.outbox = Outbox(sent)
        self.outbox.keep(memoryview(greeting))
        self.heard_s = clock.monotonic_s()
        self.code: int | None = None
        self._socket = sock
        self._clock = clock
        self._writer: gevent.Greenlet[[], None] | None = None
        self._moved_s = self.heard_s
        self._closes_by_s = 0.0
        self._is_ended = False

    @property
    def is_behind(self) -> bool:
        """Whether what waits is being written in the background; flushing does nothing then."""
        return self._writer is not None

    def flush(self) -> None:
        """Write what waits, as much as the socket takes at once; the rest goes out in the background."""
        if self._writer is not None or self._is_ended:
            return
        try:
            for _ in range(WRITES_AT_ONCE):
                data = self.outbox.take()
                if not data:
                    self._all_written()
                    return
                if not self._write(data):
                    break
        except OSError:
            self.cut()
            return
        self._moved_s = self._clock.monotonic_s()
        self._writer = gevent.spawn(self._write_all)

    def close(self, code: int, reason: str = "") -> list[Message]:
        """Say that it is over and why; tells what will not be sent any more. The second time does nothing.

        The client has `CLOSE_LIMIT_S` to take it and to answer, see `look`.
        """
        if self.code is not None:
            return []
        self.code = code
        self._closes_by_s = self._clock.monotonic_s() + CLOSE_LIMIT_S
        left_out = self.outbox.close(code, reason)
        self.flush()
        return left_out

    def cut(self) -> None:
        """End the connection at once, in both directions; who reads from it sees its end."""
        self.code = self.code or ABNORMAL
        self._is_ended = True
        self._shut_down(socket.SHUT_RDWR)

    def look(self, now_s: float) -> bool:
        """Cut it when it should have closed by now; says whether a client that is behind still moves."""
        if self.code is not None and now_s >= self._closes_by_s:
            self.cut()
        return self._writer is None or now_s - self._moved_s < STALL_LIMIT_S

    def receive(self, size: int) -> bytes:
        """Wait for bytes of the client; empty at the end of the stream, however it came."""
        while True:
            try:
                socket.wait_read(self._socket.fileno())
                data = self._socket.recv(size)
            except BlockingIOError:
                continue
            except OSError:
                return b""
            self.heard_s = self._clock.monotonic_s()
            return data

    def end(self) -> None:
        """Write no more, so that the socket can be closed. A close frame that is on its way may arrive."""
        if self._writer is not None:
            self._writer.join(CLOSE_LIMIT_S)
        self.cut()
        if self._writer is not None:
            self._writer.kill()

    def _write(self, data: bytes | memoryview) -> bool:
        """One write; says whether all went out, and keeps the rest. Raises OSError: the client is gone."""
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            count = 0
        if count == len(data):
            return True
        self.outbox.keep(memoryview(data)[count:])
        if count:
            self._moved_s = self.heard_s = self._clock.monotonic_s()
        return False

    def _write_all(self) -> None:
        """Write until nothing waits; the only writer meanwhile."""
        try:
            while data := self.outbox.take():
                if self._write(data):
                    self._moved_s = self.heard_s = self._clock.monotonic_s()
                    gevent.sleep(0)
                else:
                    socket.wait_write(self._socket.fileno())
        except OSError:
            self.cut()
        finally:
            self._writer = None
        self._all_written()

    def _all_written(self) -> None:
        if self.outbox.is_closed:
            self._shut_down(socket.SHUT_WR)

    def _shut_down(self, how: int) -> None:
        with suppress(OSError):  # the client was faster
            self._socket.shutdown(how)
