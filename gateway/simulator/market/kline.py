"""K-lines of every period, put together from minutes or days, so that they agree.

A bar of minutes is labelled with the end of its last minute, as OpenD does, also while it is still
growing. A bar of days is labelled with its first day: the day itself, the Monday, the first of the
month, quarter or year. Which day OpenD puts on weeks and longer is not documented; this one does
not change while the bar grows.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from gateway.simulator.market.calendar import MINUTE_S, TradingDay
from gateway.simulator.market.day import MinuteBar
from gateway.simulator.market.memo import Memo
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.source import PriceSource
from gateway.simulator.model import Instrument

MINUTES = {1: 1, 10: 3, 6: 5, 12: 10, 7: 15, 8: 30, 9: 60, 13: 120, 14: 180, 15: 240}
"""Length in trading minutes of the `Qot_Common.KLType`s within a day."""

KL_60_MINUTES = 9
KL_DAY, KL_WEEK, KL_MONTH, KL_QUARTER, KL_YEAR = 2, 3, 4, 11, 5

_STARTS: dict[int, Callable[[date], date]] = {
    KL_DAY: lambda day: day,
    KL_WEEK: lambda day: day - timedelta(days=day.weekday()),
    KL_MONTH: lambda day: day.replace(day=1),
    KL_QUARTER: lambda day: date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
    KL_YEAR: lambda day: date(day.year, 1, 1),
}

KL_TYPES = frozenset({*MINUTES, *_STARTS})
"""Every period that there is."""

_ONE_DAY = timedelta(days=1)

_GROWING_DAYS_KEPT = 128
_FINELY_CUT_DAYS_KEPT = 48
_COARSELY_CUT_DAYS_KEPT = 1024
_COARSE_MINUTES = 10
_PERIODS_KEPT = 16384


class Bar(NamedTuple):
    """A K-line bar. Prices are scaled, `turnover` is scaled price times lots."""

    label_s: int
    open: int
    high: int
    low: int
    close: int
    last_close: int
    lots: int
    turnover: int


class History(Protocol):
    """What a chart asks of the market; see `Market` for each."""

    def history_start(self, instrument: Instrument) -> date:
        """The first day with data."""
        ...

    def close_before(self, source: PriceSource, day: date) -> int:
        """The close of the trading day before."""
        ...

    def is_turnover_exact(self, source: PriceSource, day: date) -> bool:
        """Whether a day's turnover is summed up over its ticks."""
        ...

    def day_turnover(self, source: PriceSource, day: date) -> int:
        """A whole day's turnover."""
        ...


