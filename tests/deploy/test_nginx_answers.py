"""What nginx answers itself: in the gateway's form, with the gateway's statuses, and true of an order."""

import json
import socket
import threading
from contextlib import ExitStack, closing
from http.client import HTTPResponse

import pytest
from fix_gateway import free_port, wait_until
from fix_upstream import fine, reply

from gateway.web.errors import NOT_FOUND_BODY

BODY_LIMIT = 262144
OUTSIDER = "127.0.0.2"
TRADE_WRITES = ("/api/order", "/api/modify-order", "/api/unlock-trade")
SHORT_WAIT = {"proxy_read_timeout 75s;": "proxy_read_timeout 1s;"}
CONNECTIONS = 100
BURST, TRADE_BURST = 200, 50


@pytest.fixture(scope="module")
def upstream(start_upstream):
    return start_upstream()


@pytest.fixture(scope="module")
def nginx(start_nginx, upstream):
    return start_nginx([upstream.port], SHORT_WAIT)


@pytest.fixture(scope="module")
def alone(start_nginx):
    """nginx with nobody behind it."""
    return start_nginx([free_port()])


@pytest.fixture(autouse=True)
def clean(upstream):
    upstream.requests.clear()
    upstream.answer = fine


def read_answer(sock):
    """The next answer that comes in, and its body."""
    response = HTTPResponse(sock)
    response.begin()
    return response, response.read()


def answer_to(nginx, sent):
    """The answer to bytes that were sent as they are."""
    with closing(nginx.connect()) as connection:
        connection.sock.sendall(sent)
        return read_answer(connection.sock)


def assert_form(answer, said):
    """A status and a text, as JSON, with one id to find it by."""
    response, body = answer
    assert response.status == said[0]
    assert said[1] in json.loads(body)["error"]
    assert response.headers["Content-Type"] == "application/json"
    assert len(response.headers.get_all("X-Request-Id")) == 1
    assert "nginx/" not in response.headers["Server"]


NOT_HTTP = (400, "not a valid HTTP request")
TOO_LARGE = (400, "the body is too large")
HEAD = "Host: localhost\r\nConnection: close\r\n"
RAW = {
    "garbage": ("GARBAGE\r\n\r\n", NOT_HTTP),
    "no host": ("GET /health HTTP/1.1\r\n\r\n", NOT_HTTP),
    "version": (f"GET /health HTTP/3.7\r\n{HEAD}\r\n", NOT_HTTP),
    "percent": (f"GET /%zz HTTP/1.1\r\n{HEAD}\r\n", NOT_HTTP),
    "long line": (f"GET /{'x' * 9000} HTTP/1.1\r\n{HEAD}\r\n", NOT_HTTP),
    "long header": (f"GET /health HTTP/1.1\r\n{HEAD}X: {'x' * 9000}\r\n\r\n", NOT_HTTP),
    "coding": (f"POST /api/quote HTTP/1.1\r\n{HEAD}Transfer-Encoding: gzip\r\n\r\n", NOT_HTTP),
    "TRACE": (f"TRACE /health HTTP/1.1\r\n{HEAD}\r\n", (404, "not found")),
    "inner address": (f"GET /-/bad-request HTTP/1.1\r\n{HEAD}\r\n", (404, "not found")),
    "large": (f"POST /api/order HTTP/1.1\r\n{HEAD}Content-Length: {BODY_LIMIT + 1}\r\n\r\n", TOO_LARGE),
    "large chunk": (
        f"POST /api/order HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{BODY_LIMIT + 1:x}\r\nfirst",
        TOO_LARGE,
    ),
}


@pytest.mark.parametrize("name", RAW)
def test_what_never_reaches_the_gateway_is_told_in_its_form(nginx, upstream, name):
    sent, said = RAW[name]
    assert_form(answer_to(nginx, sent.encode()), said)
    assert upstream.requests == []


