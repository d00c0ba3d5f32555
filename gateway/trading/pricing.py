"""What an order asks for in money: its price, its trigger, and the worst price at which it may fill.

A cap on an order's value is a cap on what may be traded. So a buy order with a limit is worth its
limit, above which it never fills. A sell order fills at its limit or above, so one with a limit far
below the market is an order at the market: it is worth the highest of its limit, its trigger and
what the market pays. An order without a limit is worth its reference price and a buffer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.order import Side
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.schema.trade import OrderType, TrailType
from gateway.trading.amount import known, positive, product
from gateway.trading.wire import SIDES

MARKET_BUFFER = Decimal("0.05")
"""By which part of its reference price an order at the market may fill worse than that."""

_PER_CENT = Decimal("0.01")
_T = OrderType


@dataclass(frozen=True, slots=True)
class PriceRule:
    """Which prices an order type has; one without a limit fills at the market's price."""

    has_limit: bool = False
    has_trigger: bool = False
    trails: bool = False


_LIMIT = PriceRule(has_limit=True)
_MARKET = PriceRule()

PRICE_RULES: Mapping[int, PriceRule] = {
    _T.NORMAL: _LIMIT,
    _T.MARKET: _MARKET,
    _T.ABSOLUTE_LIMIT: _LIMIT,
    _T.AUCTION: _MARKET,
    _T.AUCTION_LIMIT: _LIMIT,
    _T.SPECIAL_LIMIT: _LIMIT,
    _T.SPECIAL_LIMIT_ALL: _LIMIT,
    _T.STOP: PriceRule(has_trigger=True),
    _T.STOP_LIMIT: PriceRule(has_limit=True, has_trigger=True),
    _T.MARKET_IF_TOUCHED: PriceRule(has_trigger=True),
    _T.LIMIT_IF_TOUCHED: PriceRule(has_limit=True, has_trigger=True),
    _T.TRAILING_STOP: PriceRule(trails=True),
    _T.TRAILING_STOP_LIMIT: PriceRule(trails=True),
    _T.TWAP_MARKET: _MARKET,
    _T.TWAP_LIMIT: _LIMIT,
    _T.VWAP_MARKET: _MARKET,
    _T.VWAP_LIMIT: _LIMIT,
}
"""By `Trd_Common.OrderType`. The limit of a trailing stop limit order follows the market, so it has no
limit that could be known beforehand."""


@dataclass(frozen=True, slots=True)
class Trail:
    """How far a trailing order's trigger, and beyond it its limit (`spread`), is from the price."""

    value: Decimal
    is_ratio: bool
    spread: Decimal

    def above(self, price: Decimal) -> Decimal:
        """The highest limit that the order can come to have while the price is at most `price`."""
        distance = product(price, self.value, _PER_CENT) if self.is_ratio else self.value
        return price + distance + self.spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an order asks for. `limit` is the caller's, `highest_limit` the most that OpenD may make of it.

    `is_adjusted` says that OpenD may move the limit onto a tick. `amount` is the sum of money that an
    order may name beside its quantity.
    """

    side: Side
    quantity: Decimal
    limit: Decimal | None = None
    highest_limit: Decimal | None = None
    trigger: Decimal | None = None
    trail: Trail | None = None
    amount: Decimal | None = None
    is_adjusted: bool = False

    @property
    def is_buy(self) -> bool:
        """Whether its fills cost money."""
        return self.side.is_buy

    @property
    def needs_quote(self) -> bool:
        """Whether the market has to be asked for its worst price."""
        return not self.is_buy or self.highest_limit is None


@dataclass(frozen=True, slots=True)
class Quote:
    """What the market says of a price; None for what it does not say."""

    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None

    def price(self, *, is_buy: bool) -> Decimal | None:
        """What an order at the market would meet: the worse of the last price and the other side's best."""
        return max(filter(None, (self.last, self.ask if is_buy else self.bid)), default=None)


def worst_price(terms: Terms, quote: Quote | None, buffer: Decimal = MARKET_BUFFER) -> Decimal | None:
    """The price at which an order has to be valued; None when it needs a quote and there is none."""
    if terms.is_buy and terms.highest_limit is not None:
        return terms.highest_limit
    reference = quote.price(is_buy=terms.is_buy) if quote else None
    if reference is None:
        return None
    if terms.trail and terms.is_buy:
        reference = terms.trail.above(reference)
    worst = max(filter(None, (reference, terms.trigger, terms.highest_limit)))
    return worst if terms.highest_limit is not None else product(worst, 1 + buffer)


