import time
from dataclasses import replace
from decimal import Decimal

import pytest
from fix_gateway import free_port
from fix_intent import BUY

from gateway.ledger.base import Charge, DailyCharge, IntentState, Resolution, Step
from gateway.opend.client import CallKind, Client, ClientSettings
from gateway.opend.settings import Endpoint
from gateway.order import Intent, IntentKind
from gateway.schema.protocols import protocol_named


def intent(number: int, **changes) -> Intent:
    given = {"intent_id": f"01KD{number:022}", "request_id": "r1", "price": Decimal("300.2"), "remark": ""}
    return replace(BUY, **{**given, **changes})


@pytest.fixture
def now_s():
    return time.time()


@pytest.fixture
def filled(site, now_s):
    """Two intents of today, one accepted and one on its way, and an old one."""
    (site.directory / "var").mkdir()
    ledger = site.ledger()
    day = DailyCharge("HKD", Decimal("30020.5"), Decimal(10**6), now_s - 1000, now_s + 1000)
    ledger.reserve(intent(1), Charge(), now_s - 25 * 3600)
    ledger.reserve(intent(2), Charge(daily=day), now_s - 60)
    ledger.advance(intent(2).intent_id, Step(state=IntentState.SENT), now_s - 60)
    ledger.advance(
        intent(2).intent_id, Step(state=IntentState.ACCEPTED, order_id=77, order_id_ex="x77"), now_s
    )
    ledger.reserve(intent(3, key_id="other", price=None), Charge(), now_s - 30)
    ledger.close()
    return site


def ids(listed):
    return [each["intent_id"] for each in listed]


def test_list_shows_the_last_day(filled):
    assert ids(filled.json("intents", "list")) == [intent(2).intent_id, intent(3).intent_id]
    assert len(filled.json("intents", "list", "--hours", "26")) == 3
    head, first, second = filled.gw("intents", "list").stdout.splitlines()
    assert head.split() == [
        "INTENT",
        "MADE",
        "KEY",
        "ACCOUNT",
        "ENVIRONMENT",
        "ORDER",
        "STATE",
        "ORDER",
        "ID",
    ]
    assert "simulate     place BUY 100 HK.00700 at 300.2  accepted  77" in first
    assert second.endswith("place BUY 100 HK.00700           reserved  -")


def test_list_of_open_ones_and_of_one_key(filled):
    assert ids(filled.json("intents", "list", "--open")) == [intent(1).intent_id, intent(3).intent_id]
    assert ids(filled.json("intents", "list", "--open", "--key", "other")) == [intent(3).intent_id]
    assert ids(filled.json("intents", "list", "--key", "nobody")) == []


def test_list_says_when_there_may_be_more(filled):
    result = filled.gw("intents", "list", "--limit", "1")
    assert "these are the first 1" in result.stderr


def test_show_tells_all(filled):
    shown = filled.json("intents", "show", intent(2).intent_id)
    assert shown["state"] == "accepted"
    assert (shown["order_id"], shown["order_id_ex"]) == (77, "x77")
    assert (shown["quantity"], shown["price"]) == ("100", "300.2")
    assert (shown["daily_value"], shown["daily_currency"], shown["daily_was_returned"]) == (
        "30020.500000",
        "HKD",
        False,
    )
    text = filled.gw("intents", "show", intent(2).intent_id).stdout
    assert "order_id_ex" in text
    assert "resolution" not in text


def test_show_of_none_is_a_problem(filled):
    result = filled.gw("intents", "show", "none")
    assert result.exit_code == 1
    assert "no intent none" in result.stderr


LIMIT = DailyCharge("HKD", Decimal("30020"), Decimal(10**6), 0.0, 10.0**10)


@pytest.fixture
def unknown(site, now_s):
    """A new order and a change of order 77 that are unknown, and one that became order 78."""
    (site.directory / "var").mkdir()
    ledger = site.ledger()
    made = [intent(1), intent(2, kind=IntentKind.MODIFY, order_id=77), intent(3), intent(4)]
    for each in made:
        ledger.reserve(each, Charge(daily=LIMIT), now_s - 60)
        if each is not made[3]:
            ledger.advance(each.intent_id, Step(state=IntentState.SENT), now_s - 60)
    for each in made[:2]:
        ledger.advance(each.intent_id, Step(state=IntentState.UNKNOWN, detail="no answer"), now_s - 50)
    ledger.advance(made[2].intent_id, Step(state=IntentState.ACCEPTED, order_id=78), now_s - 50)
    ledger.close()
    return site


def record(site, number):
    ledger = site.ledger()
    found = ledger.find_intent(intent(number).intent_id)
    ledger.close()
    return found


