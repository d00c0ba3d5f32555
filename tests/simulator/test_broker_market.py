"""The broker on the simulator's own market."""

import pytest
from fix_broker import PAPER_HK, PAPER_US, REAL_A, REAL_HK, REAL_US, UNIVERSAL, Desk

from gateway.simulator.broker import Broker, trade_handlers
from gateway.simulator.market import Hours, Market
from gateway.simulator.model import SecurityKey


def _desk(hours: Hours) -> Desk:
    desk = Desk()
    desk.market = Market(1, desk.clock, hours)
    desk.broker = Broker(desk.market, desk.clock, desk.journal, desk)
    desk.handlers = trade_handlers(desk.broker)
    desk.unlock()
    return desk


@pytest.fixture
def desk() -> Desk:
    return _desk(Hours.ALWAYS)


def test_order_of_the_documentation_s_example_is_accepted(desk):
    order_id = desk.place_live(PAPER_HK, price=300.0)
    assert desk.status(order_id) in (5, 10, 11)


@pytest.mark.parametrize("header", [PAPER_HK, PAPER_US, UNIVERSAL, REAL_HK, REAL_US, REAL_A])
def test_every_account_has_money_and_positions_with_prices(desk, header):
    funds = desk.funds(header)
    assert funds["cash"] > 0
    assert funds["totalAssets"] == pytest.approx(funds["cash"] + funds["marketVal"], abs=0.02)
    for position in desk.call(2102, header=header)["positionList"]:
        assert position["price"] > 0
        assert position["val"] == pytest.approx(position["qty"] * position["price"])


@pytest.mark.parametrize(
    ("header", "key", "sec_market"),
    [
        (UNIVERSAL, SecurityKey(1, "00700"), 1),
        (REAL_US, SecurityKey(11, "AAPL"), 2),
        (REAL_A, SecurityKey(21, "600519"), 31),
    ],
)
def test_order_at_the_best_ask_fills_as_far_as_the_level_goes(desk, header, key, sec_market):
    best = desk.market.order_book(key).asks[0]
    lot_size = desk.market.find(key).lot_size
    order_id = desk.place(header, code=key.code, secMarket=sec_market, qty=lot_size, price=float(best.price))
    for _ in range(600):
        desk.settle(1)
        if desk.status(order_id, header) == 11:
            break
    order = desk.order(order_id, header)
    assert order["orderStatus"] == 11
    assert order["fillAvgPrice"] <= float(best.price)


def test_order_waits_for_the_exchange_s_hours():
    desk = _desk(Hours.EXCHANGE)
    order_id = desk.place(PAPER_HK, price=300.0)
    assert desk.status(order_id) == 1, "Hong Kong pauses at noon"
    desk.settle(3600)
    desk.settle()
    assert desk.status(order_id) == 5
