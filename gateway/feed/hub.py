"""Brings events to the sockets of one worker: in, to whom, out, and when a socket has to end.

A push is read in the greenlet of OpenD's reader: decoded, and put into the outbox of everyone who gets
it. Nothing is written there. One greenlet then writes what waits, socket by socket, each in one write
that does not wait; so what came in one go goes out in one go.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import Event as Signal

from gateway.claim import Claims
from gateway.clock import Clock
from gateway.feed.audience import Audience, Filter, Listener
from gateway.feed.event import (
    Event,
    NotifyTarget,
    Target,
    UnusablePush,
    events_of,
    lost_target,
    own_event,
)
from gateway.feed.inbound import ABNORMAL
from gateway.feed.message import Message, Unreadable
from gateway.opend.connection import Connection
from gateway.opend.errors import OpenDError
from gateway.schema.codec import Codec
from gateway.scope import Scope

LOOK_INTERVAL_S = 0.5
PING_INTERVAL_S = 20.0
SILENCE_LIMIT_S = 2 * PING_INTERVAL_S
"""After so long without a sign of life, a ping among it, a client counts as gone."""

TURN_S = 0.005
"""How long sockets are written to before other greenlets get their turn."""

GONE, RESTART, OVERLOADED, UNAUTHORIZED = 1011, 1012, 1013, 4401
"""Codes that the gateway closes with. 4401 is of its own: HTTP's 401 among the codes for applications."""

