"""Charges that tests vary one field of."""

from decimal import Decimal

from fix_intent import NOON

from gateway.ledger.base import Charge, DailyCharge, DuplicateCharge, RateCharge

DAY_S = 86_400


def rate(cap: int) -> Charge:
    return Charge(rate=RateCharge(cap))


def daily(amount: str, cap: str, *, start_s: float = NOON - DAY_S / 2, currency: str = "HKD") -> Charge:
    return Charge(daily=DailyCharge(currency, Decimal(amount), Decimal(cap), start_s, start_s + DAY_S))


def duplicate(fingerprint: str = "same", window_s: int = 10, *, is_meant: bool = False) -> Charge:
    return Charge(duplicate=DuplicateCharge(fingerprint, window_s, is_meant))