def test_http_on_the_port_of_tls_is_told_in_its_form(nginx, upstream):
    with socket.create_connection(("127.0.0.1", nginx.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert_form(read_answer(connection), NOT_HTTP)
    assert upstream.requests == []


def test_not_found_is_the_gateways_to_the_byte(nginx):
    assert answer_to(nginx, f"TRACE / HTTP/1.1\r\n{HEAD}\r\n".encode())[1] == NOT_FOUND_BODY


def test_a_body_of_the_size_that_is_allowed_goes_through(nginx, upstream):
    body = b" " * BODY_LIMIT
    assert nginx.request("POST", "/api/order", body)[0].status == 200
    assert upstream.requests[0].body == body


@pytest.mark.parametrize(
    "path", ["/metrics", "/ready", "//metrics", "/x/../metrics", "/%6detrics?x", "/./ready", "/metrics#x"]
)
@pytest.mark.parametrize("source", ["127.0.0.1", OUTSIDER])
def test_what_is_for_those_who_run_it_is_closed(nginx, upstream, path, source):
    forged = {"X-Forwarded-For": "127.0.0.1"}
    assert_form(nginx.request("GET", path, headers=forged, source=source), (403, "closed"))
    assert upstream.requests == []


@pytest.mark.parametrize(
    "path", ["/metrics/", "/METRICS", "/metrics;x", "/metrics%2f", "/metrics%3Fx", "/metrics%0a", "/ready/"]
)
def test_what_is_only_like_it_goes_to_the_gateway_as_it_is(nginx, upstream, path):
    """The gateway has no such route: it takes an address as it is, and these are others."""
    nginx.request("GET", path)
    assert [request.target for request in upstream.requests] == [path]


def outcome_of(nginx, method, path):
    answer = nginx.request(method, path, {} if method == "POST" else None)
    assert_form(answer, (500, "the gateway"))
    return json.loads(answer[1]).get("outcome")


@pytest.mark.parametrize("path", TRADE_WRITES)
def test_an_order_that_reached_no_gateway_was_not_sent(alone, path):
    assert outcome_of(alone, "POST", path) == "not_sent"


def test_a_read_that_reached_no_gateway_says_nothing_of_orders(alone):
    assert outcome_of(alone, "GET", "/api/accounts") is None
    assert outcome_of(alone, "POST", "/api/quote") is None
    assert outcome_of(alone, "GET", "/ws") is None


@pytest.mark.parametrize("path", [*TRADE_WRITES, "/api/%6frder", "/api/./order?int64=string"])
def test_an_order_whose_gateway_dies_after_reading_is_unknown(nginx, upstream, path):
    upstream.answer = lambda request: None
    assert outcome_of(nginx, "POST", path) == "unknown"
    assert len(upstream.requests) == 1


def test_an_order_whose_gateway_keeps_silent_is_unknown(nginx, upstream):
    is_over = threading.Event()
    upstream.answer = lambda request: reply("200 OK") if is_over.wait(20) else None
    assert outcome_of(nginx, "POST", "/api/order") == "unknown"
    assert outcome_of(nginx, "GET", "/api/accounts") is None
    is_over.set()


def answers_of(nginx, *requests):
    """The answers to requests that are all sent before one is read: nginx is faster than any client."""
    with closing(nginx.connect()) as connection, connection.sock.makefile("rb") as received:
        connection.sock.sendall(b"".join(requests))
        return received.read().decode().split("HTTP/1.1 ")[1:]


def test_the_rate_of_an_address_is_limited_and_orders_are_counted_apart(nginx):
    read = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    cancel = f"POST /api/modify-order HTTP/1.1\r\n{HEAD}Content-Length: 0\r\n\r\n".encode()
    *answers, of_cancel = answers_of(nginx, read * 3 * BURST, cancel)
    limited = [answer for answer in answers if answer.startswith("429 ")]
    assert len(answers) == 3 * BURST
    assert len(limited) > BURST
    assert "\r\nRetry-After: 1\r\n" in limited[0]
    error = json.loads(limited[0].partition("\r\n\r\n")[2])["error"]
    assert error == "limit check failed: too many requests from this address"
    assert of_cancel.startswith("200 ")


def test_the_rate_of_orders_is_limited_and_what_is_refused_was_not_sent(nginx, upstream):
    order = b"POST /api/order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    last = f"GET /metrics HTTP/1.1\r\n{HEAD}\r\n".encode()
    *answers, _ = answers_of(nginx, order * 4 * TRADE_BURST, last)
    limited = [answer for answer in answers if answer.startswith("429 ")]
    assert len(answers) == 4 * TRADE_BURST
    assert len(limited) > TRADE_BURST
    assert len(upstream.requests) == len(answers) - len(limited)


def test_the_connections_of_an_address_are_limited(nginx, upstream):
    is_over = threading.Event()
    upstream.answer = lambda request: reply("200 OK") if is_over.wait(20) else None
    source = "127.0.0.4"
    with ExitStack() as stack:
        waiting = [stack.enter_context(closing(nginx.connect(source=source))) for _ in range(CONNECTIONS)]
        for connection in waiting:
            connection.request("GET", "/ws")
        wait_until(lambda: len(upstream.requests) == CONNECTIONS)
        refused = nginx.request("GET", "/ws", source=source)
        assert_form(refused, (429, "limit check failed"))
        assert refused[0].headers["Retry-After"] == "1"
        is_over.set()
        assert {connection.getresponse().status for connection in waiting} == {200}
