"""A cap on orders holds over workers, over restarts, and for orders that come at the same moment."""

from collections import Counter

import pytest

PAGE_TEXT = "limit check failed: rate limit exceeded: 3 orders in the last 60s (cap 3)"
FULL_TEXT = "limit check failed: rate limit exceeded: 50 orders in the last 60s (cap 50)"

KEYS = {
    "three": {"max_orders_per_minute": 3},
    "another-three": {"max_orders_per_minute": 3},
    "fifty": {"max_orders_per_minute": 50},
}


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def floor(request, open_floor):
    return open_floor(KEYS, store=request.param, workers=2)


def assert_fourth_is_denied(floor, key):
    fourth = floor.order(key)
    assert (fourth.status, fourth.error) == (429, PAGE_TEXT)
    assert 1 <= int(fourth.headers["Retry-After"]) <= 60


def test_cap_holds_with_two_workers_with_four_and_over_a_restart(floor):
    assert [floor.order("three").status for _ in range(3)] == [200, 200, 200]
    assert_fourth_is_denied(floor, "three")

    floor.restart_gateway(workers=4)
    assert_fourth_is_denied(floor, "three")
    assert [floor.order("another-three").status for _ in range(3)] == [200, 200, 200]
    assert_fourth_is_denied(floor, "another-three")

    told = floor.orders_at_once("fifty", 200)
    assert Counter(each.status for each in told) == {200: 50, 429: 150}
    assert {each.error for each in told if each.status == 429} == {FULL_TEXT}
    records = floor.assert_agreement()
    assert Counter(each.body["code"] for each in floor.told if each.status == 200) == {"06998": 56}
    assert len([entry for entry in records.journal if entry["event"] == "placed"]) == 56