KNOWN_CODES = frozenset({1000, 1001, 1002, 1003, 1006, 1007, 1009, GONE, RESTART, OVERLOADED, UNAUTHORIZED})
"""Codes that sockets end with, but for those that a client makes up."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HubCounters:
    """What has happened in a worker: messages by type, ends of sockets by their code."""

    sent: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)


class Hub:
    """The sockets of one worker. `on_push` is a handler for `Client.on_push`.

    `is_opend_ready` tells whether all that is claimed is being pushed.
    """

    def __init__(self, codec: Codec, clock: Clock) -> None:
        self.counters = HubCounters()
        self.is_opend_ready = False
        self._codec = codec
        self._clock = clock
        self._audience = Audience()
        self._closing: set[Listener] = set()
        self._dirty: set[Listener] = set()
        self._has_dirty = Signal()
        self._is_serving: Callable[[], bool] = lambda: True
        self._greenlets: list[gevent.Greenlet[[], None]] = []

    def open(self, is_serving: Callable[[], bool]) -> None:
        """Begin to write and to look after sockets; they are closed once `is_serving` says no."""
        self._is_serving = is_serving
        self._greenlets = [gevent.spawn(self._run_flush), gevent.spawn(self._run_look)]

    def close(self) -> None:
        """End every socket at once."""
        gevent.killall(self._greenlets)
        for listener in [*self._audience.listeners.values(), *self._closing]:
            listener.peer.cut()

    @property
    def sockets(self) -> int:
        """How many sockets are open."""
        return len(self._audience.listeners) + len(self._closing)

    def count(self, key_id: str) -> int:
        """How many sockets of a key are open."""
        return self._audience.count(key_id)

    def on_push(self, proto_id: int, body: bytes | OpenDError, connection: Connection | None = None) -> None:
        """Take a push, by the plain body of its `Response` or why there is none. Does not block.

        Whoever might have got what cannot be read is told by a gap that something is missing.
        """
        if not self._audience.listeners:
            return
        if isinstance(body, OpenDError):
            self._skip(proto_id, lost_target(proto_id))
            return
        try:
            events = events_of(proto_id, body)
        except UnusablePush as error:
            _log.warning("%s", error)
            self._skip(proto_id, error.target)
            return
        for event in events:
            self._deliver(event)

    def set_claims(self, claims: Claims) -> None:
        """Go by these claims from now on."""
        self._audience.set_claims(claims)

    def opend_changed(self, is_aligned: bool) -> None:
        """Tell sockets that events stop, or that all that is claimed is pushed again."""
        self.is_opend_ready = is_aligned
        self.announce("opend_back" if is_aligned else "opend_lost")

    def claims_lost(self) -> None:
        """Close the sockets: what they had claimed was removed, since this worker was taken for dead."""
        for listener in list(self._audience.listeners.values()):
            self.close_socket(listener, RESTART, "what this socket had claimed was lost, connect again")

    def announce(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Tell all who want notices something of the gateway itself."""
        message = own_event(event, data or {})
        for _, listeners in self._audience.receivers(NotifyTarget()):
            self._put(message, listeners)

    def join(self, listener: Listener, greeting: Message) -> None:
        """Let a socket listen; the greeting is the first that it gets."""
        listener.pinged_s = self._clock.monotonic_s()
        self._audience.add(listener)
        self.send(listener, greeting)

    def leave(self, listener: Listener) -> None:
        """A socket has ended, by whichever side's doing."""
        self._audience.remove(listener)
        self._closing.discard(listener)
        self._dirty.discard(listener)
        self._count_dropped(listener.peer.outbox.waiting)
        self.counters.closes[listener.peer.code or ABNORMAL] += 1

    def send(self, listener: Listener, message: Message) -> None:
        """Send something to one socket alone."""
        if listener.peer.code is None:
            self._put(message, (listener,))

    def pong(self, listener: Listener, payload: bytes) -> None:
        """Answer a socket's ping."""
        listener.peer.outbox.pong(payload)
        self._mark((listener,))

    def set_filter(self, listener: Listener, chosen: Filter) -> None:
        """Let a socket get what it wants now."""
        listener.filter = chosen
        self._audience.forget()

    def close_socket(self, listener: Listener, code: int, reason: str = "") -> None:
        """Close one socket; what waited for it is dropped."""
        self._audience.remove(listener)
        if listener.peer.code is None:
            self._closing.add(listener)
        self._count_dropped(listener.peer.close(code, reason))

    def look(self) -> None:
        """Do what is due: pings, and the end of sockets that may or can go on no longer."""
        now_s = self._clock.monotonic_s()
        is_serving = self._is_serving()
        for listener in list(self._audience.listeners.values()):
            if not is_serving:
                self.close_socket(listener, RESTART, "this worker ends, connect again")
            else:
                self._look_at(listener, now_s)
        for listener in list(self._closing):
            listener.peer.look(now_s)

    def _look_at(self, listener: Listener, now_s: float) -> None:
        peer = listener.peer
        if not self._may_listen(listener):
            self.close_socket(listener, UNAUTHORIZED, "the key is revoked or expired")
        elif not peer.look(now_s):
            self.close_socket(listener, OVERLOADED, "nothing was read for too long")
        elif now_s - peer.heard_s >= SILENCE_LIMIT_S:
            self.close_socket(listener, GONE, "no answer to a ping")
        elif now_s - listener.pinged_s >= PING_INTERVAL_S:
            listener.pinged_s = now_s
            peer.outbox.ping()
            self._mark((listener,))

    def _may_listen(self, listener: Listener) -> bool:
        """Whether its token still lets it listen; what else has changed of its rights is taken over."""
        principal = listener.find_principal()
        if principal is None or Scope.QUOTE_READ not in principal.scopes:
            return False
        if principal is not listener.principal:
            listener.principal = principal
            self._audience.forget()
        return True

    def _deliver(self, event: Event) -> None:
        for wanted, listeners in self._audience.receivers(event.target):
            try:
                message = event.message(self._codec, wanted)
            except Exception:  # noqa: BLE001 - a defect in one format must not take the others' events
                _log.exception("a push of protocol %d cannot be shown", event.proto_id)
                self._tell_skipped(event.proto_id, listeners)
            else:
                self._put(message, listeners)

    def _skip(self, proto_id: int, target: Target | None) -> None:
        if target is not None:
            for _, listeners in self._audience.receivers(target):
                self._tell_skipped(proto_id, listeners)

    def _tell_skipped(self, proto_id: int, listeners: tuple[Listener, ...]) -> None:
        for listener in listeners:
            listener.peer.outbox.skip(Unreadable(proto_id))
        self._mark(listeners)

    def _put(self, message: Message, listeners: tuple[Listener, ...]) -> None:
        for listener in listeners:
            listener.peer.outbox.waiting.append(message)
        self._mark(listeners)

    def _mark(self, listeners: tuple[Listener, ...]) -> None:
        self._dirty.update(listeners)
        self._has_dirty.set()

    def _run_flush(self) -> None:
        while True:
            self._has_dirty.wait()
            self._has_dirty.clear()
            self._flush()

    def _flush(self) -> None:
        """Write to every socket for which something waits, letting others run in between."""
        dirty, self._dirty = self._dirty, set()
        turn_ends_s = self._clock.monotonic_s() + TURN_S
        for listener in dirty:
            self._flush_one(listener)
            if self._clock.monotonic_s() >= turn_ends_s:
                gevent.sleep(0)
                turn_ends_s = self._clock.monotonic_s() + TURN_S

    def _flush_one(self, listener: Listener) -> None:
        peer = listener.peer
        try:
            if peer.is_behind:
                self._settle(listener)
            else:
                peer.flush()
        except Exception:  # noqa: BLE001 - a defect at one socket must not silence the others
            _log.exception("a socket is cut: it cannot be written to")
            peer.cut()

    def _settle(self, listener: Listener) -> None:
        """Bound what waits for a client that is behind."""
        outbox = listener.peer.outbox
        merged_before = outbox.merged
        fits = outbox.settle()
        self.counters.merged["quote"] += outbox.merged - merged_before
        if not fits:
            self.close_socket(listener, OVERLOADED, "too many events wait that must not be left out")

    def _count_dropped(self, messages: list[Message]) -> None:
        self.counters.dropped.update(message.type for message in messages)

    def _run_look(self) -> None:
        while True:
            gevent.sleep(LOOK_INTERVAL_S)
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever it is, sockets have to be looked after
                _log.exception("looking after the sockets failed")
