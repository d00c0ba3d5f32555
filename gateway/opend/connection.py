"""One TCP connection to OpenD under gevent: one reader, one writer for what the socket does not take at
once, many requests in flight.

Uses gevent's own socket and events, so it behaves the same with and without monkey patching.

A connection belongs to the process that opened it. After a fork the child's copies of its greenlets
notice before they touch the stream and end; every call from the child is refused.
"""

import errno
import fcntl
import logging
import os
import struct
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import gevent
from gevent import socket
from gevent.event import AsyncResult, Event

from gateway.clock import Clock
from gateway.opend.errors import (
    ConnectionLost,
    NotSent,
    OpenDError,
    OpenDTimeout,
    OpenDUnavailable,
    WrongProcess,
)
from gateway.opend.protocol import (
    Dropped,
    ProtocolFault,
    Push,
    Reply,
    Session,
    SessionInfo,
    SessionReady,
    SessionState,
    Unreadable,
)
from gateway.opend.protocol import Event as SessionEvent
from gateway.opend.settings import Endpoint
from gateway.schema.protocols import PROTOCOLS

READ_BYTES = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`SO_LINGER`: what the machine has not sent of a connection is dropped with it, also when the process
dies. Else it would be delivered when the way is free again, to an OpenD that had been asked in vain for
the order in it."""

DRAIN_S = 1.0
"""The reader's time to reach the end of the stream after a write has failed; it needs far less."""

MAX_GIVEN_UP = 1000
"""Of how many requests that timed out a late reply is still of use."""

_log = logging.getLogger(__name__)


class PacketId(NamedTuple):
    """What `Common.PacketID` must carry: the connection it travels on, and a number that only grows."""

    conn_id: int
    serial: int


Fence: TypeAlias = Callable[[], str | None]
"""Asked immediately before the first byte of a request is written: None, or why it must not be."""


@dataclass(slots=True, eq=False)
class _Outgoing:
    """A frame on its way out. `end` is where it ends in the stream, once the machine has the whole of it."""

    frame: bytes
    written: int = 0
    end: float = float("inf")

    def may_begin(self, now_s: float) -> bool:
        """Whether its first byte may still be written at this moment of monotonic time."""
        return True


@dataclass(slots=True, eq=False, kw_only=True)
class _Request(_Outgoing):
    """A request that waits for its outcome: the reply's plain body, or why there is none.

    It can be taken back as long as nothing of it was written.
    """

    deadline_s: float
    fence: Fence | None = None
    is_cancelled: bool = False
    settled: Event = field(default_factory=Event)
    outcome: bytes | OpenDError | None = None

    def may_begin(self, now_s: float) -> bool:
        """Not after its deadline: whoever waited for it, or looked for it at OpenD, has given it up."""
        if self.is_cancelled or self.settled.is_set():
            return False
        reason = self._obstacle(now_s)
        if reason is not None:
            self.settle(NotSent(f"the request was not sent: {reason}"))
        return reason is None

    def _obstacle(self, now_s: float) -> str | None:
        if now_s >= self.deadline_s:
            return "its time was over before it was written"
        return self.fence() if self.fence else None

    def settle(self, outcome: bytes | OpenDError) -> None:
        """Wake the caller."""
        self.outcome = outcome
        self.settled.set()

    def lost(self, reason: object) -> OpenDError:
        """The error for a request whose connection is gone."""
        if self.written:
            return ConnectionLost(f"the connection was lost before OpenD answered: {reason}")
        return NotSent(f"the connection was lost before the request was sent: {reason}")

    def timed_out(self, endpoint: Endpoint) -> OpenDError:
        """The error for a request whose deadline has passed."""
        if self.written:
            return OpenDTimeout(f"OpenD at {endpoint} did not answer in time")
        return NotSent(f"the request could not be written to OpenD at {endpoint} in time")


PushHandler: TypeAlias = "Callable[[int, bytes | OpenDError, Connection], None]"
"""Called with proto id, plain body or why that cannot be read, and connection, in the reader's greenlet:
it must not block."""


LateHandler: TypeAlias = Callable[[bytes | OpenDError], None]
"""Called, in a greenlet of its own, with a reply that came after its request had given it up."""


