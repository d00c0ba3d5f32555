import time
from decimal import Decimal

import pytest

from gateway.ledger.base import Charge, DailyCharge, IntentState, Step
from gateway.order import Environment, Intent, IntentKind, Side


def intent(number: int, **changes) -> Intent:
    given = {
        "intent_id": f"01KD{number:022}",
        "key_id": "bot",
        "request_id": "r1",
        "kind": IntentKind.PLACE,
        "environment": Environment.SIMULATE,
        "acc_id": 987654,
        "market": "HK",
        "symbol": "HK.00700",
        "side": Side.BUY,
        "quantity": Decimal(100),
        "price": Decimal("300.2"),
        "remark": "",
    }
    return Intent(**{**given, **changes})


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
