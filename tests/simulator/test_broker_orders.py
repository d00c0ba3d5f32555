"""The life of orders: states, matching, changes, pushes."""

import pytest
from fix_broker import (
    AAPL,
    PAPER_HK,
    PAPER_US,
    REAL_HK,
    REAL_US,
    UNIVERSAL,
    UNIVERSAL_A,
    UNIVERSAL_US,
    Connection,
    Desk,
)
from fix_market import APPLE, MOUTAI, TENCENT

from gateway.schema.trade import ModifyOrderOp, OrderStatus
from gateway.simulator.broker.modifying import ALLOWED_STATES
from gateway.simulator.broker.order import FINAL, HOLDING, MODIFIABLE, TRANSITIONS
from gateway.simulator.model import Refusal

REACHED = set(OrderStatus) - {OrderStatus.FILL_CANCELLED}
"""The broker never takes a fill back."""


def _order(desk: Desk, order_id_ex: str):
    return next(
        account.find_order(0, order_id_ex)
        for account in desk.broker.accounts
        if order_id_ex in {order.order_id_ex for order in account.orders.values()}
    )


def test_table_names_every_state_and_leaves_none_from_finished_ones():
    assert set(TRANSITIONS) == REACHED
    for status in FINAL:
        assert TRANSITIONS[status] <= {OrderStatus.DELETED}
    assert not HOLDING & FINAL
    assert MODIFIABLE < HOLDING


def test_table_reaches_every_state_from_the_first():
    seen, frontier = set(), {OrderStatus.UNSUBMITTED}
    while frontier:
        seen |= frontier
        frontier = set().union(*(TRANSITIONS[status] for status in frontier)) - seen
    assert seen == REACHED


@pytest.mark.parametrize("status", sorted(REACHED))
def test_move_refuses_every_step_that_the_table_lacks(desk, status):
    order = _order(desk, desk.place())
    for target in REACHED - TRANSITIONS[status]:
        order.status = status
        with pytest.raises(Refusal):
            order.move(target, desk.clock.wall_s())
        assert order.status is status


def test_order_is_listed_as_submitting_when_place_returns(desk):
    order = desk.order(desk.place())
    assert order["orderStatus"] == 2
    assert order["orderType"] == 1
    assert order["createTime"] == "2026-03-02 12:00:00"
    assert (order["secMarket"], order["trdMarket"], order["currency"]) == (1, 1, 1)


def test_exchange_confirms_after_its_delay_and_the_time_gets_milliseconds(desk):
    order_id = desk.place()
    desk.settle(0.04)
    assert desk.status(order_id) == 2
    desk.settle(0.02)
    order = desk.order(order_id)
    assert order["orderStatus"] == 5
    assert order["createTime"] == "2026-03-02 12:00:00.313"
    assert order["orderType"] == 5, "a paper limit order in HK shows as AbsoluteLimit once accepted"


def test_paper_id_is_digits_and_real_id_is_versioned(desk):
    assert desk.place().isdigit()
    assert desk.place(UNIVERSAL).startswith("v3_20260302_")


def test_times_are_those_of_the_listing_market(desk):
    order_id = desk.place(PAPER_US, **AAPL)
    assert desk.order(order_id, PAPER_US)["createTime"] == "2026-03-01 23:00:00"


def test_real_order_that_fills_is_pushed_2_5_11_then_the_fill(desk):
    order_id = desk.place_live(UNIVERSAL, price=400.2)
    assert [(number, body.get("order", {}).get("orderStatus")) for number, body in desk.pushes] == [
        (2208, 2),
        (2208, 5),
        (2208, 11),
        (2218, None),
    ]
    fill = desk.pushes[-1][1]["orderFill"]
    assert fill["orderIDEx"] == order_id
    assert fill["fillIDEx"] == f"{order_id}_1.2"
    assert (fill["qty"], fill["price"], fill["counterBrokerID"]) == (100, 400.2, 5)


def test_paper_order_that_fills_pushes_no_fill(desk):
    desk.place_live(price=400.2)
    assert [number for number, _ in desk.pushes] == [2208, 2208, 2208]
    assert desk.pushed_statuses() == [2, 5, 11]


