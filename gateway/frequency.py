"""OpenD's frequency limits, known beforehand: a call that would break one is not made.

Calls are counted in the ledger, so that all workers, and all gateways that share a Redis, count together;
what counts together are the calls of one login, for trade protocols of one account. Calls without a limit
cost nothing. While the ledger is out of reach reads go on uncounted: OpenD counts them itself.
"""

import logging
import math
from collections.abc import Callable
from typing import TypeVar

from gateway.clock import Clock
from gateway.ledger.base import CallCharge, Ledger, LedgerUnavailable
from gateway.opend.errors import FrequencyExceeded
from gateway.schema.descriptors import WireMessage
from gateway.schema.frequency import WINDOW_S, counted_account, limit_on
from gateway.schema.protocols import Protocol

STORE_PAUSE_S = 5.0
"""For how long a ledger is not asked again that did not answer."""

MAX_KNOWN_FULL = 1000
"""How many full windows a worker remembers."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Frequency:
    """Counts the calls of one worker together with those of all others.

    `login` tells whom OpenD is logged in as: its limits are that user's. A window that was found full is
    remembered, so that no call asks the ledger again before there can be a place.
    """

    def __init__(self, ledger: Ledger, clock: Clock, login: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._login = login
        self._full_until_s: dict[str, float] = {}
        self._store_away_until_s = -math.inf

    def charge_of(self, protocol: Protocol, request: WireMessage) -> CallCharge | None:
        """What a call counts for; None where OpenD takes any number of them."""
        limit = limit_on(protocol.proto_id, request.c2s)
        if limit is None:
            return None
        window = f"{self._login()}:{protocol.proto_id}:{counted_account(limit, request.c2s)}"
        return CallCharge(window, limit.count, WINDOW_S, limit.min_gap_s)

    def admit(self, protocol: Protocol, request: WireMessage) -> None:
        """Count a call that is about to be made. Raises FrequencyExceeded where OpenD would refuse it."""
        call = self.charge_of(protocol, request)
        if call is None:
            return
        now_s = self._clock.monotonic_s()
        full_until_s = self._full_until_s.get(call.window, now_s)
        if full_until_s > now_s:
            raise _exceeded(protocol, call, full_until_s - now_s)
        exceeded = self._ask(lambda wall_s: self._ledger.count_call(call, wall_s))
        if exceeded is not None:
            wait_s = max(0.0, (exceeded.heals_at_s or 0.0) - self._clock.wall_s())
            self._remember(call.window, now_s + wait_s, now_s)
            raise _exceeded(protocol, call, wait_s)

    def note(self, protocol: Protocol, request: WireMessage) -> None:
        """Count a call that was made whatever the window says."""
        call = self.charge_of(protocol, request)
        if call is not None:
            self._ask(lambda now_s: self._ledger.count_call(call, now_s, must_fit=False))

    def refused(self, protocol: Protocol, request: WireMessage) -> None:
        """OpenD says that a window is full; others than the gateway may have filled it."""
        call = self.charge_of(protocol, request)
        if call is not None:
            self._ask(lambda now_s: self._ledger.fill_calls(call, now_s))

    def _ask(self, step: Callable[[float], T]) -> T | None:
        """What the ledger says at a wall time; None while it is out of reach."""
        now_s = self._clock.monotonic_s()
        if now_s < self._store_away_until_s:
            return None
        try:
            return step(self._clock.wall_s())
        except LedgerUnavailable as error:
            self._store_away_until_s = now_s + STORE_PAUSE_S
            _log.warning("calls of OpenD are not counted for %g s: %s", STORE_PAUSE_S, error)
            return None

    def _remember(self, window: str, until_s: float, now_s: float) -> None:
        if len(self._full_until_s) >= MAX_KNOWN_FULL:
            self._full_until_s = {each: end_s for each, end_s in self._full_until_s.items() if end_s > now_s}
        if len(self._full_until_s) < MAX_KNOWN_FULL:
            self._full_until_s[window] = until_s


def _exceeded(protocol: Protocol, call: CallCharge, wait_s: float) -> FrequencyExceeded:
    return FrequencyExceeded(
        f"limit check failed: OpenD's frequency limit exceeded: it takes {call.cap} calls of {protocol.name} "
        f"in {call.window_s}s, and was not asked",
        max(1, math.ceil(wait_s)),
    )
