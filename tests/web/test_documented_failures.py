"""What goes wrong is answered as the OpenAPI document says, down to the last field."""

import pytest
from openapi.fix_document import Checker

from gateway.opend.errors import (
    ConnectionLost,
    NotSent,
    OpenDFailed,
    OpenDLimited,
    OpenDRefused,
    OpenDTimeout,
    OutcomeUnknown,
)

WORDS = (-1, "no", 7)
OF_READS = [
    (RuntimeError("a defect"), 500, {"error", "request_id"}),
    (OpenDTimeout("silent"), 500, {"error"}),
    (NotSent("away"), 500, {"error", "outcome"}),
    (OpenDFailed(-100, "later"), 500, {"error", "ret_type", "ret_msg", "err_code"}),
    (OpenDRefused(*WORDS), 400, {"error", "ret_type", "ret_msg", "err_code"}),
    (OpenDLimited(-1, "每30秒最多10次"), 429, {"error", "ret_type", "ret_msg", "err_code"}),
]
OF_ORDERS = [
    (RuntimeError("a defect"), 500, {"error", "request_id", "outcome", "intent_id"}),
    (NotSent("away"), 500, {"error", "outcome", "intent_id"}),
    (OutcomeUnknown("lost", ConnectionLost("gone")), 500, {"error", "outcome", "intent_id"}),
    (
        OutcomeUnknown("lost", OpenDFailed(-100, "later")),
        500,
        {"error", "outcome", "intent_id", "ret_type", "ret_msg", "err_code"},
    ),
    (OpenDRefused(*WORDS), 400, {"error", "ret_type", "ret_msg", "err_code"}),
]


def checked(gateway, method, path, **request):
    """An answer, held against the document that the same gateway serves."""
    document = Checker(gateway.get("/openapi.json").json)
    answer = gateway.request(method, path, **request)
    errors = document.answer_errors(method, path, answer.status_code, answer.headers, answer.data)
    assert errors == [], answer.data
    return answer


@pytest.mark.parametrize(("error", "status", "fields"), OF_READS, ids=lambda each: type(each).__name__)
def test_of_a_read(gateway, error, status, fields):
    gateway.opend.script("Qot_GetMarketState", error)
    answer = checked(gateway, "POST", "/api/market-state", json={"security_list": ["HK.00700"]})
    assert (answer.status_code, set(answer.json)) == (status, fields)


@pytest.mark.parametrize(("error", "status", "fields"), OF_ORDERS, ids=lambda each: type(each).__name__)
def test_of_an_order(gateway, body_of, error, status, fields):
    gateway.opend.script("Trd_PlaceOrder", error)
    answer = checked(gateway, "POST", "/api/order", json=body_of("order"))
    assert (answer.status_code, set(answer.json)) == (status, fields)
    assert "X-Intent-Id" in answer.headers


@pytest.mark.parametrize("path", ["/api/order", "/api/accounts"])
def test_of_a_caller_without_a_key(gateway_with, body_of, path):
    keyed = gateway_with(keys=[{"id": "bot"}])
    answer = checked(keyed, "GET" if path == "/api/accounts" else "POST", path)
    assert answer.status_code == 401


def test_of_a_key_without_the_scope(gateway_with):
    keyed = gateway_with(keys=[{"id": "bot"}], key_id="bot")
    assert checked(keyed, "GET", "/api/accounts").status_code == 403


def test_of_an_order_beyond_a_limit(gateway_with, body_of):
    limits = {"max_orders_per_minute": 1}
    key = {"id": "bot", "scopes": ["trade:simulate"], "limits": limits}
    keyed = gateway_with(keys=[key], key_id="bot")
    answers = [checked(keyed, "POST", "/api/order", json=body_of("order")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Retry-After" in answers[1].headers


def test_of_the_metrics(gateway_with):
    closed = gateway_with({"ops": {"metrics_allow": []}})
    assert checked(closed, "GET", "/metrics").status_code == 403


def test_of_nothing_in_the_health_of_a_gateway_with_keys(gateway_with):
    keyed = gateway_with(keys=[{"id": "bot"}])
    assert checked(keyed, "GET", "/health").json["policy"] == {"state": "ok", "keys": 1}
