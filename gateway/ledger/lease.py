"""The lease by which a worker says in the ledger that it lives."""

import logging
import secrets
from collections.abc import Callable

from gateway.clock import Clock
from gateway.ledger.base import Ledger, LedgerUnavailable
from gateway.repetition import Repetition

LEASE_S = 2.5
"""How long a worker counts as living after it last said so."""

RENEW_INTERVAL_S = 0.5

OVER = "this worker could not say in the ledger that it lives"

_log = logging.getLogger(__name__)


class Lease:
    """One worker's lease, renewed in the background from `open` to `close`.

    `lease_id` is made by `open`, in the worker, so that no two workers share one; None before.
    `on_lost` is told when a renewal found that the lease had been removed meanwhile: claims that hung
    on it are gone.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.lease_id: str | None = None
        self.on_lost: Callable[[], None] | None = None
        self._ledger = ledger
        self._clock = clock
        self._renewed_s: float | None = None
        self._term = 0
        self._is_failing = False
        self._repetition = Repetition(
            "the renewal of this worker's lease", self.renew, lambda: RENEW_INTERVAL_S
        )

    @property
    def is_live(self) -> bool:
        """Whether the ledger cannot take this worker for dead yet, however late its answers come.

        False before the first renewal that succeeded.
        """
        return self._renewed_s is not None and self._clock.monotonic_s() - self._renewed_s < LEASE_S

    def fence(self) -> Callable[[], str | None]:
        """Tells at any later time whether the lease was live from now on without a gap: None, or `OVER`.

        After a gap somebody else may have finished what this worker had begun, so a lease that is live
        again does not allow what it allowed before.
        """
        term = self._term
        return lambda: None if self.is_live and self._term == term else OVER

    def open(self) -> None:
        """Begin to renew. A ledger that is away is tried again."""
        self.lease_id = secrets.token_hex(8)
        self._repetition.open()

    def close(self) -> None:
        """End the lease and what hangs on it, in the ledger too if it can be reached."""
        if not self._repetition.is_open or self.lease_id is None:
            return
        self._repetition.close()
        self._renewed_s = None
        try:
            self._ledger.end_lease(self.lease_id)
        except LedgerUnavailable as error:
            _log.warning("this worker's lease will end by itself: %s", error)

    def renew(self) -> None:
        """Renew once. The first failure of several is logged, and the success that ends them."""
        if self.lease_id is None:
            raise RuntimeError("a lease is renewed from its opening on")
        # From before the question: the ledger may count from any time until its answer.
        asked_s, wall_s = self._clock.monotonic_s(), self._clock.wall_s()
        try:
            was_there = self._ledger.renew_lease(self.lease_id, wall_s, wall_s + LEASE_S)
        except LedgerUnavailable as error:
            if not self._is_failing:
                _log.error("this worker cannot renew its lease: %s", error)
            self._is_failing = True
            return
        if self._is_failing:
            _log.info("this worker renews its lease again")
        # Until the answer: when the ledger had it, the term before may have been over.
        if self._renewed_s is None or self._clock.monotonic_s() - self._renewed_s >= LEASE_S:
            self._term += 1
        is_first, self._is_failing, self._renewed_s = self._renewed_s is None, False, asked_s
        if not was_there and not is_first and self.on_lost is not None:
            self.on_lost()
