"""Price adjustment for dividends (`Qot_Common.RehabType`).

Every company that pays a dividend pays a year's at once and goes ex on the same day of the year.
"""

from collections.abc import Callable
from datetime import date

from gateway.simulator.market.source import PriceSource
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.universe.terms import fundamentals_of

NONE, FORWARD, BACKWARD = 0, 1, 2
REHAB_TYPES = (NONE, FORWARD, BACKWARD)

_EX_MONTH, _EX_DAY = 5, 20


def adjustment(
    source: PriceSource, rehab_type: int, first_day: date, today: date
) -> Callable[[date], float] | None:
    """By what to multiply the prices of a day; None when nothing is to be done.

    Forward adjustment leaves today's prices as they are and lowers those before each ex-day;
    backward adjustment leaves those of `first_day` and raises the ones from each ex-day on.
    """
    fundamentals = fundamentals_of(source.instrument)
    if rehab_type == NONE or fundamentals is None or not fundamentals.dividend_per_share:
        return None
    factors = {
        ex_day: 1 - fundamentals.dividend_per_share * PRICE_SCALE / _close_before(source, ex_day)
        for year in range(first_day.year, today.year + 1)
        if first_day < (ex_day := date(year, _EX_MONTH, _EX_DAY)) <= today
    }

    def factor(day: date) -> float:
        product = 1.0
        for ex_day, ratio in factors.items():
            if rehab_type == FORWARD and day < ex_day:
                product *= ratio
            elif rehab_type == BACKWARD and day >= ex_day:
                product /= ratio
        return product

    return factor


def _close_before(source: PriceSource, day: date) -> int:
    return source.day_bar(source.calendar.previous_day(day)).close
