"""The parts that others know by their interface, each passing everything on and measuring it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from gateway.audit import AuditEvent, AuditKind, AuditLog, AuditUnavailable
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ledger.base import Ledger, LedgerUnavailable
from gateway.metrics.table import (
    begin_at_zero,
    count_audit_line,
    count_denial,
    count_order,
    count_resolved,
    count_shared_read,
    observe_ledger_step,
    observe_opend_call,
)
from gateway.opend.errors import (
    ConnectionLost,
    FrequencyExceeded,
    NotSent,
    OpenDError,
    OpenDFailed,
    OpenDLimited,
    OpenDRefused,
    OpenDTimeout,
    OutcomeUnknown,
    ReplyUnusable,
)
from gateway.policy.reasons import DenyReason
from gateway.routes import ROUTES
from gateway.schema.protocols import Protocol
from gateway.trading.audit_trail import DENIED, DRY_RUN_DETAIL

_OUTCOMES: tuple[tuple[type[OpenDError], str], ...] = (
    (OutcomeUnknown, "unknown"),
    (FrequencyExceeded, "held_back"),
    (NotSent, "not_sent"),
    (OpenDLimited, "limited"),
    (OpenDRefused, "refused"),
    (OpenDFailed, "failed"),
    (OpenDTimeout, "timeout"),
    (ConnectionLost, "lost"),
    (ReplyUnusable, "unusable"),
    (OpenDError, "error"),
)
"""What an error of the client is called in the metrics; the first that fits."""


def call_ended(protocol: Protocol, error: OpenDError | None, seconds: float) -> None:
    """An observer for `Client.on_call`."""
    outcome = "ok" if error is None else next(word for kind, word in _OUTCOMES if isinstance(error, kind))
    observe_opend_call(protocol.name, outcome, seconds)


def call_shared(protocol: Protocol) -> None:
    """An observer for `SharedReads.on_join`."""
    count_shared_read(protocol.name)


ORDER_ROUTES = frozenset(
    route.path for route in ROUTES if route.protocol.name in ("Trd_PlaceOrder", "Trd_ModifyOrder")
)
ORDER_OUTCOMES = ("accepted", "rejected", "denied", "not_sent", "unknown")


class MeasuredAudit(AuditLog):
    """An audit whose lines are counted, and with them the orders that they tell of.

    What became of an order is said in one place, to the audit; metrics that are taken from there
    cannot say another thing.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock)
        begin_at_zero(
            routes=ORDER_ROUTES,
            outcomes=ORDER_OUTCOMES,
            denials=(reason.label for reason in DenyReason),
            audit_kinds=AuditKind,
        )

    def write(self, event: AuditEvent, *, durable: bool) -> None:
        """Append a line. Raises AuditUnavailable."""
        _count_order(event)
        try:
            super().write(event, durable=durable)
        except AuditUnavailable:
            count_audit_line(event.kind, is_written=False)
            raise
        count_audit_line(event.kind, is_written=True)


def _count_order(event: AuditEvent) -> None:
    if event.kind is AuditKind.DECISION and event.decision == DENIED and event.route in ORDER_ROUTES:
        if not (event.detail or "").startswith(DRY_RUN_DETAIL):
            count_order(event.route, DENIED)
            count_denial(event.reason or "-")
    elif event.kind is AuditKind.OUTCOME and event.outcome is not None:
        if event.route in ORDER_ROUTES:
            count_order(event.route, event.outcome)
        elif event.route is None:
            count_resolved(event.outcome)


class _MeasuredLedger:
    """Passes every step on, and measures it."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        step: Callable[..., Any] = getattr(self._ledger, name)

        def measured(*arguments: Any, **keywords: Any) -> Any:
            started_s = self._clock.monotonic_s()
            outcome = "ok"
            try:
                return step(*arguments, **keywords)
            except LedgerUnavailable:
                outcome = "unavailable"
                raise
            except GatewayError:
                outcome = "error"
                raise
            finally:
                observe_ledger_step(name, outcome, self._clock.monotonic_s() - started_s)

        return measured


def measured(ledger: Ledger, clock: Clock) -> Ledger:
    """The same ledger, each of whose steps is measured."""
    return cast(Ledger, _MeasuredLedger(ledger, clock))
