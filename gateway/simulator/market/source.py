"""Where a security's days come from: a random walk of its own, or the price of its owner."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from math import ceil, exp, floor

from gateway.simulator.market.calendar import Calendar
from gateway.simulator.market.day import DayBar, DayPath, minute_lots, random_path
from gateway.simulator.market.randomness import FractalNoise, IndexedDraws, Randomness
from gateway.simulator.market.tick_table import PRICE_SCALE, has_one_step, on_step, step_for_range
from gateway.simulator.market.valuation import Contract, SteppedValuation
from gateway.simulator.model import Instrument
from gateway.simulator.universe.terms import future_terms, trading_of

TICKS_PER_PAIR = 6
_BARS_KEPT = 512
_PATHS_KEPT = 6
_TURNOVERS_KEPT = 64
_PRICE_DRAWS = 4
_GAP, _WICK, _EXCESS = 0.3, 0.1, 0.6
"""In levels of the noise: of two draws, from a close to the next open; and how far a day's extremes lie
beyond its open and close, at least and, times a draw, on top of that."""

_WIDEST_DAY = 1.3
"""No day's high is more than this times its low."""


class PriceSource(ABC):
    """A security's prices, day by day. All of it is a function of the seed and the day."""

    def __init__(self, instrument: Instrument, calendar: Calendar, randomness: Randomness) -> None:
        self.instrument = instrument
        self.calendar = calendar
        self.randomness = randomness
        self.tick_pairs = trading_of(instrument).tick_pairs
        self._lot_draws = IndexedDraws(randomness, "day lots", 2)
        self._bars = lru_cache(maxsize=_BARS_KEPT)(self._day_bar)
        self._paths = lru_cache(maxsize=_PATHS_KEPT)(self._path)
        self._turnovers = lru_cache(maxsize=_TURNOVERS_KEPT)(self._turnover)

    def day_bar(self, day: date) -> DayBar:
        """The whole of a trading day, also of one that is not over."""
        return self._bars(day)

    def extremes(self, days: Sequence[date]) -> tuple[int, int]:
        """The highest and the lowest scaled price over consecutive trading days; at least one.

        They are those of the days' bars, of which only the few are made that can hold an extreme.
        """
        highs, lows = self._reaches(days)
        top, bottom = max(highs), min(lows)
        least_top, most_bottom = top - self._rounding(top), bottom + self._rounding(bottom)
        highest = [day for day, high in zip(days, highs, strict=True) if high >= least_top]
        lowest = [day for day, low in zip(days, lows, strict=True) if low <= most_bottom]
        if has_one_step(self.instrument):  # then rounding leaves prices in order, and any of them will do
            highest, lowest = highest[:1], lowest[:1]
        return max(self.day_bar(day).high for day in highest), min(self.day_bar(day).low for day in lowest)

    def _rounding(self, price: float) -> float:
        """By how much the steps of two days may move prices near `price` against each other."""
        if has_one_step(self.instrument):
            return 0.0
        around = round(price / _WIDEST_DAY * PRICE_SCALE), round(price * _WIDEST_DAY * PRICE_SCALE)
        return 2 * step_for_range(self.instrument, *around) / PRICE_SCALE

    def path(self, day: date) -> DayPath:
        """The minutes of a trading day."""
        return self._paths(day)

    def turnover(self, day: date) -> int:
        """A whole day's turnover, summed up over its minutes, in scaled price times lots."""
        return self._turnovers(day)

    def _turnover(self, day: date) -> int:
        return self.path(day).turnover_so_far[-1]

    @abstractmethod
    def _reaches(self, days: Sequence[date]) -> tuple[list[float], list[float]]:
        """The highs and lows of consecutive trading days, in currency and not yet on a price step."""

    @abstractmethod
    def _day_bar(self, day: date) -> DayBar: ...

    @abstractmethod
    def _path(self, day: date) -> DayPath: ...

    def _day_lots(self, day: date) -> int:
        """A day's lots: the average times a random factor, and enough for every tick to have one."""
        minutes = self.calendar.trading_day(day).minute_count
        usual = trading_of(self.instrument).daily_lots * exp(0.35 * sum(self._lot_draws.at(day.toordinal())))
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
        self._price_draws = IndexedDraws(randomness, "day prices", _PRICE_DRAWS)

    def _reaches(self, days: Sequence[date]) -> tuple[list[float], list[float]]:
        before = self.calendar.previous_day(days[0]).toordinal()
        count = days[-1].toordinal() - before + 1
        noise, draws = self._noise.span(before, count), self._price_draws.span(before, count)
        early, late, above, below = (draws[column::_PRICE_DRAWS] for column in range(_PRICE_DRAWS))
        places = [day.toordinal() - before for day in days]
        closes = [noise[n] for n in places]
        opens = [
            close + _GAP * (early[n] + late[n]) for close, n in zip((noise[0], *closes), places, strict=False)
        ]
        bodies = list(zip(opens, closes, places, strict=True))
        base, volatility = self._base, self._volatility
        return (
            [base * exp(volatility * (max(a, b) + _WICK + _EXCESS * abs(above[n]))) for a, b, n in bodies],
            [base * exp(volatility * (min(a, b) - _WICK - _EXCESS * abs(below[n]))) for a, b, n in bodies],
        )

    def _price(self, level: float) -> float:
        """The price in currency at a level of the noise."""
        return self._base * exp(self._volatility * level)

    def _day_bar(self, day: date) -> DayBar:
        noise, draw = self._noise, self._price_draws.at(day.toordinal())
        level = noise.at(day.toordinal())
        start = noise.at(self.calendar.previous_day(day).toordinal()) + _GAP * (draw[0] + draw[1])
        open_, close = self._price(start), self._price(level)
        high = self._price(max(start, level) + _WICK + _EXCESS * abs(draw[2]))
        low = self._price(min(start, level) - _WICK - _EXCESS * abs(draw[3]))
        step = step_for_range(self.instrument, round(low * PRICE_SCALE), round(high * PRICE_SCALE))
        return DayBar(
            day,
            open=on_step(open_, step),
            high=max(ceil(high * PRICE_SCALE / step), 1) * step,
            low=max(floor(low * PRICE_SCALE / step), 1) * step,
            close=on_step(close, step),
            lots=self._day_lots(day),
            step=step,
        )

    def _path(self, day: date) -> DayPath:
        return self._random_path(day)


