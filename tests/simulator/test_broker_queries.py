"""Accounts and the queries of orders, fills and positions."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from fix_broker import EVER, PAPER_HK, REAL_HK, UNIVERSAL, UNIVERSAL_US, Connection, Desk

from gateway.clock import ManualClock
from gateway.schema.descriptors import message_class
from gateway.simulator.broker import Broker, trade_handlers
from gateway.simulator.broker.broker import PASSWORD_MD5
from gateway.simulator.journal import Journal
from gateway.simulator.model import Answer, Call

AAPL = {"code": "AAPL", "secMarket": 2, "qty": 10, "price": 190.0}


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.unlock()
    return desk


def _ids(answer) -> list[str]:
    return [order["orderIDEx"] for order in answer["orderList"]]


def test_first_account_is_the_paper_account_of_the_page(desk):
    accounts = desk.call(2001, userID=0)["accList"]
    first = accounts[0]
    assert (first["accID"], first["trdEnv"], first["trdMarketAuthList"]) == (987654, 0, [1])
    assert [account["trdEnv"] for account in accounts] == [0, 0, 1, 1, 1, 1]


def test_real_accounts_have_18_digits_and_a_firm(desk):
    for account in desk.call(2001, userID=0)["accList"]:
        if account["trdEnv"] == 1:
            assert len(str(account["accID"])) == 18
            assert account["securityFirm"] == 1
        else:
            assert "simAccType" in account


@pytest.mark.parametrize(("category", "count"), [(0, 6), (1, 6), (2, 0), (3, 0)])
def test_accounts_by_category(desk, category, count):
    assert len(desk.call(2001, userID=0, trdCategory=category)["accList"]) == count


def test_needless_unlock_succeeds_with_a_hint(desk):
    desk.broker.lock()
    c2s = message_class("Trd_UnlockTrade.C2S")(unlock=True, pwdMD5=PASSWORD_MD5, securityFirm=1)
    call = Call(2005, c2s, Connection(), desk.clock)
    assert desk.handlers[2005](call) == {}
    answer = desk.handlers[2005](call)
    assert isinstance(answer, Answer)
    assert (answer.s2c, answer.ret_msg) == ({}, "交易已经解锁，无需重复解锁")


def test_orders_are_those_of_today_and_the_open_ones_oldest_first(desk):
    old_open = desk.place_live(UNIVERSAL, timeInForce=1)
    old_done = desk.place_live(UNIVERSAL, price=400.2)
    desk.settle(24 * 3600)
    new_done = desk.place_live(UNIVERSAL, price=400.2)
    new_open = desk.place_live(UNIVERSAL)
    listed = _ids(desk.call(2201, header=UNIVERSAL))
    assert listed == [old_open, new_done, new_open]
    assert old_done in _ids(desk.call(2221, header=UNIVERSAL, filterConditions=EVER))


def test_order_filters(desk):
    hk = desk.place_live(UNIVERSAL)
    us = desk.place_live(UNIVERSAL_US, **AAPL)
    done = desk.place_live(UNIVERSAL, price=400.2)
    number = desk.order(us, UNIVERSAL)["orderID"]

    def listed(statuses=(), **conditions):
        return _ids(desk.call(2201, header=UNIVERSAL, filterConditions=conditions, filterStatusList=statuses))

    assert listed() == [hk, us, done]
    assert listed(filterMarket=0) == [hk, us, done]
    assert listed(filterMarket=1) == [hk, done]
    assert listed(filterMarket=2) == [us]
    assert listed(codeList=["AAPL"]) == [us]
    assert listed(idList=[number]) == [us]
    assert listed(orderIDExList=[hk, done]) == [hk, done]
    assert listed(statuses=[11]) == [done]
    assert listed(statuses=[5, 11], codeList=["00700"]) == [hk, done]
    assert listed(beginTime="2026-03-02 12:00:01") == []
    assert listed(endTime="2026-03-02 12:00:01", filterMarket=1) == [hk, done]
    assert listed(orderIDExList=["nothing"]) == []


def test_order_list_after_place_names_the_one_order(desk):
    desk.place()
    answer = desk.call(2202, **desk.order_body())
    (order,) = desk.call(
        2201, header=PAPER_HK, filterConditions={"orderIDExList": [answer["orderIDEx"]], "filterMarket": 0}
    )["orderList"]
    assert order["orderID"] == answer["orderID"]


@pytest.mark.parametrize("fraction", [0.087_180_9, 0.087, 0.999_999_9, 0.0])
def test_the_timestamps_of_orders_and_fills_are_their_times_to_the_millisecond(desk, fraction):
    desk.clock.wall = 1_795_386_059 + fraction
    order = desk.order(desk.place_live(REAL_HK, price=500.0), REAL_HK)
    (fill, *_) = desk.call(2211, header=REAL_HK)["orderFillList"]
    for shown in (order, fill):
        local = datetime.fromisoformat(shown["createTime"]).replace(tzinfo=ZoneInfo("Asia/Hong_Kong"))
        assert shown["createTimestamp"] == local.timestamp()


@pytest.mark.parametrize("header", [UNIVERSAL, REAL_HK])
def test_history_is_seeded_newest_first_and_agrees_with_its_fills(desk, header):
    orders = desk.call(2221, header=header, filterConditions=EVER)["orderList"]
    fills = desk.call(2222, header=header, filterConditions=EVER)["orderFillList"]
    assert orders
    assert fills
    stamps = [order["createTimestamp"] for order in orders]
    assert stamps == sorted(stamps, reverse=True)
    for order in orders:
        qty = sum(fill["qty"] for fill in fills if fill["orderIDEx"] == order["orderIDEx"])
        assert qty == order["fillQty"]
        assert order["orderStatus"] == (11 if qty == order["qty"] else 14 if qty else 15)
    fees = desk.call(2225, header=header, orderIdExList=[order["orderIDEx"] for order in orders])
    assert [fee["feeAmount"] > 0 for fee in fees["orderFeeList"]] == [
        order["fillQty"] > 0 for order in orders
    ]


def test_history_by_time_status_and_code(desk):
    conditions = {"beginTime": "2026-02-01", "endTime": "2026-02-25 23:59:59"}
    orders = desk.call(2221, header=UNIVERSAL, filterConditions=conditions)["orderList"]
    assert {order["createTime"][:7] for order in orders} == {"2026-02"}
    cancelled = desk.call(2221, header=UNIVERSAL, filterConditions=EVER, filterStatusList=[15])["orderList"]
    assert [order["code"] for order in cancelled] == ["00700"]
    fills = desk.call(2222, header=UNIVERSAL, filterConditions={**EVER, "codeList": ["AAPL"]})
    assert {fill["code"] for fill in fills["orderFillList"]} == {"AAPL"}


def test_no_seeded_order_is_of_today(desk):
    for account in desk.call(2001, userID=0)["accList"]:
        header = {"trdEnv": account["trdEnv"], "accID": account["accID"]}
        header["trdMarket"] = account["trdMarketAuthList"][0]
        assert desk.call(2201, header=header)["orderList"] == []
        assert desk.call(2102, header=header)["positionList"]


def test_fills_of_today_oldest_first_and_by_market(desk):
    first = desk.place_live(UNIVERSAL, price=400.2)
    second = desk.place_live(UNIVERSAL_US, **AAPL | {"price": 200.01})
    fills = desk.call(2211, header=UNIVERSAL)["orderFillList"]
    assert [fill["orderIDEx"] for fill in fills] == [first, second]
    (us_fill,) = desk.call(2211, header=UNIVERSAL, filterConditions={"filterMarket": 2})["orderFillList"]
    assert (us_fill["secMarket"], us_fill["trdMarket"]) == (2, 2)
    assert "counterBrokerID" not in us_fill
    desk.settle(24 * 3600)
    assert desk.call(2211, header=UNIVERSAL)["orderFillList"] == []


def test_positions_by_code_market_id_and_profit(desk):
    def listed(**fields):
        conditions = fields.pop("conditions", {})
        answer = desk.call(2102, header=UNIVERSAL, filterConditions=conditions, **fields)
        return [position["code"] for position in answer["positionList"]]

    number = desk.position("AAPL", UNIVERSAL)["positionID"]
    assert listed() == ["00700", "AAPL", "600519"]
    assert listed(conditions={"codeList": ["600519"]}) == ["600519"]
    assert listed(conditions={"filterMarket": 4}) == ["600519"]
    assert listed(conditions={"idList": [number]}) == ["AAPL"]
    assert listed(filterPLRatioMin=0.0) == ["00700", "AAPL"]
    assert listed(filterPLRatioMax=0.12) == ["00700", "600519"]
    assert listed(filterPLRatioMin=0.12, filterPLRatioMax=1.0) == ["AAPL"]


def test_ids_grow_over_a_restart(desk):
    before = desk.order(desk.place())["orderID"]
    later = ManualClock(desk.clock.wall_s() + 1)
    restarted = Broker(desk.market, later, Journal())
    lowest = min(order_id for account in restarted.accounts for order_id in account.orders)
    assert lowest > before


def test_broker_works_without_a_sink(desk):
    desk.broker = Broker(desk.market, desk.clock, desk.journal)
    desk.handlers = trade_handlers(desk.broker)
    assert desk.status(desk.place_live(price=400.2)) == 11
    assert desk.pushes == []
