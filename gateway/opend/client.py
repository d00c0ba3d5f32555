"""What the rest of the gateway asks OpenD through: one client a worker.

A call takes a protocol's `Request` and returns its `Response`; everything else that can happen is an
error of `gateway.opend.errors`. A write is sent at most once, and when nobody can tell whether OpenD
acted on it, the error says so.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Protocol as Interface
from typing import TypeAlias

from google.protobuf.message import EncodeError

from gateway.clock import Clock, SystemClock
from gateway.opend.connection import Connection, Fence, PushHandler
from gateway.opend.crypto import RsaCipher
from gateway.opend.errors import (
    ConnectionLost,
    FrequencyExceeded,
    NotEncodable,
    NotSent,
    OpenDError,
    OpenDFailed,
    OpenDLimited,
    OpenDUnavailable,
    OutcomeUnknown,
    ReplyUnusable,
    SentOutcomeUnknown,
    TooManyInFlight,
    WrongProcess,
)
from gateway.opend.pool import ConnectionStatus, Pool, PoolCounters
from gateway.opend.protocol import Session, parse_response
from gateway.opend.settings import ClientSettings, Endpoint
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import PROTOCOLS, Protocol

__all__ = [
    "CallGate",
    "CallKind",
    "CallObserver",
    "Client",
    "ClientSettings",
    "ClientStatus",
    "Endpoint",
    "Fence",
    "LateObserver",
    "SessionHandler",
]

_log = logging.getLogger(__name__)

SessionHandler: TypeAlias = Callable[[Connection], None]
"""Called in a greenlet of its own whenever the pinned connection has a new session, which knows
nothing of what was subscribed before."""

CallObserver: TypeAlias = Callable[[Protocol, OpenDError | None, float], None]
"""Told of each call at its end: which protocol, what was raised (None: nothing), how many seconds it took."""


LateObserver: TypeAlias = Callable[[WireMessage | OpenDError], None]
"""Told, in a greenlet of its own, of the answer to a write that came after `OutcomeUnknown` was raised:
OpenD's `Response`, or what `Client.call` would have raised for it."""


class CallGate(Interface):
    """Knows OpenD's frequency limits."""

    def admit(self, protocol: Protocol, request: WireMessage) -> None:
        """Count a call that is about to be made. Raises FrequencyExceeded where OpenD would refuse it."""
        ...

    def refused(self, protocol: Protocol, request: WireMessage) -> None:
        """OpenD refused a call, since there were too many within some seconds."""
        ...


class CallKind(StrEnum):
    """How a call travels; the same words as a route's kind."""

    READ = "read"
    REALTIME = "realtime"
    SUBSCRIPTION = "subscription"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class _Travel:
    """What a kind means: which connection, and what happens when the connection is lost."""

    is_pinned: bool = False
    is_repeated: bool = False
    is_write: bool = False


_TRAVEL = {
    CallKind.READ: _Travel(is_repeated=True),
    CallKind.REALTIME: _Travel(is_pinned=True, is_repeated=True),
    CallKind.SUBSCRIPTION: _Travel(is_pinned=True),
    CallKind.WRITE: _Travel(is_write=True),
}


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: what is asked, how it travels, and until when (monotonic time) it may be sent."""

    protocol: Protocol
    request: WireMessage
    travel: _Travel
    is_pinned: bool
    deadline_s: float
    fence: Fence | None
    on_late: LateObserver | None

    @property
    def is_numbered(self) -> bool:
        """Whether its message carries the connection's own packet number."""
        return _has_packet_id(self.protocol.proto_id)


@cache
def _has_packet_id(proto_id: int) -> bool:
    c2s = PROTOCOLS[proto_id].request.DESCRIPTOR.fields_by_name["c2s"].message_type
    return "packetID" in c2s.fields_by_name


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """The client as it stands, for health and metrics.

    `failures` has a sentence for each endpoint whose last try failed or whose connection was lost.
    """

    connections: tuple[ConnectionStatus, ...]
    in_flight: int
    queued: int
    counters: PoolCounters
    failures: dict[Endpoint, str]
    is_encrypted: bool

    @property
    def is_ready(self) -> bool:
        """Whether the pinned connection, which all endpoints need, has a session."""
        return bool(self.connections) and self.connections[0].conn_id is not None


