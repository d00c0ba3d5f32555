"""Each of the 41 requests with everything right, and with each required field missing or wrong."""

import pytest
from fix_messages import plain_body

from gateway.routes import ROUTES
from gateway.schema.codec import Codec, Numbering
from gateway.schema.errors import FieldError
from gateway.schema.names import snake_case

CODEC = Codec(Numbering.DOCUMENTED)
LEFT_OUT_AT_WILL = {
    ("global-state", "userID"),
    ("accounts", "userID"),
    ("order", "packetID"),
    ("modify-order", "packetID"),
}


def c2s_type(route):
    return route.protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type


def refused_path(route, body):
    with pytest.raises(FieldError) as caught:
        CODEC.decode_request(route.protocol, body)
    return caught.value.path


def valid_body(route):
    body = plain_body(c2s_type(route))
    if route.name == "modify-order":
        del body["order_id_ex"], body["for_all"]
    return body


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_body_with_every_field_fills_every_field(route):
    request = CODEC.decode_request(route.protocol, valid_body(route))
    assert request.IsInitialized()
    filled = {field.name for field, _ in request.c2s.ListFields()}
    absent = {"orderIDEx", "forAll"} if route.name == "modify-order" else set()
    assert filled == {field.name for field in c2s_type(route).fields} - absent


REQUIRED = [
    pytest.param(route, field, id=f"{route.name}-{field.name}")
    for route in ROUTES
    for field in c2s_type(route).fields
    if field.is_required and (route.name, field.name) not in LEFT_OUT_AT_WILL
]


@pytest.mark.parametrize(("route", "field"), REQUIRED)
def test_each_required_field_is_asked_for(route, field):
    body = valid_body(route)
    del body[snake_case(field.name)]
    expected = "header.trd_env" if field.name == "header" else snake_case(field.name)
    assert refused_path(route, body) == expected
    assert refused_path(route, {"c2s": body}) == f"c2s.{expected}"


FIELDS = [
    pytest.param(route, field, id=f"{route.name}-{field.name}")
    for route in ROUTES
    for field in c2s_type(route).fields
]


@pytest.mark.parametrize(("route", "field"), FIELDS)
def test_each_field_refuses_null_and_another_type(route, field):
    name = snake_case(field.name)
    for wrong in (None, [[]], {"": 0}):
        path = refused_path(route, {**valid_body(route), name: wrong})
        assert path == name or path.startswith((f"{name}[0]", f'{name}[""]'))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_unknown_field_is_named(route):
    assert refused_path(route, {**valid_body(route), "no_such_field": 1}) == "no_such_field"
