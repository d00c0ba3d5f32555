"""How the price of each kind of derivative follows from its owner's."""

from dataclasses import dataclass
from datetime import date

from gateway.simulator.market.pricing import RISK_FREE_RATE, VanillaOption, implied_volatility, years_between
from gateway.simulator.market.tick_table import PRICE_SCALE
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


@dataclass(frozen=True, slots=True)
class Terms:
    """A derivative's fair value as a function of its owner's price, both in currency, on one day."""

    fair_value: "VanillaValue | KnockOutValue | CarryValue"
    least: float

    @property
    def falls(self) -> bool:
        """Whether the derivative loses when its owner gains."""
        return self.fair_value.falls

    def value(self, owner_price: float) -> float:
        """The fair value, not yet on a price step, never under the least price that trades."""
        return max(self.fair_value(owner_price), self.least)


@dataclass(frozen=True, slots=True)
class VanillaValue:
    """A call or put, `ratio` of which make an option on one share."""

    option: VanillaOption
    ratio: int = 1

    @property
    def falls(self) -> bool:
        """A put falls."""
        return not self.option.is_call

    def __call__(self, owner_price: float) -> float:
        """The price of one."""
        return self.option.price(owner_price) / self.ratio


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

    def __call__(self, owner_price: float) -> float:
        """The price of one."""
        inside = owner_price - self.strike if self.is_bull else self.strike - owner_price
        return (inside + self.strike * RISK_FREE_RATE * self.years) / self.ratio


@dataclass(frozen=True, slots=True)
class CarryValue:
    """A future: its index and the carry until it ends."""

    factor: float
    falls: bool = False

    def __call__(self, owner_price: float) -> float:
        """The price in index points."""
        return owner_price * self.factor


def terms_on(instrument: Instrument, owner: Instrument, day: date) -> Terms | None:
    """How a derivative is valued on a day; None for instruments that are not valued by an owner."""
    if option_terms(instrument) is not None:
        vanilla = vanilla_option(instrument, owner, day)
        return Terms(VanillaValue(vanilla), 0.01) if vanilla else None
    if (future := future_terms(instrument)) is not None:
        return Terms(CarryValue(1 + _FUTURE_CARRY * years_between(day, future.last_trade)), 1.0)
    return _warrant_terms_on(instrument, owner, day)


def _warrant_terms_on(instrument: Instrument, owner: Instrument, day: date) -> Terms | None:
    warrant = warrant_terms(instrument)
    if warrant is None or warrant.warrant_type == WarrantType.INLINE:
        return None
    if warrant.warrant_type in (WarrantType.BULL, WarrantType.BEAR):
        years = years_between(day, warrant.maturity)
        is_bull = warrant.warrant_type == WarrantType.BULL
        return Terms(KnockOutValue(is_bull, float(warrant.strike), years, warrant.conversion_ratio), 0.01)
    vanilla = vanilla_option(instrument, owner, day)
    return Terms(VanillaValue(vanilla, warrant.conversion_ratio), 0.01) if vanilla else None


def vanilla_option(instrument: Instrument, owner: Instrument, day: date) -> VanillaOption | None:
    """The option inside an option contract or a call or put warrant; None for everything else."""
    if (option := option_terms(instrument)) is not None:
        is_call, strike, expiry = option.option_type == OptionType.CALL, option.strike, option.expiry
    elif (warrant := warrant_terms(instrument)) is not None and warrant.warrant_type in _VANILLA_WARRANTS:
        is_call, strike, expiry = warrant.warrant_type == WarrantType.CALL, warrant.strike, warrant.maturity
    else:
        return None
    volatility = implied_volatility(trading_of(owner).volatility, float(strike), float(owner.base_price))
    return VanillaOption(is_call, float(strike), years_between(day, expiry), volatility)


_VANILLA_WARRANTS = (WarrantType.CALL, WarrantType.PUT)


class SteppedValuation:
    """A valuation in scaled prices, on multiples of a step."""

    __slots__ = ("_step", "_terms", "falls")

    def __init__(self, terms: Terms, step: int) -> None:
        self._terms = terms
        self._step = step
        self.falls = terms.falls

    def __call__(self, owner_price: int) -> int:
        """The derivative's scaled price."""
        steps = round(self._terms.value(owner_price / PRICE_SCALE) * PRICE_SCALE / self._step)
        return max(steps, 1) * self._step