@pytest.mark.parametrize(
    ("number", "words", "resolution", "order_id"),
    [
        (1, ("accepted", "--order-id", "79"), Resolution.ACCEPTED, 79),
        (1, ("rejected",), Resolution.REJECTED, None),
        (1, ("rejected", "--order-id", "79"), Resolution.REJECTED, 79),
        (1, ("absent",), Resolution.ABSENT, None),
        (2, ("accepted",), Resolution.ACCEPTED, 77),
        (2, ("absent", "--order-id", "77"), Resolution.ABSENT, 77),
    ],
)
def test_resolve_settles_an_unknown_order_and_says_who_did(unknown, number, words, resolution, order_id):
    result = unknown.gw("intents", "resolve", intent(number).intent_id, "--yes", "--as", *words)
    assert result.exit_code == 0, result.output
    settled = record(unknown, number)
    assert (settled.state, settled.resolution, settled.order_id) == ("resolved", resolution, order_id)
    assert settled.detail == "a person told"
    assert settled.debit.was_returned is (resolution is Resolution.REJECTED)
    (line,) = unknown.audited()
    assert (line["kind"], line["route"], line["outcome"]) == ("outcome", "gw intents resolve", resolution)
    assert (line["intent_id"], line["key_id"], line["request_id"]) == (intent(number).intent_id, "bot", "r1")
    assert line["actor"]
    assert line.get("order_id") == order_id


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (1, ("accepted",), "an accepted order has a number"),
        (1, ("accepted", "--order-id", "78"), "order 78 is that of intent 01KD0000000000000000000003"),
        (1, ("absent", "--order-id", "79"), "an absent order has no number"),
        (2, ("accepted", "--order-id", "79"), "this is a change of order 77"),
        (3, ("absent",), "it is accepted, and nothing about it is left open"),
        (4, ("absent",), "it is reserved: a worker still moves it on"),
        (5, ("absent",), "no intent 01KD0000000000000000000005"),
        (1, ("abandoned",), "is not one of 'accepted', 'rejected', 'absent'"),
    ],
)
def test_resolve_refuses_what_cannot_be(unknown, number, words, text):
    before = record(unknown, number)
    result = unknown.gw("intents", "resolve", intent(number).intent_id, "--yes", "--as", *words)
    assert result.exit_code != 0
    assert text in " ".join(result.output.split())
    assert record(unknown, number) == before
    assert not unknown.audit.exists()


def test_resolve_asks_before_it_does_anything(unknown):
    result = unknown.gw("intents", "resolve", intent(1).intent_id, "--as", "absent")
    assert result.exit_code == 1
    assert "Settle it as absent? [y/N]" in result.output
    assert record(unknown, 1).state is IntentState.UNKNOWN
    assert not unknown.audit.exists()


def test_resolve_is_done_once(unknown):
    settle = ("intents", "resolve", intent(1).intent_id, "--yes", "--as")
    assert unknown.gw(*settle, "absent").exit_code == 0
    again = unknown.gw(*settle, "rejected")
    assert "it is resolved (absent), and nothing about it is left open" in again.output
    assert record(unknown, 1).resolution is Resolution.ABSENT


def point_at(site, port):
    opend = {"embedded": False, "endpoints": [f"127.0.0.1:{port}"], "timeout_s": 2}
    site.write({"auth": {"mode": "local"}, "opend": opend})


def test_show_of_an_unknown_order_lists_what_it_may_have_become(unknown, simulator):
    point_at(unknown, simulator.port)
    client = Client(ClientSettings((Endpoint("127.0.0.1", simulator.port),), pool_size=1))
    client.open()
    protocol = protocol_named("Trd_PlaceOrder")
    header = {"trdEnv": 0, "accID": 987654, "trdMarket": 1}
    placed = []
    for code, side in (("00700", 1), ("00700", 2), ("00001", 1)):
        c2s = {
            "packetID": {"connID": 0, "serialNo": 0},
            "header": header,
            "trdSide": side,
            "orderType": 1,
            "code": code,
            "secMarket": 1,
            "qty": 500 if code == "00001" else 100,
            "price": 40.0,
        }
        answer = client.call(protocol, protocol.request(c2s=c2s), kind=CallKind.WRITE)
        placed.append(answer.s2c.orderID)
    client.close()
    shown = unknown.json("intents", "show", intent(1).intent_id)
    assert [each["order_id"] for each in shown["candidates"]] == placed[:1]
    (candidate,) = shown["candidates"]
    assert (candidate["side"], candidate["quantity"], candidate["price"]) == ("BUY", "100", "40")
    text = unknown.gw("intents", "show", intent(1).intent_id).stdout
    assert str(placed[0]) in text
    assert f"gw intents resolve {intent(1).intent_id} --as" in text
    assert unknown.json("intents", "show", intent(2).intent_id)["candidates"] == []


def test_show_of_an_unknown_order_says_when_opend_cannot_be_asked(unknown):
    point_at(unknown, free_port())
    result = unknown.gw("intents", "show", intent(1).intent_id)
    assert result.exit_code == 0
    assert "OpenD cannot be asked for its orders" in result.stderr
    assert "candidates" not in unknown.json("intents", "show", intent(3).intent_id)
