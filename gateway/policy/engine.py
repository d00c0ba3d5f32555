"""The one decision on an order: may this caller do this, now?

Checks come in a fixed order: kill switch, account, market, symbol, side, hours, order value, price
collar; then in one atomic step of the ledger duplicate, rate, daily value and OpenD's own frequency limit.
Whatever cannot be
decided is denied.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Context
from typing import Any, TypeAlias

from gateway.ledger.base import (
    CLOCK_TOLERANCE_S,
    CallCharge,
    Charge,
    Check,
    DailyCharge,
    DuplicateCharge,
    Exceeded,
    IntentRecord,
    Ledger,
    LedgerUnavailable,
    RateCharge,
    TradingState,
)
from gateway.policy.hours import format_moment, is_any_open, next_opening_s
from gateway.policy.model import Limits, Principal, ValuedIntent
from gateway.policy.reasons import Denied, DenyReason


@dataclass(frozen=True, slots=True)
class Allowed:
    """The order may be sent, once `record` has moved on to SENT. All its limits are charged.

    `is_new` False: this intent had been reserved before, and its record tells how far it came; it
    must not be sent from here. In a dry run nothing is charged or written.
    """

    record: IntentRecord
    is_new: bool = True


Decision: TypeAlias = Allowed | Denied
Figures: TypeAlias = dict[str, Any]


Stretch: TypeAlias = Callable[[int], int]
"""By how many seconds a window of so many has to be longer, since the wall clock was set ahead in it."""


def unstretched(window_s: int) -> int:
    """By a clock that nobody sets, windows are as long as they say."""
    return 0


def decide(
    principal: Principal,
    valued: ValuedIntent,
    now_s: float,
    ledger: Ledger,
    *,
    call: CallCharge | None = None,
    dry_run: bool = False,
    stretch: Stretch = unstretched,
) -> Decision:
    """Decide on an order and charge its limits; `now_s` is wall time, `call` what OpenD itself counts.

    A wall clock that is set ahead frees no rate window and no duplicate window: they are stretched. A day
    begins by the wall clock alone.
    Never raises LedgerUnavailable: a store that cannot be asked is a reason to deny.
    """
    try:
        trading = ledger.trading_state(principal.key_id)
        denied = check(principal, valued, trading, now_s)
        if denied:
            return denied
        charge = replace(charge_of(principal.limits, valued, now_s, stretch), call=call)
        outcome = ledger.reserve(valued.intent, charge, now_s, dry_run=dry_run)
    except LedgerUnavailable as error:
        return Denied(DenyReason.STORE_UNAVAILABLE, {"cause": str(error)})
    if isinstance(outcome, Exceeded):
        return _denied_by_ledger(outcome, charge, now_s)
    return Allowed(outcome.record, outcome.is_new)


def check(principal: Principal, valued: ValuedIntent, trading: TradingState, now_s: float) -> Denied | None:
    """The checks that need no count of earlier orders: the first that says no."""
    if valued.intent.key_id != principal.key_id:
        raise ValueError("an intent is judged by the limits of the key that it belongs to")
    return (
        _trading(trading, valued)
        or _account(principal, valued)
        or next(filter(None, (step(principal.limits, valued, now_s) for step in _LIMIT_CHECKS)), None)
    )


def _trading(trading: TradingState, valued: ValuedIntent) -> Denied | None:
    if trading is TradingState.HALTED:
        return Denied(DenyReason.HALTED)
    if trading is TradingState.REDUCING and not valued.reduces_position:
        return Denied(DenyReason.REDUCING)
    return None


def _account(principal: Principal, valued: ValuedIntent) -> Denied | None:
    return None if principal.may_use_account(valued.intent.acc_id) else Denied(DenyReason.ACCOUNT)


def _market(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    market = valued.intent.market
    if limits.allowed_markets is None or market in limits.allowed_markets:
        return None
    return Denied(DenyReason.MARKET, {"market": market})


def _symbol(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    symbol = valued.intent.symbol
    if limits.allowed_symbols is None or symbol in limits.allowed_symbols:
        return None
    return Denied(DenyReason.SYMBOL, {"symbol": symbol})


def _side(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    side = valued.intent.side
    if limits.allowed_trd_sides is None or side in limits.allowed_trd_sides:
        return None
    return Denied(DenyReason.SIDE, {"side": side})


def _hours(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    windows = limits.hours_window
    if windows is None or is_any_open(windows, now_s):
        return None
    figures = {"now": format_moment(now_s), "windows": ", ".join(map(str, windows)) or "no window"}
    return Denied(DenyReason.HOURS, figures, _wait_s(next_opening_s(windows, now_s), now_s))


def _order_value(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    if limits.needs_value and valued.value is None:
        return Denied(DenyReason.VALUE_UNKNOWN, {"symbol": valued.intent.symbol})
    if limits.max_order_value is None or valued.value is None:
        return None
    cap = limits.max_order_value.cap(valued.currency)
    if valued.value <= cap:
        return None
    return Denied(DenyReason.ORDER_VALUE, {"value": valued.value, "currency": valued.currency, "cap": cap})


_SHOWN_UP = Context(prec=6, rounding=ROUND_UP)
"""Rounds up, so that no deviation that exceeds its cap is shown as equal to it."""


def _price_collar(limits: Limits, valued: ValuedIntent, now_s: float) -> Denied | None:
    """An order without a price of its own has none that could deviate."""
    price, last_price, cap = valued.intent.price, valued.last_price, limits.max_price_deviation
    if cap is None or price is None:
        return None
    if last_price is None:
        return Denied(DenyReason.PRICE_UNKNOWN, {"symbol": valued.intent.symbol})
    if abs(price - last_price) * 100 <= cap * last_price:
        return None
    deviation = abs(price - last_price) * 100 / last_price
    figures = {"deviation": _SHOWN_UP.plus(deviation), "last_price": last_price, "cap": cap}
    return Denied(DenyReason.PRICE_DEVIATION, figures)


_LIMIT_CHECKS: tuple[Callable[[Limits, ValuedIntent, float], Denied | None], ...] = (
    _market,
    _symbol,
    _side,
    _hours,
    _order_value,
    _price_collar,
)


def charge_of(limits: Limits, valued: ValuedIntent, now_s: float, stretch: Stretch = unstretched) -> Charge:
    """What an order that passed `check` takes from its key's limits."""
    return Charge(
        closing=valued.closing,
        duplicate=_duplicate_charge(limits, valued, stretch),
        rate=_rate_charge(limits, stretch),
        daily=_daily_charge(limits, valued, now_s),
    )


