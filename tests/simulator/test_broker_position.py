"""The arithmetic of a position: average cost, profit, and crossing from long to short."""

from datetime import date
from decimal import Decimal

import pytest
from fix_market import APPLE, APPLE_CALL, INSTRUMENTS
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.broker.position import DayTrades, Position

DAY = date(2026, 3, 2)


def _position(*trades: tuple[int, int], key=APPLE) -> Position:
    position = Position(1, INSTRUMENTS[key], DayTrades(DAY))
    for qty, price in trades:
        position.apply(Decimal(qty), Decimal(price), DAY)
    return position


@pytest.mark.parametrize(
    ("trades", "qty", "average_cost", "realized"),
    [
        ([(10, 100)], 10, 100, 0),
        ([(10, 100), (30, 120)], 40, 115, 0),
        ([(10, 100), (-4, 130)], 6, 100, 120),
        ([(10, 100), (-10, 130)], 0, 0, 300),
        ([(-10, 100)], -10, 100, 0),
        ([(-10, 100), (-10, 120)], -20, 110, 0),
        ([(-10, 100), (4, 90)], -6, 100, 40),
        ([(10, 100), (-15, 130)], -5, 130, 300),
        ([(-10, 100), (15, 90)], 5, 90, 100),
    ],
)
def test_average_cost_and_realized_profit(trades, qty, average_cost, realized):
    position = _position(*trades)
    assert (position.qty, position.average_cost, position.realized) == (qty, average_cost, realized)


@given(
    st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 500)), min_size=1, max_size=12),
    st.integers(1, 500),
)
def test_realized_and_unrealized_profit_are_what_the_cash_says(trades, price):
    position = _position(*trades)
    cash = -sum(qty * paid for qty, paid in trades)
    worth = cash + position.market_value(Decimal(price))
    assert float(position.realized + position.unrealized(Decimal(price))) == pytest.approx(float(worth))
    assert float(position.day_profit(Decimal(price), Decimal(77))) == pytest.approx(float(worth))


def test_values_of_an_option_carry_its_multiplier():
    position = _position((2, 10), (-1, 12), key=APPLE_CALL)
    assert position.realized == 200
    assert position.market_value(Decimal(13)) == 1_300
    assert (position.today.buy_value, position.today.sell_value) == (2_000, 1_200)


def test_a_new_day_starts_its_own_figures():
    position = _position((10, 100))
    assert not position.roll(DAY)
    assert position.roll(date(2026, 3, 3))
    assert position.today == DayTrades(date(2026, 3, 3))
    assert position.day_profit(Decimal(105), Decimal(101)) == 40
