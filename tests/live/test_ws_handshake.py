"""What opens a socket, and what a client may do on it that ends it, against a real worker."""

import json
import stat
from contextlib import contextmanager

import pytest
from fix_gateway import GatewayProcess, free_port, wait_until
from fix_live import HandshakeRefused, RawSocket, client_frame, handshake
from gevent import socket
from web.fix_web import token_of, write_policy

SCOPES = ["qot:read", "acc:read"]
KEYS = [
    {"id": "all", "scopes": SCOPES},
    {"id": "quotes", "scopes": ["qot:read"]},
    {"id": "accounts", "scopes": ["acc:read"]},
    {"id": "expired", "scopes": SCOPES, "expires_at": "2020-01-01T00:00:00Z"},
    {"id": "few", "scopes": SCOPES},
]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A gateway with the keys above, three sockets a key, and a log that keeps nothing back."""
    directory = tmp_path_factory.mktemp("keyed")
    write_policy(directory / "policy.yaml", *KEYS)
    settings = {
        "opend": {"endpoints": [f"127.0.0.1:{free_port()}"]},
        "auth": {"mode": "keys", "policy": "policy.yaml"},
        "ws": {"max_sockets_per_key": 3, "allowed_origins": ["https://desk.example.com"]},
        "log": {"level": "debug"},
        "audit": "audit.jsonl",
        "ledger": "sqlite:ledger.db",
    }
    gateway = GatewayProcess(directory, settings)
    yield gateway.wait_ready()
    gateway.stop()


def bearer(key_id):
    return {"Authorization": f"Bearer {token_of(key_id)}"}


@contextmanager
def open_socket(gateway, path="/ws", key_id="all", **headers):
    client = RawSocket(gateway.port, path, **{**bearer(key_id), **headers})
    try:
        yield client
    finally:
        client.close()


def refused(gateway, path="/ws", **headers):
    with pytest.raises(HandshakeRefused) as caught:
        RawSocket(gateway.port, path, **headers).close()
    answer = caught.value
    assert answer.headers["content-type"] == "application/json"
    return answer.status, json.loads(answer.body)["error"], answer


def test_a_socket_greets_and_cannot_be_resumed(keyed):
    with open_socket(keyed, X_Request_Id="mine") as client:
        greeting = client.message()
    assert (greeting["seq"], greeting["type"], greeting["proto_id"]) == (1, "notify", 0)
    assert greeting["event"] == "opened"
    data = greeting["data"]
    assert (data["version"], data["resumable"], data["ping_interval_s"]) == (1, False, 20.0)
    assert (data["trd_env_numbering"], data["types"]) == ("documented", ["quote", "trade", "notify"])
    keyed.wait_for("GET /ws 101")
    keyed.wait_for("/ws closed 1006")
    assert wait_until(lambda: keyed.log.count(" mine\n") >= 2)


def test_the_query_may_carry_the_token(keyed):
    client = RawSocket(keyed.port, f"/ws?token={token_of('quotes')}")
    assert client.message()["data"]["types"] == ["quote", "notify"]
    client.close()
    with open_socket(keyed, f"/ws?token={token_of('all')}") as client:
        assert client.message()["seq"] == 1


UNAUTHORIZED = {
    "no token": ("/ws", {}),
    "unknown": ("/ws", bearer("nobody")),
    "unknown in the query": (f"/ws?token={token_of('nobody')}", {}),
    "empty in the query": ("/ws?token=", {}),
    "expired": ("/ws", bearer("expired")),
    "another scheme": ("/ws", {"Authorization": "Basic eDp5"}),
    "of a page that is not let in either": ("/ws", {"Origin": "https://evil.example"}),
}


@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_without_a_valid_token_it_is_401(keyed, name):
    path, headers = UNAUTHORIZED[name]
    status, error, answer = refused(keyed, path, **headers)
    assert (status, error) == (401, "a valid token is needed: Authorization: Bearer fc_...")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_403_for_a_scope_and_for_a_foreign_page(keyed):
    assert refused(keyed)[0] == 401
    assert refused(keyed, **bearer("accounts"))[0] == 403
    assert refused(keyed, "/ws?types=trade", **bearer("quotes"))[0] == 403
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{keyed.port + 1}"):
        assert refused(keyed, **bearer("all"), Origin=origin)[0] == 403
    lines = [json.loads(line) for line in (keyed.file.parent / "audit.jsonl").read_text().splitlines()]
    found = {(line.get("key_id"), line["reason"]) for line in lines if line.get("route") == "/ws"}
    assert found >= {("accounts", "scope"), ("quotes", "scope"), ("all", "origin"), (None, "no_token")}


@pytest.mark.parametrize("own", [False, True])
def test_pages_of_the_gateway_and_of_the_list_are_let_in(keyed, own):
    origin = f"http://127.0.0.1:{keyed.port}" if own else "https://desk.example.com"
    with open_socket(keyed, Origin=origin) as client:
        assert client.message()["event"] == "opened"


NO_HANDSHAKES = {
    "no key": {"Sec_WebSocket_Key": None},
    "a short key": {"Sec_WebSocket_Key": "AAAA"},
    "a key that is not base64": {"Sec_WebSocket_Key": "*" * 24},
    "no version": {"Sec_WebSocket_Version": None},
    "an old version": {"Sec_WebSocket_Version": "8"},
    "no upgrade": {"Upgrade": None},
    "another upgrade": {"Upgrade": "h2c"},
    "no connection": {"Connection": "keep-alive"},
    "a body": {"Content_Length": "2"},
}


@pytest.mark.parametrize("name", NO_HANDSHAKES)
def test_a_request_that_is_no_handshake_is_400(keyed, name):
    if name == "a body":
        with socket.create_connection(("127.0.0.1", keyed.port)) as raw:
            raw.sendall(handshake(keyed.port, **bearer("all"), Content_Length="2") + b"{}")
            assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
        return
    status, error, answer = refused(keyed, **{**bearer("all"), **NO_HANDSHAKES[name]})
    assert (status, answer.headers["sec-websocket-version"]) == (400, "13")
    assert "WebSocket" in error


def test_head_is_no_handshake_and_other_methods_are_not_found(keyed):
    answer, body = keyed.request("HEAD", "/ws", headers=bearer("all"))
    assert (answer.status, body) == (400, b"")
    with socket.create_connection(("127.0.0.1", keyed.port)) as raw:
        raw.sendall(handshake(keyed.port, method="HEAD", **bearer("all")))
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
    for method in ("POST", "PUT", "OPTIONS"):
        answer, body = keyed.request(method, "/ws", headers=bearer("all"))
        assert (answer.status, body) == (404, b'{"error": "not found"}')


QUERIES = {
    f"token={token_of('quotes')}": "token: is another one",
    "token=x&token=y": "token: is given twice",
    "types=quote,orders": "types: may have quote, trade, notify",
    "symbols=700": "symbols: has to have securities",
    "symbols=": "symbols: has to have securities",
    "body=xml": "body: has to be json or base64",
    "int64=float": "int64: has to be number or string",
    f"{token_of('all')}": "query: has a parameter that is none of token, symbols",
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_wrong_query_is_400_and_is_not_repeated(keyed, query):
    status, error, answer = refused(keyed, f"/ws?{query}", **bearer("all"))
    assert (status, error.startswith(QUERIES[query])) == (400, True), error
    assert b"fc_" not in answer.body


def test_a_key_has_so_many_sockets_and_no_more(keyed):
    clients = [RawSocket(keyed.port, **bearer("few")) for _ in range(3)]
    status, error, _ = refused(keyed, **bearer("few"))
    assert (status, error) == (429, "limit check failed: sockets of this key exceeded: 3 (cap 3)")
    clients.pop().close()

    def may_open():
        try:
            clients.append(RawSocket(keyed.port, **bearer("few")))
        except HandshakeRefused:
            return False
        return True

    wait_until(may_open)
    for client in clients:
        client.close()


VIOLATIONS = {
    "binary": (client_frame(b"x", 2), 1003),
    "unmasked": (b"\x81\x01x", 1002),
    "reserved bit": (client_frame(b"x", first=0xC0), 1002),
    "control frame too long": (client_frame(b"x" * 126, 9), 1002),
    "bad UTF-8": (client_frame(b"\xff"), 1007),
    "oversize": (client_frame(b"x" * 70_000), 1009),
    "oversize in fragments": (client_frame(b"x" * 40_000, first=0) + client_frame(b"x" * 40_000, 0), 1009),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_closes_with_its_code_and_costs_nobody_else_anything(keyed, name):
    data, code = VIOLATIONS[name]
    with open_socket(keyed) as other, open_socket(keyed, key_id="quotes") as client:
        client.socket.sendall(data)
        assert client.wait_closed()[0] == code
        assert other.ask(op="ping")["ok"] is True
    assert "Traceback" not in keyed.log


def test_fragments_pings_and_a_client_that_closes(keyed):
    with open_socket(keyed) as client:
        client.socket.sendall(client_frame(b'{"op":', first=0) + client_frame(b"?", 9))
        client.socket.sendall(client_frame(b'"ping","id":5}', 0))
        frames = [client.frame() for _ in range(3)]
        assert frames[1] == (10, b"?") or frames[0] == (10, b"?") or frames[2] == (10, b"?")
        replies = [json.loads(text) for opcode, text in frames if opcode == 1]
        assert {"seq": 2, "type": "reply", "op": "ping", "id": 5, "ok": True} in replies
        client.socket.sendall(client_frame((1001).to_bytes(2), 8))
        assert client.wait_closed() == (1001, "")


def test_a_frame_that_came_with_the_handshake_is_read(keyed):
    with socket.create_connection(("127.0.0.1", keyed.port)) as raw:
        raw.sendall(handshake(keyed.port, **bearer("all")) + client_frame(b'{"op":"ping","id":"early"}'))
        data = b""
        while b'"early"' not in data:
            more = raw.recv(4096)
            assert more
            data += more


def test_a_handshake_that_never_ends_holds_up_nobody(keyed):
    begun = [socket.create_connection(("127.0.0.1", keyed.port)) for _ in range(20)]
    for each in begun:
        each.sendall(handshake(keyed.port, **bearer("all"))[:-2])
    with open_socket(keyed) as client:
        assert client.ask(op="ping")["ok"] is True
    for each in begun:
        each.close()


def test_a_client_that_is_cut_off_leaves_no_traceback(keyed):
    for _ in range(5):
        client = RawSocket(keyed.port, **bearer("all"))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
        wait_until(lambda: keyed.log.count("/ws 101") == keyed.log.count("/ws closed"))
    assert "Traceback" not in keyed.log
    assert "ERROR" not in keyed.log


BROKEN_HEADS = (
    "GET /ws?token={} HTTP/1.1 more\r\n\r\n",
    "GET /ws?token={} HTTP/9.1\r\n\r\n",
    "GET /ws?token={}",
    "GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n",
    "GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {}\r\n\r\n",
    "{} /ws HTTP/1.1\r\n\r\n",
)


def test_the_token_is_nowhere(keyed, start_gateway, tmp_path):
    """Neither in what the gateway wrote by now, nor in a log of JSON, the audit, the metrics or answers."""
    write_policy(tmp_path / "policy.yaml", *KEYS)
    gateway = start_gateway(
        {
            "opend": {"endpoints": [f"127.0.0.1:{free_port()}"]},
            "auth": {"mode": "keys", "policy": str(tmp_path / "policy.yaml")},
            "log": {"level": "debug", "format": "json"},
            "audit": str(tmp_path / "audit.jsonl"),
        }
    ).wait_ready()
    answers = []
    for path in ("/ws?token={}", "/ws?token={}&types=x", "/ws?{}", "/ws?x={}", "/wsx?token={}"):
        for key_id in ("all", "nobody", "expired"):
            try:
                client = RawSocket(gateway.port, path.format(token_of(key_id)))
                client.socket.sendall(client_frame(b"\xff"))
                client.wait_closed()
                client.close()
            except HandshakeRefused as refusal:
                answers.append(repr(refusal.headers) + repr(refusal.body))
    for head in BROKEN_HEADS:
        with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
            raw.sendall(head.format(token_of("all")).encode())
            raw.shutdown(socket.SHUT_WR)
            answers.append(raw.recv(4096).decode())
    answers.append(gateway.request("GET", "/metrics")[1].decode())
    answers.append(gateway.request("GET", f"/ws?token={token_of('all')}")[1].decode())
    gateway.stop()
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if stat.S_ISREG(path.stat().st_mode)]
    kept += [path.read_bytes() for path in keyed.file.parent.iterdir()]
    assert b"/ws closed 1007" in b"".join(kept)
    for text in (*answers, *(each.decode(errors="replace") for each in kept)):
        for key_id in ("all", "quotes", "nobody", "expired"):
            assert token_of(key_id) not in text
            assert token_of(key_id)[3:20] not in text
