"""What derivatives are worth: Black-Scholes for options and warrants, plain terms for the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import erf, exp, log, pi, sqrt

RISK_FREE_RATE = 0.035
DAYS_IN_YEAR = 365.0
_HALF_ROOT = sqrt(0.5)
_LEAST_YEARS = 0.5 / DAYS_IN_YEAR


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities: theta is a day's, vega and rho are for one per cent."""

    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


def _cdf(x: float) -> float:
    return 0.5 * (1.0 + erf(x * _HALF_ROOT))


def _pdf(x: float) -> float:
    return exp(-0.5 * x * x) / sqrt(2.0 * pi)


class VanillaOption:
    """A European call or put. `volatility` is a year's, as a fraction; `years` is never quite zero."""

    __slots__ = ("_deviation", "_discounted", "_drift", "is_call", "strike", "volatility", "years")

    def __init__(self, *, is_call: bool, strike: float, years: float, volatility: float) -> None:
        self.is_call = is_call
        self.strike = strike
        self.years = years
        self.volatility = volatility
        self._deviation = volatility * sqrt(years)
        self._drift = (RISK_FREE_RATE + 0.5 * volatility**2) * years
        self._discounted = strike * exp(-RISK_FREE_RATE * years)

    def prices(self, spots: Iterable[float]) -> list[float]:
        """The value of an option on one share at each of several spot prices."""
        drift, deviation, strike = self._drift, self._deviation, self.strike
        sign = 1.0 if self.is_call else -1.0
        half, owed, scale = 0.5 * sign, 0.5 * sign * self._discounted, sign * _HALF_ROOT
        return [
            half * spot * (1.0 + erf(scale * (d1 := (log(spot / strike) + drift) / deviation)))
            - owed * (1.0 + erf(scale * (d1 - deviation)))
            for spot in spots
        ]

    def greeks(self, spot: float) -> Greeks:
        """The sensitivities at a spot price."""
        d1 = (log(spot / self.strike) + self._drift) / self._deviation
        d2 = d1 - self._deviation
        root = sqrt(self.years)
        decay = -spot * _pdf(d1) * self.volatility / (2 * root)
        owed = self._discounted * (_cdf(d2) if self.is_call else -_cdf(-d2))
        return Greeks(
            delta=_cdf(d1) if self.is_call else _cdf(d1) - 1.0,
            gamma=_pdf(d1) / (spot * self._deviation),
            vega=spot * _pdf(d1) * root / 100,
            theta=(decay - RISK_FREE_RATE * owed) / DAYS_IN_YEAR,
            rho=owed * self.years / 100,
        )


def years_between(day: date, expiry: date) -> float:
    """The time left on a day, in years; half a day on the last one, so that formulas hold."""
    return max((expiry - day).days / DAYS_IN_YEAR, _LEAST_YEARS)


@lru_cache(maxsize=4096)
def implied_volatility(owner_volatility: float, strike: float, base_price: float) -> float:
    """A year's volatility for a strike: the owner's, and a smile that grows away from the base price."""
    yearly = owner_volatility * sqrt(252)
    return round(yearly * (1.05 + 0.35 * log(strike / base_price) ** 2), 5)
