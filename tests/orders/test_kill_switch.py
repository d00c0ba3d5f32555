"""The kill switch by the command line: in force in every worker at once, and until it is set again."""

import time

import pytest
from fix_floor import PAPER_HK

from gateway.ledger.base import TradingState

IN_FORCE_WITHIN_S = 1.0
WORKERS = 2
FILLED_ALL, CANCELLED_ALL = 11, 15
HALTED = "limit check failed: trading is halted"
REDUCING = "limit check failed: trading is reducing: only orders that reduce a position pass"


@pytest.fixture(scope="module")
def floors(open_floor):
    keys = {"trader": {}, "another": {}}
    return {store: open_floor(keys, store=store, workers=WORKERS) for store in ("sqlite", "redis")}


@pytest.fixture
def floor(floors):
    return floors["sqlite"]


def switch(floor, state, key=None):
    """Set the switch, and wait until it has to be in force."""
    floor.set_trading(state, key)
    time.sleep(IN_FORCE_WITHIN_S)


def errors_of_all_workers(floor, key="trader"):
    """What so many orders at once are told that every worker has some of them."""
    return {(each.status, each.error) for each in floor.orders_at_once(key, 8 * WORKERS)}


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_halt_is_in_force_everywhere_survives_a_restart_and_lets_cancels_pass(floors, store):
    floor = floors[store]
    order_id = floor.order("trader").answer["s2c"]["order_id"]
    floor.gw("trading", "halt")
    time.sleep(IN_FORCE_WITHIN_S)
    assert errors_of_all_workers(floor) == {(429, HALTED)}

    floor.restart_gateway(WORKERS)
    assert errors_of_all_workers(floor) == {(429, HALTED)}
    by_number = {"header": PAPER_HK, "order_id": order_id}
    change = by_number | {"modify_order_op": "NORMAL", "qty": 1000, "price": 2.0}
    status, _, answer = floor.request("POST", "/api/modify-order", change, key="trader")
    assert (status, answer["error"]) == (429, HALTED)
    cancel = by_number | {"modify_order_op": "CANCEL"}
    assert floor.request("POST", "/api/modify-order", cancel, key="trader")[0] == 200

    floor.gw("trading", "resume")
    time.sleep(IN_FORCE_WITHIN_S)
    assert {status for status, _ in errors_of_all_workers(floor)} == {200}
    floor.assert_agreement()


def test_halt_of_one_key_leaves_the_others_alone(floor):
    switch(floor, TradingState.HALTED, "trader")
    assert errors_of_all_workers(floor) == {(429, HALTED)}
    assert floor.order("another").status == 200
    switch(floor, TradingState.ACTIVE, "trader")


def test_reduce_lets_through_what_closes_a_position(floor):
    switch(floor, TradingState.REDUCING)
    assert errors_of_all_workers(floor) == {(429, REDUCING)}
    sell = {"code": "00700", "trd_side": "SELL", "price": 900.0}
    assert floor.order("trader", **sell, qty=600).error == REDUCING
    assert floor.order("trader", **sell, qty=500).status == 200
    switch(floor, TradingState.ACTIVE)


def test_halt_with_cancel_open_leaves_nothing_open(floor):
    assert floor.order("trader").status == 200
    floor.gw("trading", "halt", "--cancel-open")
    _, _, answer = floor.request("POST", "/api/orders", {"header": PAPER_HK}, key="trader")
    assert {order["order_status"] for order in answer["s2c"]["order_list"]} <= {FILLED_ALL, CANCELLED_ALL}
    assert "The chain holds." in floor.gw("audit", "verify")
