"""All 41 endpoints through gunicorn and the simulator, with right bodies and with wrong ones."""

from typing import Any

import orjson
import pytest
from examples import BODIES
from fix_twin import BY_NAME
from mutations import fields, ill_typed, objects, with_value, without, written

from gateway.routes import ROUTES
from gateway.schema.names import snake_case

POSTS = [route.name for route in ROUTES if route.method == "POST"]
GETS = [route.name for route in ROUTES if route.method == "GET"]
READS = [
    name
    for name in POSTS
    if name not in ("subscribe", "sub-acc-push", "unlock-trade", "order", "modify-order")
]


def c2s_of(name: str) -> Any:
    return BY_NAME[name].protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type


def test_there_is_an_example_for_every_endpoint():
    assert set(POSTS) == set(BODIES)


@pytest.mark.parametrize("name", READS)
def test_a_read_answers_what_the_simulator_holds(gateway, twin, name):
    answer = gateway.post(f"/api/{name}", BODIES[name])
    assert (answer["ret_type"], answer["ret_msg"], answer["err_code"]) == (0, "", 0)
    assert twin.knows(BY_NAME[name].protocol)
    body = {key: value for key, value in BODIES[name].items() if (name, key) != ("quote", "sub_type_list")}
    assert answer["s2c"] == twin.s2c(BY_NAME[name].protocol, body)


EMPTY_BY_RIGHT = {"order-fee", "orders", "order-fills"}
"""No order was placed yet; `test_orders.py` has these with content."""


@pytest.mark.parametrize("name", [name for name in READS if name not in EMPTY_BY_RIGHT])
def test_a_read_has_content(gateway, name):
    s2c = gateway.post(f"/api/{name}", BODIES[name])["s2c"]
    lists = [value for value in s2c.values() if isinstance(value, list)]
    assert all(lists), s2c
    assert s2c


@pytest.mark.parametrize("name", GETS)
def test_a_get_answers(gateway, name):
    answer = gateway.get(f"/api/{name}")
    assert (answer["ret_type"], answer["ret_msg"], answer["err_code"]) == (0, "", 0)
    assert answer["s2c"]


def test_the_accounts_are_those_of_the_simulator(gateway, twin):
    listed = gateway.get("/api/accounts")["s2c"]["acc_list"]
    assert listed == twin.s2c(BY_NAME["accounts"].protocol, {})["acc_list"]
    assert (listed[0]["acc_id"], listed[0]["trd_env"]) == (987654, 1)


def wrong_bodies():
    """(route, what is wrong, the body, the path that the error has to name)."""
    for name in POSTS:
        message, body = c2s_of(name), BODIES[name]
        for path, field in fields(message, body):
            if field.is_required and path[-1] not in FILLED_IN:
                named = MISSED_FIRST.get(written(path), written(path))
                yield pytest.param(name, without(body, path), named, id=f"{name}-no-{written(path)}")
            wrong = with_value(body, path, ill_typed(field))
            yield pytest.param(name, wrong, written(path), id=f"{name}-bad-{written(path)}")
        for at in objects(message, body):
            path = (*at, "no_such_field")
            wrong = with_value(body, path, 1)
            yield pytest.param(name, wrong, written(path), id=f"{name}-unknown-{written(path)}")


MISSED_FIRST = {"header": "header.trd_env"}
"""The header's fields may stand beside it, so the first of them is what is missing."""

FILLED_IN = {"order_id"}
"""Required by the protocol, and left to the gateway where a body may go without."""


@pytest.mark.parametrize(("name", "body", "path"), list(wrong_bodies()))
def test_a_wrong_body_is_400_and_names_the_field(gateway, name, body, path):
    response, answer = gateway.request("POST", f"/api/{name}", body)
    assert response.status == 400, answer
    error = orjson.loads(answer)
    assert error["field"] == path
    assert path in error["error"]


def test_every_required_field_of_every_request_was_left_out_once():
    left_out = {(case.values[0], case.values[2]) for case in wrong_bodies() if "-no-" in case.id}
    for name in POSTS:
        for field in c2s_of(name).fields:
            if field.is_required and field.name not in ("packetID", "orderID"):
                path = snake_case(field.name)
                assert (name, MISSED_FIRST.get(path, path)) in left_out


@pytest.mark.parametrize("name", GETS)
def test_an_unknown_query_parameter_is_400_and_is_named(gateway, name):
    response, answer = gateway.request("GET", f"/api/{name}?no_such_field=1")
    assert response.status == 400
    assert orjson.loads(answer)["field"] == "no_such_field"
