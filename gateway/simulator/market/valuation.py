"""How the price of each kind of derivative follows from its owner's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from gateway.simulator.market.pricing import RISK_FREE_RATE, VanillaOption, implied_volatility, years_between
from gateway.simulator.market.tick_table import PRICE_SCALE, on_step
from gateway.simulator.model import Instrument
from gateway.simulator.universe.terms import (
    OptionType,
    WarrantType,
    future_terms,
    option_terms,
    trading_of,
    warrant_terms,
)

_FUTURE_CARRY = 0.02
_LEAST_PRICE = 0.01


@dataclass(frozen=True, slots=True)
class Terms:
    """A derivative's fair value as a function of its owner's price, both in currency, on one day."""

    fair_value: "VanillaValue | KnockOutValue | CarryValue"
    least: float

    @property
    def falls(self) -> bool:
        """Whether the derivative loses when its owner gains."""
        return self.fair_value.falls

    def values(self, owner_prices: Sequence[float]) -> list[float]:
        """Fair values, not yet on a price step, never under the least price that trades."""
        return [max(value, self.least) for value in self.fair_value.at(owner_prices)]


@dataclass(frozen=True, slots=True)
class VanillaValue:
    """A call or put, `ratio` of which make an option on one share."""

    option: VanillaOption
    ratio: int = 1

    @property
    def falls(self) -> bool:
        """A put falls."""
        return not self.option.is_call

    def at(self, owner_prices: Sequence[float]) -> list[float]:
        """The price of one at each price of its owner."""
        return [price / self.ratio for price in self.option.prices(owner_prices)]


@dataclass(frozen=True, slots=True)
class KnockOutValue:
    """A bull or bear contract: what it is in the money, and the cost of finance until maturity."""

    is_bull: bool
    strike: float
    years: float
    ratio: int

    @property
    def falls(self) -> bool:
        """A bear falls."""
        return not self.is_bull

    def at(self, owner_prices: Sequence[float]) -> list[float]:
        """The price of one at each price of its owner."""
        sign, finance = 1 if self.is_bull else -1, self.strike * RISK_FREE_RATE * self.years
        return [(sign * (price - self.strike) + finance) / self.ratio for price in owner_prices]


@dataclass(frozen=True, slots=True)
class CarryValue:
    """A future: its index and the carry until it ends."""

    factor: float
    falls: bool = False

    def at(self, owner_prices: Sequence[float]) -> list[float]:
        """The price in index points at each price of the index."""
        return [price * self.factor for price in owner_prices]


class Contract(Protocol):
    """What binds a derivative's price to its owner's, for as long as it lasts."""

    def on(self, day: date) -> Terms:
        """How the derivative is valued on a day."""
        ...


@dataclass(frozen=True, slots=True)
class VanillaContract:
    """A call or put, `ratio` of which make an option on one share."""

    is_call: bool
    strike: float
    volatility: float
    expiry: date
    ratio: int = 1

    def option_on(self, day: date) -> VanillaOption:
        """The option on one share as it is on a day."""
        return VanillaOption(
            is_call=self.is_call,
            strike=self.strike,
            years=years_between(day, self.expiry),
            volatility=self.volatility,
        )

    def on(self, day: date) -> Terms:
        """How it is valued on a day."""
        return Terms(VanillaValue(self.option_on(day), self.ratio), _LEAST_PRICE)


@dataclass(frozen=True, slots=True)
class KnockOutContract:
    """A bull or bear contract."""

    is_bull: bool
    strike: float
    maturity: date
    ratio: int

    def on(self, day: date) -> Terms:
        """How it is valued on a day."""
        years = years_between(day, self.maturity)
        return Terms(KnockOutValue(self.is_bull, self.strike, years, self.ratio), _LEAST_PRICE)


@dataclass(frozen=True, slots=True)
class CarryContract:
    """A future."""

    last_trade: date

    def on(self, day: date) -> Terms:
        """How it is valued on a day."""
        return Terms(CarryValue(1 + _FUTURE_CARRY * years_between(day, self.last_trade)), 1.0)


def contract_of(instrument: Instrument, owner: Instrument) -> Contract | None:
    """What values a derivative by its owner; None for instruments that are not valued so."""
    if (vanilla := vanilla_contract(instrument, owner)) is not None:
        return vanilla
    if (future := future_terms(instrument)) is not None:
        return CarryContract(future.last_trade)
    warrant = warrant_terms(instrument)
    if warrant is None or warrant.warrant_type not in _KNOCK_OUT_WARRANTS:
        return None
    is_bull = warrant.warrant_type == WarrantType.BULL
    return KnockOutContract(is_bull, float(warrant.strike), warrant.maturity, warrant.conversion_ratio)


def vanilla_contract(instrument: Instrument, owner: Instrument) -> VanillaContract | None:
    """The contract of an option or of a call or put warrant; None for everything else."""
    if (option := option_terms(instrument)) is not None:
        is_call, strike, expiry, ratio = (
            option.option_type == OptionType.CALL,
            option.strike,
            option.expiry,
            1,
        )
    elif (warrant := warrant_terms(instrument)) is not None and warrant.warrant_type in _VANILLA_WARRANTS:
        is_call, strike, expiry = warrant.warrant_type == WarrantType.CALL, warrant.strike, warrant.maturity
        ratio = warrant.conversion_ratio
    else:
        return None
    volatility = implied_volatility(trading_of(owner).volatility, float(strike), float(owner.base_price))
    return VanillaContract(is_call, float(strike), volatility, expiry, ratio)


_VANILLA_WARRANTS = (WarrantType.CALL, WarrantType.PUT)
_KNOCK_OUT_WARRANTS = (WarrantType.BULL, WarrantType.BEAR)


class SteppedValuation:
    """A valuation in scaled prices, on multiples of a step."""

    __slots__ = ("_step", "_terms", "falls")

    def __init__(self, terms: Terms, step: int) -> None:
        self._terms = terms
        self._step = step
        self.falls = terms.falls

    def at(self, owner_prices: Iterable[int]) -> list[int]:
        """The derivative's scaled price at each of its owner's."""
        values = self._terms.values([price / PRICE_SCALE for price in owner_prices])
        return [on_step(value, self._step) for value in values]
