"""The one place from which orders go to OpenD: judged, on record, and each sent at most once.

An order's steps, and what a crash between them leaves for `gateway.trading.reconcile`:

1. It is valued and judged; with its limits charged it stands in the ledger as RESERVED.
2. The audit has on disk that it will be sent.
3. It is SENT in the ledger: from here on OpenD may have it. Its first byte is written until the
   deadline of the attempt and while the worker's lease is live, and never after: somebody else may have
   said by then that OpenD does not have it.
4. The bytes go out, and the answer comes.
5. The ledger and then the audit have the outcome. An answer that comes after the deadline of the attempt
   settles the order still, if nobody else has by then.

Before 3 nothing was sent: such an intent is ABANDONED. After 3 only OpenD knows. Daily value comes back
where OpenD said no (REJECTED), not where an order was never sent: that would take a ledger and an
audit that agree on what did not happen, just when one of them is away.
"""

import logging
from dataclasses import dataclass, replace
from decimal import Decimal

from gevent.event import Event

from gateway.audit import AuditLog, AuditUnavailable
from gateway.clock import Clock
from gateway.clock_watch import ClockWatch
from gateway.errors import GatewayError
from gateway.frequency import Frequency
from gateway.ledger.base import (
    IntentState,
    Ledger,
    LedgerUnavailable,
    Resolution,
    Step,
    TradingState,
    WrongIntentState,
)
from gateway.ledger.lease import Lease
from gateway.opend.client import CallKind, Client, Fence
from gateway.opend.errors import NotSent, OpenDError, OpenDRefused, OutcomeUnknown
from gateway.policy.engine import call_denied, decide
from gateway.policy.model import Principal, ValuedIntent
from gateway.policy.reasons import Denied, DenyReason
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.schema.protocols import Protocol, protocol_named
from gateway.schema.text import text_of
from gateway.schema.trade import ModifyOrderOp
from gateway.trading.audit_trail import AuditTrail
from gateway.trading.context import DryRun, IntentNotOpen, OrderDenied, WriteContext
from gateway.trading.intent import new_intent_id, sign_order
from gateway.trading.pricing import MARKET_BUFFER
from gateway.trading.resolution import peculiarity_of
from gateway.trading.settlement import Settlements
from gateway.trading.valuation import Valuer

__all__ = ["Desk", "DryRun", "IntentNotOpen", "OrderDenied", "WriteContext"]

PLACE_ORDER = protocol_named("Trd_PlaceOrder")
MODIFY_ORDER = protocol_named("Trd_ModifyOrder")
UNLOCK = protocol_named("Trd_UnlockTrade")

TRADING_OPERATIONS = frozenset({ModifyOrderOp.NORMAL, ModifyOrderOp.ENABLE})
"""Changes after which more may be traded than before; enabling puts an order back into the market."""

