"""Writes refused requests to the audit, and no faster than a disk can bear: anybody may be refused."""

import logging

from gateway.audit import AuditEvent, AuditKind, AuditLog, AuditUnavailable
from gateway.clock import Clock
from gateway.metrics.table import count_refusal
from gateway.web.auth import Refused
from gateway.web.exchange import Exchange

BURST = 20
"""How many refusals in a row are written, in one worker."""

REFILL_PER_S = 1.0
"""How many more each second."""

_log = logging.getLogger(__name__)


class RefusalLog:
    """The refusals of one worker. What is left out is counted, and the next line tells how many."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._places = float(BURST)
        self._filled_s = clock.monotonic_s()
        self._left_out = 0

    def write(self, exchange: Exchange, refused: Refused) -> None:
        """Record a refusal, without anything of the token. An audit that fails changes no answer."""
        count_refusal(refused.reason)
        if not self._take_place():
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        event = AuditEvent(
            kind=AuditKind.REFUSAL,
            request_id=exchange.request_id,
            key_id=exchange.key_id,
            route=exchange.route,
            decision="refused",
            reason=refused.reason,
            outcome=str(refused.status),
            detail=f"{left_out} refusals before this one were not written" if left_out else None,
        )
        try:
            self._audit.write(event, durable=False)
        except AuditUnavailable as error:
            _log.error("a refusal (request %s) is not in the audit: %s", exchange.request_id, error)

    def _take_place(self) -> bool:
        now_s = self._clock.monotonic_s()
        self._places = min(BURST, self._places + (now_s - self._filled_s) * REFILL_PER_S)
        self._filled_s = now_s
        if self._places < 1:
            return False
        self._places -= 1
        return True
