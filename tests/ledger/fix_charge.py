"""Intents and charges that tests vary one field of."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.ledger.base import Charge, DailyCharge, DuplicateCharge, RateCharge
from gateway.order import Environment, Intent, IntentKind, Side

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
DAY_S = 86_400

BUY = Intent(
    intent_id="i-0",
    key_id="bot",
    request_id="r-0",
    kind=IntentKind.PLACE,
    environment=Environment.SIMULATE,
    acc_id=987654,
    market="HK",
    symbol="HK.00700",
    side=Side.BUY,
    quantity=Decimal(100),
    price=Decimal("300.05"),
    remark="gw:i-0",
)


def intent(name: int | str, **changes: Any) -> Intent:
    return replace(BUY, intent_id=f"i-{name}", **changes)


def rate(cap: int) -> Charge:
    return Charge(rate=RateCharge(cap))


def daily(amount: str, cap: str, *, start_s: float = NOON - DAY_S / 2, currency: str = "HKD") -> Charge:
    return Charge(daily=DailyCharge(currency, Decimal(amount), Decimal(cap), start_s, start_s + DAY_S))


def duplicate(fingerprint: str = "same", window_s: int = 10, *, is_meant: bool = False) -> Charge:
    return Charge(duplicate=DuplicateCharge(fingerprint, window_s, is_meant))
