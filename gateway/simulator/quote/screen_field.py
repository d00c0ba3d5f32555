"""The figures that stocks can be filtered by: base, accumulated and financial fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.simulator.market.kline import KL_DAY, Bar
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.quote.basic import outstanding_shares
from gateway.simulator.quote.fields import amount, per_cent, volume
from gateway.simulator.quote.snapshot import (
    WEEKS_52,
    ExtremeFinder,
    bid_ask_ratio,
    market_value,
    price_minutes_ago,
    volume_ratio,
)
from gateway.simulator.universe.terms import Fundamentals, fundamentals_of

TEXT_FIELDS = (1, 2)
"""Code and name, which have no number."""

_NET_MARGIN = 0.18
_CASH_FLOW_MARGIN = 0.24


class BaseFields:
    """`Qot_StockFilter.StockField`s of a security at a moment. Ratios are per cent."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._extremes = ExtremeFinder(market)
        self.table: Mapping[int, Callable[[Moment], float]] = {
            3: lambda moment: moment.last / PRICE_SCALE,
            4: lambda moment: self._against_year(moment, moment.last, high=True),
            5: lambda moment: self._against_year(moment, moment.last, high=False),
            6: lambda moment: self._against_year(moment, moment.high, high=True),
            7: lambda moment: self._against_year(moment, moment.low, high=False),
            8: volume_ratio,
            9: self._bid_ask_ratio,
            10: lambda moment: moment.last * moment.instrument.lot_size / PRICE_SCALE,
            11: lambda moment: market_value(moment.instrument, moment.last / PRICE_SCALE),
            12: _price_earnings,
            13: _price_earnings,
            14: lambda moment: _ratio(moment, _fundamentals(moment).net_asset_per_share),
            15: lambda moment: _change_since(moment, price_minutes_ago(moment, 5)),
            16: self._change_this_year,
            17: lambda moment: _ratio(moment, _fundamentals(moment).earnings_per_share / _NET_MARGIN),
            18: lambda moment: _ratio(
                moment, _fundamentals(moment).earnings_per_share / _NET_MARGIN * _CASH_FLOW_MARGIN
            ),
            19: lambda moment: _fundamentals(moment).issued_shares,
            20: lambda moment: outstanding_shares(moment.instrument),
            21: lambda moment: outstanding_shares(moment.instrument) * moment.last / PRICE_SCALE,
        }

    def _against_year(self, moment: Moment, value: int, *, high: bool) -> float:
        year = self._extremes.over(moment, WEEKS_52)
        extreme = year.high if high else year.low
        return per_cent(value - extreme, extreme)

    def _bid_ask_ratio(self, moment: Moment) -> float:
        book = self._market.order_book(moment.instrument.key)
        return bid_ask_ratio(
            sum(level.volume for level in book.bids), sum(level.volume for level in book.asks)
        )

    def _change_this_year(self, moment: Moment) -> float:
        first_day = date(moment.trading_day.day.year, 1, 1)
        return _change_since(moment, self._market.close_before(moment.source, first_day))


def _fundamentals(moment: Moment) -> Fundamentals:
    fundamentals = fundamentals_of(moment.instrument)
    if fundamentals is None:
        raise TypeError(f"{moment.instrument.key} has no fundamentals")
    return fundamentals


def _ratio(moment: Moment, per_share: float) -> float:
    return round(moment.last / PRICE_SCALE / per_share, 3) if per_share else 0.0


def _price_earnings(moment: Moment) -> float:
    return _ratio(moment, _fundamentals(moment).earnings_per_share)


def _change_since(moment: Moment, price: int) -> float:
    return per_cent(moment.last - price, price)


def _total_change(_moment: Moment, bars: list[Bar]) -> float:
    return per_cent(bars[-1].close - bars[0].last_close, bars[0].last_close)


def _total_amplitude(_moment: Moment, bars: list[Bar]) -> float:
    reach = max(bar.high for bar in bars) - min(bar.low for bar in bars)
    return per_cent(reach, bars[0].last_close)


def _mean_volume(moment: Moment, bars: list[Bar]) -> float:
    return round(volume(moment.instrument, sum(bar.lots for bar in bars)) / len(bars), 3)


def _mean_turnover(moment: Moment, bars: list[Bar]) -> float:
    return round(amount(moment.instrument, sum(bar.turnover for bar in bars)) / len(bars), 3)


