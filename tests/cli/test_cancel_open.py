"""`--cancel-open` against a simulator that runs as a process of its own."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fix_intent import BUY

from gateway.ledger.base import Charge, IntentState, Step, TradingState
from gateway.opend.client import CallKind, Client, ClientSettings
from gateway.opend.settings import Endpoint
from gateway.order import Intent
from gateway.schema.protocols import protocol_named

HK_PAPER = {"trdEnv": 0, "accID": 987654, "trdMarket": 1}
US_PAPER = {"trdEnv": 0, "accID": 987655, "trdMarket": 2}
HK_REAL = {"trdEnv": 1, "accID": 281756455983234027, "trdMarket": 1}
TENCENT = {"code": "00700", "secMarket": 1, "price": 100.0, "qty": 100}
APPLE = {"code": "AAPL", "secMarket": 2, "price": 1.0, "qty": 1}
PASSWORD_MD5 = hashlib.md5(b"123456").hexdigest()
NO_ID = {"connID": 0, "serialNo": 0}
GONE = {15, 14}

Call = Callable[..., Any]


@pytest.fixture
def opend(site, simulator):
    """The simulator that the site's settings name."""
    point_at(site, simulator.address)
    return simulator


def point_at(site, address: str) -> None:
    site.write(
        {
            "auth": {"mode": "local"},
            "opend": {"embedded": False, "endpoints": [address], "timeout_s": 2},
        }
    )


@pytest.fixture
def call(opend) -> Iterator[Call]:
    """One request to the simulator by a trader of its own: `call(name, c2s fields)` gives the S2C."""
    client = Client(ClientSettings((Endpoint("127.0.0.1", opend.port),), pool_size=1))
    client.open()
    assert client.wait_ready(10)

    def ask(name: str, **fields: Any) -> Any:
        protocol = protocol_named(name)
        return client.call(protocol, protocol.request(c2s=fields), kind=CallKind.WRITE).s2c

    yield ask
    client.close()


@pytest.fixture
def place(call) -> Call:
    """Places an order that rests, far below the market; gives its number."""

    def order(header: dict[str, int], security: dict[str, Any], remark: str = "") -> int:
        fields = {"header": header, "trdSide": 1, "orderType": 1, **security, "remark": remark}
        return call("Trd_PlaceOrder", packetID=NO_ID, **fields).orderID

    return order


def statuses(call: Call, header: dict[str, int]) -> dict[int, int]:
    listed = call("Trd_GetOrderList", header=header).orderList
    return {order.orderID: order.orderStatus for order in listed}


def unlock(call: Call, *, is_unlocked: bool = True) -> None:
    call("Trd_UnlockTrade", unlock=is_unlocked, pwdMD5=PASSWORD_MD5, securityFirm=1)


def test_everything_open_on_every_account_is_cancelled(site, opend, call, place):
    unlock(call)
    paper = [place(HK_PAPER, TENCENT), place(HK_PAPER, TENCENT)]
    us, real = place(US_PAPER, APPLE), [place(HK_REAL, TENCENT), place(HK_REAL, TENCENT)]
    report = site.json("trading", "halt", "--cancel-open")
    assert report["is_complete"] is True
    assert {each["order_id"]: each["result"] for each in report["orders"]} == dict.fromkeys(
        [*paper, us, *real], "cancelled"
    )
    for header, orders in ((HK_PAPER, paper), (US_PAPER, [us]), (HK_REAL, real)):
        listed = statuses(call, header)
        assert {listed[order] for order in orders} <= GONE
    journal = opend.admin("journal")["entries"]
    assert sorted(each["order_id"] for each in journal if each["event"] == "cancelled") == sorted(
        [*paper, us, *real]
    )
    assert site.gw("trading", "show").stdout.count("halted") == 1


def test_it_is_a_table_and_on_record(site, opend, place):
    number = place(HK_PAPER, TENCENT)
    result = site.gw("trading", "reduce", "--cancel-open")
    assert result.exit_code == 0
    said, head, row = result.stdout.splitlines()
    assert said == "Trading is reducing for all keys."
    assert head.split()[:2] == ["ACCOUNT", "ENVIRONMENT"]
    assert row.split() == ["987654", "simulate", str(number), "BUY", "100", "0", "00700", "cancelled", "-"]
    switch, cancel = site.audited()
    assert (switch["kind"], switch["decision"]) == ("trading", "reducing")
    assert (cancel["kind"], cancel["order_id"], cancel["outcome"]) == ("outcome", number, "cancelled")
    assert (cancel["acc_id"], cancel["environment"], cancel["quantity"]) == (987654, "simulate", "100")


