"""Matching of orders against the simulator's own market.

The market does not feel the broker's orders, so what they take from a price level is remembered here
until the market shows another book: the same shares are never sold twice.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from gateway.schema.trade import OrderType
from gateway.simulator.broker.number import ZERO, to_lots
from gateway.simulator.broker.order import Order
from gateway.simulator.model import Level, MarketView, SecurityKey

_TRIGGERS_WHEN_RISING = frozenset(
    {
        (OrderType.STOP, True),
        (OrderType.STOP_LIMIT, True),
        (OrderType.MARKET_IF_TOUCHED, False),
        (OrderType.LIMIT_IF_TOUCHED, False),
    }
)
"""(order type, is a buy): those that wait for the last price to rise to the trigger; others for a fall."""


class Trade(NamedTuple):
    """What an order trades against one price level."""

    price: Decimal
    qty: Decimal


@dataclass(slots=True)
class _Taken:
    levels: tuple[Level, ...] = ()
    qty: defaultdict[Decimal, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))


class Matcher:
    """Finds what orders trade, against `market`'s books."""

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self._taken: defaultdict[tuple[SecurityKey, bool], _Taken] = defaultdict(_Taken)

    def is_triggered(self, order: Order) -> bool:
        """Whether the last price has reached the order's trigger; an order without one always is."""
        if order.trigger is None:
            return True
        last = self._market.quote(order.key).last
        is_rising = (order.order_type, order.side.is_buy) in _TRIGGERS_WHEN_RISING
        return last >= order.trigger if is_rising else last <= order.trigger

    def match(self, order: Order) -> list[Trade]:
        """Take from the book, best level first, what the order can trade within its limit."""
        taken = self._taken_now(order)
        trades = list(self._reachable(order, taken))
        total = sum((trade.qty for trade in trades), start=ZERO)
        if order.order_type is OrderType.SPECIAL_LIMIT_ALL and total < order.remaining_qty:
            return []
        for trade in trades:
            taken.qty[trade.price] += trade.qty
        if order.is_resting and order.has_limit:
            # Others come to an order that rests, and trade at its price.
            return [Trade(order.limit, total)] if total else []
        return trades

    def _taken_now(self, order: Order) -> _Taken:
        book = self._market.order_book(order.key)
        levels = book.asks if order.side.is_buy else book.bids
        side = (order.key, order.side.is_buy)
        if self._taken[side].levels != levels:
            self._taken[side] = _Taken(levels)
        return self._taken[side]

    def _reachable(self, order: Order, taken: _Taken) -> Iterator[Trade]:
        rest = order.remaining_qty
        for level in taken.levels:
            is_beyond = level.price > order.limit if order.side.is_buy else level.price < order.limit
            if is_beyond or not rest:
                return
            free = to_lots(level.volume - taken.qty[level.price], order.instrument.lot_size)
            qty = min(rest, free)
            if qty > 0:
                yield Trade(level.price, qty)
                rest -= qty
