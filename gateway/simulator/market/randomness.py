"""Reproducible randomness: bytes and noise that are functions of names, with no state behind them."""

import hashlib
import math
import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import sub

_HALF_UINT32_RANGE = 2**31
_BLOCKS_KEPT = 4


class Randomness:
    """A family of random streams. The same seed, scope and labels give the same bytes everywhere."""

    def __init__(self, seed: int, scope: str) -> None:
        self._root = hashlib.shake_128(f"{seed}/{scope}/".encode())

    def stream(self, label: str, length: int) -> bytes:
        """`length` random bytes."""
        hasher = self._root.copy()
        hasher.update(label.encode())
        return hasher.digest(length)

    def uniforms(self, label: str, count: int) -> tuple[float, ...]:
        """`count` numbers from -1 (included) to 1 (excluded)."""
        words = struct.unpack(f"<{count}I", self.stream(label, 4 * count))
        return tuple([word / _HALF_UINT32_RANGE - 1 for word in words])

    def integer(self, label: str) -> int:
        """A whole number from 0 to 2**32 - 1."""
        return int.from_bytes(self.stream(label, 4), "little")


class IndexedDraws:
    """Rows of uniform numbers by whole-number index, drawn in blocks to be cheap one by one."""

    _BLOCK = 64

    def __init__(self, randomness: Randomness, label: str, width: int) -> None:
        self._randomness = randomness
        self._label = label
        self._width = width
        self._block = lru_cache(maxsize=_BLOCKS_KEPT)(self._draw_block)

    def _draw_block(self, number: int) -> "array[float]":
        return array("d", self._randomness.uniforms(f"{self._label}/{number}", self._BLOCK * self._width))

    def at(self, index: int) -> Sequence[float]:
        """The row of an index: `width` numbers from -1 (included) to 1 (excluded)."""
        number, offset = divmod(index, self._BLOCK)
        return self._block(number)[offset * self._width : (offset + 1) * self._width]

    def span(self, first: int, count: int) -> Sequence[float]:
        """The rows of `count` indices from `first` on, one after the other."""
        number, offset = divmod(first, self._BLOCK)
        rows = array("d")
        for block in range(number, (first + count - 1) // self._BLOCK + 1):
            rows += self._block(block)
        return rows[offset * self._width : (offset + count) * self._width]


class FractalNoise:
    """Noise over whole numbers that wanders like a random walk but is known at any point at once.

    The sum of octaves: each interpolates random values that stand `scale` points apart, and its
    amplitude grows with the square root of the scale. The difference of neighbours has a standard
    deviation of about 1, and the noise stays within about 16.
    """

    _OCTAVES = 4
    _REFINEMENT = 4
    _UNIT = 1.05
    _BLOCK = 64

    def __init__(self, randomness: Randomness) -> None:
        scales = [self._REFINEMENT**octave for octave in range(self._OCTAVES)]
        self._draws = [IndexedDraws(randomness, f"noise/{scale}", 1) for scale in scales]
        self._amplitudes = [self._UNIT * math.sqrt(scale) for scale in scales]
        self._block = lru_cache(maxsize=_BLOCKS_KEPT)(self._noise_block)

    def _noise_block(self, number: int) -> "array[float]":
        return array("d", self.span(number * self._BLOCK, self._BLOCK))

    def at(self, point: int) -> float:
        """The noise at a point."""
        number, offset = divmod(point, self._BLOCK)
        return self._block(number)[offset]

    def span(self, first: int, count: int) -> Sequence[float]:
        """The noise at `count` points from `first` on."""
        return self._sum_from(0, first, count)

    def _sum_from(self, octave: int, first: int, count: int) -> Sequence[float]:
        """The sum of an octave and all longer ones at `count` of the points between which it interpolates."""
        amplitude, draws = self._amplitudes[octave], self._draws[octave].span(first, count)
        if octave + 1 == self._OCTAVES:
            return [amplitude * draw for draw in draws]
        knot, offset = divmod(first, self._REFINEMENT)
        knots = self._sum_from(octave + 1, knot, (offset + count - 1) // self._REFINEMENT + 2)
        quarters = [step / self._REFINEMENT for step in range(self._REFINEMENT)]
        longer = [
            level + (following - level) * part for level, following in pairwise(knots) for part in quarters
        ]
        return [level + amplitude * draw for level, draw in zip(longer[offset:], draws, strict=False)]


def apportion(total: int, weights: bytes) -> list[int]:
    """Split `total` into whole parts in proportion to `1 + weight`; the parts add up to it."""
    reached = list(accumulate(weights, initial=0))
    whole = reached[-1] + len(weights)
    bounds = [total * (weight + n) // whole for n, weight in enumerate(reached)]
    return list(map(sub, bounds[1:], bounds))
