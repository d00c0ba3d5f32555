"""With two gateways that could take it, nothing that was sent is sent to the second one."""

import threading

import pytest
from fix_gateway import free_port
from fix_upstream import fine, reply

from gateway.routes import ROUTES

POSTS = [route.path for route in ROUTES if route.method == "POST"]
BOTH_STAY_IN_USE = "max_fails=0"
SHORT_WAIT = {"proxy_read_timeout 75s;": "proxy_read_timeout 1s;"}
NEXT = "proxy_next_upstream error timeout non_idempotent;"
HARMFUL = {"proxy_next_upstream off;": NEXT, "proxy_next_upstream error timeout;": NEXT}


@pytest.fixture(scope="module")
def pair(start_upstream):
    return [start_upstream(), start_upstream()]


@pytest.fixture(autouse=True)
def clean(pair):
    for upstream in pair:
        upstream.requests.clear()
        upstream.answer = fine


@pytest.fixture(scope="module")
def servers(pair):
    return [f"{upstream.port} {BOTH_STAY_IN_USE}" for upstream in pair]


@pytest.fixture(scope="module")
def nginx(start_nginx, servers):
    return start_nginx(servers, SHORT_WAIT)


@pytest.fixture(scope="module")
def harmful(start_nginx, servers):
    """With the word that makes one order two: what a repeat would look like here."""
    return start_nginx(servers, SHORT_WAIT | HARMFUL)


def die(request):
    return None


def requests_of(pair):
    return [request.target for upstream in pair for request in upstream.requests]


def assert_sent_once(pair, nginx, path):
    for upstream in pair:
        upstream.requests.clear()
    response, _ = nginx.request("POST", path, {})
    assert (response.status, requests_of(pair)) == (500, [path])


def test_no_post_is_repeated_when_the_gateway_dies_after_reading(pair, nginx):
    for upstream in pair:
        upstream.answer = die
    for path in POSTS:
        assert_sent_once(pair, nginx, path)


def test_no_post_is_repeated_when_a_kept_connection_turns_out_dead(pair, nginx):
    with_connection = nginx.connect()
    for _ in range(4):
        with_connection.request("GET", "/health")
        with_connection.getresponse().read()
    for upstream in pair:
        upstream.answer = die
        upstream.requests.clear()
    with_connection.request("POST", "/api/order", b"{}")
    assert with_connection.getresponse().status == 500
    with_connection.close()
    assert requests_of(pair) == ["/api/order"]


def test_no_order_is_repeated_when_the_gateway_keeps_silent(pair, nginx):
    is_over = threading.Event()
    for upstream in pair:
        upstream.answer = lambda request: reply("200 OK") if is_over.wait(20) else None
    assert_sent_once(pair, nginx, "/api/order")
    assert_sent_once(pair, nginx, "/api/quote")
    is_over.set()


@pytest.mark.parametrize("path", ["/api/order", "/api/quote"])
def test_a_repeat_would_be_seen_here(pair, harmful, path):
    for upstream in pair:
        upstream.answer = die
    harmful.request("POST", path, {})
    assert requests_of(pair) == [path, path]


def test_a_gateway_that_cannot_be_reached_costs_no_read_and_no_order_twice(start_nginx, start_upstream):
    alive = start_upstream()
    nginx = start_nginx([f"{free_port()} {BOTH_STAY_IN_USE}", f"{alive.port} {BOTH_STAY_IN_USE}"])
    reads = [nginx.request("POST", "/api/quote", {})[0].status for _ in range(4)]
    orders = [nginx.request("POST", "/api/order", {})[0].status for _ in range(4)]
    assert reads == [200] * 4
    assert sorted(orders) == [200, 200, 500, 500]
    assert [request.target for request in alive.requests] == ["/api/quote"] * 4 + ["/api/order"] * 2