class ValuedSource(PriceSource):
    """A derivative: its prices follow its owner's, its volumes are its own."""

    def __init__(
        self,
        instrument: Instrument,
        owner: PriceSource,
        contract: Contract,
        calendar: Calendar,
        randomness: Randomness,
    ) -> None:
        super().__init__(instrument, calendar, randomness)
        self._owner = owner
        self._contract = contract

    def _reaches(self, days: Sequence[date]) -> tuple[list[float], list[float]]:
        extremes = [
            self._contract.on(day).values((bar.high / PRICE_SCALE, bar.low / PRICE_SCALE))
            for day, bar in zip(days, map(self._owner.day_bar, days), strict=True)
        ]
        return [max(pair) for pair in extremes], [min(pair) for pair in extremes]

    def _day_bar(self, day: date) -> DayBar:
        owner = self._owner.day_bar(day)
        terms = self._contract.on(day)
        open_, high, low, close = terms.values(
            [price / PRICE_SCALE for price in (owner.open, owner.high, owner.low, owner.close)]
        )
        if terms.falls:
            high, low = low, high
        step = step_for_range(self.instrument, round(low * PRICE_SCALE), round(high * PRICE_SCALE))
        return DayBar(
            day,
            open=on_step(open_, step),
            high=on_step(high, step),
            low=on_step(low, step),
            close=on_step(close, step),
            lots=self._day_lots(day),
            step=step,
        )

    def _path(self, day: date) -> DayPath:
        if self.calendar is not self._owner.calendar:
            return self._random_path(day)
        bar = self.day_bar(day)
        path = self._owner.path(day)
        least = TICKS_PER_PAIR * self.tick_pairs
        lots = minute_lots(self.randomness, bar, path.minute_count, least)
        return path.mapped(bar, SteppedValuation(self._contract.on(day), bar.step), lots)


def scope_of(instrument: Instrument) -> str:
    """The name under which an instrument draws its randomness: a continuous future is its contract."""
    future = future_terms(instrument)
    code = future.origin_code if future else instrument.key.code
    return f"{int(instrument.key.market)}.{code}"