def test_marketable_order_takes_levels_at_their_prices_and_rests(desk):
    desk.market.set_book(TENCENT, bids=[("399.8", 500)], asks=[("400.2", 100), ("400.4", 200), ("401", 500)])
    order_id = desk.place_live(UNIVERSAL, qty=500, price=400.4)
    order = desk.order(order_id, UNIVERSAL)
    assert (order["orderStatus"], order["fillQty"]) == (10, 300)
    assert order["fillAvgPrice"] == pytest.approx((400.2 + 2 * 400.4) / 3)
    assert desk.pushed_statuses() == [2, 5, 10, 10]


def test_same_book_never_sells_the_same_shares_twice(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("400.2", 300)])
    first = desk.place_live(UNIVERSAL, qty=200, price=400.2)
    second = desk.place_live(UNIVERSAL, qty=200, price=400.2)
    desk.settle()
    assert desk.order(first, UNIVERSAL)["fillQty"] == 200
    assert desk.order(second, UNIVERSAL)["fillQty"] == 100


def test_resting_order_fills_at_its_own_price_when_the_market_comes_to_it(desk):
    order_id = desk.place_live(price=390.0, qty=300)
    desk.market.set_book(TENCENT, bids=[], asks=[("389", 100), ("389.8", 100), ("390.2", 900)])
    desk.settle()
    order = desk.order(order_id)
    assert (order["orderStatus"], order["fillQty"], order["fillAvgPrice"]) == (10, 200, 390)
    desk.market.set_book(TENCENT, bids=[], asks=[("388", 900)])
    desk.settle()
    assert desk.order(order_id)["orderStatus"] == 11
    assert len([entry for entry in desk.journal.entries if entry["event"] == "filled"]) == 2


def test_fill_takes_whole_lots_alone(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("400.2", 150)])
    assert desk.order(desk.place_live(qty=200, price=400.2))["fillQty"] == 100


def test_sale_matches_the_bids(desk):
    desk.market.set_book(TENCENT, bids=[("399.8", 100), ("399.6", 100)], asks=[])
    order_id = desk.place_live(trdSide=2, qty=200, price=399.6)
    assert desk.order(order_id)["fillAvgPrice"] == pytest.approx(399.7)


def test_market_order_fills_at_the_book_within_its_collar(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("400.2", 100), ("405", 100), ("425", 100)])
    order_id = desk.place_live(orderType=2, price=0, qty=300)
    order = desk.order(order_id)
    assert (order["orderStatus"], order["fillQty"], order["price"]) == (10, 200, 0)


def test_order_waits_while_the_market_is_closed(desk):
    desk.market.is_open = False
    order_id = desk.place_live(price=400.2)
    assert desk.status(order_id) == 1
    desk.market.is_open = True
    desk.settle()
    assert desk.status(order_id) == 2
    desk.settle()
    assert desk.status(order_id) == 11


@pytest.mark.parametrize(
    ("order_type", "side", "trigger", "touching"),
    [
        (10, 1, 410, 410),
        (10, 2, 390, 389),
        (11, 1, 410, 411),
        (11, 2, 390, 390),
        (12, 1, 390, 390),
        (12, 2, 410, 410),
        (13, 1, 390, 389),
        (13, 2, 410, 411),
    ],
)
def test_conditional_order_waits_for_its_trigger(desk, order_type, side, trigger, touching):
    order_id = desk.place_live(
        UNIVERSAL, orderType=order_type, trdSide=side, auxPrice=trigger, price=float(trigger)
    )
    order = desk.order(order_id, UNIVERSAL)
    assert (order["orderStatus"], order["auxPrice"]) == (1, trigger)
    desk.market.last[TENCENT] = type(desk.market.last[TENCENT])(touching)
    desk.market.set_book(TENCENT, bids=[(trigger, 1000)], asks=[(trigger, 1000)])
    desk.settle()
    assert desk.status(order_id, UNIVERSAL) == 2
    desk.settle()
    assert desk.status(order_id, UNIVERSAL) == 11


@pytest.mark.parametrize(("order_type", "status", "filled"), [(8, 14, 100), (9, 15, 0)])
def test_special_limit_fills_at_once_or_is_cancelled(desk, order_type, status, filled):
    desk.market.set_book(TENCENT, bids=[], asks=[("400.2", 100)])
    order_id = desk.place_live(UNIVERSAL, orderType=order_type, qty=200, price=400.2)
    order = desk.order(order_id, UNIVERSAL)
    assert (order["orderStatus"], order["fillQty"]) == (status, filled)
    assert desk.funds(UNIVERSAL)["frozenCash"] == 0


