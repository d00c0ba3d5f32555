"""What the audit says of trade writes: the lines of one request, and those of what is found out later."""

import logging
from decimal import Decimal
from typing import Any

from gateway.audit import AuditEvent, AuditKind, AuditLog, AuditUnavailable
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ledger.base import IntentRecord
from gateway.policy.model import ValuedIntent
from gateway.schema.descriptors import WireMessage
from gateway.schema.trade import ModifyOrderOp
from gateway.trading.context import OrderDenied, WriteContext
from gateway.trading.wire import ENVIRONMENTS, MARKETS

ALLOWED, DENIED = "allowed", "denied"

DRY_RUN_DETAIL = "dry run"

_log = logging.getLogger(__name__)


class AuditTrail:
    """The audit's lines of one trade write. Latencies count from when this is made."""

    def __init__(self, audit: AuditLog, clock: Clock, context: WriteContext, request: WireMessage) -> None:
        self._audit = audit
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._members: dict[str, Any] = {
            "request_id": context.request_id,
            "key_id": context.principal.key_id,
            "route": context.route,
            "intent_id": context.intent_id,
            **_asked(request.c2s),
        }
        self._is_dry_run = context.is_dry_run

    def judged(self, valued: ValuedIntent) -> None:
        """From now on the lines say what the order is, and what it is worth."""
        self._members |= _members_of(valued)

    def denied(self, error: GatewayError) -> None:
        """It will not be sent. An audit that cannot be written changes nothing about that."""
        reason = error.denied.reason.label if isinstance(error, OrderDenied) else "not_judged"
        detail = f"{DRY_RUN_DETAIL}: {error}" if self._is_dry_run else str(error)
        self._note(AuditKind.DECISION, decision=DENIED, reason=reason, detail=detail)

    def would_send(self, *, is_order: bool) -> None:
        """A dry run was allowed. Raises AuditUnavailable where the order itself would be denied."""
        write = self._write if is_order else self._note
        write(AuditKind.DECISION, decision=ALLOWED, detail=DRY_RUN_DETAIL)

    def sending(self) -> None:
        """An order will be sent; that is on disk when this returns. Raises AuditUnavailable."""
        self._write(AuditKind.SENDING, durable=True, decision=ALLOWED)

    def passing(self) -> None:
        """A write that no limit is about will be sent, whether the audit can be written or not."""
        self._note(AuditKind.SENDING, decision=ALLOWED)

    def ended(self, outcome: str, detail: str | None = None, order_id: int | None = None) -> None:
        """What became of it; it has happened, so an audit that cannot be written is only logged."""
        self._note(AuditKind.OUTCOME, outcome=outcome, detail=detail, order_id=order_id)

    def _note(self, kind: AuditKind, **members: Any) -> None:
        try:
            self._write(kind, **members)
        except AuditUnavailable as error:
            _log.error("NOT IN THE AUDIT: %s %s: %s", kind, self._members | members, error)

    def _write(self, kind: AuditKind, *, durable: bool = False, **members: Any) -> None:
        latency_ms = round((self._clock.monotonic_s() - self._started_s) * 1000, 3)
        given = {name: member for name, member in members.items() if member is not None}
        event = AuditEvent(kind=kind, latency_ms=latency_ms, **{**self._members, **given})
        self._audit.write(event, durable=durable)


def outcome_event(record: IntentRecord, outcome: str, **members: Any) -> AuditEvent:
    """The line of what was found out about an intent after its request; `members` are more of it."""
    intent = record.intent
    return AuditEvent(
        kind=AuditKind.OUTCOME,
        request_id=intent.request_id,
        key_id=intent.key_id,
        acc_id=intent.acc_id,
        environment=intent.environment,
        market=intent.market,
        code=intent.symbol,
        side=intent.side,
        quantity=intent.quantity,
        price=intent.price,
        intent_id=intent.intent_id,
        outcome=outcome,
        **members,
    )


def note_later(audit: AuditLog, record: IntentRecord, outcome: str) -> None:
    """Write what was found out about an intent by itself; logged if it cannot be written."""
    event = outcome_event(record, outcome, order_id=record.order_id, detail=record.detail or None)
    try:
        audit.write(event, durable=False)
    except AuditUnavailable as error:
        _log.error("NOT IN THE AUDIT: %s: %s", event.members(), error)


def _members_of(valued: ValuedIntent) -> dict[str, Any]:
    intent = valued.intent
    return {
        "market": intent.market,
        "code": intent.symbol,
        "side": intent.side,
        "quantity": intent.quantity,
        "price": intent.price,
        "value": valued.value,
        "currency": valued.currency or None,
        "order_id": intent.order_id,
    }


def _asked(c2s: WireMessage) -> dict[str, Any]:
    """What a request says by itself; of an unlock no more than that it is one."""
    fields = c2s.DESCRIPTOR.fields_by_name
    if "header" not in fields:
        return {"detail": "unlock" if c2s.unlock else "lock"}
    asked: dict[str, Any] = {
        "acc_id": c2s.header.accID,
        "environment": ENVIRONMENTS.get(c2s.header.trdEnv),
        "market": MARKETS.get(c2s.header.trdMarket),
    }
    if "modifyOrderOp" in fields:
        return asked | {"order_id": c2s.orderID or None, "detail": _operation(c2s)}
    return asked | {"code": c2s.code, "quantity": _shown(c2s.qty), "price": _shown(c2s.price)}


def _operation(c2s: WireMessage) -> str:
    names = {each.value: each.name.lower() for each in ModifyOrderOp}
    name = names.get(c2s.modifyOrderOp, f"operation {c2s.modifyOrderOp}")
    return f"{name}, all orders" if c2s.forAll else name


def _shown(number: float) -> Decimal | None:
    """A double as it was asked for, for people to read; also one that is no amount."""
    return Decimal(repr(number)) if number else None