PASSING_OPERATIONS = frozenset({ModifyOrderOp.CANCEL, ModifyOrderOp.DISABLE, ModifyOrderOp.DELETE})
"""Changes that only take away. They pass whatever the limits and the kill switch say."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Cleared:
    """An order that may be sent, as long as its fence lets it."""

    valued: ValuedIntent
    fence: Fence | None


class Desk:
    """The trade writes of one worker. `timeout_s` bounds one attempt to send, from step 2 to 4.

    `lease` is the worker's, which its intents name, and without which none of them is sent; without one
    they name none. Who looks at `clock_watch` often sees a clock that is set between two orders in time.
    `frequency` knows OpenD's own limits, by which orders and unlocking are denied; without it OpenD is asked.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        audit: AuditLog,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        market_buffer: Decimal = MARKET_BUFFER,
        lease: Lease | None = None,
        frequency: Frequency | None = None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._audit = audit
        self._clock = clock
        self._timeout_s = timeout_s
        self._lease = lease
        self._frequency = frequency
        self._valuer = Valuer(client, clock, market_buffer)
        self.settlements = Settlements(ledger, clock)
        self.clock_watch = ClockWatch(clock)

    def open_intent(self) -> str:
        """A new intent's id, before anything is sent."""
        return new_intent_id(self._clock)

    def submit(self, protocol: Protocol, request: WireMessage, context: WriteContext) -> WireMessage | DryRun:
        """Send one trade write, at most once, and return OpenD's `Response`; a dry run sends nothing.

        Raises, with nothing sent: `OrderDenied`; `FieldError` and `OrderNotFound` for an order that
        cannot be judged; `IntentNotOpen`, `AuditUnavailable`, `NotSent`, and what a read of OpenD
        raises. Raises `OpenDRefused` when OpenD said no, and `OutcomeUnknown` when it was sent, or
        is being sent by another request, and nobody can tell what became of it.
        """
        trail = AuditTrail(self._audit, self._clock, context, request)
        try:
            cleared = self._judge(protocol, request, context, trail)
        except GatewayError as error:
            trail.denied(error)
            raise
        if context.is_dry_run:
            trail.would_send(is_order=cleared is not None)
            return DryRun(cleared.valued if cleared else None)
        if cleared is None:
            trail.passing()
            return self._send_passing(protocol, request, trail)
        return self._send_order(protocol, request, cleared, trail)

    def _judge(
        self, protocol: Protocol, request: WireMessage, context: WriteContext, trail: AuditTrail
    ) -> _Cleared | None:
        """What may be sent now, its limits charged; None for a write that no limit is about."""
        c2s, principal = request.c2s, context.principal
        if not _may_trade(protocol, c2s):
            _require_account(principal, c2s)
            if protocol is UNLOCK and c2s.unlock and not context.is_dry_run:
                self._admit_unlocking(request)
            return None
        trading = self._trading_state(principal)
        _require_account(principal, c2s)
        if protocol is PLACE_ORDER:
            sign_order(request, context.intent_id)
        value = self._valuer.place if protocol is PLACE_ORDER else self._valuer.modify
        valued = value(request, context, is_reducing=trading is TradingState.REDUCING)
        trail.judged(valued)
        valued, fence = self._leased(valued)
        call = self._frequency.charge_of(protocol, request) if self._frequency else None
        decision = decide(
            principal,
            valued,
            self._clock.wall_s(),
            self._ledger,
            call=call,
            dry_run=context.is_dry_run,
            stretch=self.clock_watch.stretch_s,
        )
        if isinstance(decision, Denied):
            raise OrderDenied(decision, valued)
        if not decision.is_new:
            raise OutcomeUnknown("this order is being sent by an earlier request with the same name")
        return _Cleared(valued, fence)

    def _admit_unlocking(self, request: WireMessage) -> None:
        """Raises OrderDenied where OpenD takes no more of it now."""
        call = self._frequency.charge_of(UNLOCK, request) if self._frequency else None
        if call is None:
            return
        now_s = self._clock.wall_s()
        try:
            exceeded = self._ledger.count_call(call, now_s)
        except LedgerUnavailable:
            return  # unlocking needs no ledger, and OpenD counts by itself
        if exceeded is not None:
            raise OrderDenied(call_denied(exceeded, call, now_s))

    def _leased(self, valued: ValuedIntent) -> tuple[ValuedIntent, Fence | None]:
        """The same with the worker's lease on record, and its fence; a lease that ended is renewed first."""
        if self._lease is None:
            return valued, None
        if not self._lease.is_live:
            self._lease.renew()
        fence = self._lease.fence()
        if (over := fence()) is not None:
            raise OrderDenied(Denied(DenyReason.STORE_UNAVAILABLE, {"cause": over}), valued)
        return replace(valued, intent=replace(valued.intent, lease_id=self._lease.lease_id)), fence

    def _trading_state(self, principal: Principal) -> TradingState:
        """Whether orders are let through at all, before OpenD is asked anything for them."""
        try:
            trading = self._ledger.trading_state(principal.key_id)
        except LedgerUnavailable as error:
            raise _store_away(error) from error
        if trading is TradingState.HALTED:
            raise OrderDenied(Denied(DenyReason.HALTED))
        return trading

    def _send_order(
        self, protocol: Protocol, request: WireMessage, cleared: _Cleared, trail: AuditTrail
    ) -> WireMessage:
        intent_id = cleared.valued.intent.intent_id
        deadline_s = self._clock.monotonic_s() + self._timeout_s
        peculiarity = peculiarity_of(request.c2s)
        self._announce(intent_id, peculiarity, trail)
        late = _LateAnswer(self.settlements, intent_id, trail)
        try:
            response = self._send_before(deadline_s, protocol, request, cleared.fence, late)
        except Exception as error:  # a defect, too, leaves open whether it went out, which is said at once
            outcome, steps = _outcome_of(error, peculiarity)
            self.settlements.settle(intent_id, *steps)
            trail.ended(outcome, _text_of(error))
            raise
        finally:
            late.may_settle.set()
        step = _accepted(response)
        self.settlements.settle(intent_id, step)
        trail.ended(IntentState.ACCEPTED, order_id=step.order_id)
        return response

    def _announce(self, intent_id: str, detail: str | None, trail: AuditTrail) -> None:
        """Have it on disk that the order will be sent, in the audit and then in the ledger."""
        try:
            trail.sending()
        except AuditUnavailable as error:
            self.settlements.settle(intent_id, Step(state=IntentState.ABANDONED, detail=str(error)))
            raise
        try:
            self._ledger.advance(intent_id, Step(state=IntentState.SENT, detail=detail), self._clock.wall_s())
        except LedgerUnavailable as error:
            self.settlements.settle_unsent(intent_id, str(error))
            trail.ended("not_sent", str(error))
            raise _store_away(error) from error
        except WrongIntentState as error:
            trail.ended("not_sent", str(error))
            raise IntentNotOpen(f"this order took too long to be sent; nothing was sent: {error}") from error

    def _send_before(
        self,
        deadline_s: float,
        protocol: Protocol,
        request: WireMessage,
        fence: Fence | None,
        late: "_LateAnswer",
    ) -> WireMessage:
        """Send unless it is too late: after the deadline nobody expects that the order may still go out."""
        if self._clock.monotonic_s() >= deadline_s:
            raise NotSent("the time for this order was over before its turn")
        return self._client.call(
            protocol, request, kind=CallKind.WRITE, deadline_s=deadline_s, fence=fence, on_late=late
        )

    def _send_passing(self, protocol: Protocol, request: WireMessage, trail: AuditTrail) -> WireMessage:
        try:
            response = self._client.call(protocol, request, kind=CallKind.WRITE)
        except GatewayError as error:
            trail.ended(_outcome_of(error)[0], str(error))
            raise
        finally:
            # Counted, so that orders leave OpenD's place to it; but never held back, and never late.
            if self._frequency is not None and protocol is MODIFY_ORDER:
                self._frequency.note(protocol, request)
        trail.ended(IntentState.ACCEPTED)
        return response


