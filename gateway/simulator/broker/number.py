"""Numbers at the protobuf edge: floats outside, Decimals inside."""

import math
from decimal import ROUND_DOWN, Decimal

from gateway.simulator.broker import refusals
from gateway.simulator.model import Refusal

ZERO = Decimal(0)
CENT = Decimal("0.01")

_NOISE_FREE = Decimal("0.000001")
"""Doubles are rounded to this before digits are dropped, so that 0.28999999999 stays 0.29."""


_TOO_LARGE = 1e15
"""Above this a double no longer holds cents; no price or quantity comes near."""


def from_wire(value: float, field: str) -> Decimal:
    """The decimal that a double stands for. Raises `Refusal` for NaN, infinities and absurd sizes."""
    if not math.isfinite(value) or abs(value) >= _TOO_LARGE:
        raise Refusal(refusals.NOT_FINITE.format(field=field))
    return Decimal(repr(value))


def price_from_wire(value: float, field: str, step: Decimal) -> Decimal:
    """A price with the digits below `step` dropped, as OpenD does. Raises `Refusal` unless it is > 0."""
    price = from_wire(value, field).quantize(_NOISE_FREE).quantize(step, rounding=ROUND_DOWN)
    if price <= 0:
        raise Refusal(refusals.PRICE_NOT_POSITIVE)
    return price


def qty_from_wire(value: float) -> Decimal:
    """A whole number of shares or contracts; OpenD drops the fraction. Raises `Refusal` unless it is >= 1."""
    whole = from_wire(value, "qty").to_integral_value(rounding=ROUND_DOWN)
    if whole <= 0:
        raise Refusal(refusals.QTY_NOT_POSITIVE)
    return whole


def to_lots(qty: Decimal, lot_size: int) -> Decimal:
    """`qty` rounded down to whole lots; nothing below zero."""
    return max(qty // lot_size * lot_size, ZERO)
