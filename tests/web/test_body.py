import io

import pytest

from gateway.schema.errors import BodyError
from gateway.web.body import read_body
from gateway.web.worker import DRAIN_LIMIT_BYTES, drain

SECURITIES = b'{"security_list": ["HK.00700"]}'
PATH = "/api/market-state"


def error_of(answer, status=400):
    assert answer.status_code == status, answer.data
    assert answer.content_type == "application/json"
    return answer.json["error"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;Charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json; foo=bar",
    ],
)
def test_json_in_utf8_is_taken(gateway, content_type):
    assert gateway.post(PATH, data=SECURITIES, content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json, text/plain",
        "text/json",
    ],
)
def test_another_content_type_is_refused(gateway, content_type):
    error = error_of(gateway.post(PATH, data=SECURITIES, content_type=content_type))
    assert error == "Content-Type has to be application/json"
    assert not gateway.opend.calls


def test_another_charset_is_refused(gateway):
    answer = gateway.post(PATH, data=SECURITIES, content_type="application/json; charset=gbk")
    assert error_of(answer) == "the body has to be in UTF-8"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"x"',
        b"1",
        b"null",
        b'{"a":1}x',
        b'{"security_list":[],"security_list":[]}',
        b"\xff{}",
        b"{'a':1}",
    ],
)
def test_what_is_not_one_json_object_is_refused(gateway, raw):
    error_of(gateway.post(PATH, data=raw, content_type="application/json"))
    assert not gateway.opend.calls


def test_an_empty_body_is_refused_with_what_to_send(gateway):
    error = error_of(gateway.post(PATH, data=b"", content_type="application/json"))
    assert error == "the body is empty, it has to be a JSON object such as {}"


def test_a_field_error_names_the_field(gateway):
    answer = gateway.post(PATH, {"security_list": [{"market": "x", "code": "1"}]})
    assert error_of(answer).startswith("security_list[0].market: ")
    assert answer.json["field"] == "security_list[0].market"


@pytest.mark.parametrize(("size", "status"), [(1024, 200), (1025, 400)])
def test_the_largest_body_is_max_body_bytes(gateway_with, size, status):
    gateway = gateway_with({"api": {"max_body_bytes": 1024}})
    padded = SECURITIES[:-1] + b" " * (size - len(SECURITIES)) + b"}"
    answer = gateway.post(PATH, data=padded, content_type="application/json")
    assert answer.status_code == status
    if status == 400:
        assert answer.json["error"] == "the body is larger than 1024 bytes (api.max_body_bytes)"


def test_a_chunked_body_is_read_to_its_end():
    assert read_body({"wsgi.input": io.BytesIO(b"{}"), "HTTP_TRANSFER_ENCODING": "chunked"}, 10) == b"{}"


def test_a_chunked_body_that_is_too_large_is_refused():
    environ = {"wsgi.input": io.BytesIO(b"x" * 11), "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(BodyError, match="larger than 10 bytes"):
        read_body(environ, 10)


def test_a_body_that_is_cut_short_is_refused():
    with pytest.raises(BodyError, match="shorter than its Content-Length"):
        read_body({"wsgi.input": io.BytesIO(b'{"a":1}'), "CONTENT_LENGTH": "8"}, 10)


def test_a_body_that_cannot_be_read_is_refused():
    class BrokenStream:
        def read(self, size):
            raise TimeoutError

    with pytest.raises(BodyError, match="could not be read"):
        read_body({"wsgi.input": BrokenStream(), "CONTENT_LENGTH": "8"}, 10)


class Body:
    """As much of gunicorn's body as the worker uses."""

    def __init__(self, size):
        self.stream = io.BytesIO(bytes(size))
        self.failed = False

    def read(self, size):
        return self.stream.read(size)


@pytest.mark.parametrize(
    ("size", "is_cut_off"),
    [
        (0, False),
        (1, False),
        (DRAIN_LIMIT_BYTES // 2, False),
        (DRAIN_LIMIT_BYTES, True),
        (2 * DRAIN_LIMIT_BYTES, True),
    ],
)
def test_the_rest_of_a_body_is_read_up_to_a_limit(size, is_cut_off):
    body = Body(size)
    drain(body)
    assert body.failed is is_cut_off
    assert body.stream.tell() == min(size, DRAIN_LIMIT_BYTES)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("int64=text", "int64"),
        ("int64=", "int64"),
        ("int64=string&int64=string", "int64"),
        ("a=1", "a"),
        ("security_list=HK.00700", "security_list"),
    ],
)
def test_a_post_takes_int64_alone_in_its_query(gateway, query, field):
    answer = gateway.post(f"{PATH}?{query}", {"security_list": ["HK.00700"]})
    error_of(answer)
    assert answer.json["field"] == field
    assert not gateway.opend.calls


def test_a_get_takes_the_messages_fields_in_its_query(gateway):
    assert gateway.get("/api/sub-info?is_req_all_conn=false").status_code == 200
    assert gateway.opend.calls[0].c2s.isReqAllConn is False
    assert gateway.get("/api/sub-info").status_code == 200
    assert gateway.opend.calls[1].c2s.isReqAllConn is True


@pytest.mark.parametrize(
    "query", ["is_req_all_conn=maybe", "nothing=1", "is_req_all_conn=true&is_req_all_conn=true"]
)
def test_a_get_refuses_a_query_that_the_message_has_no_place_for(gateway, query):
    assert error_of(gateway.get(f"/api/sub-info?{query}"))
    assert not gateway.opend.calls


@pytest.mark.parametrize("query", ["%ff=1", "a=%80"])
def test_a_query_that_is_not_utf8_is_refused(gateway, query):
    assert error_of(gateway.get(f"/api/sub-info?{query}")) == "the query string is not percent-encoded UTF-8"


BIG = 281756479345015383


@pytest.mark.parametrize(
    ("settings", "query", "shown"),
    [
        ({}, "", BIG),
        ({}, "?int64=string", str(BIG)),
        ({"api": {"int64": "string"}}, "", str(BIG)),
        ({"api": {"int64": "string"}}, "?int64=number", BIG),
    ],
)
def test_int64_is_shown_as_asked(gateway_with, settings, query, shown):
    gateway = gateway_with(settings)
    gateway.opend.script(
        "Trd_GetAccList", {"s2c": {"accList": [{"trdEnv": 0, "accID": BIG, "trdMarketAuthList": [1]}]}}
    )
    answer = gateway.get(f"/api/accounts{query}")
    assert answer.json["s2c"]["acc_list"][0]["acc_id"] == shown
