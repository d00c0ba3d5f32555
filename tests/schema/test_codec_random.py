"""Random bodies and messages over all protocols, with protobuf's json_format as the judge of values."""

import base64
from functools import cache

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.routes import ROUTES
from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.descriptors import pool
from gateway.schema.enums import enum_of, is_unknown, short_name
from gateway.schema.json_text import parse_object
from gateway.schema.names import snake_case
from gateway.schema.protocols import PROTOCOLS
from gateway.schema.rules import MEANINGLESS

OFFICIAL = Codec(Numbering.OFFICIAL)
DOCUMENTED = Codec(Numbering.DOCUMENTED)
FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

INT_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FINITE_32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
CODE = st.from_regex(r"[A-Z0-9.]{1,8}", fullmatch=True)


def spelled(field):
    return st.sampled_from([snake_case(field.name), field.name, field.camelcase_name])


def same(values):
    """Pairs of what our callers write and what json_format takes, where both are the same."""
    return values.map(lambda value: (value, value))


def scalar_pairs(field):
    enumeration = enum_of(field)
    if enumeration is not None:
        known = [
            value
            for value in enumeration.values
            if not (field.is_required and is_unknown(enumeration, value.name))
            and value.number not in MEANINGLESS.get(enumeration.full_name, ())
        ]
        return st.sampled_from(known).flatmap(
            lambda value: st.sampled_from(
                [value.number, value.name, short_name(enumeration, value.name), value.name.lower()]
            ).map(lambda written: (written, value.number))
        )
    if field.type in INT_RANGES:
        low, high = INT_RANGES[field.type]
        if field.name == "orderID":
            low = 1
        numbers = st.integers(low, high)
        if field.type in (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64):
            return numbers.flatmap(lambda number: st.sampled_from([(number, number), (str(number), number)]))
        return same(numbers)
    return PAIRS[field.type](field)


def double_pairs(field):
    if "Trd_" not in field.full_name or field.name not in ("qty", "price", "auxPrice", "amount"):
        return same(FINITE | st.integers(-(2**53), 2**53))
    return same(st.floats(0.001, 1e9) | st.integers(1, 10**9))


def string_pairs(field):
    return same(CODE if field.name in ("code", "codeList") else TEXT)


PAIRS = {
    FieldDescriptor.TYPE_BOOL: lambda field: same(st.booleans()),
    FieldDescriptor.TYPE_DOUBLE: double_pairs,
    FieldDescriptor.TYPE_STRING: string_pairs,
    FieldDescriptor.TYPE_BYTES: lambda field: st.binary(max_size=9).map(
        lambda value: (base64.b64encode(value).decode(),) * 2
    ),
}


@cache
def body_pairs(descriptor):
    """Valid bodies of a message, each as our callers and as json_format write it."""

    @st.composite
    def draw_pair(draw):
        ours, theirs = {}, {}
        for field in draw(st.permutations(list(descriptor.fields))):
            if not field.is_required and not draw(st.booleans()):
                continue
            pairs = body_pairs(field.message_type) if field.message_type else scalar_pairs(field)
            if field.is_repeated:
                elements = draw(st.lists(pairs, max_size=3))
                value = tuple([pair[side] for pair in elements] for side in (0, 1))
            else:
                value = draw(pairs)
            ours[draw(spelled(field))], theirs[field.name] = value
        return ours, theirs

    return draw_pair()


ROUTE_C2S = [(route.protocol, route.protocol.request.DESCRIPTOR.fields_by_name["c2s"]) for route in ROUTES]
BY_NAME = {"ids": lambda value: getattr(value, "name", "")}


@pytest.mark.parametrize(("protocol", "c2s"), ROUTE_C2S, **BY_NAME)
@FEW
@given(data=st.data(), is_wrapped=st.booleans())
def test_a_valid_body_becomes_the_message_that_json_format_makes(protocol, c2s, data, is_wrapped):
    ours, theirs = data.draw(body_pairs(c2s.message_type))
    if "remark" in theirs:
        ours["remark"] = theirs["remark"] = theirs["remark"][:16]
    decoded = OFFICIAL.decode_request(
        protocol, parse_object(orjson.dumps({"c2s": ours} if is_wrapped else ours))
    )
    expected = json_format.ParseDict({"c2s": theirs}, protocol.request())
    complete(expected.c2s)
    assert decoded == expected
    assert decoded.IsInitialized()


def complete(c2s):
    """What the gateway fills in by itself."""
    name = c2s.DESCRIPTOR.full_name
    if name in ("Trd_PlaceOrder.C2S", "Trd_ModifyOrder.C2S"):
        c2s.packetID.connID = c2s.packetID.serialNo = 0
    if name == "Qot_GetSubInfo.C2S" and not c2s.HasField("isReqAllConn"):
        c2s.isReqAllConn = True
    if name == "GetDelayStatistics.C2S" and not c2s.typeList:
        c2s.typeList.extend([1, 2, 3])


SCALARS = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: FINITE,
    FieldDescriptor.TYPE_FLOAT: FINITE_32,
    FieldDescriptor.TYPE_STRING: TEXT,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
    **{kind: st.integers(*span) for kind, span in INT_RANGES.items()},
}


@cache
def message_fields(descriptor):
    """Fields of a message as its class takes them: required ones always, others now and then."""
    required, optional = {}, {}
    for field in descriptor.fields:
        if field.message_type is not None:
            values = message_fields(field.message_type)
        elif field.enum_type is not None:
            values = st.sampled_from([value.number for value in field.enum_type.values])
        else:
            values = SCALARS[field.type]
        if field.is_repeated:
            values = st.lists(values, max_size=2)
        (required if field.is_required else optional)[field.name] = values
    return st.fixed_dictionaries(required, optional=optional)


def as_snake(value):
    if isinstance(value, dict):
        return {snake_case(name): as_snake(member) for name, member in value.items()}
    return [as_snake(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
@FEW
@given(data=st.data())
def test_an_answer_says_what_json_format_says_of_it(protocol, data):
    response = protocol.response(**data.draw(message_fields(protocol.response.DESCRIPTOR)))
    answer = orjson.loads(orjson.dumps(OFFICIAL.encode(response, Int64Format.STRING)))
    theirs = json_format.MessageToDict(
        response,
        preserving_proto_field_name=True,
        use_integers_for_enums=True,
        always_print_fields_with_no_presence=True,
        descriptor_pool=pool(),
    )
    assert answer == as_snake(theirs)
    numbers = OFFICIAL.encode(response, Int64Format.NUMBER)
    assert as_text(numbers, response.DESCRIPTOR) == OFFICIAL.encode(response, Int64Format.STRING)


def as_text(answer, descriptor):
    """The answer with its 64-bit integers as strings."""
    texts = {}
    for field in descriptor.fields:
        name = snake_case(field.name)
        if name in answer:
            values = answer[name] if field.is_repeated else [answer[name]]
            if field.message_type is not None:
                values = [as_text(value, field.message_type) for value in values]
            elif field.type in (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64):
                values = [str(value) for value in values]
            texts[name] = values if field.is_repeated else values[0]
    return texts