class Connection:
    """A session on a socket. `open` it once, `call` it from any greenlet of the same process.

    `closed` is set when it is over, for whatever reason; it never comes back to life.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: Session,
        *,
        clock: Clock,
        on_push: "PushHandler | None" = None,
    ) -> None:
        self.endpoint = endpoint
        self.closed = Event()
        self._session = session
        self._clock = clock
        self._on_push = on_push
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self._outgoing: deque[_Outgoing] = deque()
        self._has_outgoing = Event()
        self._waiting: dict[tuple[int, int], _Request] = {}
        self._given_up: dict[tuple[int, int], LateHandler] = {}
        self._ready: AsyncResult[SessionInfo] = AsyncResult()
        self._end_reason: OpenDError | None = None
        self._packet_serial = 0
        self._written = 0
        self._is_doubtful = False

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._session.state

    @property
    def info(self) -> SessionInfo:
        """What InitConnect agreed on. Raises `SessionStateError` before that."""
        return self._session.info

    @property
    def end_reason(self) -> OpenDError | None:
        """Why the connection is over; None while it is not."""
        return self._end_reason

    @property
    def in_flight(self) -> int:
        """How many requests wait for a reply."""
        return len(self._waiting)

    @property
    def is_doubtful(self) -> bool:
        """Whether a request's deadline passed and OpenD has sent nothing since, not even to another one.

        Such a connection may have stalled for good, long before silence ends it.
        """
        return self._is_doubtful

    def open(self, timeout_s: float) -> None:
        """Connect and do InitConnect; returns when the session is READY.

        Raises `OpenDUnavailable`, whose text names the endpoint and the reason.
        """
        try:
            self._open(self._clock.monotonic_s() + timeout_s, timeout_s)
        except OpenDError as error:
            raise OpenDUnavailable(f"{self.endpoint}: {error}") from error
        finally:
            if self._session.state is not SessionState.READY:
                self._drop(ConnectionLost("it could not be opened"))

    def close(self) -> None:
        """End the connection; requests that wait fail at once. Does nothing in another process."""
        self._drop(ConnectionLost("the gateway closed the connection"), level=logging.INFO)

    def next_packet_id(self) -> PacketId:
        """The `PacketID` for a write that is sent on this connection next.

        Take it and `call` without anything in between that lets other greenlets run, so that numbers
        reach OpenD in growing order.
        """
        self._packet_serial += 1
        return PacketId(self.info.conn_id, self._packet_serial)

    def call(
        self,
        proto_id: int,
        body: bytes,
        deadline_s: float,
        fence: Fence | None = None,
        *,
        is_write: bool = False,
        on_late: LateHandler | None = None,
    ) -> bytes:
        """Send a request and return the plain body of its reply.

        `deadline_s` is a point of the clock's monotonic time: after it no first byte is written, and
        none when the fence says no, however long this process was stopped before. Raises `NotSent` when
        no byte of the request was written and none will be; `ConnectionLost` or `OpenDTimeout` when it
        was sent and not answered; a `ReplyUnusable` when the answer cannot be read; `WrongProcess`
        after a fork. A write of which OpenD's machine has not all bytes at the deadline ends the
        connection, so that it cannot arrive later. `on_late` gets a reply that comes after `OpenDTimeout`.
        """
        self._require_own_process()
        if self._session.state is not SessionState.READY:
            raise NotSent(f"the connection to OpenD at {self.endpoint} is {self._session.state.value}")
        serial, frame = self._session.request(proto_id, body)
        waiting = self._waiting[proto_id, serial] = _Request(frame, deadline_s=deadline_s, fence=fence)
        self._post(waiting)
        try:
            waiting.settled.wait(max(0.0, deadline_s - self._clock.monotonic_s()))
            if waiting.outcome is None:
                self._is_doubtful = True
                if is_write and self._is_held(waiting):
                    self._drop(ConnectionLost("a write was not taken in time"))
                elif on_late is not None and waiting.written:
                    self._give_up((proto_id, serial), on_late)
                raise waiting.timed_out(self.endpoint)
            if isinstance(waiting.outcome, OpenDError):
                raise waiting.outcome
            return waiting.outcome
        finally:
            waiting.is_cancelled = True
            self._waiting.pop((proto_id, serial), None)

    def tick(self) -> None:
        """Do what the clock says is due: a KeepAlive, or giving up on a peer that is silent.

        The reader calls this in time by itself; a test with a clock of its own may.
        """
        if self._session.state is not SessionState.READY:
            return
        now_s = self._clock.monotonic_s()
        if now_s >= self._session.silent_until():
            self._drop(ConnectionLost("OpenD has been silent for too long, KeepAlive included"))
        elif now_s >= self._session.keep_alive_due_at():
            self._post(_Outgoing(self._session.keep_alive(now_s, self._clock.wall_s())))

    def _open(self, deadline_s: float, timeout_s: float) -> None:
        self._socket = self._connect(timeout_s)
        self._require_own_process()
        self._post(_Outgoing(self._session.start(self._clock.monotonic_s())))
        writer = gevent.spawn(self._run_writer, self._socket)
        gevent.spawn(self._run_reader, self._socket, writer)
        self._ready.wait(max(0.0, deadline_s - self._clock.monotonic_s()))
        self._require_own_process()
        if not self._ready.ready():
            raise OpenDTimeout("no answer to InitConnect in time")
        self._ready.get()

    def _connect(self, timeout_s: float) -> socket.socket:
        """A connected socket that never blocks. Raises `OpenDUnavailable`; the limit covers name lookup."""
        try:
            with gevent.Timeout(timeout_s, OpenDUnavailable("cannot connect: timed out")):
                connected = socket.create_connection(self.endpoint)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        except (OSError, UnicodeError) as error:
            raise OpenDUnavailable(f"cannot connect: {_reason(error)}") from error
        connected.setblocking(False)
        return connected

    def _is_own_process(self) -> bool:
        return os.getpid() == self._pid

    def _require_own_process(self) -> None:
        if not self._is_own_process():
            raise WrongProcess(
                f"the connection to OpenD at {self.endpoint} belongs to process {self._pid}, "
                f"not to {os.getpid()}; open a client after the fork"
            )

    def _may_go_on(self) -> bool:
        return not self.closed.is_set() and self._is_own_process()

    def _is_held(self, outgoing: _Outgoing) -> bool:
        """Whether bytes of a frame that was begun may still be on this side of the connection."""
        if not outgoing.written or self._socket is None:
            return False
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except OSError:
            return True
        (unacknowledged,) = struct.unpack("i", answer)
        return bool(self._written - unacknowledged < outgoing.end)

    def _post(self, outgoing: _Outgoing) -> None:
        """Write a frame at once where nothing waits before it and the socket takes it; else the writer does.

        Most frames fit into the socket's buffer, and another greenlet would cost more than the write.
        """
        is_first = not self._outgoing
        self._outgoing.append(outgoing)
        if not (is_first and self._is_written_at_once(outgoing)):
            self._has_outgoing.set()

    def _is_written_at_once(self, outgoing: _Outgoing) -> bool:
        """Whether no byte of the frame is left to write; an error is left for the writer to run into."""
        if self._socket is None:
            return False
        try:
            is_done = self._write_some(self._socket, outgoing)
        except OSError:
            return False
        if is_done:
            self._outgoing.popleft()
        return is_done

    def _run_writer(self, connected: socket.socket) -> None:
        try:
            while self._may_go_on():
                self._has_outgoing.wait()
                self._has_outgoing.clear()
                while self._outgoing and self._may_go_on():
                    self._write(connected, self._outgoing[0])
                    self._outgoing.popleft()
        except OSError as error:
            # What OpenD answered before it went is still to be read: an order's fate may be in it.
            self.closed.wait(DRAIN_S)
            self._drop(ConnectionLost(f"cannot write to OpenD: {_reason(error)}"))

    def _write(self, connected: socket.socket, outgoing: _Outgoing) -> None:
        """Write a whole frame, or nothing of it when its first byte may not be written any more."""
        is_done = False
        while not is_done:
            try:
                is_done = self._write_some(connected, outgoing)
            except BlockingIOError:
                socket.wait_write(connected.fileno())
                if not self._may_go_on():
                    return

    def _write_some(self, connected: socket.socket, outgoing: _Outgoing) -> bool:
        """Write what the socket takes of a frame. Says whether nothing of it is left to write."""
        if not (outgoing.written or outgoing.may_begin(self._clock.monotonic_s())):
            return True
        sent = connected.send(memoryview(outgoing.frame)[outgoing.written :])
        outgoing.written += sent
        self._written += sent
        if outgoing.written < len(outgoing.frame):
            return False
        outgoing.end = self._written
        return True

    def _run_reader(self, connected: socket.socket, writer: "gevent.Greenlet[..., None]") -> None:
        """Read until the connection is over; then, in the process that owns it, free the socket."""
        reason = "its reader ended"
        try:
            while self._may_go_on():
                with suppress(BlockingIOError):
                    self._read(connected)
        except OSError as error:
            reason = f"cannot read from OpenD: {_reason(error)}"
        finally:
            if self._is_own_process():
                self._drop(ConnectionLost(reason))
                writer.join()
                connected.close()

    def _read(self, connected: socket.socket) -> None:
        """Wait for bytes or for the next thing due, handle the bytes, then what is due.

        The wait comes first even when bytes are there, so that a flood of pushes lets other
        greenlets run; the process is checked after it, before a byte is taken from the stream.
        """
        is_readable = self._wait_readable(connected)
        if not self._may_go_on():
            return
        if is_readable:
            data = connected.recv(READ_BYTES)
            self._is_doubtful = False
            for event in self._session.receive(data, self._clock.monotonic_s()):
                self._handle(event)
        self.tick()

    def _wait_readable(self, connected: socket.socket) -> bool:
        try:
            socket.wait_read(connected.fileno(), self._wait_s())
        except TimeoutError:
            return False
        return True

    def _wait_s(self) -> float | None:
        """Seconds until something is due; None before READY, when `open` watches the time."""
        if self._session.state is not SessionState.READY:
            return None
        due_s = min(self._session.keep_alive_due_at(), self._session.silent_until())
        return max(0.0, due_s - self._clock.monotonic_s())

    def _handle(self, event: SessionEvent) -> None:
        match event:
            case Reply(proto_id, serial, body):
                self._settle(proto_id, serial, body)
            case Unreadable(proto_id, serial, error):
                _log.warning("%s: unusable frame (serial %d): %s", self.endpoint, serial, error)
                if PROTOCOLS[proto_id].is_push:
                    self._push(proto_id, error)
                else:
                    self._settle(proto_id, serial, error)
            case Push(proto_id, body):
                self._push(proto_id, body)
            case SessionReady(info):
                _log.info(
                    "%s: connected, conn_id %d, OpenD %d", self.endpoint, info.conn_id, info.server_version
                )
                self._ready.set(info)
            case Dropped(proto_id, serial, reason):
                _log.debug("%s: dropped protocol %d, serial %d: %s", self.endpoint, proto_id, serial, reason)
            case ProtocolFault(fault):
                self._drop(fault)

    def _give_up(self, request: tuple[int, int], on_late: LateHandler) -> None:
        """Wait no longer for a reply, but know whose it is if it comes; of very many, of the newest."""
        while len(self._given_up) >= MAX_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]
        self._given_up[request] = on_late

    def _settle(self, proto_id: int, serial: int, outcome: bytes | OpenDError) -> None:
        waiting = self._waiting.pop((proto_id, serial), None)
        on_late = self._given_up.pop((proto_id, serial), None)
        if waiting is not None:
            waiting.settle(outcome)
        elif on_late is not None:
            _log.warning("%s: a reply is late (protocol %d, serial %d)", self.endpoint, proto_id, serial)
            gevent.spawn(on_late, outcome)
        else:
            _log.warning(
                "%s: nobody waits for this frame (protocol %d, serial %d)", self.endpoint, proto_id, serial
            )

    def _push(self, proto_id: int, body: bytes | OpenDError) -> None:
        if self._on_push is None:
            return
        try:
            self._on_push(proto_id, body, self)
        except Exception:  # noqa: BLE001 - a defect of the subscriber must not stop the reader
            _log.exception("%s: the handler of push %d failed", self.endpoint, proto_id)

    def _drop(self, error: OpenDError, *, level: int = logging.WARNING) -> None:
        """End the connection and fail at once whatever waits on it.

        Does nothing the second time, nor in a process that holds only a copy after a fork.
        """
        if not self._may_go_on():
            return
        if self._ready.successful():
            _log.log(level, "%s: connection ended: %s", self.endpoint, error)
        self._end_reason = error
        self.closed.set()
        self._session.close()
        for waiting in self._waiting.values():
            waiting.settle(waiting.lost(error))
        self._waiting.clear()
        self._given_up.clear()
        if not self._ready.ready():
            self._ready.set_exception(error)
        self._wake_greenlets()

    def _wake_greenlets(self) -> None:
        """Let reader and writer see that it is over; `shutdown` also tells OpenD, whoever holds a copy."""
        self._has_outgoing.set()
        if self._socket is None:
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno not in {errno.ENOTCONN, errno.EBADF}:
                raise


def _reason(error: OSError | UnicodeError) -> str:
    """The error's sentence without its number, where it has one."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
