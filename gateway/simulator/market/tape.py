"""The ticks of one minute, laid out so that they add up to the minute's bar.

A minute goes from its open to one extreme, to the other, and to its close: three legs of
`2 * pairs` ticks. Within a leg the n-th tick and the n-th from the end have the same lots, and their
prices add up to those of the leg's ends; so a leg's turnover is its lots times the mean of its ends,
which is what lets `DayPath` know turnover without ticks. What six does not divide trades last, at
the close.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from gateway.simulator.market.day import MinuteBar
from gateway.simulator.market.randomness import Randomness, apportion

BUY, SELL, NEUTRAL = 1, 2, 3
"""`Qot_Common.TickerDirection`: the active side of a trade."""

_JITTER_RANGE = 300


class Tick(NamedTuple):
    """A trade. `price` is scaled, `lots` counts lots, `time_ms` counts from the epoch."""

    time_ms: int
    price: int
    lots: int
    direction: int


class MinuteTape:
    """A minute's ticks in order, with what they add up to after each of them."""

    __slots__ = ("high_so_far", "lots_so_far", "low_so_far", "ticks", "times_ms", "turnover_so_far")

    def __init__(self, ticks: list[Tick]) -> None:
        self.ticks = ticks
        self.times_ms = [tick.time_ms for tick in ticks]
        self.lots_so_far = list(accumulate(tick.lots for tick in ticks))
        self.turnover_so_far = list(accumulate(tick.price * tick.lots for tick in ticks))
        prices = [tick.price for tick in ticks]
        self.high_so_far = list(accumulate(prices, max))
        self.low_so_far = list(accumulate(prices, min))

    def last_at(self, moment_ms: int) -> int:
        """The index of the last tick up to a moment; -1 when there is none yet."""
        return bisect_right(self.times_ms, moment_ms) - 1


def legs(bar: MinuteBar, rises_first: bool) -> tuple[tuple[int, int], ...]:
    """The three legs of a minute as (price from, price to)."""
    first, second = (bar.high, bar.low) if rises_first else (bar.low, bar.high)
    return (bar.open, first), (first, second), (second, bar.close)


def direction_of(start: int, end: int) -> int:
    """The active side while the price goes from `start` to `end`."""
    return BUY if end > start else SELL if end < start else NEUTRAL


def minute_tape(
    randomness: Randomness, bar: MinuteBar, *, start_s: int, step: int, pairs: int, rises_first: bool
) -> MinuteTape:
    """The ticks of the minute that begins at `start_s`. `bar.lots` must be at least `6 * pairs`.

    The minute's first tick comes at its very start, so that a day has a price from its first moment.
    """
    trades = list(_trades(randomness, bar, start_s, step, pairs, rises_first))
    jitter = randomness.stream(f"jitter/{start_s}", len(trades))
    spacing_ms = 60_000 / len(trades)
    ticks = [
        Tick(start_s * 1000 + int((n + (jitter[n] / _JITTER_RANGE if n else 0)) * spacing_ms), *trade)
        for n, trade in enumerate(trades)
    ]
    return MinuteTape(ticks)


def _trades(
    randomness: Randomness, bar: MinuteBar, start_s: int, step: int, pairs: int, rises_first: bool
) -> Iterator[tuple[int, int, int]]:
    """(price, lots, direction) of each tick."""
    sixth = bar.lots // 6
    weights = randomness.stream(f"sizes/{start_s}", 3 * pairs)
    direction = NEUTRAL
    for n, (start, end) in enumerate(legs(bar, rises_first)):
        direction = direction_of(start, end)
        sizes = [1 + more for more in apportion(sixth - pairs, weights[n * pairs : (n + 1) * pairs])]
        first_half = list(_first_half(start, end, step, pairs))
        second_half = [start + end - price for price in reversed(first_half)]
        for price, lots in zip(first_half + second_half, sizes + sizes[::-1], strict=True):
            yield price, lots, direction
    rest = bar.lots - 6 * sixth
    if rest:
        yield bar.close, rest, direction


def _first_half(start: int, end: int, step: int, pairs: int) -> Iterator[int]:
    """The prices of a leg up to its middle, evenly spaced on the grid."""
    sign = step if end > start else -step
    distance = abs(end - start) // step
    for n in range(pairs):
        yield start + sign * (distance * n // (2 * pairs - 1))
