"""Two gateways with one Redis and nginx in front are one to their callers (docs/several-gateways.md)."""

import json
import os
import signal
import time
from collections import Counter

import pytest
from fix_gateway import is_running, wait_until

HALTED = "limit check failed: trading is halted"
IN_FORCE_WITHIN_S = 1.0
RATE, AT_ONCE = 3, 5
KEYS = {
    "trader": {},
    "three": {"max_orders_per_minute": RATE},
    "five": {"max_orders_per_minute": AT_ONCE},
    "daily": {"max_daily_value": {"HKD": 3000}},
}


@pytest.fixture(scope="module")
def pair(open_pair):
    return open_pair(KEYS)


@pytest.fixture(scope="module")
def addresses(pair):
    return {f"127.0.0.1:{gateway.port}" for gateway in (pair.gateway, pair.other)}


def placed(pair):
    return [entry for entry in pair.journal if entry["event"] == "placed"]


def test_a_rate_cap_holds_over_both(pair, addresses):
    told = [pair.order("three") for _ in range(RATE + 3)]
    assert [each.status for each in told] == [200] * RATE + [429] * 3
    assert told[-1].error == "limit check failed: rate limit exceeded: 3 orders in the last 60s (cap 3)"
    assert pair.servers_of(told[:RATE]) == pair.servers_of(told[RATE:]) == addresses


def test_a_rate_cap_holds_for_orders_at_the_same_moment(pair, addresses):
    before = len(placed(pair))
    told = pair.orders_at_once("five", 20)
    assert Counter(each.status for each in told) == {200: AT_ONCE, 429: 20 - AT_ONCE}
    assert len(placed(pair)) == before + AT_ONCE
    assert pair.servers_of(told) == addresses


def test_the_value_of_a_day_is_counted_over_both(pair, addresses):
    told = [pair.order("daily") for _ in range(5)]
    assert [each.status for each in told] == [200, 200, 200, 429, 429]
    assert told[-1].error == "limit check failed: daily value exceeded: 4000 HKD today (cap 3000)"
    assert pair.servers_of(told[:3]) == pair.servers_of(told[3:]) == addresses


def test_an_idempotency_key_is_one_order_on_both(pair, addresses):
    before = len(placed(pair))
    told = [pair.order("trader", {"Idempotency-Key": "one"}) for _ in range(4)]
    assert {each.status for each in told} == {200}
    assert len({each.answer["s2c"]["order_id"] for each in told}) == 1
    assert ["Idempotency-Replayed" in each.headers for each in told] == [False, True, True, True]
    assert len(placed(pair)) == before + 1
    assert pair.servers_of(told) == addresses
    assert pair.order("trader", {"Idempotency-Key": "one"}, qty=1000).status == 422


def test_an_order_that_one_placed_is_known_to_the_other(pair, addresses):
    intent_id = pair.order("trader").headers["X-Intent-Id"]
    for _ in range(2):
        status, _, answer = pair.request("GET", f"/api/orders/intent/{intent_id}", key="trader")
        assert (status, answer["state"]) == (200, "accepted")


def test_the_kill_switch_on_one_host_halts_both(pair, addresses):
    pair.gw("trading", "halt")
    time.sleep(IN_FORCE_WITHIN_S)
    told = [pair.order("trader") for _ in range(4)]
    assert {(each.status, each.error) for each in told} == {(429, HALTED)}
    assert pair.servers_of(told) == addresses
    pair.gw("trading", "resume")
    time.sleep(IN_FORCE_WITHIN_S)
    assert {pair.order("trader").status for _ in range(2)} == {200}


def connections_with_quotes(pair):
    """How many connections to OpenD have the quotes of HK.00001."""
    _, _, answer = pair.request("GET", "/api/sub-info?is_req_all_conn=true", key="trader")
    wanted = {"market": 1, "code": "00001"}
    return sum(
        any(wanted in each["security_list"] for each in connection["sub_info_list"])
        for connection in answer["s2c"]["conn_sub_info_list"]
    )


def test_a_subscription_by_one_is_followed_by_the_other(pair):
    body = {"security_list": ["HK.00001"], "sub_type_list": ["Basic"], "is_sub_or_un_sub": True}
    status, _, _ = pair.request("POST", "/api/subscribe", body, key="trader")
    assert status == 200
    wait_until(lambda: connections_with_quotes(pair) == 2)
    claimed = json.loads(pair.gw("claims", "list", "--key", "trader", "--json"))
    assert [(each["security"], each["sub_type"]) for each in claimed] == [("HK.00001", "Basic")]


def kill(gateway):
    """End a gateway as the end of its host would."""
    workers = gateway.children
    for pid in (gateway.process.pid, *workers):
        os.kill(pid, signal.SIGKILL)
    gateway.wait_end()
    wait_until(lambda: not any(map(is_running, workers)))


def test_an_order_whose_gateway_died_for_good_is_resolved_by_the_other(pair):
    """From here on one of the two is gone."""
    pair.front = pair.other
    waiting = pair.order_held_at("advance-accepted:before", "trader")
    kill(pair.other)
    told = waiting.result()
    pair.front = pair.nginx
    assert told.status is None
    pair.assert_resolved()
    assert len(pair.assert_unharmed(told)) == 1


def test_when_one_has_died_the_other_serves(pair, addresses):
    """At most one order finds out, and is told that it was not sent."""
    dead = pair.other
    before = len(placed(pair))
    told = [pair.order("trader") for _ in range(6)]
    failed = [each for each in told if each.status != 200]
    assert [(each.status, each.outcome) for each in failed] in ([], [(500, "not_sent")])
    assert len(placed(pair)) == before + 6 - len(failed)
    assert pair.servers_of(told[-2:]) == addresses - {f"127.0.0.1:{dead.port}"}
    reads = [pair.request("GET", "/api/accounts", key="trader")[0] for _ in range(4)]
    assert reads == [200] * 4
