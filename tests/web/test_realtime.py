import pytest
from e2e.examples import BODIES

from gateway.opend.errors import answer_error

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
    gateway.opend.on_session(None)
    assert gateway.opend.names() == ["Qot_Sub"]
