"""The simulated OpenD without its sockets: bytes come in on sessions, bytes go out through their outlets."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.opend.crypto import BodyCipher, PlainCipher, RsaCipher
from gateway.opend.errors import DecryptionError, FrameError
from gateway.opend.frame import Frame, body_sha1, encode_frame
from gateway.simulator.delays import Delays
from gateway.simulator.dispatch import BAD_SHA1, INVALID, UNKNOWN_PROTOCOL, UNPARSABLE, Dispatcher, Guard
from gateway.simulator.faults import PREVENTS_EXECUTION, FaultKind, FaultPlan, deliver
from gateway.simulator.frequency import FrequencyLimiter
from gateway.simulator.model import Call, Handler, Refusal, Work
from gateway.simulator.pushes import Pushes, QuotePump
from gateway.simulator.session import Handshake, Outlet, Session
from gateway.simulator.subscription_handlers import REAL_TIME_READS, SubscriptionGuard
from gateway.simulator.subscriptions import Subscriptions, display_code

MAX_CONNECTIONS = 128
IDLE_LIMIT_S = 30.0
"""OpenD disconnects a client from which it heard nothing for so long."""

INIT_CONNECT, SUB_ACC_PUSH = 1001, 2008
ORDER_WRITES = frozenset({2202, 2205})
_PROTOBUF_FORMAT = 0

_log = logging.getLogger(__name__)


class TradingDesk(Protocol):
    """What OpenD asks of the broker beside its handlers."""

    def advance(self) -> None:
        """Match resting orders against the market now."""
        ...

    def lock(self) -> None:
        """Ask for the trade password again before real orders."""
        ...


def is_trade(proto_id: int) -> bool:
    """Whether a protocol belongs to the trade interfaces."""
    return 2000 <= proto_id < 3000


class SimulatedOpenD:
    """Holds the sessions and carries each request to its answer.

    Single-threaded: whoever owns it calls it from one thread. `handlers` are those of quotes, trade,
    subscriptions and system; InitConnect and Trd_SubAccPush are its own.
    """

    def __init__(
        self,
        *,
        handlers: Mapping[int, Handler],
        clock: Clock,
        subscriptions: Subscriptions,
        guard: SubscriptionGuard,
        pushes: Pushes,
        pump: QuotePump,
        desk: TradingDesk,
        delays: Delays,
        faults: FaultPlan,
        rsa: RsaCipher | None = None,
        frequency: FrequencyLimiter | None = None,
        trading_allowed: bool = True,
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.subscriptions = subscriptions
        self.pushes = pushes
        self.pump = pump
        self._desk = desk
        self._sessions = pushes.sessions
        self._handshake = Handshake(rsa)
        self._frequency = frequency
        self._trading_allowed = trading_allowed
        self._subscription_guard = guard
        own = {INIT_CONNECT: self._init_connect, SUB_ACC_PUSH: self._sub_acc_push}
        table = {**handlers, **own}
        self._dispatcher = Dispatcher(table, self._guards(table), clock, delays)

    def connect(self, outlet: Outlet) -> Session | None:
        """A client connected. None when it was turned away: by a fault, or as one too many."""
        if self.faults.take_for_connection():
            outlet.abort()
            return None
        if len(self._sessions) >= MAX_CONNECTIONS:
            outlet.close()
            return None
        session = Session(outlet, self.clock.monotonic_s())
        self._sessions[session.conn_id] = session
        self.subscriptions.connect(session.conn_id)
        return session

    def receive(self, session: Session, data: bytes) -> None:
        """Take bytes from a client; `answer` answers what they ask."""
        session.last_received_s = self.clock.monotonic_s()
        session.reader.receive(data)

    def answer(self, session: Session, max_requests: int = 16) -> bool:
        """Answer some of the waiting requests or a step of a long one, and return whether there may be more.

        Requests of one connection are answered in order. Bytes that are no frames end the connection.
        """
        try:
            for _ in range(max_requests):
                work = None if session.gone else session.work or self._next_work(session)
                if work is None:
                    return False
                session.work = work
                for _step in work:
                    return True
                session.work = None
        except FrameError as error:
            # How OpenD treats a broken stream is not documented; nothing after it can be trusted.
            _log.warning("connection %d is dropped: %s", session.conn_id, error)
            session.drop()
            return False
        return True

    def disconnect(self, session: Session) -> None:
        """A client is gone, by itself or dropped."""
        session.gone = True
        if self._sessions.pop(session.conn_id, None):
            self.subscriptions.disconnect(session.conn_id)

    def tick(self) -> None:
        """Let time take effect: orders match, pushes go out, silent clients are dropped."""
        self._desk.advance()
        self.pump.tick()
        now_s = self.clock.monotonic_s()
        for session in list(self._sessions.values()):
            if now_s - session.last_received_s > IDLE_LIMIT_S:
                session.drop()

    def excuse_silence(self) -> None:
        """Count every client as heard just now."""
        for session in self._sessions.values():
            session.last_received_s = self.clock.monotonic_s()

    def drop_connections(self) -> None:
        """Drop every client."""
        for session in list(self._sessions.values()):
            session.drop()
            self.disconnect(session)

    def restart(self) -> None:
        """Do as a killed and restarted OpenD: drop every client, forget sessions, quotas and windows.

        Trading is locked again. Accounts and orders stay: they live on Futu's servers.
        """
        self.drop_connections()
        self._desk.lock()
        self.subscriptions.clear()
        if self._frequency:
            self._frequency.clear()

    def snapshot(self) -> dict[str, Any]:
        """Sessions, subscriptions, quota and faults to come, for tests and curious people."""
        used = self.subscriptions.used(self.clock.monotonic_s())
        return {
            "wall_s": self.clock.wall_s(),
            "connections": [self._session_snapshot(session) for session in self._sessions.values()],
            "used_quota": used.securities,
            "used_option_quota": used.option_chains,
            "faults": [
                {
                    "kind": fault.kind,
                    "proto": fault.proto_id,
                    "times": fault.times or 0,
                    "delay_s": fault.delay_s,
                }
                for fault in self.faults.pending()
            ],
        }

    def _session_snapshot(self, session: Session) -> dict[str, Any]:
        listened = self.subscriptions.push_targets(session.conn_id)
        return {
            "conn_id": session.conn_id,
            "client_id": session.client_id,
            "ready": session.ready,
            "acc_ids": sorted(session.acc_ids),
            "subscriptions": sorted(
                f"{display_code(subscription.security)} {subscription.sub_type.name}"
                for subscription in self.subscriptions.of_connection(session.conn_id)
            ),
            "pushes": sorted(
                f"{display_code(target.subscription.security)} {target.subscription.sub_type.name}"
                for target in listened
            ),
        }

    def _next_work(self, session: Session) -> Work[None] | None:
        frame = session.reader.next_frame()
        return None if frame is None else self._handle(session, frame)

    def _handle(self, session: Session, frame: Frame) -> Work[None]:
        fault = self.faults.take_for_request(frame.proto_id)
        if fault and fault.kind in PREVENTS_EXECUTION:
            if fault.kind is FaultKind.DROP_BEFORE:
                session.drop()
            return
        body, cipher = yield from self._execute(session, frame)

        def encode(plain: bytes) -> bytes:
            encrypted = cipher.encrypt(plain)
            return encode_frame(frame.proto_id, frame.serial, encrypted, sha1=body_sha1(plain))

        delivery = deliver(fault, encode, body)
        reply_delay_s = self._frequency.reply_delay_s(frame.proto_id) if self._frequency else 0.0
        session.send(delivery.data, max(delivery.delay_s, reply_delay_s))
        session.stalled = session.stalled or delivery.stalls
        if delivery.drops:
            session.finish()

    def _execute(self, session: Session, frame: Frame) -> Work[tuple[bytes, BodyCipher]]:
        """The plain reply and what it is encrypted with.

        An InitConnect that cannot be read is refused in plain: a client with another key, or
        without one, could read nothing else.
        """
        opens = frame.proto_id == INIT_CONNECT
        cipher = self._handshake.request_cipher if opens else session.cipher
        try:
            self._require_acceptable(session, frame)
            c2s = self._dispatcher.parse(frame.proto_id, _plain_body(frame, cipher))
        except Refusal as refusal:
            reply_cipher = PlainCipher() if opens else cipher
            return self._dispatcher.refusal(frame.proto_id, refusal), reply_cipher
        reply_cipher = self._handshake.reply_cipher(c2s) if opens else cipher
        reply = yield from self._dispatcher.answer(session, frame.proto_id, c2s)
        return reply, reply_cipher

    def _require_acceptable(self, session: Session, frame: Frame) -> None:
        if frame.proto_fmt != _PROTOBUF_FORMAT:
            raise Refusal("nProtoFmtType 1 (JSON) is not supported; use 0 (protobuf)")
        if not self._dispatcher.knows(frame.proto_id):
            raise Refusal(UNKNOWN_PROTOCOL)
        if not session.ready and frame.proto_id != INIT_CONNECT:
            # Undocumented; the documentation only says that other requests wait for InitConnect.
            raise Refusal("InitConnect comes first on a connection")

    def _guards(self, proto_ids: Iterable[int]) -> dict[int, tuple[Guard, ...]]:
        """What each request has to pass, in this order."""
        return {proto_id: tuple(self._guards_of(proto_id)) for proto_id in proto_ids}

    def _guards_of(self, proto_id: int) -> Iterable[Guard]:
        if is_trade(proto_id):
            yield self._require_trading
        if proto_id in ORDER_WRITES:
            yield self._use_up_packet_id
        if self._frequency:
            yield self._count
        if proto_id in REAL_TIME_READS:
            yield self._subscription_guard.check
        if is_trade(proto_id):
            yield self._advance

    def _require_trading(self, call: Call) -> None:
        if not self._trading_allowed:
            # The rule is documented, its text is not.
            raise Refusal("OpenD listens beyond this machine: trade interfaces need an RSA key there")

    def _use_up_packet_id(self, call: Call) -> None:
        self._sessions[call.connection.conn_id].packet_ids.accept(call.c2s.packetID)

    def _count(self, call: Call) -> None:
        if self._frequency:
            self._frequency.check(call.proto_id, call.c2s, self.clock.monotonic_s())

    def _advance(self, call: Call) -> None:
        self._desk.advance()

    def _init_connect(self, call: Call) -> Mapping[str, Any]:
        return self._handshake.open(self._sessions[call.connection.conn_id], call.c2s)

    def _sub_acc_push(self, call: Call) -> Mapping[str, Any]:
        """The list is the whole one: it replaces what was asked before."""
        self._sessions[call.connection.conn_id].acc_ids = frozenset(call.c2s.accIDList)
        return {}


def _plain_body(frame: Frame, cipher: BodyCipher) -> bytes:
    """The decrypted body. Raises `Refusal` when it cannot be, or does not have its SHA-1."""
    try:
        body = cipher.decrypt(frame.body)
    except DecryptionError as error:
        raise Refusal(UNPARSABLE, INVALID) from error
    if body_sha1(body) != frame.sha1:
        raise Refusal(BAD_SHA1, INVALID)
    return body
