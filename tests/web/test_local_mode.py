import pytest
from e2e.examples import BODIES

from gateway.web.auth import Forbidden, LocalGuard

ORDER = BODIES["order"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:22222",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.1:22222",
        "[::1]:80",
        "[::1]",
    ],
)
def test_a_loopback_host_is_served(gateway, host):
    assert gateway.get("/api/accounts", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "10.0.0.1:22222",
        "0.0.0.0:22222",
        "127.0.0.1.evil.example",
        "127.0.0.1:x",
        "127.0.0.1:",
        "[::1]x",
        "[::1",
        "::1",
        "localhost,evil.example",
        "",
        "2130706433",
    ],
)
def test_another_host_is_forbidden(gateway, host):
    answer = gateway.get("/api/accounts", headers={"Host": host})
    assert answer.status_code == 403
    assert set(answer.json) == {"error"}
    assert not gateway.opend.calls


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Anything",
        "x-forwarded-for",
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", ""])
def test_what_a_proxy_forwards_is_forbidden(gateway, name, value):
    assert gateway.get("/api/accounts", headers={name: value}).status_code == 403
    assert not gateway.opend.calls


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:22222", 200),
        ("HTTP://LocalHost:22222", 200),
        ("http://localhost:3000", 403),
        ("http://127.0.0.1:22222", 403),
        ("https://localhost:22222", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://localhost:22222.evil.example", 403),
    ],
)
def test_a_web_page_of_another_origin_is_forbidden(gateway, origin, status):
    headers = {} if origin is None else {"Origin": origin}
    assert (
        gateway.post("/api/market-state", {"security_list": ["HK.00700"]}, headers=headers).status_code
        == status
    )


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.2", "::ffff:10.0.0.1", ""])
def test_a_peer_that_is_not_this_machine_is_forbidden(address):
    environ = {"REMOTE_ADDR": address, "HTTP_HOST": "localhost"}
    with pytest.raises(Forbidden):
        LocalGuard(embedded=True).principal(environ)


@pytest.mark.parametrize("name", ["funds", "order"])
def test_local_checks_come_before_the_body_is_looked_at(gateway, name):
    answer = gateway.post(f"/api/{name}", headers={"Host": "evil.example"}, data=b"not json")
    assert answer.status_code == 403


def test_embedded_gives_every_scope(gateway):
    assert gateway.post("/api/order", ORDER | {"header": real_header()}).status_code == 200
    assert gateway.post("/api/unlock-trade", BODIES["unlock-trade"]).status_code == 200


def test_a_real_opend_takes_paper_orders_alone(real_gateway):
    paper = {**ORDER, "header": real_header() | {"trd_env": "simulate"}}
    assert real_gateway.post("/api/order", paper).status_code == 200
    assert real_gateway.opend.names() == ["Trd_PlaceOrder"]


@pytest.mark.parametrize("environment", ["real", "REAL", 2])
@pytest.mark.parametrize("name", ["order", "modify-order"])
def test_a_real_opend_gets_no_real_order_from_local_mode(real_gateway, body_of, name, environment):
    body = body_of(name) | {"header": real_header() | {"trd_env": environment}}
    answer = real_gateway.post(f"/api/{name}", body)
    assert answer.status_code == 403
    assert set(answer.json) == {"error"}
    assert not real_gateway.opend.calls


def test_a_real_opend_is_not_unlocked_from_local_mode(real_gateway):
    assert real_gateway.post("/api/unlock-trade", BODIES["unlock-trade"]).status_code == 403
    assert not real_gateway.opend.calls


def test_reads_of_a_real_account_are_allowed(real_gateway):
    assert real_gateway.post("/api/funds", {"header": real_header()}).status_code == 200


def real_header():
    return {"trd_env": "real", "acc_id": 281756479345015383, "trd_market": "HK"}
