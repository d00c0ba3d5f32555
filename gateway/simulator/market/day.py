"""A day's prices, from the top down: first the day's bar, then the minutes inside it.

All prices are scaled by `PRICE_SCALE`, volumes are lots, and turnover is in price times lots.
"""

from array import array
from collections.abc import Iterable
from datetime import date
from itertools import accumulate
from typing import NamedTuple, Protocol

from gateway.simulator.market.randomness import Randomness, apportion


class DayBar(NamedTuple):
    """A trading day as a whole. Every price of the day is a multiple of `step`."""

    day: date
    open: int
    high: int
    low: int
    close: int
    lots: int
    step: int


class MinuteBar(NamedTuple):
    """One trading minute, or several as one."""

    open: int
    high: int
    low: int
    close: int
    lots: int
    turnover: int


class Valuation(Protocol):
    """A derivative's scaled price as a function of its owner's, on the derivative's price steps."""

    @property
    def falls(self) -> bool:
        """Whether the derivative loses when its owner gains."""
        ...

    def at(self, owner_prices: Iterable[int]) -> list[int]:
        """The derivative's price at each of its owner's. Monotonic: falling if `falls`, else rising."""
        ...


class DayPath:
    """The minutes of a day. The last minute closes at the day's close; extremes are reached.

    A minute opens where the one before closed. Its turnover follows from its prices and lots alone,
    by the way in which its ticks are laid out (see `tape.py`), so it is known without them.
    """

    __slots__ = (
        "_closes", "_highs", "_lows", "bar", "lots_so_far", "minute_count", "rises_first", "turnover_so_far",
    )  # fmt: skip

    def __init__(
        self,
        bar: DayBar,
        closes: list[int],
        highs: list[int],
        lows: list[int],
        lots: list[int],
        rises_first: bytes,
    ) -> None:
        self.bar = bar
        self._closes = array("q", closes)
        self._highs = array("q", highs)
        self._lows = array("q", lows)
        self.rises_first = rises_first
        self.minute_count = len(closes)
        opens = (bar.open, *closes[:-1])
        self.lots_so_far = array("q", accumulate(lots))
        # A sixth of a minute's lots goes at each end of each of its legs, the rest at the close.
        turnovers = [
            traded // 6 * (open_ + 2 * (high + low) - 5 * close) + traded * close
            for open_, high, low, close, traded in zip(opens, highs, lows, closes, lots, strict=True)
        ]
        self.turnover_so_far = array("q", accumulate(turnovers))

    def minute(self, index: int) -> MinuteBar:
        """The bar of a trading minute, counted from 0."""
        return self.span(index, index + 1)

    def span(self, first: int, end: int) -> MinuteBar:
        """The bar over the minutes from `first` until before `end`; at least one."""
        turnover = self.turnover_so_far[end - 1] - (self.turnover_so_far[first - 1] if first else 0)
        return MinuteBar(
            self._closes[first - 1] if first else self.bar.open,
            max(self._highs[first:end]),
            min(self._lows[first:end]),
            self._closes[end - 1],
            self.lots_so_far[end - 1] - (self.lots_so_far[first - 1] if first else 0),
            turnover,
        )

    def mapped(self, bar: DayBar, valuation: Valuation, lots: list[int]) -> "DayPath":
        """The path of a derivative whose price is a monotonic function of this one's."""
        prices = {*self._closes, *self._highs, *self._lows}
        value = dict(zip(prices, valuation.at(prices), strict=True))
        tops, bottoms = self._highs, self._lows
        if valuation.falls:
            tops, bottoms = bottoms, tops
        return DayPath(
            bar,
            [value[price] for price in self._closes],
            [value[price] for price in tops],
            [value[price] for price in bottoms],
            lots,
            self.rises_first.translate(_FLIPPED) if valuation.falls else self.rises_first,
        )


_FLIPPED = bytes(255 - byte for byte in range(256))


def minute_lots(randomness: Randomness, bar: DayBar, minute_count: int, least: int) -> list[int]:
    """The day's lots over its minutes, at least `least` to each."""
    weights = randomness.stream(f"lots/{bar.day}", minute_count)
    return [least + extra for extra in apportion(bar.lots - least * minute_count, weights)]


def random_path(randomness: Randomness, bar: DayBar, minute_count: int, least_lots: int) -> DayPath:
    """Minutes for a given day's bar: they start at its open, end at its close, and touch both extremes."""
    closes = _closes(randomness, bar, minute_count)
    excess = randomness.stream(f"excess/{bar.day}", 2 * minute_count)
    step, top, bottom = bar.step, bar.high, bar.low
    opens = [bar.open, *closes[:-1]]
    up = [_EXCESS_STEPS[byte] * step for byte in excess[:minute_count]]
    down = [_EXCESS_STEPS[byte] * step for byte in excess[minute_count:]]
    highs = [min(max(a, b) + more, top) for a, b, more in zip(opens, closes, up, strict=True)]
    lows = [max(min(a, b) - more, bottom) for a, b, more in zip(opens, closes, down, strict=True)]
    return DayPath(
        bar,
        closes,
        highs,
        lows,
        minute_lots(randomness, bar, minute_count, least_lots),
        randomness.stream(f"rises/{bar.day}", minute_count),
    )


_EXCESS_STEPS = bytes(0 if byte < 110 else 1 if byte < 200 else 2 if byte < 245 else 3 for byte in range(256))


def _closes(randomness: Randomness, bar: DayBar, minute_count: int) -> list[int]:
    """Bridges between the knots of the day: its open, its two extremes in either order, its close."""
    draw = randomness.stream(f"knots/{bar.day}", 5)
    middle = minute_count - 2
    early, late = sorted((int.from_bytes(draw[:2]) % middle, int.from_bytes(draw[2:4]) % (middle - 1)))
    extremes = (bar.high, bar.low) if draw[4] & 1 else (bar.low, bar.high)
    knots = ((early, extremes[0]), (late + 1, extremes[1]), (minute_count - 1, bar.close))
    noise = randomness.stream(f"walk/{bar.day}", minute_count)
    closes: list[int] = []
    start, price = -1, bar.open
    for end, target in knots:
        closes += _bridge(price, target, noise[start + 1 : end + 1], bar)
        start, price = end, target
    return closes


def _bridge(start: int, target: int, noise: bytes, bar: DayBar) -> list[int]:
    """A random walk from `start` that is at `target` after `len(noise)` minutes, within the day's range."""
    length = len(noise)
    walk = list(accumulate(map(_CENTRED.__getitem__, noise)))
    spread = max(bar.high - bar.low, bar.step)
    scale = spread / (_BYTE_DEVIATION * length**0.5 * _RANGE_DEVIATIONS)
    drift = (target - start - walk[-1] * scale) / length
    step, low, high = bar.step, bar.low // bar.step, bar.high // bar.step
    first, slope, swing = start / step + 0.5, drift / step, scale / step
    steps = [int(first + slope * minute + swing * level) for minute, level in enumerate(walk[:-1], 1)]
    inside = [low if level < low else high if level > high else level for level in steps]
    return [*(level * step for level in inside), target]


_CENTRED = tuple(byte - 127.5 for byte in range(256))
_BYTE_DEVIATION = 73.9  # the standard deviation of a uniformly random byte
_RANGE_DEVIATIONS = 4.0  # how many deviations of a walk between two knots span the day's range
