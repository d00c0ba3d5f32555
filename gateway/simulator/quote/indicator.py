"""Technical indicators as series over bars: each value stands at its bar, nan while there are too few."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from math import nan, sqrt

Series = list[float]


@dataclass(frozen=True, slots=True)
class Bars:
    """The prices of a chart, earliest first."""

    closes: Series
    highs: Series
    lows: Series


def moving_average(values: Series, length: int) -> Series:
    """The mean of the last `length` values."""
    sums = list(accumulate(values, initial=0.0))
    means = [(sums[end] - sums[end - length]) / length for end in range(length, len(sums))]
    return [nan] * min(length - 1, len(values)) + means


def exponential_average(values: Series, length: int) -> Series:
    """The exponential average with weight `2 / (length + 1)`, from the first value on."""
    weight = 2 / (length + 1)
    return list(accumulate(values, lambda mean, value: mean + weight * (value - mean)))


def relative_strength(closes: Series, length: int) -> Series:
    """Wilder's RSI, 0 to 100; 50 where nothing moved."""
    if not closes:
        return []
    rises, moves, result = 0.0, 0.0, [nan]
    for before, after in pairwise(closes):
        change = after - before
        rises += (max(change, 0.0) - rises) / length
        moves += (abs(change) - moves) / length
        result.append(100 * rises / moves if moves else 50.0)
    return result


def kdj(bars: Bars, length: int, smooth_k: int, smooth_d: int) -> tuple[Series, Series, Series]:
    """The stochastic lines K, D and J."""
    k, d, lines = 50.0, 50.0, []
    for n, close in enumerate(bars.closes):
        low = min(bars.lows[max(n - length + 1, 0) : n + 1])
        high = max(bars.highs[max(n - length + 1, 0) : n + 1])
        raw = 100 * (close - low) / (high - low) if high > low else 50.0
        k += (raw - k) / smooth_k
        d += (k - d) / smooth_d
        lines.append((k, d, 3 * k - 2 * d))
    return [row[0] for row in lines], [row[1] for row in lines], [row[2] for row in lines]


def macd(closes: Series, fast: int, slow: int, signal: int) -> tuple[Series, Series, Series]:
    """DIFF, DEA and the histogram, which is twice their difference."""
    fast_line, slow_line = exponential_average(closes, fast), exponential_average(closes, slow)
    diff = [quick - late for quick, late in zip(fast_line, slow_line, strict=True)]
    dea = exponential_average(diff, signal)
    return diff, dea, [2 * (a - b) for a, b in zip(diff, dea, strict=True)]


def bollinger(closes: Series, length: int, width: float) -> tuple[Series, Series, Series]:
    """The upper, middle and lower band."""
    middle = moving_average(closes, length)
    squares = moving_average([close * close for close in closes], length)
    spread = [
        width * sqrt(max(square - mean * mean, 0.0)) for square, mean in zip(squares, middle, strict=True)
    ]
    upper = [mean + far for mean, far in zip(middle, spread, strict=True)]
    return upper, middle, [mean - far for mean, far in zip(middle, spread, strict=True)]


@dataclass(frozen=True, slots=True)
class Indicator:
    """How to compute a `Qot_StockFilter.CustomIndicatorField`, and its parameters by default."""

    defaults: tuple[int, ...]
    compute: Callable[[Bars, Sequence[int]], Series]


def _price(bars: Bars, _parameters: Sequence[int]) -> Series:
    return bars.closes


def _average(bars: Bars, parameters: Sequence[int]) -> Series:
    return moving_average(bars.closes, parameters[0])


def _exponential(bars: Bars, parameters: Sequence[int]) -> Series:
    return exponential_average(bars.closes, parameters[0])


def _strength(bars: Bars, parameters: Sequence[int]) -> Series:
    return relative_strength(bars.closes, parameters[0])


def _kdj_line(line: int, bars: Bars, parameters: Sequence[int]) -> Series:
    return kdj(bars, parameters[0], parameters[1], parameters[2])[line]


def _macd_line(line: int, bars: Bars, parameters: Sequence[int]) -> Series:
    return macd(bars.closes, parameters[0], parameters[1], parameters[2])[line]


def _band(line: int, bars: Bars, parameters: Sequence[int]) -> Series:
    return bollinger(bars.closes, parameters[0], parameters[1])[line]


_LENGTHS = (5, 10, 20, 30, 60, 120, 250)

INDICATORS: Mapping[int, Indicator] = {
    1: Indicator((), _price),
    **{2 + n: Indicator((length,), _average) for n, length in enumerate(_LENGTHS)},
    9: Indicator((12,), _strength),
    **{10 + n: Indicator((length,), _exponential) for n, length in enumerate(_LENGTHS)},
    30: Indicator((5,), _average),
    40: Indicator((5,), _exponential),
    **{50 + n: Indicator((9, 3, 3), partial(_kdj_line, n)) for n in range(3)},
    **{60 + n: Indicator((12, 26, 9), partial(_macd_line, n)) for n in range(3)},
    **{70 + n: Indicator((20, 2), partial(_band, n)) for n in range(3)},
}
"""By `CustomIndicatorField`; 17, a plain value, is not computed."""
