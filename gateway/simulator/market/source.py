"""Where a security's days come from: a random walk of its own, or the price of its owner."""

from abc import ABC, abstractmethod
from datetime import date
from functools import lru_cache
from math import ceil, exp, floor

from gateway.simulator.market.calendar import Calendar
from gateway.simulator.market.day import DayBar, DayPath, minute_lots, random_path
from gateway.simulator.market.randomness import FractalNoise, IndexedDraws, Randomness
from gateway.simulator.market.tick_table import PRICE_SCALE, step_for_range
from gateway.simulator.market.valuation import SteppedValuation, Terms, terms_on
from gateway.simulator.model import Instrument
from gateway.simulator.universe.terms import future_terms, trading_of

TICKS_PER_PAIR = 6
_BARS_KEPT = 1024
_PATHS_KEPT = 6
_TURNOVERS_KEPT = 64
_DRAWS_PER_DAY = 6


class PriceSource(ABC):
    """A security's prices, day by day. All of it is a function of the seed and the day."""

    def __init__(self, instrument: Instrument, calendar: Calendar, randomness: Randomness) -> None:
        self.instrument = instrument
        self.calendar = calendar
        self.randomness = randomness
        self.tick_pairs = trading_of(instrument).tick_pairs
        self._draws = IndexedDraws(randomness, "days", _DRAWS_PER_DAY)
        self._bars = lru_cache(maxsize=_BARS_KEPT)(self._day_bar)
        self._paths = lru_cache(maxsize=_PATHS_KEPT)(self._path)
        self._turnovers = lru_cache(maxsize=_TURNOVERS_KEPT)(self._turnover)

    def day_bar(self, day: date) -> DayBar:
        """The whole of a trading day, also of one that is not over."""
        return self._bars(day)

    def path(self, day: date) -> DayPath:
        """The minutes of a trading day."""
        return self._paths(day)

    def turnover(self, day: date) -> int:
        """A whole day's turnover, summed up over its minutes, in scaled price times lots."""
        return self._turnovers(day)

    def _turnover(self, day: date) -> int:
        return self.path(day).turnover_so_far[-1]

    @abstractmethod
    def _day_bar(self, day: date) -> DayBar: ...

    @abstractmethod
    def _path(self, day: date) -> DayPath: ...

    def _day_lots(self, day: date, draw: float) -> int:
        """A day's lots: the average times a random factor, and enough for every tick to have one."""
        minutes = self.calendar.trading_day(day).minute_count
        usual = trading_of(self.instrument).daily_lots * exp(0.35 * draw)
        return max(round(usual), 2 * TICKS_PER_PAIR * self.tick_pairs * minutes)

    def _random_path(self, day: date) -> DayPath:
        minutes = self.calendar.trading_day(day).minute_count
        return random_path(self.randomness, self.day_bar(day), minutes, TICKS_PER_PAIR * self.tick_pairs)


class WalkSource(PriceSource):
    """A security that wanders by itself."""

    def __init__(self, instrument: Instrument, calendar: Calendar, randomness: Randomness) -> None:
        super().__init__(instrument, calendar, randomness)
        self._volatility = trading_of(instrument).volatility
        self._base = float(instrument.base_price)
        self._noise = FractalNoise(randomness)
        self._level = lru_cache(maxsize=_BARS_KEPT)(self._level_on)

    def _level_on(self, day: date) -> float:
        return self._base * exp(self._volatility * self._noise.at(day.toordinal()))

    def _day_bar(self, day: date) -> DayBar:
        draw = self._draws.at(day.toordinal())
        volatility = self._volatility
        close = self._level(day)
        open_ = self._level(self.calendar.previous_day(day)) * exp(0.3 * volatility * (draw[0] + draw[1]))
        high = max(open_, close) * exp(volatility * (0.1 + 0.6 * abs(draw[2])))
        low = min(open_, close) * exp(-volatility * (0.1 + 0.6 * abs(draw[3])))
        step = step_for_range(self.instrument, round(low * PRICE_SCALE), round(high * PRICE_SCALE))
        return DayBar(
            day,
            open=_nearest(open_, step),
            high=max(ceil(high * PRICE_SCALE / step), 1) * step,
            low=max(floor(low * PRICE_SCALE / step), 1) * step,
            close=_nearest(close, step),
            lots=self._day_lots(day, draw[4] + draw[5]),
            step=step,
        )

    def _path(self, day: date) -> DayPath:
        return self._random_path(day)


class ValuedSource(PriceSource):
    """A derivative: its prices follow its owner's, its volumes are its own."""

    def __init__(
        self, instrument: Instrument, owner: PriceSource, calendar: Calendar, randomness: Randomness
    ) -> None:
        super().__init__(instrument, calendar, randomness)
        self._owner = owner

    def _terms(self, day: date) -> Terms:
        terms = terms_on(self.instrument, self._owner.instrument, day)
        if terms is None:
            raise TypeError(f"{self.instrument.key} is not valued by its owner")
        return terms

    def _day_bar(self, day: date) -> DayBar:
        owner = self._owner.day_bar(day)
        terms = self._terms(day)
        ends = sorted(terms.value(price / PRICE_SCALE) for price in (owner.low, owner.high))
        low, high = (round(price * PRICE_SCALE) for price in ends)
        step = step_for_range(self.instrument, low, high)
        value = SteppedValuation(terms, step)
        top, bottom = (owner.low, owner.high) if terms.falls else (owner.high, owner.low)
        draw = self._draws.at(day.toordinal())
        return DayBar(
            day,
            open=value(owner.open),
            high=value(top),
            low=value(bottom),
            close=value(owner.close),
            lots=self._day_lots(day, draw[4] + draw[5]),
            step=step,
        )

    def _path(self, day: date) -> DayPath:
        if self.calendar is not self._owner.calendar:
            return self._random_path(day)
        bar = self.day_bar(day)
        path = self._owner.path(day)
        least = TICKS_PER_PAIR * self.tick_pairs
        lots = minute_lots(self.randomness, bar, path.minute_count, least)
        return path.mapped(bar, SteppedValuation(self._terms(day), bar.step), lots)


def _nearest(price: float, step: int) -> int:
    return max(round(price * PRICE_SCALE / step), 1) * step


def scope_of(instrument: Instrument) -> str:
    """The name under which an instrument draws its randomness: a continuous future is its contract."""
    future = future_terms(instrument)
    code = future.origin_code if future else instrument.key.code
    return f"{int(instrument.key.market)}.{code}"
