"""Price steps. Prices are whole numbers of ten-thousandths here: `PRICE_SCALE` to the unit."""

from bisect import bisect_right
from math import lcm

from gateway.simulator.model import Instrument, QotMarket, SecurityType

PRICE_SCALE = 10_000

_Bands = tuple[tuple[int, int], ...]
"""(price from which on, step), ascending, both scaled."""


def _bands(*rows: tuple[float, float]) -> _Bands:
    return tuple((round(price * PRICE_SCALE), round(step * PRICE_SCALE)) for price, step in rows)


_HK_STOCK = _bands(
    (0, 0.001), (0.25, 0.005), (0.5, 0.01), (20, 0.02), (50, 0.05), (100, 0.1), (200, 0.2), (500, 0.5),
    (1000, 1), (2000, 2), (5000, 5),
)  # fmt: skip
# Exchange-traded funds and structured products kept the wider steps between 10 and 50 dollars
# in HKEX's change of August 2025.
_HK_OTHER = _bands(
    (0, 0.001), (0.25, 0.005), (0.5, 0.01), (10, 0.02), (20, 0.05), (100, 0.1), (200, 0.2), (500, 0.5),
    (1000, 1), (2000, 2), (5000, 5),
)  # fmt: skip
_CENT = _bands((0, 0.01))
_US_STOCK = _bands((0, 0.0001), (1, 0.01))
_CN_FUND = _bands((0, 0.001))
_POINT = _bands((0, 1))

_BY_TYPE: dict[SecurityType, dict[int, _Bands]] = {
    SecurityType.EQUITY: {QotMarket.HK: _HK_STOCK, QotMarket.US: _US_STOCK},
    SecurityType.TRUST: {
        QotMarket.HK: _HK_OTHER,
        QotMarket.US: _US_STOCK,
        QotMarket.SH: _CN_FUND,
        QotMarket.SZ: _CN_FUND,
    },
    SecurityType.WARRANT: {QotMarket.HK: _HK_OTHER},
    SecurityType.FUTURE: {QotMarket.HK: _POINT},
}


def _bands_of(instrument: Instrument) -> _Bands:
    return _BY_TYPE.get(instrument.security_type, {}).get(instrument.key.market, _CENT)


def step_at(instrument: Instrument, price: int) -> int:
    """The step that holds at a scaled price, going up from it."""
    bands = _bands_of(instrument)
    return bands[max(bisect_right(bands, price, key=lambda band: band[0]) - 1, 0)][1]


def step_below(instrument: Instrument, price: int) -> int:
    """The step that holds just under a scaled price."""
    return step_at(instrument, price - 1)


def step_for_range(instrument: Instrument, low: int, high: int) -> int:
    """A step whose multiples from `low` to `high` are all valid prices."""
    bands = _bands_of(instrument)
    first = max(bisect_right(bands, low, key=lambda band: band[0]) - 1, 0)
    last = max(bisect_right(bands, high, key=lambda band: band[0]) - 1, 0)
    return lcm(*(step for _, step in bands[first : last + 1]))
