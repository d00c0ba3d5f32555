"""Chart patterns (`Qot_StockFilter.PatternField`) as tests on indicator series."""

from collections.abc import Callable, Mapping
from itertools import pairwise

from gateway.simulator.quote.indicator import (
    Bars,
    Series,
    bollinger,
    exponential_average,
    kdj,
    macd,
    moving_average,
    relative_strength,
)

PatternTest = Callable[[Bars], list[bool]]
"""Says for each bar whether the pattern is there."""

_ALIGNED = (5, 10, 20, 60)
_DIVERGENCE_BARS = 20
_LOW, _HIGH = 30.0, 70.0


def crosses(first: Series, second: Series) -> list[bool]:
    """Where `first` comes from not above `second` to above it."""
    pairs = list(zip(first, second, strict=True))
    return [False, *(a <= b and c > d for (a, b), (c, d) in pairwise(pairs))]


def _both(first: list[bool], second: list[bool]) -> list[bool]:
    return [a and b for a, b in zip(first, second, strict=True)]


def _aligned(average: Callable[[Series, int], Series], rising: bool) -> PatternTest:
    """Shorter averages above longer ones, or below."""

    def test(bars: Bars) -> list[bool]:
        rows = zip(*(average(bars.closes, length) for length in _ALIGNED), strict=True)
        return [all((a > b) if rising else (a < b) for a, b in pairwise(row)) for row in rows]

    return test


def _strength_lines(bars: Bars) -> tuple[Series, Series]:
    return relative_strength(bars.closes, 6), relative_strength(bars.closes, 12)


def _kdj_lines(bars: Bars) -> tuple[Series, Series]:
    k, d, _ = kdj(bars, 9, 3, 3)
    return k, d


def _macd_lines(bars: Bars) -> tuple[Series, Series]:
    diff, dea, _ = macd(bars.closes, 12, 26, 9)
    return diff, dea


def _golden_cross(lines: Callable[[Bars], tuple[Series, Series]], low: float) -> PatternTest:
    """The fast line crosses above the slow one while it is under `low`."""

    def test(bars: Bars) -> list[bool]:
        fast, slow = lines(bars)
        return _both(crosses(fast, slow), [value < low for value in slow])

    return test


def _death_cross(lines: Callable[[Bars], tuple[Series, Series]], high: float) -> PatternTest:
    """The fast line crosses below the slow one while it is over `high`."""

    def test(bars: Bars) -> list[bool]:
        fast, slow = lines(bars)
        return _both(crosses(slow, fast), [value > high for value in slow])

    return test


def _divergence(lines: Callable[[Bars], tuple[Series, Series]], top: bool) -> PatternTest:
    """The price is at an extreme of its last bars, and the indicator is not."""

    def test(bars: Bars) -> list[bool]:
        sign = 1 if top else -1
        closes = [sign * close for close in bars.closes]
        line = [sign * value for value in lines(bars)[0]]
        return [
            n >= _DIVERGENCE_BARS
            and closes[n] >= max(closes[n - _DIVERGENCE_BARS : n])
            and line[n] < max(line[n - _DIVERGENCE_BARS : n])
            for n in range(len(closes))
        ]

    return test


def _over_band(bars: Bars) -> list[bool]:
    return crosses(bars.closes, bollinger(bars.closes, 20, 2)[0])


def _under_band(bars: Bars) -> list[bool]:
    return crosses(bollinger(bars.closes, 20, 2)[2], bars.closes)


def _up_through_middle(bars: Bars) -> list[bool]:
    return crosses(bars.closes, bollinger(bars.closes, 20, 2)[1])


def _down_through_middle(bars: Bars) -> list[bool]:
    return crosses(bollinger(bars.closes, 20, 2)[1], bars.closes)


PATTERNS: Mapping[int, PatternTest] = {
    1: _aligned(moving_average, rising=True),
    2: _aligned(moving_average, rising=False),
    3: _aligned(exponential_average, rising=True),
    4: _aligned(exponential_average, rising=False),
    5: _golden_cross(_strength_lines, _LOW),
    6: _death_cross(_strength_lines, _HIGH),
    7: _divergence(_strength_lines, top=True),
    8: _divergence(_strength_lines, top=False),
    9: _golden_cross(_kdj_lines, _LOW),
    10: _death_cross(_kdj_lines, _HIGH),
    11: _divergence(_kdj_lines, top=True),
    12: _divergence(_kdj_lines, top=False),
    13: _golden_cross(_macd_lines, 0.0),
    14: _death_cross(_macd_lines, 0.0),
    15: _divergence(_macd_lines, top=True),
    16: _divergence(_macd_lines, top=False),
    17: _over_band,
    18: _under_band,
    19: _up_through_middle,
    20: _down_through_middle,
}
"""By `PatternField`."""