def test_all_or_nothing_special_limit_fills_when_the_book_suffices(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("400.2", 100), ("400.4", 100)])
    assert desk.status(desk.place_live(UNIVERSAL, orderType=9, qty=200, price=400.4), UNIVERSAL) == 11


def test_day_order_expires_at_midnight_of_its_market_and_gtc_does_not(desk):
    day = desk.place_live(UNIVERSAL)
    gtc = desk.place_live(UNIVERSAL, timeInForce=1)
    desk.settle(12 * 3600)
    assert (desk.status(day, UNIVERSAL), desk.status(gtc, UNIVERSAL)) == (15, 5)
    assert [entry["event"] for entry in desk.journal.entries][-1] == "expired"


def test_day_order_of_a_closed_market_is_good_for_the_next_day(desk):
    desk.market.is_open = False
    order_id = desk.place_live()
    desk.settle(20 * 3600)
    assert desk.status(order_id) == 1


def test_rejected_order_fails_with_the_exchange_s_reason(desk):
    desk.broker.reject_next("拒单")
    order_id = desk.place_live(UNIVERSAL, price=400.2)
    order = desk.order(order_id, UNIVERSAL)
    assert (order["orderStatus"], order["lastErrMsg"], order["fillQty"]) == (21, "拒单", 0)
    assert desk.funds(UNIVERSAL)["frozenCash"] == 0
    assert desk.status(desk.place_live(UNIVERSAL, price=400.2), UNIVERSAL) == 11


# Changes.


def test_real_cancel_passes_through_cancelling(desk):
    order_id = desk.place_live(UNIVERSAL)
    desk.modify(order_id, 2, UNIVERSAL)
    assert desk.status(order_id, UNIVERSAL) == 13
    desk.settle()
    assert desk.status(order_id, UNIVERSAL) == 15
    assert desk.pushed_statuses() == [2, 5, 13, 15]


def test_real_cancel_of_a_partly_filled_order(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("390", 100)])
    order_id = desk.place_live(UNIVERSAL, qty=200)
    desk.modify(order_id, 2, UNIVERSAL)
    desk.settle()
    assert desk.pushed_statuses() == [2, 5, 10, 12, 14]


def test_order_does_not_fill_while_it_is_cancelled(desk):
    order_id = desk.place_live(UNIVERSAL)
    desk.modify(order_id, 2, UNIVERSAL)
    desk.market.set_book(TENCENT, bids=[], asks=[("380", 1000)])
    desk.settle()
    assert desk.order(order_id, UNIVERSAL)["fillQty"] == 0


def test_paper_cancel_goes_from_5_to_15(desk):
    order_id = desk.place_live()
    desk.modify(order_id, 2)
    assert desk.pushed_statuses() == [2, 5, 15]


def test_cancel_by_number_or_by_text_id(desk):
    by_number = desk.order(desk.place_live())["orderID"]
    desk.modify("", 2, orderID=by_number)
    both = desk.order(desk.place_live())
    desk.modify(both["orderIDEx"], 2, orderID=both["orderID"])
    assert [desk.status(order["orderIDEx"]) for order in desk.call(2201, header=PAPER_HK)["orderList"]] == [
        15,
        15,
    ]


def test_modify_sets_the_total_quantity_and_the_price(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("390", 100)])
    order_id = desk.place_live(UNIVERSAL, qty=300)
    desk.modify(order_id, 1, UNIVERSAL, qty=200, price=389.0)
    order = desk.order(order_id, UNIVERSAL)
    assert (order["qty"], order["price"], order["fillQty"], order["orderStatus"]) == (200, 389, 100, 10)
    assert desk.funds(UNIVERSAL)["frozenCash"] == pytest.approx(38_900, rel=0.01)


def test_modified_order_meets_the_book_anew(desk):
    order_id = desk.place_live(qty=100)
    desk.market.set_book(TENCENT, bids=[], asks=[("395", 1000)])
    desk.modify(order_id, 1, qty=100, price=400.0)
    desk.settle()
    assert desk.order(order_id)["fillAvgPrice"] == 395


