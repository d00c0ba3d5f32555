from types import SimpleNamespace

import gevent
import pytest
from e2e.examples import BODIES
from gevent.event import Event

from gateway.claim import Holder
from gateway.ledger.base import LedgerUnavailable
from gateway.opend.errors import answer_error

LIMIT_S = 10.0
DONE = {"ret_type": 0, "ret_msg": "", "err_code": 0, "s2c": {}}

NOT_SUBSCRIBED = answer_error(-1, "请求获取实时报价接口前，请先订阅Basic数据")
REAL_TIME = ("quote", "kline", "orderbook", "broker", "ticker", "rt")


def test_the_pages_sub_type_list_is_subscribed_before_the_quote_is_asked(gateway):
    answer = gateway.post(
        "/api/quote", {"security_list": ["HK.00700", "US.AAPL"], "sub_type_list": [1, "Ticker"]}
    )
    assert answer.status_code == 200
    assert gateway.opend.names() == ["Qot_Sub", "Qot_GetBasicQot"]
    sub = gateway.opend.calls[0].c2s
    assert [(each.market, each.code) for each in sub.securityList] == [(1, "00700"), (11, "AAPL")]
    assert list(sub.subTypeList) == [1, 4]


@pytest.mark.parametrize(
    "body",
    [
        {"security_list": ["HK.00700"], "subTypeList": ["Basic"]},
        {"c2s": {"security_list": ["HK.00700"], "sub_type_list": [1]}},
    ],
)
def test_sub_type_list_is_taken_in_every_form_of_a_body(gateway, body):
    assert gateway.post("/api/quote", body).status_code == 200
    assert list(gateway.opend.calls[0].c2s.subTypeList) == [1]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sub_type_list": [99]}, "sub_type_list[0]"),
        ({"sub_type_list": 1}, "sub_type_list"),
        ({"sub_type_list": [True]}, "sub_type_list[0]"),
        ({"sub_type_list": [1], "subTypeList": [1]}, "subTypeList"),
        ({"sub_types": [1]}, "sub_types"),
    ],
)
def test_a_wrong_sub_type_list_is_refused(gateway, fields, field):
    answer = gateway.post("/api/quote", {"security_list": ["HK.00700"], **fields})
    assert answer.status_code == 400
    assert answer.json["field"] == field
    assert not gateway.opend.calls


def test_only_quote_takes_a_sub_type_list(gateway):
    answer = gateway.post("/api/ticker", BODIES["ticker"] | {"sub_type_list": [4]})
    assert answer.status_code == 400


@pytest.mark.parametrize("name", REAL_TIME)
def test_a_read_without_subscription_subscribes_and_asks_once_more(gateway, name):
    read = {
        "quote": "Qot_GetBasicQot", "kline": "Qot_GetKL", "orderbook": "Qot_GetOrderBook",
        "broker": "Qot_GetBroker", "ticker": "Qot_GetTicker", "rt": "Qot_GetRT",
    }[name]  # fmt: skip
    gateway.opend.script(read, NOT_SUBSCRIBED, {})
    body = {key: value for key, value in BODIES[name].items() if key != "sub_type_list"}
    assert gateway.post(f"/api/{name}", body).status_code == 200
    assert gateway.opend.names() == [read, "Qot_Sub", read]


def test_auto_subscribe_can_be_turned_off(gateway_with):
    gateway = gateway_with({"quote": {"auto_subscribe": False}})
    gateway.opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED)
    answer = gateway.post("/api/quote", {"security_list": ["HK.00700"]})
    assert answer.status_code == 400
    assert gateway.opend.names() == ["Qot_GetBasicQot"]


def test_a_new_session_is_told_what_was_subscribed(gateway):
    gateway.post("/api/subscribe", BODIES["subscribe"])
    gateway.opend.calls.clear()
    following, connection = gateway.parts.subscriptions.following, SimpleNamespace(closed=Event())
    aligned = Event()
    following.on_state = lambda is_aligned: aligned.set()
    following.open()
    gevent.spawn(gateway.opend.on_session, connection)
    assert aligned.wait(LIMIT_S)
    following.close()
    connection.closed.set()
    assert gateway.opend.names()[:2] == ["Qot_Sub", "Qot_GetSubInfo"]


