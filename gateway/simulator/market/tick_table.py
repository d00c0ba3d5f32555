"""Price steps. Prices are whole numbers of ten-thousandths here: `PRICE_SCALE` to the unit."""

from bisect import bisect_right
from dataclasses import dataclass
from math import lcm

from gateway.simulator.model import Instrument, QotMarket, SecurityType

PRICE_SCALE = 10_000


@dataclass(frozen=True, slots=True)
class _Bands:
    """The step that holds from each price on; prices ascend and begin at 0. All scaled."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]

    def index(self, price: int) -> int:
        """Which band a price is in."""
        return max(bisect_right(self.starts, price) - 1, 0)


def _bands(*rows: tuple[float, float]) -> _Bands:
    starts, steps = zip(*rows, strict=True)
    return _Bands(
        tuple(round(start * PRICE_SCALE) for start in starts),
        tuple(round(step * PRICE_SCALE) for step in steps),
    )


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
    return bands.steps[bands.index(price)]


def step_below(instrument: Instrument, price: int) -> int:
    """The step that holds just under a scaled price."""
    return step_at(instrument, price - 1)


def step_for_range(instrument: Instrument, low: int, high: int) -> int:
    """A step whose multiples from `low` to `high` are all valid prices."""
    bands = _bands_of(instrument)
    first, last = bands.index(low), bands.index(high)
    return bands.steps[first] if first == last else lcm(*bands.steps[first : last + 1])


def has_one_step(instrument: Instrument) -> bool:
    """Whether the same step holds at every price."""
    return len(_bands_of(instrument).steps) == 1


def on_step(price: float, step: int) -> int:
    """The multiple of a step that is nearest to a price in currency; at least one step."""
    return max(round(price * PRICE_SCALE / step), 1) * step
