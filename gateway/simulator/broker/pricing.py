"""From a caller's price to one that the market takes: ticks, adjustments, collars."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from gateway.simulator.broker import refusals
from gateway.simulator.broker.number import ZERO, from_wire, price_from_wire
from gateway.simulator.broker.rules import price_step
from gateway.simulator.model import MarketView, Refusal, SecurityKey

_COLLAR = Decimal("0.05")
"""How far from the last price, or from its trigger, an order at the market may fill."""


def limit_price(c2s: Any, market: MarketView, key: SecurityKey) -> Decimal:
    """The price of a call, on a tick. Raises `Refusal` where it is absent, off its tick or not adjustable."""
    if not c2s.HasField("price"):
        raise refusals.missing("price")
    price = price_from_wire(c2s.price, "price", price_step(key, c2s.price))
    adjustment = from_wire(c2s.adjustSideAndLimit, "adjustSideAndLimit") if c2s.adjustPrice else ZERO
    return on_tick(market, key, price, adjustment)


def on_tick(market: MarketView, key: SecurityKey, price: Decimal, adjustment: Decimal) -> Decimal:
    """`price` on its tick, moved up (`adjustment` > 0) or down (< 0) by at most that share of it.

    Raises `Refusal` for a price off its tick with an adjustment of zero, or with one that is too small.
    """
    tick = market.price_tick(key, price)
    if price % tick == 0:
        return price
    if not adjustment:
        raise Refusal(refusals.OFF_TICK.format(tick=tick))
    rounding = ROUND_CEILING if adjustment > 0 else ROUND_FLOOR
    moved = (price / tick).to_integral_value(rounding=rounding) * tick
    if abs(moved - price) > price * abs(adjustment) or moved <= 0:
        raise Refusal(refusals.ADJUSTMENT_TOO_LARGE)
    return moved


def trigger_price(c2s: Any, key: SecurityKey) -> Decimal:
    """`auxPrice` of a conditional order. Raises `Refusal` where it is absent or not a price."""
    if not c2s.HasField("auxPrice"):
        raise refusals.missing("auxPrice")
    return price_from_wire(c2s.auxPrice, "auxPrice", price_step(key, c2s.auxPrice))


def collar_price(reference: Decimal, *, is_buy: bool) -> Decimal:
    """The worst price of an order at the market."""
    return reference * (1 + _COLLAR if is_buy else 1 - _COLLAR)