def test_unsubscribing_is_answered_without_asking_opend(gateway):
    for change in ({"is_sub_or_un_sub": False}, {"is_sub_or_un_sub": False, "is_unsub_all": True}):
        gateway.post("/api/subscribe", BODIES["subscribe"])
        gateway.opend.calls.clear()
        answer = gateway.post("/api/subscribe", BODIES["subscribe"] | change)
        assert (answer.status_code, answer.json) == (200, DONE)
        assert not gateway.opend.calls
        assert not gateway.parts.ledger.claims(gateway.clock.wall_s()).subscriptions


def test_a_subscription_is_a_claim_of_its_key(gateway_with):
    gateway = gateway_with(keys=[{"id": "desk", "scopes": ["qot:read"]}], key_id="desk")
    assert gateway.post("/api/subscribe?ttl_s=60&int64=string", BODIES["subscribe"]).status_code == 200
    claims = gateway.parts.ledger.claims(gateway.clock.wall_s()).subscriptions
    assert {claim.holder for claim in claims} == {Holder("desk")}
    assert {claim.expires_s for claim in claims} == {gateway.clock.wall_s() + 60}


@pytest.mark.parametrize("ttl_s", ["0", "-1", "2592001", "1.5", "", "1e3", " 5", "9" * 5000, "١"])
def test_a_wrong_time_to_live_is_refused(gateway, ttl_s):
    answer = gateway.post("/api/subscribe", BODIES["subscribe"], query_string={"ttl_s": ttl_s})
    assert (answer.status_code, answer.json["field"]) == (400, "ttl_s")
    assert not gateway.opend.calls


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/api/subscribe?ttl_s=5", {"is_sub_or_un_sub": False}),
        ("/api/subscribe?ttl_s=5", {"is_unsub_all": True}),
        ("/api/subscribe?ttl_s=5&ttl_s=5", {}),
        ("/api/subscribe?ttl=5", {}),
        ("/api/sub-acc-push?ttl_s=5", {}),
    ],
)
def test_a_time_to_live_stands_where_it_belongs(gateway, path, change):
    name = path.partition("?")[0].rpartition("/")[2]
    assert gateway.post(path, BODIES[name] | change).status_code == 400
    assert not gateway.opend.calls


def test_a_store_that_is_away_is_said(gateway, monkeypatch):
    def away(*arguments):
        raise LedgerUnavailable("the ledger does not answer")

    monkeypatch.setattr(gateway.parts.subscriptions.following, "_ledger", SimpleNamespace(generations=away))
    answer = gateway.post("/api/subscribe", BODIES["subscribe"])
    assert (answer.status_code, answer.json["error"]) == (500, "the ledger does not answer")
    assert not gateway.opend.calls


def test_callers_who_ask_the_same_at_once_share_a_call_and_its_answer(gateway, monkeypatch):
    begun, gate = Event(), Event()
    answer = gateway.opend.call

    def held(protocol, *arguments, **keywords):
        begun.set()
        gate.wait()
        return answer(protocol, *arguments, **keywords)

    monkeypatch.setattr(gateway.opend, "call", held)
    asked = [
        gevent.spawn(gateway.post, f"/api/quote{query}", {"security_list": ["HK.00700"]})
        for query in ("", "", "?int64=string")
    ]
    assert begun.wait(LIMIT_S)
    gevent.idle()
    gate.set()
    assert [each.get(timeout=LIMIT_S).status_code for each in asked] == [200] * 3
    assert gateway.opend.names() == ["Qot_GetBasicQot"]


def test_a_refusal_that_is_older_than_a_subscription_is_not_believed(gateway, monkeypatch):
    begun, gate = Event(), Event()
    answer = gateway.opend.call
    outcomes = [NOT_SUBSCRIBED]

    def held(protocol, *arguments, **keywords):
        if protocol.name == "Qot_GetBasicQot" and outcomes:
            begun.set()
            gate.wait()
            raise outcomes.pop()
        return answer(protocol, *arguments, **keywords)

    monkeypatch.setattr(gateway.opend, "call", held)
    body = {"security_list": ["HK.00700"]}
    asked = [gevent.spawn(gateway.post, "/api/quote", body)]
    assert begun.wait(LIMIT_S)
    gateway.clock.advance(0.1)
    claim = {**body, "sub_type_list": [1], "is_sub_or_un_sub": True}
    assert gateway.post("/api/subscribe", claim).status_code == 200
    asked.append(gevent.spawn(gateway.post, "/api/quote", body))
    gevent.idle()
    gate.set()
    assert [each.get(timeout=LIMIT_S).status_code for each in asked] == [200, 200]
    assert gateway.opend.names().count("Qot_Sub") == 1
