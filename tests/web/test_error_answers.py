import re

import pytest
from e2e.examples import BODIES

from gateway.opend.client import CallKind
from gateway.opend.errors import (
    BadSha1,
    ConnectionLost,
    NotSent,
    OpenDTimeout,
    OpenDUnavailable,
    OutcomeUnknown,
    TooManyInFlight,
    answer_error,
)

STATE = {"security_list": ["HK.00700"]}
FREQUENCY_TEXT = "获取市场快照频率太高，请求失败，每30秒最多60次。"
PASSWORD_MD5 = BODIES["unlock-trade"]["pwd_md5"]


def ask(gateway, error):
    gateway.opend.script("Qot_GetMarketState", error)
    return gateway.post("/api/market-state", STATE)


@pytest.mark.parametrize("ret_type", [-1, -500])
def test_a_refusal_of_opend_is_400_with_opends_own_words(gateway, ret_type):
    answer = ask(gateway, {"retType": ret_type, "retMsg": "未知股票", "errCode": 7})
    assert answer.status_code == 400
    assert answer.json == {
        "error": "OpenD refused the request: 未知股票",
        "ret_type": ret_type,
        "ret_msg": "未知股票",
        "err_code": 7,
    }


def test_opends_frequency_limit_is_429_with_the_window_as_retry_after(gateway):
    answer = ask(gateway, {"retType": -1, "retMsg": FREQUENCY_TEXT})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert answer.json["error"] == f"limit check failed: {FREQUENCY_TEXT}"


@pytest.mark.parametrize("ret_type", [-100, -200, -400, -7])
def test_opend_that_cannot_say_what_happened_is_500(gateway, ret_type):
    answer = ask(gateway, {"retType": ret_type, "retMsg": "x"})
    assert answer.status_code == 500
    assert answer.json["ret_type"] == ret_type


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost("gone"),
        OpenDTimeout("silent"),
        OpenDUnavailable("away"),
        TooManyInFlight("full"),
        NotSent("late"),
        BadSha1("wrong"),
    ],
)
def test_opend_gone_or_silent_is_500_and_says_so(gateway, error):
    answer = ask(gateway, error)
    assert answer.status_code == 500
    assert answer.json["error"] == str(error)


def test_a_defect_is_500_without_a_word_of_its_insides(gateway, caplog):
    answer = ask(gateway, ZeroDivisionError("secret inside"))
    assert answer.status_code == 500
    assert answer.json == {"error": "internal error", "request_id": answer.headers["X-Request-Id"]}
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.exc_info[0] for record in logged] == [ZeroDivisionError]
    assert answer.headers["X-Request-Id"] in logged[0].getMessage()


def order(gateway, outcome, name="order", protocol="Trd_PlaceOrder", body=None):
    gateway.opend.script(protocol, outcome)
    answer = gateway.post(f"/api/{name}", body or BODIES[name])
    assert gateway.opend.names() == [protocol]
    assert gateway.opend.calls[0].kind is CallKind.WRITE
    return answer


def test_an_order_goes_out_once_and_its_answer_is_the_protocols(gateway):
    answer = order(
        gateway, {"s2c": {"header": {"trdEnv": 0, "accID": 987654, "trdMarket": 1}, "orderIDEx": "1741803"}}
    )
    assert answer.status_code == 200
    assert answer.json["s2c"]["order_id_ex"] == "1741803"
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", answer.headers["X-Intent-Id"])


def test_the_orders_remark_carries_its_intent(gateway):
    answer = order(gateway, {})
    remark = gateway.opend.calls[0].c2s.remark
    assert remark == f"gw-{answer.headers['X-Intent-Id']}"
    assert len(remark.encode()) <= 64


def test_a_callers_own_remark_is_left_alone(gateway):
    order(gateway, {}, body=BODIES["order"] | {"remark": "mine"})
    assert gateway.opend.calls[0].c2s.remark == "mine"


def test_each_order_has_an_intent_of_its_own(gateway):
    first, second = (gateway.post("/api/order", BODIES["order"]) for _ in range(2))
    assert first.headers["X-Intent-Id"] != second.headers["X-Intent-Id"]


@pytest.mark.parametrize(
    "cause",
    [
        ConnectionLost("gone"),
        OpenDTimeout("silent"),
        BadSha1("wrong"),
        answer_error(-100, "NN_ProtoRet_TimeOut"),
    ],
)
@pytest.mark.parametrize(
    ("name", "protocol"),
    [("order", "Trd_PlaceOrder"), ("modify-order", "Trd_ModifyOrder"), ("unlock-trade", "Trd_UnlockTrade")],
)
def test_a_write_without_an_answer_is_unknown_and_sent_once(gateway, body_of, name, protocol, cause):
    answer = order(gateway, OutcomeUnknown("it may have taken effect", cause), name, protocol, body_of(name))
    assert answer.status_code == 500
    assert answer.json["outcome"] == "unknown"
    assert answer.json["intent_id"] == answer.headers["X-Intent-Id"]
    assert "fail" not in answer.json["error"]


@pytest.mark.parametrize("error", [NotSent("late"), OpenDUnavailable("away"), TooManyInFlight("full")])
def test_a_write_that_opend_never_saw_says_so(gateway, error):
    answer = order(gateway, error)
    assert answer.status_code == 500
    assert answer.json["outcome"] == "not_sent"
    assert answer.json["intent_id"]
    assert str(error) in answer.json["error"]


def test_a_rejected_order_is_400(gateway):
    answer = order(gateway, {"retType": -1, "retMsg": "账户购买力不足"})
    assert answer.status_code == 400
    assert answer.json["ret_msg"] == "账户购买力不足"
    assert "outcome" not in answer.json


def test_a_defect_while_an_order_is_under_way_leaves_its_outcome_open(gateway):
    answer = order(gateway, ZeroDivisionError("inside"))
    assert answer.status_code == 500
    assert answer.json["error"] == "internal error"
    assert answer.json["outcome"] == "unknown"
    assert answer.json["intent_id"] == answer.headers["X-Intent-Id"]


def test_an_order_that_is_refused_before_it_is_sent_has_no_intent(gateway):
    answer = gateway.post("/api/order", BODIES["order"] | {"qty": "x"})
    assert answer.status_code == 400
    assert "X-Intent-Id" not in answer.headers
    assert not gateway.opend.calls


@pytest.mark.parametrize("outcome", [{}, ConnectionLost("x"), ZeroDivisionError()])
def test_no_log_line_has_the_trade_passwords_md5(gateway, caplog, outcome):
    caplog.set_level(0)
    gateway.opend.script("Trd_UnlockTrade", outcome)
    gateway.post("/api/unlock-trade", BODIES["unlock-trade"])
    gateway.post("/api/unlock-trade", BODIES["unlock-trade"] | {"nothing": PASSWORD_MD5})
    assert caplog.records
    assert PASSWORD_MD5 not in caplog.text