class Chart:
    """The K-lines of a market's securities."""

    def __init__(self, market: History) -> None:
        self._market = market
        self._memo = Memo(_GROWING_DAYS_KEPT)
        self._finely_cut_days = lru_cache(maxsize=_FINELY_CUT_DAYS_KEPT)(self._minute_bars_of_whole_day)
        self._coarsely_cut_days = lru_cache(maxsize=_COARSELY_CUT_DAYS_KEPT)(self._minute_bars_of_whole_day)
        self._periods = lru_cache(maxsize=_PERIODS_KEPT)(self._period_bar)

    def latest(self, moment: Moment, kl_type: int, count: int) -> list[Bar]:
        """The last `count` bars up to a moment, earliest first; fewer when history is shorter."""
        backwards = (
            self._minutes_backwards(moment, MINUTES[kl_type])
            if kl_type in MINUTES
            else self._periods_backwards(moment, kl_type)
        )
        bars = [bar for bar, _ in zip(backwards, range(count), strict=False)]
        bars.reverse()
        return bars

    def between(self, moment: Moment, kl_type: int, begin_s: float, end_s: float) -> Iterator[Bar]:
        """The bars up to a moment whose labels lie from `begin_s` to `end_s`, earliest first."""
        bars = (
            self._minutes_forward(moment, MINUTES[kl_type], begin_s)
            if kl_type in MINUTES
            else self._periods_forward(moment, kl_type, begin_s)
        )
        for bar in bars:
            if bar.label_s > end_s:
                return
            if bar.label_s >= begin_s:
                yield bar

    def minutes_of_day(self, moment: Moment) -> list[Bar]:
        """The moment's day minute by minute, the last one as far as it has come."""
        return self._minute_bars_until(moment, 1)

    def _minutes_backwards(self, moment: Moment, length: int) -> Iterator[Bar]:
        source = moment.source
        first = self._market.history_start(source.instrument)
        yield from reversed(self._minute_bars_until(moment, length))
        day = source.calendar.previous_day(moment.trading_day.day)
        while day >= first:
            yield from reversed(self._minute_bars_on(source, day, length))
            day = source.calendar.previous_day(day)

    def _minutes_forward(self, moment: Moment, length: int, begin_s: float) -> Iterator[Bar]:
        source, today = moment.source, moment.trading_day.day
        # A day's last bar may carry the label of the following midnight.
        begin = source.calendar.local(begin_s - 1).date()
        first = max(begin, self._market.history_start(source.instrument))
        for day in source.calendar.days(first, today - _ONE_DAY):
            yield from self._minute_bars_on(source, day, length)
        yield from self._minute_bars_until(moment, length)

    def _minute_bars_on(self, source: PriceSource, day: date, length: int) -> list[Bar]:
        return self._cut_day(source, day, length, self._market.day_turnover(source, day))

    def _cut_day(self, source: PriceSource, day: date, length: int, turnover: int) -> list[Bar]:
        cut = self._finely_cut_days if length < _COARSE_MINUTES else self._coarsely_cut_days
        return cut(source, day, length, turnover)

    def _minute_bars_of_whole_day(
        self, source: PriceSource, day: date, length: int, day_turnover: int
    ) -> list[Bar]:
        path, trading_day = source.path(day), source.calendar.trading_day(day)
        own_total = path.turnover_so_far[-1]
        bars: list[Bar] = []
        last_close, scaled_so_far = self._market.close_before(source, day), 0
        for first in range(0, path.minute_count, length):
            end = min(first + length, path.minute_count)
            span = path.span(first, end)
            scaled = path.turnover_so_far[end - 1] * day_turnover // own_total
            span = span._replace(turnover=scaled - scaled_so_far)
            bars.append(_bar(trading_day, end, span, last_close))
            last_close, scaled_so_far = span.close, scaled
        return bars

    def _minute_bars_until(self, moment: Moment, length: int) -> list[Bar]:
        """The bars of the moment's day, the last one as far as it has come."""
        return self._memo.get(
            f"minute bars {length}", moment, lambda now: self._make_minute_bars_until(now, length)
        )

    def _make_minute_bars_until(self, moment: Moment, length: int) -> list[Bar]:
        path, day, source = moment.source.path(moment.trading_day.day), moment.trading_day, moment.source
        current = moment.minute - moment.minute % length
        bars = self._finished_bars_of_day(source, day, length, current)
        last_close = bars[-1].close if bars else self._market.close_before(source, day.day)
        span = _partial(moment)
        if moment.minute > current:
            span = _joined(path.span(current, moment.minute), span)
        return [*bars, _bar(day, min(current + length, path.minute_count), span, last_close)]

    def _finished_bars_of_day(self, source: PriceSource, day: TradingDay, length: int, end: int) -> list[Bar]:
        return self._cut_day(source, day.day, length, source.turnover(day.day))[: end // length]

    def _starts_forward(self, kl_type: int, first: date, last: date) -> Iterator[date]:
        start_of = _STARTS[kl_type]
        start = start_of(first)
        while start <= last:
            yield start
            start = _next_start(kl_type, start)

    def _periods_forward(self, moment: Moment, kl_type: int, begin_s: float) -> Iterator[Bar]:
        begin = moment.source.calendar.local(begin_s).date()
        first = max(begin, self._market.history_start(moment.instrument))
        for start in self._starts_forward(kl_type, first, moment.trading_day.day):
            yield from self._bar_of_period(moment, kl_type, start)

    def _periods_backwards(self, moment: Moment, kl_type: int) -> Iterator[Bar]:
        start_of = _STARTS[kl_type]
        start = start_of(moment.trading_day.day)
        earliest = start_of(self._market.history_start(moment.instrument))
        while start >= earliest:
            yield from self._bar_of_period(moment, kl_type, start)
            start = start_of(start - _ONE_DAY)

    def _bar_of_period(self, moment: Moment, kl_type: int, start: date) -> Iterator[Bar]:
        """The bar of a period; nothing when it has no trading day."""
        source, today = moment.source, moment.trading_day.day
        end = _next_start(kl_type, start)
        if end <= today:
            recent = self._market.is_turnover_exact(source, end - _ONE_DAY)
            bar = self._periods(source, start, end, today if recent else None)
            if bar is not None:
                yield bar
            return
        finished = self._periods(source, start, today, today) if start < today else None
        label = _midnight_s(source, start)
        span = MinuteBar(moment.open, moment.high, moment.low, moment.last, moment.lots, moment.turnover)
        if finished is None:
            yield Bar(label, *span[:4], moment.previous_close, *span[4:])
        else:
            joined = _joined(MinuteBar(*finished[1:5], *finished[6:]), span)
            yield Bar(label, *joined[:4], finished.last_close, *joined[4:])

    def _period_bar(self, source: PriceSource, start: date, end: date, _as_of: date | None) -> Bar | None:
        """The bar over the whole trading days from `start` until before `end`.

        `_as_of` tells apart what is kept for a period while the turnover of its days still depends on
        the day that asks.
        """
        first = max(start, self._market.history_start(source.instrument))
        days = source.calendar.days(first, end - _ONE_DAY)
        if not days:
            return None
        bars = [source.day_bar(day) for day in days]
        return Bar(
            _midnight_s(source, start),
            bars[0].open,
            max(bar.high for bar in bars),
            min(bar.low for bar in bars),
            bars[-1].close,
            self._market.close_before(source, days[0]),
            sum(bar.lots for bar in bars),
            sum(self._market.day_turnover(source, day) for day in days),
        )


def _next_start(kl_type: int, start: date) -> date:
    if kl_type == KL_DAY:
        return start + _ONE_DAY
    return _STARTS[kl_type](start + _LONGEST[kl_type])


_LONGEST = {
    KL_WEEK: timedelta(days=7),
    KL_MONTH: timedelta(days=31),
    KL_QUARTER: timedelta(days=92),
    KL_YEAR: timedelta(days=366),
}


def _midnight_s(source: PriceSource, day: date) -> int:
    return int(datetime.combine(day, time(), source.calendar.zone).timestamp())


def _bar(day: TradingDay, end_minute: int, span: MinuteBar, last_close: int) -> Bar:
    label = day.minute_start(end_minute - 1) + MINUTE_S
    return Bar(label, *span[:4], last_close, *span[4:])


def _partial(moment: Moment) -> MinuteBar:
    """The moment's minute as far as it has come."""
    tape, n = moment.tape, moment.tick_index
    return MinuteBar(
        tape.ticks[0].price,
        tape.high_so_far[n],
        tape.low_so_far[n],
        moment.last,
        tape.lots_so_far[n],
        tape.turnover_so_far[n],
    )


def _joined(earlier: MinuteBar, later: MinuteBar) -> MinuteBar:
    return MinuteBar(
        earlier.open,
        max(earlier.high, later.high),
        min(earlier.low, later.low),
        later.close,
        earlier.lots + later.lots,
        earlier.turnover + later.turnover,
    )
