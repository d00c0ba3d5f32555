"""What is not an event but a state: looked at again and again, and set as gauges."""

import platform
from collections import Counter
from dataclasses import astuple
from importlib.metadata import version

from gateway.feed.following import Following
from gateway.feed.hub import KNOWN_CODES, Hub
from gateway.ledger.base import IntentState, Ledger, LedgerUnavailable, TradingState, TradingSwitch
from gateway.ledger.paging import all_open
from gateway.metrics.process import ProcessWatch
from gateway.metrics.table import (
    BUILD_INFO,
    CLAIMS,
    OPEND_CONNECT_FAILURES,
    OPEND_CONNECTIONS,
    OPEND_CONNECTS,
    OPEND_DROPS,
    OPEND_IN_FLIGHT,
    OPEND_QUEUED,
    OPEND_REFUSED_FULL,
    ORDERS_UNKNOWN_OPEN,
    POLICY_IS_STALE,
    SETTINGS_ARE_STALE,
    SUBSCRIPTION_QUOTA_REMAINING,
    SUBSCRIPTION_QUOTA_USED,
    SUBSCRIPTIONS_PENDING,
    TRADING_SWITCHES,
    WORKER_STARTS,
    WORKERS,
    WS_CLOSES,
    WS_EVENTS,
    WS_SOCKETS,
)
from gateway.opend.client import Client, ClientStatus
from gateway.opend.pool import PoolCounters
from gateway.opend.protocol import SessionState
from gateway.policy_watch import PolicyWatch
from gateway.repetition import Repetition
from gateway.web.blueprints.ops import DISTRIBUTION

INTERVAL_S = 1.0

_POOL_COUNTERS = (OPEND_CONNECTS, OPEND_CONNECT_FAILURES, OPEND_DROPS, OPEND_REFUSED_FULL)
"""In the order of the fields of `PoolCounters`."""


class Sampler:
    """Sets one worker's gauges from `open` to `close`.

    `policy_watch` is None in the mode without keys. `are_settings_stale` says that the worker was
    started with settings that gateway.yaml does not have any more.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        following: Following,
        hub: Hub,
        policy_watch: PolicyWatch | None,
        *,
        are_settings_stale: bool = False,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._following = following
        self._hub = hub
        self._policy_watch = policy_watch
        self._are_settings_stale = are_settings_stale
        self._process = ProcessWatch()
        self._counted = PoolCounters()
        self._repetition = Repetition("a look for the metrics", self.look, lambda: INTERVAL_S)

    def open(self) -> None:
        """Look in the background."""
        BUILD_INFO.labels(version(DISTRIBUTION), platform.python_version()).set(1)
        WORKERS.set(1)
        WORKER_STARTS.inc()
        SETTINGS_ARE_STALE.set(self._are_settings_stale)
        self._repetition.open()

    def close(self) -> None:
        """Look no longer."""
        self._repetition.close()

    def look(self) -> None:
        """Set every gauge to what holds now. What the ledger does not tell stays as it was."""
        self._process.look()
        self._look_at_opend(self._client.status())
        self._look_at_claims()
        self._look_at_sockets()
        if self._policy_watch is not None:
            POLICY_IS_STALE.set(self._policy_watch.staleness is not None)
        try:
            unknown = sum(each.state is IntentState.UNKNOWN for each in all_open(self._ledger))
            switches = self._ledger.trading_switches()
        except LedgerUnavailable:
            return
        ORDERS_UNKNOWN_OPEN.set(unknown)
        _set_switches(switches)

    def _look_at_sockets(self) -> None:
        WS_SOCKETS.set(self._hub.sockets)
        counters = self._hub.counters
        for result in ("sent", "merged", "dropped"):
            counted: Counter[str] = getattr(counters, result)
            for event_type, count in counted.items():
                WS_EVENTS.labels(event_type, result).inc(count)
            counted.clear()
        for code, count in counters.closes.items():
            WS_CLOSES.labels(str(code) if code in KNOWN_CODES else "other").inc(count)
        counters.closes.clear()

    def _look_at_claims(self) -> None:
        CLAIMS.set(len(self._following.claims.subscriptions))
        SUBSCRIPTIONS_PENDING.set(self._following.alignment.pending)
        quota = self._following.alignment.quota
        if quota is not None:
            SUBSCRIPTION_QUOTA_USED.set(quota.used)
            SUBSCRIPTION_QUOTA_REMAINING.set(quota.remaining)

    def _look_at_opend(self, status: ClientStatus) -> None:
        states = [connection.state for connection in status.connections]
        for state in SessionState:
            OPEND_CONNECTIONS.labels(state.value).set(states.count(state))
        OPEND_IN_FLIGHT.set(status.in_flight)
        OPEND_QUEUED.set(status.queued)
        now = astuple(status.counters)
        for metric, value, before in zip(_POOL_COUNTERS, now, astuple(self._counted), strict=True):
            metric.inc(value - before)
        self._counted = PoolCounters(*now)


def _set_switches(switches: list[TradingSwitch]) -> None:
    counts = Counter(("all" if switch.key_id is None else "key", switch.state) for switch in switches)
    for scope in ("all", "key"):
        for state in (TradingState.REDUCING, TradingState.HALTED):
            TRADING_SWITCHES.labels(scope, state.value).set(counts[scope, state])
