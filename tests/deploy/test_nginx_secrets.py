"""No token gets into any log of nginx, whatever goes wrong, and no address but that of /ws may have one."""

import json
from contextlib import closing
from uuid import uuid4

import pytest
from fix_gateway import free_port
from fix_upstream import SWITCHED, fine

from gateway.policy.token import new_token

LIMITS = {"rate=100r/s;": "rate=1r/m;", "burst=200 nodelay;": "nodelay;"}


@pytest.fixture(scope="module")
def upstream(start_upstream):
    return start_upstream()


@pytest.fixture(autouse=True)
def clean(upstream):
    upstream.requests.clear()
    upstream.answer = fine


@pytest.fixture(scope="module")
def nginx(start_nginx, upstream):
    return start_nginx([upstream.port])


@pytest.fixture(scope="module")
def alone(start_nginx):
    return start_nginx([free_port()])


@pytest.fixture
def token():
    return new_token()


def ask(nginx, path, method="GET", **headers):
    """The status, and the line of the access log, of a request."""
    request_id = uuid4().hex
    body = {} if method == "POST" else None
    response, _ = nginx.request(method, path, body, {"X-Request-Id": request_id, **headers})
    return response.status, nginx.line_of(request_id)


def raw(nginx, text):
    """Send something that may be no request, and wait until it was answered."""
    with closing(nginx.connect()) as connection:
        connection.sock.sendall(text.encode())
        return connection.sock.recv(65536)


def test_the_token_of_a_header_is_in_no_log(nginx, alone, token):
    for each in (nginx, alone):
        ask(each, "/api/accounts", Authorization=f"Bearer {token}")
        ask(each, "/api/order", "POST", Authorization=f"Bearer {token}")
        assert token not in each.logs
    assert "/api/accounts" in nginx.logs
    assert "Connection refused" in alone.logs


def test_the_token_of_a_socket_reaches_the_gateway_and_no_log(nginx, upstream, token):
    upstream.answer = lambda request: SWITCHED
    request_id = uuid4().hex
    head = f"GET /ws?token={token} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {request_id}\r\n"
    raw(nginx, f"{head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    line = nginx.line_of(request_id)
    assert (line["path"], line["status"]) == ("/ws", "101")
    assert [request.target for request in upstream.requests] == [f"/ws?token={token}"]
    assert token not in nginx.logs


def test_it_is_in_no_log_when_the_gateway_is_away(alone, token):
    status, line = ask(alone, f"/ws?token={token}")
    assert (status, line["path"], line["upstream_status"]) == (500, "/ws", "502")
    assert token not in alone.logs


def test_it_is_in_no_log_when_the_gateway_dies(nginx, upstream, token):
    upstream.answer = lambda request: None
    assert ask(nginx, f"/ws?token={token}")[0] == 500
    assert token not in nginx.logs


def test_it_is_in_no_log_when_a_limit_says_no(start_nginx, upstream, token):
    nginx = start_nginx([upstream.port], LIMITS)
    assert [ask(nginx, f"/ws?token={token}")[0] for _ in range(3)] == [200, 429, 429]
    assert token not in nginx.logs


BAD = {
    "method": "TRACE /ws?token={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "host": "GET /ws?token={} HTTP/1.1\r\n\r\n",
    "version": "GET /ws?token={} HTTP/7.1\r\nHost: localhost\r\n\r\n",
    "header": "GET /ws?token={} HTTP/1.1\r\nHost: localhost\r\n" + f"X: {'x' * 9000}\r\n\r\n",
    "body": "POST /ws?token={} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
    "coding": "POST /ws?token={} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n",
    "no HTTP": "token={}\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_in_no_log_when_the_request_is_wrong(nginx, token, name):
    before = len(nginx.lines)
    assert b'"error"' in raw(nginx, BAD[name].format(token))
    ask(nginx, "/health")
    assert len(nginx.lines) >= before + 2
    assert token not in nginx.logs


ELSEWHERE = (
    *("/api/accounts?token={}", "/ws/?token={}", "/WS?TOKEN={}", "/?a=1&token={}", "/ws%3Ftoken={}"),
    *("/api/{}", "/api/accounts?key={}"),
)


@pytest.mark.parametrize("path", ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_in_any_other_address_is_refused_and_in_no_log(alone, nginx, upstream, token, path, method):
    for each in (nginx, alone):
        response, body = each.request(method, path.format(token), {} if method == "POST" else None)
        assert response.status == 400
        assert "Authorization: Bearer" in json.loads(body)["error"]
        assert token not in each.logs
    assert upstream.requests == []


def test_this_would_see_a_token_in_the_error_log(start_nginx, token):
    careless = start_nginx([free_port()], {"error_log /dev/null emerg;": ""})
    ask(careless, f"/ws?token={token}")
    assert token in careless.logs


def test_a_log_line_has_no_query(nginx):
    _, line = ask(nginx, "/api/sub-info?is_req_all_conn=false")
    assert line["path"] == "/api/sub-info"
    assert "is_req_all_conn" not in nginx.logs


def test_a_strange_path_is_not_logged(nginx):
    assert ask(nginx, '/api/"<script>')[1]["path"] == "-"
