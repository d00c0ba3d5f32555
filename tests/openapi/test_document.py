"""The document says everything that the route table and the contract say, and nothing else."""

import json
import re

import pytest
from fix_document import Checker, document_of
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.openapi.component import Components, base_name
from gateway.openapi.message import BESIDE
from gateway.openapi.status import STATUSES
from gateway.routes import OWN_ROUTES, ROUTES, Kind
from gateway.schema.comments import Comments
from gateway.schema.descriptors import enum, message
from gateway.schema.enums import enum_of, numbers_by_name, short_name
from gateway.schema.names import snake_case
from gateway.schema.protocols import protocol_named
from gateway.schema.rules import fields_to_give
from gateway.schema.value import INT64_TYPES
from gateway.scope import Scope

SETTINGS = [
    {},
    {"api": {"trd_env_numbering": "official", "int64": "string"}},
    {"auth": {"mode": "keys"}},
    {"ops": {"docs_page": False}},
]


def own_path(route):
    return re.sub("<(.*?)>", r"{\1}", route.path)


def operation_of(document, route):
    return document["paths"][route.path][route.method.lower()]


def schema_of(document, full_name, suffix=""):
    return document["components"]["schemas"][base_name(full_name).removesuffix("S2C") + suffix]


def messages_in(descriptor, seen):
    if descriptor.full_name not in seen:
        seen[descriptor.full_name] = descriptor
        for field in descriptor.fields:
            if field.message_type:
                messages_in(field.message_type, seen)
    return seen


def c2s_of(route):
    return route.protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type


ANSWERED, ASKED = {}, {}
for _route in ROUTES:
    messages_in(_route.protocol.response.DESCRIPTOR.fields_by_name["s2c"].message_type, ANSWERED)
    if _route.method == "POST":
        messages_in(c2s_of(_route), ASKED)


@pytest.mark.parametrize("values", SETTINGS, ids=json.dumps)
def test_a_public_validator_takes_it(values):
    OpenAPIV31SpecValidator(document_of(**values)).validate()


def test_it_has_the_route_table_and_the_gateways_own_endpoints(document):
    rows = {(route.path, route.method) for route in ROUTES}
    own = {(own_path(route), route.method) for route in OWN_ROUTES}
    ops = {(path, "GET") for path in ("/health", "/ready", "/metrics", "/live", "/openapi.json", "/docs")}
    said = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert said == rows | own | ops


def test_without_the_page_it_does_not_speak_of_it():
    without = document_of(ops={"docs_page": False})
    assert set(document_of()["paths"]) - set(without["paths"]) == {"/docs", "/openapi.json"}


@pytest.mark.parametrize("name", ANSWERED)
def test_every_field_of_an_answer_is_there_with_its_comment(document, name):
    descriptor, comments = ANSWERED[name], Comments()
    schema = schema_of(document, name)
    assert set(schema["properties"]) == {snake_case(field.name) for field in descriptor.fields}
    for field in descriptor.fields:
        said = schema["properties"][snake_case(field.name)]
        assert said["description"] == comments.of(field.full_name) != ""
        assert ("items" in said) is field.is_repeated
        always = snake_case(field.name) in schema["required"]
        assert always is (field.is_required or field.is_repeated)


@pytest.mark.parametrize("name", ASKED)
def test_every_field_of_a_request_is_there(document, name):
    descriptor = ASKED[name]
    if name == "Qot_Common.Security":
        schema = document["components"]["schemas"]["MarketAndCode"]
    elif descriptor.name == "C2S":
        schema = schema_of(document, name.replace("C2S", "Request"))
    else:
        schema = schema_of(document, name, "Input")
    fields = {snake_case(field.name) for field in descriptor.fields}
    beside = {BESIDE[name][0]} if name in BESIDE else set()
    has_header = any(f.message_type and f.message_type.name == "TrdHeader" for f in descriptor.fields)
    flat = {"trd_env", "acc_id", "trd_market"} if has_header else set()
    assert set(schema["properties"]) == fields | beside | flat
    needed = {snake_case(field.name) for field in fields_to_give(descriptor)} - (
        {"header"} if flat else set()
    )
    assert set(schema["required"]) == needed
    assert schema["additionalProperties"] is False
    assert all(each["description"] for each in schema["properties"].values())