def test_nothing_open_is_said(site, opend):
    result = site.gw("trading", "halt", "--cancel-open")
    assert result.exit_code == 0
    assert "No open order to cancel." in result.stdout


def test_real_orders_of_a_locked_opend_stay_open_and_exit_with_1(site, opend, call, place):
    unlock(call)
    real, paper = place(HK_REAL, TENCENT), place(HK_PAPER, TENCENT)
    unlock(call, is_unlocked=False)
    result = site.gw("trading", "halt", "--cancel-open", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["is_complete"] is False
    found = {each["order_id"]: each for each in report["orders"]}
    assert found[real]["result"] == "open"
    assert "解锁" in found[real]["detail"]
    assert found[paper]["result"] == "cancelled"
    assert "May still be open" in site.gw("trading", "halt", "--cancel-open").stderr


def test_many_orders_on_one_account(site, start_simulator):
    unlimited = start_simulator("--frequency-limits", "off")
    point_at(site, unlimited.address)
    client = Client(ClientSettings((Endpoint("127.0.0.1", unlimited.port),), pool_size=1))
    client.open()
    protocol = protocol_named("Trd_PlaceOrder")
    for _ in range(25):
        fields = {"header": HK_PAPER, "trdSide": 1, "orderType": 1, **TENCENT, "packetID": NO_ID}
        client.call(protocol, protocol.request(c2s=fields), kind=CallKind.WRITE)
    client.close()
    report = site.json("trading", "halt", "--cancel-open")
    assert [each["result"] for each in report["orders"]] == ["cancelled"] * 25


def test_opend_that_is_away_leaves_trading_halted_and_exits_with_1(site, simulator):
    point_at(site, simulator.address)
    simulator.kill()
    result = site.gw("trading", "halt", "--cancel-open")
    assert result.exit_code == 1
    assert "Trading is halted for all keys." in result.stdout
    assert "OpenD" in result.stderr
    ledger = site.ledger()
    assert ledger.trading_state("local") is TradingState.HALTED
    ledger.close()


def intent(name: str, key_id: str, remark: str = "") -> Intent:
    return replace(BUY, intent_id=name, key_id=key_id, acc_id=HK_PAPER["accID"], remark=remark)


def keep(site, intent: Intent, *steps: Step) -> None:
    (site.directory / "var").mkdir(exist_ok=True)
    ledger, now_s = site.ledger(), time.time()
    ledger.reserve(intent, Charge(), now_s)
    for step in steps:
        ledger.advance(intent.intent_id, step, now_s)
    ledger.close()


SENT = Step(state=IntentState.SENT)
UNKNOWN = Step(state=IntentState.UNKNOWN)


def test_for_one_key_its_own_orders_alone_are_cancelled(site, opend, call, place):
    by_number = place(HK_PAPER, TENCENT, "mine")
    by_remark = place(HK_PAPER, TENCENT, "gw-b")
    others = place(HK_PAPER, TENCENT, "mine")
    by_hand = place(HK_PAPER, TENCENT)
    accepted = (SENT, Step(state=IntentState.ACCEPTED, order_id=by_number))
    keep(site, intent("a", "local", "mine"), *accepted)
    keep(site, intent("b", "local", "gw-b"), SENT, UNKNOWN)
    keep(site, intent("c", "other", "mine"), SENT, Step(state=IntentState.ACCEPTED, order_id=others))
    result = site.gw("trading", "halt", "--key", "local", "--cancel-open")
    assert result.exit_code == 0
    assert "Left alone: 2 open orders" in result.stdout
    listed = statuses(call, HK_PAPER)
    assert {listed[by_number], listed[by_remark]} <= GONE
    assert not {listed[others], listed[by_hand]} & GONE


def test_orders_on_their_way_are_waited_for_no_longer_than_they_can_take(site, opend, place):
    place(HK_PAPER, TENCENT)
    keep(site, intent("stuck", "local"), SENT)
    keep(site, intent("waiting", "local"), SENT, UNKNOWN)
    began_s = time.monotonic()
    result = site.gw("trading", "halt", "--cancel-open")
    assert time.monotonic() - began_s >= 2
    assert "on their way: stuck;" in result.stderr
    assert "cancelled" in result.stdout
