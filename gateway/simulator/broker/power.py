"""What an account is worth and what it may still buy, sell and sell short."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from gateway.schema.trade import TrdSide
from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.enums import Currency
from gateway.simulator.broker.margin import MarginTerms, margin_terms
from gateway.simulator.broker.number import ZERO
from gateway.simulator.broker.order import Order
from gateway.simulator.broker.position import Position
from gateway.simulator.broker.rules import rules_of
from gateway.simulator.model import Instrument, MarketView, Refusal, SecurityKey

IN_HKD: Mapping[Currency, Decimal] = MappingProxyType(
    {Currency.HKD: Decimal(1), Currency.USD: Decimal("7.8"), Currency.CNH: Decimal("1.08")}
)
"""Fixed rates, so that what an account is worth moves by prices alone."""


def convert(amount: Decimal, source: Currency, target: Currency) -> Decimal:
    """`amount` of `source` in `target`."""
    return amount if source is target else amount * IN_HKD[source] / IN_HKD[target]


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with its price and value, in the currency of its market."""

    position: Position
    currency: Currency
    price: Decimal
    value: Decimal
    terms: MarginTerms


@dataclass(frozen=True, slots=True)
class Margins:
    """Margin requirements of all positions, in one currency."""

    initial: Decimal
    call: Decimal
    maintenance: Decimal


class Valuation:
    """An account seen at one moment, in `currency`, by the market's last prices. Not to be kept."""

    def __init__(self, account: Account, market: MarketView, currency: Currency) -> None:
        self.account = account
        self.currency = currency
        self.holdings = list(_holdings(account, market))

    @cached_property
    def cash(self) -> Decimal:
        """All cash, converted; below zero when more is borrowed than held."""
        return sum((self._here(amount, held) for held, amount in self.account.cash.items()), start=ZERO)

    @cached_property
    def debt(self) -> Decimal:
        """What is borrowed, over the currencies whose cash is below zero; zero or more."""
        return sum(
            (self._here(-amount, held) for held, amount in self.account.cash.items() if amount < 0),
            start=ZERO,
        )

    @cached_property
    def frozen(self) -> Decimal:
        """The cash that open buy orders hold back."""
        return sum(
            (self._here(self.account.frozen_cash(held), held) for held in self.account.cash),
            start=ZERO,
        )

    def market_value(self, *, is_long: bool | None = None) -> Decimal:
        """The value of the long positions, of the short ones (below zero), or of both."""
        return sum(
            (
                self._here(holding.value, holding.currency)
                for holding in self.holdings
                if is_long is None or (holding.value > 0) is is_long
            ),
            start=ZERO,
        )

    @cached_property
    def equity(self) -> Decimal:
        """Cash and positions together."""
        return self.cash + self.market_value()

    @cached_property
    def margins(self) -> Margins:
        """What the positions require."""
        totals = [ZERO, ZERO, ZERO]
        for holding in self.holdings:
            value = self._here(abs(holding.value), holding.currency)
            for index, ratio in enumerate(_ratios(holding)):
                totals[index] += value * ratio
        return Margins(*totals)

    def ordered_margin(self, without: Order | None = None) -> Decimal:
        """What open orders would require if they filled at their limits, fees included."""
        return sum(
            (
                self._here(self._requirement(order), order.rules.currency)
                for order in self.account.open_orders()
                if order is not without
            ),
            start=ZERO,
        )

    def available(self, without: Order | None = None) -> Decimal:
        """What is free to back new positions, in `currency`; the order `without` is left out."""
        if not self.account.profile.is_margin:
            return self.cash - self.frozen
        return self.equity - self.margins.initial - self.ordered_margin(without)

    @cached_property
    def unrealized(self) -> Decimal:
        """Profit on what is held."""
        return sum(
            (self._here(held.position.unrealized(held.price), held.currency) for held in self.holdings),
            start=ZERO,
        )

    @cached_property
    def realized(self) -> Decimal:
        """Profit on what was closed."""
        return sum((self._here(held.position.realized, held.currency) for held in self.holdings), start=ZERO)

    def _requirement(self, order: Order) -> Decimal:
        qty = order.held_qty()
        if not qty:
            return ZERO
        value = qty * order.limit * order.instrument.contract_multiplier
        terms = margin_terms(order.instrument)
        held = self.account.held_qty(order.key)
        if order.side.is_buy:
            fee = self.account.reserved(order) - value
            return fee + (value * terms.initial_long if held >= 0 else ZERO)
        return value * terms.initial_short if held <= 0 else ZERO

    def _here(self, amount: Decimal, source: Currency) -> Decimal:
        return convert(amount, source, self.currency)