def test_modify_of_a_conditional_order_moves_its_trigger(desk):
    order_id = desk.place_live(UNIVERSAL, orderType=11, auxPrice=410.0, price=410.0)
    desk.modify(order_id, 1, UNIVERSAL, qty=200, price=420.0, auxPrice=415.0)
    order = desk.order(order_id, UNIVERSAL)
    assert (order["auxPrice"], order["price"], order["qty"]) == (415, 420, 200)


def test_disable_frees_the_money_and_enable_takes_it_again(desk):
    order_id = desk.place_live(UNIVERSAL)
    held = desk.funds(UNIVERSAL)["frozenCash"]
    desk.modify(order_id, 3, UNIVERSAL)
    assert (desk.status(order_id, UNIVERSAL), desk.funds(UNIVERSAL)["frozenCash"]) == (22, 0)
    desk.market.set_book(TENCENT, bids=[], asks=[("380", 100)])
    desk.settle()
    assert desk.order(order_id, UNIVERSAL)["fillQty"] == 0
    desk.market.set_book(TENCENT, bids=[], asks=[("400", 100)])
    desk.modify(order_id, 4, UNIVERSAL)
    assert desk.funds(UNIVERSAL)["frozenCash"] == held
    desk.settle()
    assert desk.status(order_id, UNIVERSAL) == 5


def test_enable_needs_the_money_again(desk):
    order_id = desk.place_live(REAL_HK, qty=700)
    desk.modify(order_id, 3, REAL_HK)
    desk.place_live(REAL_HK, qty=100)
    assert desk.refusal(2205, **desk.modify_body(order_id, 4, REAL_HK)) == "账户购买力不足"
    assert desk.status(order_id, REAL_HK) == 22


def test_delete_takes_cancelled_and_disabled_orders(desk):
    for op in (2, 3):
        order_id = desk.place_live(UNIVERSAL)
        desk.modify(order_id, op, UNIVERSAL)
        desk.settle()
        desk.modify(order_id, 5, UNIVERSAL)
        assert desk.status(order_id, UNIVERSAL) == 23


@pytest.mark.parametrize(
    ("op", "status"),
    [(op, status) for op in ModifyOrderOp for status in REACHED - ALLOWED_STATES[op]],
)
def test_each_change_is_refused_in_every_state_that_does_not_allow_it(desk, op, status):
    order_id = desk.place_live(UNIVERSAL)
    order = _order(desk, order_id)
    order.status = status
    order.due_time = desk.clock.wall_s() + 3600
    desk.market.is_open = False
    body = desk.modify_body(order_id, op, UNIVERSAL, qty=200, price=390.0)
    assert desk.refusal(2205, **body) == "订单当前状态不允许此操作"
    assert order.status is status


@pytest.mark.parametrize(
    ("header", "fields", "allowed"),
    [
        (PAPER_HK, {}, {1, 2}),
        (PAPER_US, AAPL, {1, 2}),
        (UNIVERSAL, {}, {1, 2, 3, 4, 5}),
        (UNIVERSAL_US, AAPL, {1, 2}),
        (UNIVERSAL_A, {"code": "600519", "secMarket": 31, "price": 1400.0}, {2}),
    ],
)
def test_markets_allow_different_changes(desk, header, fields, allowed):
    order_id = desk.place_live(header, **fields)
    for op in {1, 2, 3, 4, 5} - allowed:
        assert desk.refusal(2205, **desk.modify_body(order_id, op, header)) == "该市场不支持此改单操作"
    desk.modify(order_id, 2, header)


def test_cancel_all_takes_one_market_or_all(desk):
    hk = desk.place_live(UNIVERSAL)
    us = desk.place_live(UNIVERSAL_US, **AAPL)
    other = desk.place_live(REAL_HK)
    answer = desk.call(2205, **desk.modify_body("", 2, UNIVERSAL, forAll=True, trdMarket=2))
    assert answer["orderID"] == 0
    assert (desk.status(hk, UNIVERSAL), desk.status(us, UNIVERSAL)) == (5, 13)
    desk.call(2205, **desk.modify_body("", 2, UNIVERSAL, forAll=True, trdMarket=0))
    assert (desk.status(hk, UNIVERSAL), desk.status(other, REAL_HK)) == (13, 5)