def placed_terms(c2s: WireMessage) -> Terms:
    """What a `Trd_PlaceOrder.C2S` asks for. Raises FieldError for what is missing or no amount."""
    rule = _rule(c2s.orderType)
    return Terms(
        side=side_of(c2s.trdSide),
        quantity=positive("qty", c2s.qty),
        trigger=positive("aux_price", _given(c2s, "auxPrice")) if rule.has_trigger else None,
        trail=_trail(c2s) if rule.trails else None,
        amount=positive("amount", c2s.amount) if c2s.amount else None,
        **_limits(c2s, rule),
    )


def modified_terms(c2s: WireMessage, order: WireMessage) -> Terms:
    """What a `Trd_ModifyOrder.C2S` makes of an order (`Trd_Common.Order`): its new quantity and prices.

    The quantity, and the price of an order that has one, have to be given. A trigger or a trail that
    is not given stays. Raises FieldError.
    """
    rule = _rule(order.orderType)
    return Terms(
        side=side_of(order.trdSide),
        quantity=positive("qty", _given(c2s, "qty")),
        trigger=positive("aux_price", _given(c2s, "auxPrice", order)) if rule.has_trigger else None,
        trail=_trail(c2s, order) if rule.trails else None,
        amount=known(order.orderAmount),
        **_limits(c2s, rule),
    )


def order_terms(order: WireMessage) -> Terms:
    """What an order that OpenD has (`Trd_Common.Order`) asks for. Raises FieldError for one without terms."""
    rule = _rule(order.orderType)
    limit = positive("price", _given(order, "price")) if rule.has_limit else None
    return Terms(
        side=side_of(order.trdSide),
        quantity=positive("qty", order.qty),
        limit=limit,
        highest_limit=limit,
        trigger=positive("aux_price", _given(order, "auxPrice")) if rule.has_trigger else None,
        trail=_trail(order) if rule.trails else None,
        amount=known(order.orderAmount),
    )


def side_of(trd_side: int) -> Side:
    """The side of a `TrdSide`. Raises FieldError for none."""
    try:
        return SIDES[trd_side]
    except KeyError:
        raise FieldError("trd_side", f"found {trd_side}, accepted is {' or '.join(Side)}") from None


def _rule(order_type: int) -> PriceRule:
    try:
        return PRICE_RULES[order_type]
    except KeyError:
        names = ", ".join(each.name for each in OrderType)
        raise FieldError("order_type", f"found {order_type}, accepted is one of {names}") from None


_JSON_NAMES = {
    "qty": "qty",
    "price": "price",
    "auxPrice": "aux_price",
    "trailType": "trail_type",
    "trailValue": "trail_value",
}


def _given(message: WireMessage, name: str, fallback: WireMessage | None = None) -> Any:
    """A field that this order cannot do without. `fallback` is the order that is being changed."""
    for source in (message, fallback):
        if source is not None and source.HasField(name):
            return getattr(source, name)
    raise FieldError(_JSON_NAMES[name], "missing, and an order of this type has to say it")


def _limits(c2s: WireMessage, rule: PriceRule) -> dict[str, Any]:
    if not rule.has_limit:
        return {}
    limit = positive("price", _given(c2s, "price"))
    if not c2s.adjustPrice or not c2s.adjustSideAndLimit:
        return {"limit": limit, "highest_limit": limit}
    share = positive("adjust_side_and_limit", abs(c2s.adjustSideAndLimit))
    highest = product(limit, 1 + share) if c2s.adjustSideAndLimit > 0 else limit
    return {"limit": limit, "highest_limit": highest, "is_adjusted": True}


def _trail(message: WireMessage, fallback: WireMessage | None = None) -> Trail:
    trail_type = _given(message, "trailType", fallback)
    if trail_type not in (TrailType.RATIO, TrailType.AMOUNT):
        raise FieldError("trail_type", f"found {trail_type}, accepted is RATIO or AMOUNT")
    value = positive("trail_value", _given(message, "trailValue", fallback))
    source = message if message.HasField("trailSpread") or fallback is None else fallback
    spread = positive("trail_spread", source.trailSpread) if source.trailSpread else Decimal(0)
    return Trail(value, trail_type == TrailType.RATIO, spread)
