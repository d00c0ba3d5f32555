"""What derivatives are worth: Black-Scholes for options and warrants, plain terms for the rest."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import erf, exp, log, pi, sqrt

RISK_FREE_RATE = 0.035
DAYS_IN_YEAR = 365.0
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
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def _pdf(x: float) -> float:
    return exp(-0.5 * x * x) / sqrt(2.0 * pi)


@dataclass(frozen=True, slots=True)
class VanillaOption:
    """A European call or put. `volatility` is a year's, as a fraction; `years` is never quite zero."""

    is_call: bool
    strike: float
    years: float
    volatility: float

    def _d1_d2(self, spot: float) -> tuple[float, float]:
        deviation = self.volatility * sqrt(self.years)
        growth = (RISK_FREE_RATE + 0.5 * self.volatility**2) * self.years
        d1 = (log(spot / self.strike) + growth) / deviation
        return d1, d1 - deviation

    def price(self, spot: float) -> float:
        """The value of an option on one share."""
        d1, d2 = self._d1_d2(spot)
        discounted = self.strike * exp(-RISK_FREE_RATE * self.years)
        if self.is_call:
            return spot * _cdf(d1) - discounted * _cdf(d2)
        return discounted * _cdf(-d2) - spot * _cdf(-d1)

    def greeks(self, spot: float) -> Greeks:
        """The sensitivities at a spot price."""
        d1, d2 = self._d1_d2(spot)
        root = sqrt(self.years)
        discounted = self.strike * exp(-RISK_FREE_RATE * self.years)
        decay = -spot * _pdf(d1) * self.volatility / (2 * root)
        carry = RISK_FREE_RATE * discounted * (_cdf(d2) if self.is_call else -_cdf(-d2))
        rate_weight = _cdf(d2) if self.is_call else -_cdf(-d2)
        return Greeks(
            delta=_cdf(d1) if self.is_call else _cdf(d1) - 1.0,
            gamma=_pdf(d1) / (spot * self.volatility * root),
            vega=spot * _pdf(d1) * root / 100,
            theta=(decay - carry) / DAYS_IN_YEAR,
            rho=discounted * self.years * rate_weight / 100,
        )


def years_between(day: date, expiry: date) -> float:
    """The time left on a day, in years; half a day on the last one, so that formulas hold."""
    return max((expiry - day).days / DAYS_IN_YEAR, _LEAST_YEARS)


@lru_cache(maxsize=4096)
def implied_volatility(owner_volatility: float, strike: float, base_price: float) -> float:
    """A year's volatility for a strike: the owner's, and a smile that grows away from the base price."""
    yearly = owner_volatility * sqrt(252)
    return round(yearly * (1.05 + 0.35 * log(strike / base_price) ** 2), 5)
