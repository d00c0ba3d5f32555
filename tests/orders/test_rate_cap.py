"""A cap on orders holds over workers, over restarts, and for orders that come at the same moment."""

from collections import Counter

import pytest

PAGE_TEXT = "limit check failed: rate limit exceeded: 3 orders in the last 60s (cap 3)"
FULL_TEXT = "limit check failed: rate limit exceeded: 50 orders in the last 60s (cap 50)"

BUSY_TIMEOUT_S = 20.0
"""200 callers and the workers share two processors, and none of them may be told that it took too long."""

KEYS = {
    "three": {"max_orders_per_minute": 3},
    "another-three": {"max_orders_per_minute": 3},
    "fifty": {"max_orders_per_minute": 50},
}


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def floor(request, open_floor):
    return open_floor(KEYS, store=request.param, workers=2, opend_timeout_s=BUSY_TIMEOUT_S)


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

    assert_exactly_fifty_of_two_hundred(floor)
    records = floor.assert_agreement()
    accepted = [told for told in floor.told if told.status == 200]
    assert len([entry for entry in records.journal if entry["event"] == "placed"]) == len(accepted)


def assert_exactly_fifty_of_two_hundred(floor):
    told = floor.orders_at_once("fifty", 200)
    counts = Counter((each.status, each.error) for each in told)
    assert counts == {(200, ""): 50, (429, FULL_TEXT): 150}
    with floor.ledger() as ledger:
        charged = [each for each in ledger.intents_since(0) if each.intent.key_id == "fifty"]
    assert len(charged) == 50
