"""Pushes: what goes to which connections, and the pump that turns the market's time into quote pushes."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.opend.frame import body_sha1
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.delays import Delays
from gateway.simulator.model import Refusal
from gateway.simulator.session import Session
from gateway.simulator.subscriptions import PushTarget, Quota, Subscriptions

NOTIFY, UPDATE_ORDER, PRICE_REMINDER = 1003, 2208, 3019

NOTIFY_CONNECTION_STATUS = 3
NOTIFY_USED_QUOTA = 7
"""`Notify.NotifyType`."""

_log = logging.getLogger(__name__)


class Pushes:
    """Sends pushes to the sessions that asked for them. Each body is encoded once for all."""

    def __init__(self, clock: Clock, delays: Delays) -> None:
        self._clock = clock
        self._delays = delays
        self.sessions: dict[int, Session] = {}

    def account_push(self, acc_id: int, proto_id: int, s2c: Mapping[str, Any]) -> None:
        """Send a trade push to every session whose Trd_SubAccPush list has the account."""
        if proto_id == UPDATE_ORDER:
            self._delays.add_order_update(s2c["order"]["orderID"], self._clock.monotonic_s())
        self._send(proto_id, s2c, (session for session in self._ready() if acc_id in session.acc_ids))

    def notify(self, s2c: Mapping[str, Any]) -> None:
        """Send a Notify to every session that asked for them in InitConnect."""
        self._send(NOTIFY, s2c, (session for session in self._ready() if session.wants_notify))

    def price_reminder(self, s2c: Mapping[str, Any]) -> None:
        """Send a price reminder. Reminders belong to the login, so every session gets it."""
        self._send(PRICE_REMINDER, s2c, self._ready())

    def quote_push(self, conn_ids: Iterable[int], proto_id: int, s2c: Mapping[str, Any]) -> None:
        """Send a quote push to these connections."""
        self._send(proto_id, s2c, (self.sessions[conn_id] for conn_id in conn_ids))

    def _ready(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.ready]

    def _send(self, proto_id: int, s2c: Mapping[str, Any], receivers: Iterable[Session]) -> None:
        receivers = list(receivers)
        if not receivers:
            return
        body: bytes = PROTOCOLS[proto_id].response(retType=0, s2c=s2c).SerializeToString()
        sha1 = body_sha1(body)
        for session in receivers:
            session.push(proto_id, body, sha1)


class PushEvent(Protocol):
    """One quote push: its proto id and its S2C by protocol names."""

    @property
    def proto_id(self) -> int:
        """The push's number, such as 3005."""
        ...

    @property
    def s2c(self) -> Mapping[str, Any]:
        """The content."""
        ...


EventSource = Callable[[PushTarget, float, float], Sequence[PushEvent]]
"""The pushes of a target that fall due after the first moment and up to the second (wall seconds)."""

FirstPushSource = Callable[[PushTarget], Sequence[PushEvent]]
"""What a new registration is sent at once: what is known now."""


class QuotePump:
    """Sends the quote pushes that fell due since the last tick to the connections that registered."""

    def __init__(
        self,
        events: EventSource,
        first_push: FirstPushSource,
        subscriptions: Subscriptions,
        pushes: Pushes,
        clock: Clock,
        delays: Delays,
    ) -> None:
        self._events = events
        self._first_push = first_push
        self._subscriptions = subscriptions
        self._pushes = pushes
        self._clock = clock
        self._delays = delays
        self._pumped_until_s = clock.wall_s()
        self._waiting_for_first: set[tuple[int, PushTarget]] = set()
        self._told_quota = Quota(0, 0)

    def want_first_push(self, conn_id: int, targets: Iterable[PushTarget]) -> None:
        """Let the next tick send what is known of these targets to a connection."""
        self._waiting_for_first.update((conn_id, target) for target in targets)

    def tick(self) -> None:
        """Send what is due."""
        since_s, now_s = self._pumped_until_s, self._clock.wall_s()
        waiting, self._waiting_for_first = self._waiting_for_first, set()
        for target, conn_ids in self._subscriptions.listeners().items():
            fresh = [conn_id for conn_id in conn_ids if (conn_id, target) in waiting]
            # What fell due since the last tick is part of what a first push shows.
            settled = [conn_id for conn_id in conn_ids if (conn_id, target) not in waiting]
            if settled and now_s > since_s:
                self._send(settled, partial(self._events, target, since_s, now_s))
            if fresh:
                self._send(fresh, partial(self._first_push, target))
        self._pumped_until_s = max(since_s, now_s)
        self._tell_used_quota()

    def _send(self, conn_ids: Iterable[int], make: Callable[[], Sequence[PushEvent]]) -> None:
        started_s = self._clock.monotonic_s()
        try:
            events = make()
        except Refusal as refusal:
            # What was subscribed can expire; the other pushes of this tick must not suffer.
            _log.debug("no push: %s", refusal.ret_msg)
            return
        for event in events:
            self._pushes.quote_push(conn_ids, event.proto_id, event.s2c)
            self._delays.add_push(event.proto_id, self._clock.monotonic_s() - started_s)

    def _tell_used_quota(self) -> None:
        used = self._subscriptions.used(self._clock.monotonic_s())
        if used != self._told_quota:
            self._told_quota = used
            self._pushes.notify({"type": NOTIFY_USED_QUOTA, "usedQuota": {"usedSubQuota": used.securities}})
