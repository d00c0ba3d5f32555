"""From a decoded trade write to an order that the policy can judge.

OpenD is asked only where the answer counts: for what a new order is about nothing, for a change the
order that it changes, and for prices when a limit of the key depends on them.
"""

import logging
from dataclasses import dataclass
from decimal import Decimal

from gateway.clock import Clock
from gateway.opend.client import Client
from gateway.opend.errors import OpenDError
from gateway.order import Closing, Environment, Intent, IntentKind
from gateway.policy.model import Limits, ValuedIntent
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.schema.text import text_of
from gateway.schema.trade import ModifyOrderOp
from gateway.trading.account import find_order, position_to_close
from gateway.trading.amount import known, product
from gateway.trading.context import WriteContext
from gateway.trading.instrument import Instrument, Instruments, Look
from gateway.trading.listing import Listing, listing_of, market_name
from gateway.trading.pricing import (
    MARKET_BUFFER,
    Quote,
    Terms,
    modified_terms,
    order_terms,
    placed_terms,
    worst_price,
)
from gateway.trading.wire import ENVIRONMENTS, MARKETS

UNKNOWN_CURRENCY = ""
"""Stands where an order's currency cannot be told; its value is unknown then, too."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a trade write is about: the new terms, and for a change the order as OpenD has it."""

    listing: Listing
    market: str
    terms: Terms
    order: WireMessage | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """What an order is worth, as far as it was asked and known; see `ValuedIntent`."""

    currency: str
    value: Decimal | None
    increase: Decimal | None
    last_price: Decimal | None


class Valuer:
    """Values orders by OpenD's figures. One a worker; it remembers what securities are.

    An order without a limit is worth its reference price and `market_buffer` of it.
    """

    def __init__(self, client: Client, clock: Clock, market_buffer: Decimal = MARKET_BUFFER) -> None:
        self._client = client
        self._clock = clock
        self._buffer = market_buffer
        self._instruments = Instruments(client)

    def place(self, request: WireMessage, context: WriteContext, *, is_reducing: bool) -> ValuedIntent:
        """The order of a `Trd_PlaceOrder.Request`.

        How far it closes a position is asked only if `is_reducing`. Raises FieldError for what the
        gateway cannot judge.
        """
        c2s = request.c2s
        market = market_name(c2s.header.trdMarket)
        subject = Subject(listing_of(c2s.code, c2s.secMarket, market), market, placed_terms(c2s))
        return self._valued(subject, request, context, is_reducing)

    def modify(self, request: WireMessage, context: WriteContext, *, is_reducing: bool) -> ValuedIntent:
        """The order that a `Trd_ModifyOrder.Request` makes of the one that it names.

        Enabling an order brings it back to the market as it is. Raises FieldError, OrderNotFound,
        and what a read of OpenD raises.
        """
        c2s = request.c2s
        order = find_order(self._client, c2s)
        # The market where the order is, not the one that the header names, is what a key may trade in.
        market = MARKETS.get(order.trdMarket) or market_name(c2s.header.trdMarket)
        is_enabling = c2s.modifyOrderOp == ModifyOrderOp.ENABLE
        terms = order_terms(order) if is_enabling else modified_terms(c2s, order)
        subject = Subject(listing_of(text_of(order.code), order.secMarket, market), market, terms, order)
        return self._valued(subject, request, context, is_reducing)

    def _valued(
        self, subject: Subject, request: WireMessage, context: WriteContext, is_reducing: bool
    ) -> ValuedIntent:
        worth = self._worth(subject, context)
        return ValuedIntent(
            intent=_intent(subject, request, context),
            currency=worth.currency,
            value=worth.value,
            increase=worth.increase,
            last_price=worth.last_price,
            closing=self._closing(subject, request) if is_reducing else None,
            is_meant=context.is_meant,
        )

    def _worth(self, subject: Subject, context: WriteContext) -> Worth:
        """Asks OpenD for as little as the key's limits need; a dry run tells the worth in any case."""
        limits, terms = context.principal.limits, subject.terms
        old_terms = _old_terms(subject.order)
        needs_value = limits.needs_value or context.is_dry_run
        look = Look()
        if _needs_quote(limits, terms, old_terms, needs_value=needs_value):
            look = self._instruments.look(subject.listing)
        find = self._instruments.find if needs_value else self._instruments.known
        instrument = look.instrument or find(subject.listing)
        value = self._value(terms, instrument, look.quote)
        old_value = self._value(old_terms, instrument, look.quote) if old_terms else None
        return Worth(
            currency=instrument.currency if instrument else _likely_currency(subject.listing),
            value=value,
            increase=None if value is None else max(value - (old_value or 0), Decimal(0)),
            last_price=look.quote.last if look.quote else None,
        )

    def _value(self, terms: Terms, instrument: Instrument | None, quote: Quote | None) -> Decimal | None:
        price = worst_price(terms, quote, self._buffer)
        if price is None or instrument is None:
            return None
        value = product(terms.quantity, price, instrument.multiplier)
        return max(value, terms.amount or value)

    def _closing(self, subject: Subject, request: WireMessage) -> Closing | None:
        """How far the order closes a position; None when OpenD cannot tell."""
        order, listing, terms = subject.order, subject.listing, subject.terms
        seen_s = self._clock.wall_s()
        try:
            position = position_to_close(
                self._client,
                request.c2s.header,
                listing.code,
                listing.sec_market,
                is_buy=terms.is_buy,
                except_order_id=order.orderID if order else 0,
            )
        except OpenDError as error:
            _log.warning("positions in %s are not known: %s", listing.symbol, error)
            return None
        return Closing(
            quantity=terms.quantity - ((known(order.fillQty) or 0) if order else 0),
            closable=position.closable,
            seen_s=seen_s,
            seen_orders=position.order_ids,
            seen_intents=position.intent_ids,
        )


def _needs_quote(limits: Limits, terms: Terms, old_terms: Terms | None, *, needs_value: bool) -> bool:
    has_collar = limits.max_price_deviation is not None and terms.limit is not None
    asks_market = terms.needs_quote or (old_terms is not None and old_terms.needs_quote)
    return has_collar or (needs_value and asks_market)


def _old_terms(order: WireMessage | None) -> Terms | None:
    """What an order asked for before the change; None when OpenD does not tell, so that all counts as new."""
    if order is None:
        return None
    try:
        return order_terms(order)
    except FieldError as error:
        _log.warning("order %d has no terms that could be valued: %s", order.orderID, error)
        return None


def _likely_currency(listing: Listing) -> str:
    return listing.currency_of(None) or UNKNOWN_CURRENCY


def _intent(subject: Subject, request: WireMessage, context: WriteContext) -> Intent:
    c2s, terms, order = request.c2s, subject.terms, subject.order
    return Intent(
        intent_id=context.intent_id,
        key_id=context.principal.key_id,
        request_id=context.request_id,
        kind=IntentKind.PLACE if order is None else IntentKind.MODIFY,
        environment=environment_of(c2s.header.trdEnv),
        acc_id=c2s.header.accID,
        market=subject.market,
        symbol=subject.listing.symbol,
        side=terms.side,
        quantity=terms.quantity,
        price=terms.limit,
        remark=c2s.remark if order is None else "",
        order_id=None if order is None else order.orderID,
    )


def environment_of(trd_env: int) -> Environment:
    """The environment of a `TrdEnv`. Raises FieldError for none."""
    try:
        return ENVIRONMENTS[trd_env]
    except KeyError:
        raise FieldError("trd_env", f"found {trd_env}, accepted is simulate or real") from None
