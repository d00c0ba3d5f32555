"""What a security's market looks like at one moment."""

from dataclasses import dataclass

from gateway.simulator.market.calendar import TradingDay
from gateway.simulator.market.source import PriceSource
from gateway.simulator.market.tape import MinuteTape, Tick
from gateway.simulator.model import Instrument


@dataclass(frozen=True, slots=True)
class Moment:
    """The state after the last tick, good for all times from `from_s` until before `until_s`.

    Prices are scaled, `lots` and `turnover` (price times lots) are the day's so far. `minute` is
    the trading minute of the last tick and `tick_index` its place in that minute.
    """

    source: PriceSource
    trading_day: TradingDay
    minute: int
    tick_index: int
    tape: MinuteTape
    open: int
    high: int
    low: int
    previous_close: int
    lots: int
    turnover: int
    from_s: float
    until_s: float

    @property
    def instrument(self) -> Instrument:
        """The security."""
        return self.source.instrument

    @property
    def tick(self) -> Tick:
        """The last tick."""
        return self.tape.ticks[self.tick_index]

    @property
    def last(self) -> int:
        """The price of the last tick."""
        return self.tape.ticks[self.tick_index].price

    @property
    def time_s(self) -> float:
        """When the last tick was."""
        return self.tape.times_ms[self.tick_index] / 1000
