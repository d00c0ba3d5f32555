import pytest

from gateway.routes import ROUTES
from gateway.schema.codec import Codec, Numbering
from gateway.schema.errors import FieldError
from gateway.schema.protocols import protocol_named

CODEC = Codec(Numbering.DOCUMENTED)


def c2s(name, *query):
    request = CODEC.decode_query(protocol_named(name), query)
    assert request.IsInitialized()
    return request.c2s


def refusal(name, *query):
    with pytest.raises(FieldError) as caught:
        CODEC.decode_query(protocol_named(name), query)
    return caught.value


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method == "GET"], ids=lambda route: route.name
)
def test_no_get_route_needs_a_parameter(route):
    assert CODEC.decode_query(route.protocol, []).IsInitialized()
    assert CODEC.decode_request(route.protocol, {}) == CODEC.decode_query(route.protocol, [])


def test_defaults_are_filled_in():
    assert c2s("GetGlobalState").userID == 0
    assert c2s("Trd_GetAccList").HasField("userID")
    assert c2s("Qot_GetSubInfo").isReqAllConn is True
    assert list(c2s("GetDelayStatistics").typeList) == [1, 2, 3]
    assert not c2s("GetUserInfo").ListFields()


def test_what_is_given_stands_against_the_default():
    assert c2s("Qot_GetSubInfo", ("is_req_all_conn", "false")).isReqAllConn is False
    assert c2s("GetGlobalState", ("userID", "18446744073709551615")).userID == 2**64 - 1
    assert list(c2s("GetDelayStatistics", ("type_list", "2")).typeList) == [2]


def test_lists_are_repeated_keys_or_have_commas():
    message = c2s(
        "GetDelayStatistics", ("type_list", "1,REQ_REPLY"), ("type_list", "3"), ("segment_list", "5,-5")
    )
    assert list(message.typeList) == [1, 2, 3]
    assert list(message.segmentList) == [5, -5]


def test_enumerations_are_numbers_or_names():
    assert c2s("Trd_GetAccList", ("trd_category", "FUTURE")).trdCategory == 2
    assert c2s("Trd_GetAccList", ("trd_category", "2")).trdCategory == 2


@pytest.mark.parametrize(
    ("name", "query", "path"),
    [
        ("Qot_GetSubInfo", [("is_req_all_conn", "1")], "is_req_all_conn"),
        ("Qot_GetSubInfo", [("is_req_all_conn", "True")], "is_req_all_conn"),
        ("Qot_GetSubInfo", [("is_req_all_conn", "true")] * 2, "is_req_all_conn"),
        ("Qot_GetSubInfo", [("is_req_all_conn", "true"), ("isReqAllConn", "true")], "isReqAllConn"),
        ("Qot_GetSubInfo", [("header", "{}")], "header"),
        ("Qot_GetSubInfo", [("c2s", "{}")], "c2s"),
        ("GetUserInfo", [("flag", "")], "flag"),
        ("GetUserInfo", [("flag", "1.0")], "flag"),
        ("GetUserInfo", [("flag", "99999999999")], "flag"),
        ("GetUserInfo", [("flags", "1")], "flags"),
        ("GetDelayStatistics", [("type_list", "1,")], "type_list[1]"),
        ("GetDelayStatistics", [("type_list", "9")], "type_list[0]"),
        ("GetDelayStatistics", [("segment_list", "x")], "segment_list[0]"),
        ("Trd_GetAccList", [("user_id", "-1")], "user_id"),
        ("Trd_GetAccList", [("user_id", "1e3")], "user_id"),
    ],
)
def test_what_is_wrong_names_the_parameter(name, query, path):
    assert refusal(name, *query).path == path


def test_a_close_name_is_offered():
    assert "did you mean flag?" in str(refusal("GetUserInfo", ("flags", "1")))
