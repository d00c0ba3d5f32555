"""Every example of the document is sent, and every answer is held against the document."""

import json
import re

import pytest
from e2e.examples import BODIES, PAPER_HK
from fix_document import Checker

from gateway.routes import OWN_ROUTES, ROUTES


@pytest.fixture(scope="module")
def served(documented_gateway):
    """The checker of the document that the gateway itself serves."""
    return Checker(documented_gateway.get("/openapi.json"))


def example_headers_and_query(served, operation):
    """The examples of an operation's parameters, by where they stand."""
    by_place = {"header": {}, "query": {}}
    for parameter in operation["parameters"]:
        resolved = served.resolved(parameter)
        if "example" in resolved:
            by_place[resolved["in"]][resolved["name"]] = json.dumps(resolved["example"]).strip('"')
    return by_place["header"], "&".join(f"{name}={value}" for name, value in by_place["query"].items())


def exchange(served, gateway, method, path, body=None, headers=None, template=None):
    response, text = gateway.request(method, path, body, headers)
    template = template or path.partition("?")[0]
    assert served.answer_errors(method, template, response.status, response.headers, text) == []
    return response, text


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_example_answers_200_as_the_document_says(served, documented_gateway, route):
    operation = served.operation(route.method, route.path)
    headers, query = example_headers_and_query(served, operation)
    body = None
    if route.method == "POST":
        body = operation["requestBody"]["content"]["application/json"]["example"]
    for path in (f"{route.path}?{query}", route.path):
        response, text = exchange(served, documented_gateway, route.method, path, body, headers)
        assert response.status == 200, text


def test_an_order_of_the_examples_is_placed_and_cancelled_where_it_is_no_dry_run(served, documented_gateway):
    example = served.operation("POST", "/api/order")["requestBody"]["content"]["application/json"]["example"]
    response, text = exchange(served, documented_gateway, "POST", "/api/order", example)
    order_id = json.loads(text)["s2c"]["order_id"]
    intent_id = response.headers["X-Intent-Id"]
    own = next(own for own in OWN_ROUTES if own.name == "order-intent")
    template = re.sub("<(.*?)>", r"{\1}", own.path)
    for query in ("", "?int64=string"):
        path = template.replace("{intent_id}", intent_id) + query
        response, text = exchange(served, documented_gateway, "GET", path, template=template)
        assert (response.status, json.loads(text)["state"]) == (200, "accepted")
    cancel = served.operation("POST", "/api/modify-order")["requestBody"]["content"]["application/json"]
    body = {**cancel["example"], "order_id": order_id}
    response, text = exchange(served, documented_gateway, "POST", "/api/modify-order", body)
    assert response.status == 200, text


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("int64", ["number", "string"])
def test_the_answers_of_the_end_to_end_examples_are_as_the_document_says(
    served, documented_gateway, name, int64
):
    body = dict(BODIES[name])
    if name == "modify-order":
        body["order_id"] = "4883217202603317248"
    exchange(served, documented_gateway, "POST", f"/api/{name}?int64={int64}", body)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/openapi.json", "/docs"])
def test_the_gateways_own_endpoints_answer_as_the_document_says(served, documented_gateway, path):
    response, _ = exchange(served, documented_gateway, "GET", path)
    assert response.status == 200


WRONG = [
    ("POST", "/api/orders", {"header": {"trd_env": 7}}, {}, 400),
    ("POST", "/api/market-state", {"security_list": ["HK.99999"]}, {}, 400),
    ("POST", "/api/market-state", {"security_list": ["HK.00700"]}, {"Origin": "https://evil.example"}, 403),
    ("GET", "/openapi.json", None, {"Origin": "https://evil.example"}, 403),
    ("GET", "/docs", None, {"X-Forwarded-For": "10.0.0.1"}, 403),
    ("POST", "/api/order", BODIES["order"] | {"qty": 7}, {}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status"), WRONG)
def test_what_is_refused_is_as_the_document_says(
    served, documented_gateway, method, path, body, headers, status
):
    response, text = exchange(served, documented_gateway, method, path, body, headers)
    assert response.status == status, text


def test_another_body_under_one_name_is_as_the_document_says(served, documented_gateway):
    headers = {"Idempotency-Key": "the-document"}
    for price, status in ((300.0, 200), (300.0, 200), (301.0, 422)):
        body = BODIES["order"] | {"header": PAPER_HK, "price": price}
        response, text = exchange(served, documented_gateway, "POST", "/api/order", body, headers)
        assert response.status == status, text


def test_the_check_sees_what_the_document_does_not_say(served):
    headers = {"Content-Type": "application/json", "X-Request-Id": "1"}
    good = b'{"ret_type":0,"ret_msg":"","err_code":0}'
    assert served.answer_errors("POST", "/api/order-fee", 200, headers, good) == []
    for status, text in (
        (201, good),
        (200, good.replace(b"}", b',"more":1}')),
        (200, b'{"ret_type":0,"err_code":0}'),
        (200, good.replace(b"}", b',"s2c":{"header":{},"order_fee_list":[]}}')),
        (404, b'{"error":"not found"}'),
        (400, b'{"error":1}'),
    ):
        assert served.answer_errors("POST", "/api/order-fee", status, headers, text) != [], (status, text)
    assert served.answer_errors("POST", "/api/order-fee", 200, {"Content-Type": "application/json"}, good)