class _LateAnswer:
    """What is done with OpenD's answer to an order that comes when its request has given it up.

    It waits until that request has its own outcome on record (`may_settle`), so that the truth comes last.
    """

    def __init__(self, settlements: Settlements, intent_id: str, trail: AuditTrail) -> None:
        self.may_settle = Event()
        self._settlements = settlements
        self._intent_id = intent_id
        self._trail = trail

    def __call__(self, answer: WireMessage | OpenDError) -> None:
        """Settle the order, and say so in the audit, unless the ledger has this outcome already."""
        self.may_settle.wait()
        step = _step_of(answer)
        if step is None:
            _log.warning("a late answer tells nothing of intent %s: %s", self._intent_id, answer)
        elif not self._settlements.is_known(self._intent_id, step.state):
            self._settlements.settle(self._intent_id, step)
            detail = f"OpenD's answer came late: {step.detail or 'success'}"
            self._trail.ended(step.state, detail, order_id=step.order_id)


def _step_of(answer: WireMessage | OpenDError) -> Step | None:
    """What a late answer says of a sent order; None for one that leaves it open."""
    if isinstance(answer, OpenDRefused):
        return Step(state=IntentState.REJECTED, detail=str(answer))
    return None if isinstance(answer, OpenDError) else _accepted(answer)


def _accepted(response: WireMessage) -> Step:
    """OpenD took an order, and gave it these numbers."""
    order_id, order_id_ex = response.s2c.orderID or None, text_of(response.s2c.orderIDEx) or None
    return Step(state=IntentState.ACCEPTED, order_id=order_id, order_id_ex=order_id_ex)


def _may_trade(protocol: Protocol, c2s: WireMessage) -> bool:
    """Whether more may be traded after a write than before it. Raises FieldError where that is not clear."""
    if protocol is PLACE_ORDER:
        return True
    if protocol is not MODIFY_ORDER:
        return False
    if c2s.forAll and c2s.modifyOrderOp != ModifyOrderOp.CANCEL:
        raise FieldError("for_all", "found true, accepted with modify_order_op CANCEL alone")
    if c2s.modifyOrderOp not in TRADING_OPERATIONS | PASSING_OPERATIONS:
        names = ", ".join(each.name for each in ModifyOrderOp)
        raise FieldError("modify_order_op", f"found {c2s.modifyOrderOp}, accepted is one of {names}")
    return c2s.modifyOrderOp in TRADING_OPERATIONS


def _require_account(principal: Principal, c2s: WireMessage) -> None:
    """Raises OrderDenied for an account that is not the caller's, before OpenD is asked about it."""
    has_account = "header" in c2s.DESCRIPTOR.fields_by_name
    if has_account and not principal.may_use_account(c2s.header.accID):
        raise OrderDenied(Denied(DenyReason.ACCOUNT))


def _store_away(error: LedgerUnavailable) -> OrderDenied:
    return OrderDenied(Denied(DenyReason.STORE_UNAVAILABLE, {"cause": str(error)}))


def _text_of(error: Exception) -> str:
    """An error in a sentence."""
    return str(error) if isinstance(error, GatewayError) else f"the gateway failed on the way: {error!r}"


def _outcome_of(error: Exception, peculiarity: str | None = None) -> tuple[str, tuple[Step, ...]]:
    """What an error of a sent order means: a word for the audit, and the ledger's steps from SENT."""
    text = _text_of(error)
    detail = f"{peculiarity}; {text}" if peculiarity else text
    if isinstance(error, OpenDRefused):
        return IntentState.REJECTED, (Step(state=IntentState.REJECTED, detail=detail),)
    unknown = Step(state=IntentState.UNKNOWN, detail=detail)
    if isinstance(error, NotSent):
        absent = Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT, detail=detail)
        return "not_sent", (unknown, absent)
    return IntentState.UNKNOWN, (unknown,)