def _total_turnover_rate(moment: Moment, bars: list[Bar]) -> float:
    traded = volume(moment.instrument, sum(bar.lots for bar in bars))
    return per_cent(traded, outstanding_shares(moment.instrument))


ACCUMULATED: Mapping[int, Callable[[Moment, list[Bar]], float]] = {
    1: _total_change,
    2: _total_amplitude,
    3: _mean_volume,
    4: _mean_turnover,
    5: _total_turnover_rate,
}
"""`Qot_StockFilter.AccumulateField`s over the last days, today included."""


def accumulated(market: Market, moment: Moment, field: int, days: int) -> float:
    """An accumulated field over the last `days` trading days."""
    return ACCUMULATED[field](moment, market.chart.latest(moment, KL_DAY, days))


@dataclass(frozen=True, slots=True)
class _Figure:
    """A financial figure: somewhere from `low` to `high`, times what `of` says."""

    low: float
    high: float
    of: Callable[[Fundamentals], float] = lambda _fundamentals: 1.0


def _profit(fundamentals: Fundamentals) -> float:
    return fundamentals.earnings_per_share * fundamentals.issued_shares


def _revenue(fundamentals: Fundamentals) -> float:
    return abs(_profit(fundamentals)) / _NET_MARGIN


def _equity(fundamentals: Fundamentals) -> float:
    return fundamentals.net_asset_per_share * fundamentals.issued_shares


def _per_share(fundamentals: Fundamentals) -> float:
    return fundamentals.earnings_per_share


_GROWTH = _Figure(-15.0, 40.0)
_MARGIN = _Figure(8.0, 45.0)
_TIMES = _Figure(0.4, 3.0)

FINANCIAL: Mapping[int, _Figure] = {
    1: _Figure(0.9, 1.1, _profit), 2: _GROWTH, 3: _Figure(0.9, 1.1, _revenue), 4: _GROWTH, 5: _MARGIN,
    6: _Figure(20.0, 60.0), 7: _Figure(20.0, 75.0), 8: _Figure(4.0, 30.0), 9: _Figure(3.0, 22.0),
    10: _Figure(2.0, 18.0), 11: _Figure(1.1, 1.4, _profit), 12: _Figure(1.3, 1.7, _profit), 13: _MARGIN,
    14: _MARGIN, 15: _MARGIN, 16: _Figure(0.1, 4.0), 17: _Figure(1.05, 1.3, _profit),
    18: _Figure(0.85, 1.0, _profit), 19: _Figure(60.0, 180.0), 20: _TIMES, 21: _TIMES,
    22: _Figure(20.0, 80.0), 23: _Figure(20.0, 80.0), 24: _Figure(1.2, 4.0), 25: _Figure(20.0, 250.0),
    26: _Figure(0.1, 0.5, _equity), 27: _Figure(10.0, 120.0), 28: _Figure(50.0, 400.0),
    29: _Figure(100.0, 900.0), 30: _Figure(0.8, 1.6, _profit), 31: _Figure(0.05, 0.25, _revenue),
    32: _GROWTH, 33: _GROWTH, 34: _GROWTH, 35: _GROWTH, 36: _GROWTH, 37: _GROWTH, 38: _GROWTH, 39: _GROWTH,
    40: _GROWTH, 41: _GROWTH, 42: _Figure(10.0, 40.0), 43: _Figure(80.0, 110.0),
    44: _Figure(1.0, 1.0, _per_share), 45: _Figure(0.97, 0.99, _per_share), 46: _Figure(0.9, 1.7, _per_share),
}  # fmt: skip
"""`Qot_StockFilter.FinancialField`s. The companies' reports are not simulated; these are plausible."""

_QUARTER_SHARES = {1: 1.0, 2: 0.24, 3: 0.49, 4: 0.74, 5: 0.25}
"""How much of a year each `Qot_StockFilter.FinancialQuarter` reports of what adds up over time."""

_ADDED_UP = (1, 3, 44, 45, 46)
QUARTERS = frozenset(_QUARTER_SHARES)


def financial(market: Market, moment: Moment, field: int, quarter: int) -> float:
    """A financial field as last reported for a quarter."""
    figure = FINANCIAL[field]
    draw = market.randomness(moment.instrument).uniforms(f"report/{field}/{quarter}", 1)[0]
    share = _QUARTER_SHARES[quarter] if field in _ADDED_UP else 1.0
    level = figure.low + (figure.high - figure.low) * (draw + 1) / 2
    return round(level * figure.of(_fundamentals(moment)) * share, 3)
