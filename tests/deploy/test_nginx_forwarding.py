"""What nginx hands to the gateway, and what it hands back."""

import re
from contextlib import closing, contextmanager

import pytest
from fix_upstream import SWITCHED, fine, reply

OUTSIDER = "127.0.0.2"
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
GATEWAY_STATUSES = (
    *("200 OK", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "409 Conflict"),
    *("422 Unprocessable Entity", "429 Too Many Requests", "500 Internal Server Error"),
)


@pytest.fixture(scope="module")
def upstream(start_upstream):
    return start_upstream()


@pytest.fixture(scope="module")
def nginx(start_nginx, upstream):
    return start_nginx([upstream.port])


@pytest.fixture(autouse=True)
def clean(upstream):
    upstream.requests.clear()
    upstream.answer = fine


def test_a_request_goes_through_with_all_that_belongs_to_the_gateway(nginx, upstream):
    headers = {"Authorization": "Bearer fc_x", "Idempotency-Key": "k-1", "X-Dry-Run": "true"}
    response, body = nginx.request("POST", "/api/order?int64=string", {"q": 1}, headers)
    (request,) = upstream.requests
    assert (response.status, body) == (200, b"{}")
    assert (request.method, request.target, request.body) == (
        "POST",
        "/api/order?int64=string",
        b'{"q": 1}',
    )
    assert {name: request.all(name) for name in headers} == {name: [value] for name, value in headers.items()}
    assert request.all("Content-Type") == ["application/json"]
    assert request.all("Host") == [f"localhost:{nginx.port}"]


@pytest.mark.parametrize("status", GATEWAY_STATUSES)
def test_an_answer_of_the_gateway_passes_unchanged(nginx, upstream, status):
    said = reply(status, b'{"error": "its own"}', "X-Request-Id: from-the-gateway", "Retry-After: 17")
    upstream.answer = lambda request: said
    for method, path in (("GET", "/api/accounts"), ("POST", "/api/order")):
        response, body = nginx.request(method, path, None if method == "GET" else {})
        assert (f"{response.status} {response.reason}", body) == (status, b'{"error": "its own"}')
        assert response.headers.get_all("X-Request-Id") == ["from-the-gateway"]
        assert response.headers.get_all("Retry-After") == ["17"]
        assert "nginx/" not in response.headers.get("Server", "")


def test_a_sane_request_id_is_handed_on_and_logged(nginx, upstream):
    nginx.request("GET", "/health", headers={"X-Request-Id": "caller-1.2_3"})
    assert upstream.requests[0].all("X-Request-Id") == ["caller-1.2_3"]
    line = nginx.line_of("caller-1.2_3")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/health", "200")
    assert (line["client"], line["upstream_status"]) == ("127.0.0.1", "200")


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 65, 'quote"', "%0a"])
def test_any_other_request_id_is_replaced(nginx, upstream, sent):
    nginx.request("GET", "/health", headers={} if sent is None else {"X-Request-Id": sent})
    (made,) = upstream.requests[0].all("X-Request-Id")
    assert SANE_ID.fullmatch(made)
    assert made != sent
    assert nginx.line_of(made)["status"] == "200"


def test_the_address_is_the_peers_whatever_the_client_says(nginx, upstream):
    lies = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-IP")
    headers = dict.fromkeys((*lies, "Forwarded"), "10.9.8.7")
    nginx.request("GET", "/health", headers=headers, source=OUTSIDER)
    (request,) = upstream.requests
    assert request.all("X-Forwarded-For") == [OUTSIDER]
    assert request.all("X-Forwarded-Proto") == ["https"]
    assert not any("10.9.8.7" in value for _, value in request.headers)


def test_connections_to_the_gateway_are_used_again(nginx, upstream):
    connection = nginx.connect()
    for _ in range(5):
        connection.request("GET", "/health")
        connection.getresponse().read()
    connection.close()
    assert len({request.connection for request in upstream.requests}) == 1
    assert not any(request.all("Connection") for request in upstream.requests)


@contextmanager
def upgraded(nginx, path, protocol="websocket"):
    """Ask for an upgrade; gives the socket, what is received on it, and the status that came back."""
    with closing(nginx.connect()) as connection, connection.sock.makefile("rb") as received:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n\r\n"
        connection.sock.sendall(head.encode())
        status = int(received.readline().split()[1])
        while received.readline() != b"\r\n":
            pass
        yield connection.sock, received, status


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket"])
def test_ws_becomes_a_socket_that_carries_bytes_both_ways(nginx, upstream, protocol):
    upstream.answer = lambda request: SWITCHED
    with upgraded(nginx, "/ws?body=base64", protocol) as (sock, received, status):
        assert status == 101
        for data in (b"\x81\x05hello", bytes(range(256)) * 300):
            sock.sendall(data)
            assert received.read(len(data)) == data
    (request,) = upstream.requests
    assert request.target == "/ws?body=base64"
    assert (request.all("Upgrade"), request.all("Connection")) == (["websocket"], ["upgrade"])


@pytest.mark.parametrize(
    ("path", "protocol"),
    [("/api/accounts", "websocket"), ("/ws/", "websocket"), ("/WS", "websocket"), ("/ws", "h2c")],
)
def test_nothing_else_is_upgraded(nginx, upstream, path, protocol):
    with upgraded(nginx, path, protocol) as (_, _, status):
        assert status == 200
    assert (upstream.requests[0].all("Upgrade"), upstream.requests[0].all("Connection")) == ([], [])