def _holdings(account: Account, market: MarketView) -> Iterator[Holding]:
    for key, position in account.positions.items():
        price = market.quote(key).last
        yield Holding(
            position,
            rules_of(key).currency,
            price,
            position.market_value(price),
            margin_terms(position.instrument),
        )


def _ratios(holding: Holding) -> tuple[Decimal, Decimal, Decimal]:
    terms = holding.terms
    if holding.value >= 0:
        return terms.initial_long, terms.call_long, terms.maintenance_long
    return terms.initial_short, terms.call_short, terms.maintenance_short


def available_cash(account: Account, currency: Currency, without: Order | None = None) -> Decimal:
    """The cash in `currency` that no open order holds back."""
    return account.cash.get(currency, ZERO) - account.frozen_cash(currency, without)


def sellable_qty(account: Account, key: SecurityKey, without: Order | None = None) -> Decimal:
    """What of a long position may be sold now: not what is on sale, nor A-shares bought the same day."""
    position = account.positions.get(key)
    if position is None or position.qty <= 0:
        return ZERO
    bought_today = position.today.buy_qty if rules_of(key).sells_next_day else ZERO
    on_sale = account.open_qty(key, is_buy=False, without=without)
    return max(position.qty - bought_today - on_sale, ZERO)


def buy_back_qty(account: Account, key: SecurityKey, without: Order | None = None) -> Decimal:
    """What of a short position no open order buys back yet."""
    short = max(-account.held_qty(key), ZERO)
    return max(short - account.open_qty(key, is_buy=True, without=without), ZERO) if short else ZERO


def can_sell_short(account: Account, instrument: Instrument) -> bool:
    """Whether the account may open or add to a short position; a long one must be sold first."""
    return (
        account.profile.is_margin
        and margin_terms(instrument).is_short_permitted
        and account.held_qty(instrument.key) <= 0
    )


def check_power(account: Account, market: MarketView, order: Order, qty: Decimal, limit: Decimal) -> None:
    """Whether the account can carry `order` with this total quantity and limit. Raises `Refusal`."""
    rest = qty - order.filled_qty
    if order.side.is_buy:
        _check_buy(account, market, order, rest, limit)
    else:
        _check_sell(account, market, order, rest, limit)


def _check_buy(account: Account, market: MarketView, order: Order, qty: Decimal, limit: Decimal) -> None:
    if account.held_qty(order.key) < 0:
        if qty > buy_back_qty(account, order.key, without=order):
            raise Refusal(refusals.BUY_BACK_FIRST)
        return
    if order.side is TrdSide.BUY_BACK:
        raise Refusal(refusals.NO_SHORT_TO_BUY_BACK)
    needed = account.reserve(order, order.filled_qty + qty, limit)
    if account.profile.is_margin:
        borrowed = qty * limit * order.instrument.contract_multiplier
        borrowed *= 1 - margin_terms(order.instrument).initial_long
        _check_margin(account, market, order, needed - borrowed)
    elif needed > available_cash(account, order.rules.currency, without=order):
        raise Refusal(refusals.NO_BUYING_POWER)


def _check_sell(account: Account, market: MarketView, order: Order, qty: Decimal, limit: Decimal) -> None:
    if order.side is TrdSide.SELL and qty <= sellable_qty(account, order.key, without=order):
        return
    if not can_sell_short(account, order.instrument):
        is_explicit = order.side is TrdSide.SELL_SHORT
        raise Refusal(refusals.NO_SHORT_SALE if is_explicit else refusals.NOT_ENOUGH_TO_SELL)
    value = qty * limit * order.instrument.contract_multiplier
    _check_margin(account, market, order, value * margin_terms(order.instrument).initial_short)


def _check_margin(account: Account, market: MarketView, order: Order, requirement: Decimal) -> None:
    currency = order.rules.currency
    if requirement > Valuation(account, market, currency).available(without=order):
        raise Refusal(refusals.NO_BUYING_POWER)