def test_every_named_number_of_every_enumeration_is_told(document):
    fields = [field for each in (*ANSWERED.values(), *ASKED.values()) for field in each.fields]
    told = {enum_of(field) for field in fields} - {None}
    assert len(told) > 60
    renumbered = {"Trd_Common.TrdEnv", "Trd_Common.TrdMarket"}
    for enumeration in told:
        schema = schema_of(document, enumeration.full_name, "Number")
        for value in enumeration.values:
            assert short_name(enumeration, value.name).lower() in schema["description"].lower()
        if enumeration.full_name not in renumbered:
            assert set(schema["enum"]) == {value.number for value in enumeration.values}
        assert len(schema["x-enum-varnames"]) == len(set(schema["x-enum-varnames"])) == len(schema["enum"])
        assert all(name.isidentifier() for name in schema["x-enum-varnames"])


def test_every_name_that_it_tells_is_one_that_requests_may_use(document):
    enumerations = {enum_of(field) for each in ASKED.values() for field in each.fields} - {None}
    for enumeration in enumerations:
        for name in schema_of(document, enumeration.full_name, "Name")["enum"]:
            assert name.replace("_", "").upper() in numbers_by_name(enumeration)


@pytest.mark.parametrize(
    ("numbering", "answered", "asked"), [("documented", [1, 2], [0, 1, 2]), ("official", [0, 1], [0, 1])]
)
def test_the_numbering_in_force_is_written_in_it(numbering, answered, asked):
    made = document_of(api={"trd_env_numbering": numbering})
    schemas, about = made["components"]["schemas"], made["info"]["description"]
    assert made["x-trd-env-numbering"] == numbering
    assert f"In force here is `trd_env_numbering: {numbering}`" in about
    assert "| `1` | simulate | **real** |" in about
    assert schemas["TrdEnvNumber"]["enum"] == answered
    check = Checker(made)
    header = {"acc_id": 1, "trd_market": 1}
    for number in (-1, 0, 1, 2, 3, "simulate", "real"):
        body = {"header": {"trd_env": number, **header}}
        is_accepted = number in asked or isinstance(number, str)
        assert bool(check.body_errors("POST", "/api/orders", body)) is not is_accepted


