"""A holding in one security, long or short, and its profit."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.simulator.broker.number import ZERO
from gateway.simulator.model import Instrument


@dataclass(slots=True)
class DayTrades:
    """What was traded on `day`, the market's local date."""

    day: date
    buy_qty: Decimal = ZERO
    buy_value: Decimal = ZERO
    sell_qty: Decimal = ZERO
    sell_value: Decimal = ZERO


@dataclass(slots=True)
class Position:
    """A holding. `qty` is below zero for a short position; values are in the security's currency.

    `average_cost` is what a share cost that is still held. `invested` is all that was paid less all that was
    received, from which the diluted cost follows.
    """

    position_id: int
    instrument: Instrument
    today: DayTrades
    qty: Decimal = ZERO
    average_cost: Decimal = ZERO
    invested: Decimal = ZERO
    realized: Decimal = ZERO

    def apply(self, signed_qty: Decimal, price: Decimal, day: date) -> None:
        """Book a trade: `signed_qty` shares bought (above zero) or sold (below) at `price`."""
        value = signed_qty * price * self.instrument.contract_multiplier
        self.roll(day)
        if signed_qty > 0:
            self.today.buy_qty += signed_qty
            self.today.buy_value += value
        else:
            self.today.sell_qty -= signed_qty
            self.today.sell_value -= value
        self._close(signed_qty, price)
        self._open(signed_qty, price)
        self.qty += signed_qty
        self.invested = self.invested + value if self.qty else ZERO

    def roll(self, day: date) -> bool:
        """Start the figures of a new day when the local date has changed. Tells whether it has."""
        if self.today.day == day:
            return False
        self.today = DayTrades(day)
        return True

    def unrealized(self, price: Decimal) -> Decimal:
        """Profit on what is held, against the average cost."""
        return (price - self.average_cost) * self.qty * self.instrument.contract_multiplier

    def market_value(self, price: Decimal) -> Decimal:
        """The value at `price`; below zero for a short position."""
        return price * self.qty * self.instrument.contract_multiplier

    def day_profit(self, price: Decimal, previous_close: Decimal) -> Decimal:
        """Profit since the previous close, of what was held then and of what was traded since."""
        held_before = self.qty - self.today.buy_qty + self.today.sell_qty
        before = held_before * previous_close * self.instrument.contract_multiplier
        return self.market_value(price) - before - self.today.buy_value + self.today.sell_value

    def _close(self, signed_qty: Decimal, price: Decimal) -> None:
        if self.qty * signed_qty >= 0:
            return
        closed = min(abs(self.qty), abs(signed_qty)).copy_sign(self.qty)
        self.realized += (price - self.average_cost) * closed * self.instrument.contract_multiplier

    def _open(self, signed_qty: Decimal, price: Decimal) -> None:
        after = self.qty + signed_qty
        if after == 0:
            self.average_cost = ZERO
        elif self.qty * signed_qty >= 0:
            self.average_cost = (self.average_cost * self.qty + price * signed_qty) / after
        elif self.qty * after < 0:
            self.average_cost = price
