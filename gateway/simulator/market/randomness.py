"""Reproducible randomness: bytes and noise that are functions of names, with no state behind them."""

import hashlib
import math
import struct
from itertools import accumulate
from operator import sub

_UINT32_RANGE = 2**32


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
        return tuple(word * 2 / _UINT32_RANGE - 1 for word in words)

    def integer(self, label: str) -> int:
        """A whole number from 0 to 2**32 - 1."""
        return int.from_bytes(self.stream(label, 4), "little")


class IndexedDraws:
    """Rows of uniform numbers by whole-number index, drawn in blocks to be cheap one by one."""

    _BLOCK = 256

    def __init__(self, randomness: Randomness, label: str, width: int) -> None:
        self._randomness = randomness
        self._label = label
        self._width = width
        self._blocks: dict[int, tuple[float, ...]] = {}

    def at(self, index: int) -> tuple[float, ...]:
        """The row of an index: `width` numbers from -1 (included) to 1 (excluded)."""
        number, offset = divmod(index, self._BLOCK)
        block = self._blocks.get(number)
        if block is None:
            count = self._BLOCK * self._width
            block = self._randomness.uniforms(f"{self._label}/{number}", count)
            self._blocks[number] = block
        return block[offset * self._width : (offset + 1) * self._width]


class FractalNoise:
    """Noise over whole numbers that wanders like a random walk but is known at any point at once.

    The sum of octaves: each interpolates random values that stand `scale` points apart, and its
    amplitude grows with the square root of the scale. The difference of neighbours has a standard
    deviation of about 1, and the noise stays within about 16.
    """

    _SCALES = (1, 4, 16, 64)
    _UNIT = 1.05

    def __init__(self, randomness: Randomness) -> None:
        self._octaves = [
            (scale, self._UNIT * math.sqrt(scale), IndexedDraws(randomness, f"noise/{scale}", 1))
            for scale in self._SCALES
        ]

    def at(self, point: int) -> float:
        """The noise at a point."""
        total = 0.0
        for scale, amplitude, draws in self._octaves:
            index, rest = divmod(point, scale)
            (value,) = draws.at(index)
            if rest:
                value += (draws.at(index + 1)[0] - value) * rest / scale
            total += amplitude * value
        return total


def apportion(total: int, weights: bytes) -> list[int]:
    """Split `total` into whole parts in proportion to `1 + weight`; the parts add up to it."""
    reached = list(accumulate(weights, initial=0))
    whole = reached[-1] + len(weights)
    bounds = [total * (weight + n) // whole for n, weight in enumerate(reached)]
    return list(map(sub, bounds[1:], bounds))