def test_japan_has_the_number_in_force():
    for numbering, number in (("documented", 7), ("official", 15)):
        schema = document_of(api={"trd_env_numbering": numbering})["components"]["schemas"]["TrdMarketNumber"]
        assert f"- `{number}` JP" in schema["description"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_operation_says_whom_it_lets_in_and_what_goes_wrong(document, route):
    keyed = operation_of(document_of(auth={"mode": "keys"}), route)
    local = operation_of(document, route)
    scopes = (
        [Scope.TRADE_REAL, Scope.TRADE_SIMULATE] if "order" in route.name and writes(route) else [route.scope]
    )
    assert keyed["security"] == [{"key": [scope]} for scope in scopes]
    assert local["security"] == []
    assert local["x-scopes"] == scopes
    once = {"409", "422"} if route.name in ("order", "modify-order") else set()
    assert set(local["responses"]) == {"200", "400", "401", "403", "429", "500"} | once
    headers = {
        parameter["$ref"].rpartition("/")[2] for parameter in local["parameters"] if "$ref" in parameter
    }
    assert headers >= {"Int64", "RequestId"}
    assert ("DryRun" in headers) is writes(route)
    assert ({"IdempotencyKey", "AllowDuplicate"} <= headers) is bool(once)


def writes(route):
    return route.kind is Kind.WRITE


def test_every_status_has_its_words_and_a_body(document):
    for name, answer in document["components"]["responses"].items():
        assert answer["description"] in STATUSES.values()
        schema = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert document["components"]["schemas"][schema]["required"] == ["error"]
        assert "X-Request-Id" in answer["headers"]
        assert ("X-Intent-Id" in answer["headers"]) is name.endswith("OfOrder")
    assert "Retry-After" in document["components"]["responses"]["TooMany"]["headers"]
    assert "WWW-Authenticate" in document["components"]["responses"]["Unauthorized"]["headers"]


def test_a_get_takes_the_simple_fields_as_query_parameters(document):
    for route in ROUTES:
        if route.method == "GET":
            said = {each.get("name") for each in operation_of(document, route)["parameters"]} - {None}
            assert said == {snake_case(f.name) for f in c2s_of(route).fields if f.message_type is None}


def test_wide_integers_may_be_texts_everywhere(document):
    for descriptor in ANSWERED.values():
        for field in descriptor.fields:
            if field.type in INT64_TYPES:
                said = schema_of(document, descriptor.full_name)["properties"][snake_case(field.name)]
                assert "Int64" in json.dumps(said)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"], ids=lambda r: r.name)
def test_every_example_is_as_its_schema_says(document, route):
    example = operation_of(document, route)["requestBody"]["content"]["application/json"]["example"]
    assert Checker(document).body_errors(route.method, route.path, example) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/orders", {"trd_env": "simulate", "acc_id": "987654", "trd_market": "HK"}),
        ("/api/order", {"trd_env": 1, "acc_id": 1, "trd_market": 1, "trd_side": "BUY", "order_type": "NORMAL"}
         | {"code": "00700", "qty": 100, "sec_market": 1}),
        ("/api/quote", {"security_list": ["HK.00700", {"market": 1, "code": "00700"}], "sub_type_list": [1]}),
        ("/api/kline", {"security": "US.AAPL", "kl_type": "K_DAY", "rehab_type": 1, "req_num": 2}),
    ],
)  # fmt: skip
def test_the_spellings_that_it_tells_are_in_the_schemas(document, path, body):
    assert Checker(document).body_errors("POST", path, body) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/orders", {}),
        ("/api/orders", {"trd_env": "simulate", "acc_id": "987654"}),
        ("/api/orders", {"header": {"trd_env": "simulate", "acc_id": "987654"}}),
        ("/api/quote", {"securty_list": ["HK.00700"]}),
        ("/api/quote", {"security_list": ["00700"]}),
        ("/api/kline", {"security": "US.AAPL", "kl_type": 0, "rehab_type": 1, "req_num": 2}),
        ("/api/kline", {"security": "US.AAPL", "kl_type": 1, "rehab_type": 1, "req_num": "2"}),
    ],
)
def test_what_the_gateway_refuses_is_not_in_the_schemas(document, path, body):
    assert Checker(document).body_errors("POST", path, body)


def test_comments_name_fields_as_json_does():
    comments = Comments()
    assert "adjust_price" in comments.of("Trd_PlaceOrder.C2S.adjustSideAndLimit")
    assert comments.of("no.such.thing") == ""
    assert comments.purpose(protocol_named("Trd_PlaceOrder")) == "places an order"
    assert comments.conditions(protocol_named("Trd_PlaceOrder")).startswith("Real accounts have")


def test_two_messages_never_get_one_name():
    components = Components()
    components.refer("Order", "Trd_Common.Order", dict)
    with pytest.raises(ValueError, match=r"Order would be Trd_Common\.Order and Qot_Common\.Order"):
        components.refer("Order", "Qot_Common.Order", dict)


def test_the_contract_is_as_the_names_need_it():
    assert enum("Trd_Common.TrdSide").full_name.count(".") == 1
    assert message("Qot_StockFilter.BaseFilter").containing_type is None