class Client:
    """OpenD as this worker sees it. `open` it in the process that uses it, after any fork.

    `on_push` gets (proto id, plain body of the push's `Response` or its error, connection) in the reader's
    greenlet, so it must not block; `on_session` gets the pinned connection whenever it has a new
    session; `on_call` is told of each call at its end. `gate` judges each call but writes, which whoever
    sends them has judged. All may be set until `open`. Raises `RsaKeyError`
    when the key file cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
        on_push: "PushHandler | None" = None,
        on_session: SessionHandler | None = None,
        on_call: CallObserver | None = None,
    ) -> None:
        self.on_push = on_push
        self.on_session = on_session
        self.on_call = on_call
        self.gate: CallGate | None = None
        self._settings = settings
        self._clock = clock or SystemClock()
        self._rsa = RsaCipher.from_file(settings.rsa_key) if settings.rsa_key else None
        self._pool = Pool(
            settings, self._connect, clock=self._clock, jitter=jitter, on_session=self._session_began
        )

    def open(self) -> None:
        """Start connecting in the background; returns at once."""
        self._pool.open()

    def close(self) -> None:
        """End all connections. Calls that wait fail at once, writes among them as `OutcomeUnknown`."""
        self._pool.close()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the pinned connection has a session; says whether it has."""
        return self._pool.wait_ready(timeout_s)

    def status(self) -> ClientStatus:
        """The client as it stands."""
        return ClientStatus(
            self._pool.connections(),
            self._pool.in_flight,
            self._pool.queued,
            self._pool.counters,
            self._pool.failures,
            self._rsa is not None,
        )

    @property
    def session(self) -> object | None:
        """Stands for the session of the pinned connection: another object after a loss; None without one."""
        return self._pool.pinned

    @property
    def login_user_id(self) -> int:
        """Whom OpenD was logged in as when a connection last said so; 0 before the first one."""
        return self._pool.login_user_id

    def call(
        self,
        protocol: Protocol,
        request: WireMessage,
        *,
        kind: CallKind,
        pinned: bool = False,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        fence: Fence | None = None,
        on_late: LateObserver | None = None,
    ) -> WireMessage:
        """Send a `Request` and return its `Response`, whole and with `retType` 0.

        `pinned` sends a plain read over the pinned connection. `deadline_s`, a point of monotonic time,
        is stronger than `timeout_s`: no first byte is written after it, nor when `fence` says no. A
        `packetID` in the request is overwritten. `on_late` is told of an answer that comes after the
        deadline. Raises `OpenDRefused`, `OpenDLimited` or `OpenDFailed` for OpenD's own answer, and
        `NotSent` (among it `OpenDUnavailable`, `TooManyInFlight`, for what is no write
        `FrequencyExceeded`, and for a request that lacks a required field `NotEncodable`) when OpenD never
        saw it. A read may also raise `ConnectionLost`, `OpenDTimeout` and `ReplyUnusable`; a write raises
        `OutcomeUnknown` for these and for `OpenDFailed`.
        """
        travel = _TRAVEL[kind]
        started_s = self._clock.monotonic_s()
        if deadline_s is None:
            deadline_s = started_s + (timeout_s or self._settings.timeout_s)
        call = _Call(protocol, request, travel, pinned or travel.is_pinned, deadline_s, fence, on_late)
        try:
            answer = self._travel(call)
        except OpenDError as error:
            self._call_ended(protocol, error, started_s)
            if self.gate is not None and isinstance(error, OpenDLimited) and error.window_s is not None:
                self.gate.refused(protocol, request)
            raise
        self._call_ended(protocol, None, started_s)
        return answer

    def _call_ended(self, protocol: Protocol, error: OpenDError | None, started_s: float) -> None:
        if self.on_call is not None:
            self.on_call(protocol, error, self._clock.monotonic_s() - started_s)

    def _travel(self, call: _Call) -> WireMessage:
        with self._pool.place(call.deadline_s):
            try:
                return self._ask(call)
            except (SentOutcomeUnknown, ReplyUnusable, OpenDFailed) as error:
                if not call.travel.is_write:
                    raise
                text = f"{call.protocol.name} may have taken effect: {error}"
                raise OutcomeUnknown(text, error) from error

    def _ask(self, call: _Call) -> WireMessage:
        try:
            return self._ask_once(call)
        except (ConnectionLost, NotSent) as error:
            is_late = self._clock.monotonic_s() >= call.deadline_s
            if is_late or not call.travel.is_repeated or not _is_cut_off(error):
                raise
            _log.info("%s is asked once more: %s", call.protocol.name, error)
        return self._ask_once(call)

    def _ask_once(self, call: _Call) -> WireMessage:
        connection = self._pool.pick(call.deadline_s, pinned=call.is_pinned)
        if self.gate is not None and not call.travel.is_write:
            self.gate.admit(call.protocol, call.request)
        # Nothing from here to `call` lets other greenlets run, so packet ids leave in growing order.
        if call.is_numbered:
            conn_id, serial = connection.next_packet_id()
            call.request.c2s.packetID.connID = conn_id
            call.request.c2s.packetID.serialNo = serial
        try:
            body = call.request.SerializeToString()
        except EncodeError as error:
            raise NotEncodable(f"{call.protocol.name} was not sent: {error}") from error
        answer = connection.call(
            call.protocol.proto_id,
            body,
            call.deadline_s,
            call.fence,
            is_write=call.travel.is_write,
            on_late=partial(_tell_late, call.protocol, call.on_late) if call.on_late else None,
        )
        return parse_response(call.protocol, answer)

    def _connect(self, endpoint: Endpoint, is_pinned: bool) -> Connection:
        session = Session(
            client_id=self._settings.client_id,
            max_body_bytes=self._settings.max_body_bytes,
            rsa=self._rsa,
            recv_notify=is_pinned,
        )
        connection = Connection(endpoint, session, clock=self._clock, on_push=self.on_push)
        connection.open(self._settings.connect_timeout_s)
        return connection

    def _session_began(self, connection: Connection) -> None:
        if self.on_session is not None:
            self.on_session(connection)


def _tell_late(protocol: Protocol, on_late: LateObserver, outcome: bytes | OpenDError) -> None:
    try:
        answer = outcome if isinstance(outcome, OpenDError) else parse_response(protocol, outcome)
    except OpenDError as error:
        answer = error
    on_late(answer)


def _is_cut_off(error: ConnectionLost | NotSent) -> bool:
    """Whether the connection went away under the request; another one may then answer in time."""
    nowhere_to_go = OpenDUnavailable | TooManyInFlight | FrequencyExceeded | WrongProcess | NotEncodable
    return not isinstance(error, nowhere_to_go)