@pytest.mark.parametrize(
    ("header", "op", "text"),
    [(PAPER_HK, 2, "模拟交易不支持全部撤单"), (UNIVERSAL, 1, "仅撤单操作支持全部订单")],
)
def test_for_all_has_its_limits(desk, header, op, text):
    assert desk.refusal(2205, **desk.modify_body("", op, header, forAll=True)) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "缺少必要的参数: qty"),
        ({"qty": 200}, "缺少必要的参数: price"),
        ({"qty": 100, "price": 390.0}, "改单数量必须大于已成交数量"),
        ({"qty": 250, "price": 390.0}, "数量不是每手股数100的整数倍"),
        ({"qty": 200, "price": 390.1}, "价格不符合最小变动价位0.2"),
        ({"qty": 200, "price": float("nan")}, "参数price不是有效的数值"),
        ({"qty": 1_000_000, "price": 390.0}, "账户购买力不足"),
    ],
)
def test_refused_modification_leaves_the_order_as_it_was(desk, change, text):
    desk.market.set_book(TENCENT, bids=[], asks=[("390", 100)])
    order_id = desk.place_live(UNIVERSAL, qty=200)
    before = desk.order(order_id, UNIVERSAL)
    recorded = len(desk.journal.entries)
    assert desk.refusal(2205, **desk.modify_body(order_id, 1, UNIVERSAL, **change)) == text
    assert desk.order(order_id, UNIVERSAL) == before
    assert len(desk.journal.entries) == recorded


@pytest.mark.parametrize("order_id_ex", ["", "1", "v3_20260302_00000000_x"])
def test_unknown_order_is_refused(desk, order_id_ex):
    assert desk.refusal(2205, **desk.modify_body(order_id_ex, 2)) == "此订单号不存在"


def test_order_of_another_account_is_unknown(desk):
    order_id = desk.place_live(UNIVERSAL)
    assert desk.refusal(2205, **desk.modify_body(order_id, 2, REAL_HK)) == "此订单号不存在"


def test_numbers_and_text_ids_that_disagree_are_refused(desk):
    order_id = desk.place_live()
    assert desk.refusal(2205, **desk.modify_body(order_id, 2, orderID=1)) == "此订单号不存在"


# The record.


def test_journal_tells_who_placed_what(desk):
    order_id = desk.place(remark="策略甲")
    (entry,) = desk.journal.entries
    assert entry["event"] == "placed"
    assert (entry["conn_id"], entry["serial"]) == (Connection.conn_id, 1)
    assert (entry["acc_id"], entry["env"], entry["order_id_ex"]) == (987654, 0, order_id)
    assert (entry["code"], entry["side"], entry["qty"], entry["price"]) == ("00700", 1, 100, 390)
    assert entry["remark"] == "策略甲"


def test_journal_agrees_with_the_order_list(desk):
    filled = desk.place_live(REAL_US, **AAPL | {"price": 201.0})
    desk.market.set_book(APPLE, bids=[], asks=[("190", 4)])
    part = desk.place_live(REAL_US, **AAPL)
    desk.modify(part, 2, REAL_US)
    desk.settle()
    listed = {order["orderIDEx"]: order for order in desk.call(2201, header=REAL_US)["orderList"]}
    assert set(listed) == {filled, part}
    for order_id, order in listed.items():
        entries = [entry for entry in desk.journal.entries if entry["order_id_ex"] == order_id]
        assert entries[0]["event"] == "placed"
        assert sum(entry.get("fill_qty", 0) for entry in entries) == order["fillQty"]
        assert entries[-1]["event"] == ("filled" if order_id == filled else "cancelled")


def test_refused_order_leaves_no_trace(desk):
    desk.refusal(2202, **desk.order_body(qty=50))
    assert desk.call(2201, header=PAPER_HK)["orderList"] == []
    assert desk.journal.entries == ()
    assert desk.pushes == []


def test_same_calls_at_the_same_times_give_the_same_record():
    def run() -> tuple:
        desk = Desk()
        desk.unlock()
        desk.place_live(UNIVERSAL, price=400.2)
        desk.place_live(UNIVERSAL_A, code="600519", secMarket=31, price=1600.0)
        desk.market.set_book(MOUTAI, bids=[], asks=[("1500", 100)])
        desk.settle()
        return desk.journal.entries

    assert run() == run()