def _duplicate_charge(limits: Limits, valued: ValuedIntent, stretch: Stretch) -> DuplicateCharge | None:
    window_s = limits.duplicate_window_s
    if window_s is None:
        return None
    return DuplicateCharge(fingerprint(valued), window_s + stretch(window_s), valued.is_meant)


def _rate_charge(limits: Limits, stretch: Stretch) -> RateCharge | None:
    if limits.max_orders_per_minute is None:
        return None
    charge = RateCharge(limits.max_orders_per_minute)
    return replace(charge, window_s=charge.window_s + stretch(charge.window_s))


def fingerprint(valued: ValuedIntent) -> str:
    """The same for orders that do the same to the same account, code and, for a change, order."""
    intent = valued.intent
    price = None if intent.price is None else intent.price.normalize()
    parts = (
        *(intent.kind, intent.environment, intent.acc_id, intent.market, intent.symbol, intent.side),
        *(intent.quantity.normalize(), price, intent.order_id),
    )
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _daily_charge(limits: Limits, valued: ValuedIntent, now_s: float) -> DailyCharge | None:
    if limits.max_daily_value is None or valued.increase is None:
        return None
    cap = limits.max_daily_value.cap(valued.currency)
    return DailyCharge(valued.currency, valued.increase, cap, *limits.daily_reset.day_s(now_s))


def _clock_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    return {"behind_s": exceeded.figure, "cap": CLOCK_TOLERANCE_S}


def _duplicate_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    return {"since_s": exceeded.figure, "window_s": charge.duplicate.window_s if charge.duplicate else 0}


def _rate_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    rate = charge.rate
    return {"count": exceeded.figure, "window_s": rate.window_s, "cap": rate.cap} if rate else {}


def _daily_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    daily = charge.daily
    if daily is None:
        return {}
    return {"value": exceeded.figure + daily.amount, "currency": daily.currency, "cap": daily.cap}


def _frequency_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    return _call_figures(exceeded, charge.call) if charge.call else {}


def _call_figures(exceeded: Exceeded, call: CallCharge) -> Figures:
    return {"count": exceeded.figure, "window_s": call.window_s, "cap": call.cap, "gap_s": call.gap_s}


def _no_figures(exceeded: Exceeded, charge: Charge) -> Figures:
    return {}


_LEDGER_REASONS: Mapping[Check, tuple[DenyReason, Callable[[Exceeded, Charge], Figures]]] = {
    Check.CLOCK: (DenyReason.CLOCK, _clock_figures),
    Check.HALTED: (DenyReason.HALTED, _no_figures),
    Check.REDUCING: (DenyReason.REDUCING, _no_figures),
    Check.DUPLICATE: (DenyReason.DUPLICATE, _duplicate_figures),
    Check.RATE: (DenyReason.RATE, _rate_figures),
    Check.DAILY_VALUE: (DenyReason.DAILY_VALUE, _daily_figures),
    Check.FREQUENCY: (DenyReason.FREQUENCY, _frequency_figures),
}


def _denied_by_ledger(exceeded: Exceeded, charge: Charge, now_s: float) -> Denied:
    reason, figures = _LEDGER_REASONS[exceeded.check]
    return Denied(reason, figures(exceeded, charge), _wait_s(exceeded.heals_at_s, now_s))


def call_denied(exceeded: Exceeded, call: CallCharge, now_s: float) -> Denied:
    """The denial of a call that `Ledger.count_call` found no room for."""
    return Denied(DenyReason.FREQUENCY, _call_figures(exceeded, call), _wait_s(exceeded.heals_at_s, now_s))


def _wait_s(heals_at_s: float | None, now_s: float) -> int | None:
    """Whole seconds until a moment, at least 1; None for a moment that never comes."""
    return None if heals_at_s is None else max(1, math.ceil(heals_at_s - now_s))
