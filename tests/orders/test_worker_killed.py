"""A worker dies by SIGKILL before or after any step of an order; then the three records have to agree."""

import os
import signal
import time

import pytest
from fix_gateway import wait_until

from gateway.ledger.base import Resolution

PLACE_ORDER = 2202
WORKERS = 2
DEFAULT_TIMEOUT_S = 10.0
"""So long no answer is waited for here: that its worker is dead shows by its lease."""

CAP_HKD = 3000
"""Three of the cheap orders."""

STEPS = (
    *("reserve", "audit-sending", "advance-sent", "call", "wire"),
    *("advance-accepted", "audit-outcome", "answer"),
)
STANDSTILL_LIMIT_S = 8.0
"""Below the time of a call: that nobody sends the order any more shows by the lease alone."""

MOMENTS = ("before", "after")
NOT_SENT_YET = frozenset(
    {f"{step}:{moment}" for step in STEPS[: STEPS.index("call")] for moment in MOMENTS}
    | {"call:before", "wire:before"}
)
POINTS = {
    "sqlite": [f"{step}:{moment}" for step in STEPS for moment in MOMENTS],
    "redis": ["reserve:after", "advance-sent:before", "advance-sent:after", "advance-accepted:before"],
}


def order_of_a_dying_worker(floor, point):
    """What a caller is told whose worker dies at the point."""
    floor.trap.kill_at(point)
    told = floor.order("trader")
    floor.trap.wait_sprung()
    floor.wait_workers(WORKERS)
    return told


@pytest.fixture(scope="module")
def floors(open_floor):
    keys = {"trader": {}, "capped": {"max_daily_value": {"HKD": CAP_HKD}}}
    return {
        store: open_floor(keys, store=store, workers=WORKERS, opend_timeout_s=DEFAULT_TIMEOUT_S)
        for store in POINTS
    }


@pytest.fixture(scope="module")
def orders(floors):
    """What callers were told, by store and point, with when the last worker had died, by store.

    All orders had to be resolved since then: until then no worker lived for long.
    """
    told, back_s = {}, {}
    for store, points in POINTS.items():
        for point in points:
            told[store, point] = order_of_a_dying_worker(floors[store], point)
        back_s[store] = time.time()
        floors[store].assert_resolved()
    return told, back_s


@pytest.mark.parametrize(("store", "point"), [(store, point) for store in POINTS for point in POINTS[store]])
def test_records_agree_after_a_worker_died_at(floors, orders, store, point):
    all_told, back_s = orders
    told = all_told[store, point]
    placed = floors[store].assert_unharmed(told, back_s[store])
    assert told.status == (200 if point == "answer:after" else None)
    assert len(placed) == (0 if point in NOT_SENT_YET else 1)


def test_killed_between_the_execution_and_the_reply(floors):
    floor = floors["sqlite"]
    floor.opend.fault("delay", proto=PLACE_ORDER, delay_s=1.0)
    before = len(floor.journal)
    waiting = floor.order_meanwhile("trader")
    wait_until(lambda: len(floor.journal) > before)
    for worker in floor.gateway.children:
        os.kill(worker, signal.SIGKILL)
    told = waiting.result()
    floor.wait_workers(WORKERS)
    floor.assert_resolved()
    assert told.status is None
    assert len(floor.assert_unharmed(told)) == 1


@pytest.mark.parametrize("point", ["advance-sent:after", "wire:before"])
def test_a_worker_that_stood_still_does_not_send_what_was_given_up_meanwhile(floors, point):
    floor = floors["sqlite"]
    (floor.trap.directory / "worker").unlink(missing_ok=True)
    waiting = floor.order_held_at(point, "trader")
    worker = floor.trap.wait_worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        floor.assert_resolved(STANDSTILL_LIMIT_S)
    finally:
        floor.trap.release()
        os.kill(worker, signal.SIGCONT)
    told = waiting.result()
    assert (told.status, told.outcome) == (500, "not_sent")
    (record,) = floor.records([told]).intents.values()
    assert record.resolution is Resolution.ABSENT
    assert floor.assert_unharmed(told) == []
    floor.wait_workers(WORKERS)


def test_deaths_in_a_row_do_not_lift_a_cap(floors):
    floor = floors["sqlite"]
    for point in ("reserve:after", "wire:after", "advance-accepted:before"):
        floor.trap.kill_at(point)
        assert floor.order("capped").status is None
        floor.wait_workers(WORKERS)
    denied = floor.order("capped")
    assert (denied.status, denied.error) == (
        429,
        "limit check failed: daily value exceeded: 4000 HKD today (cap 3000)",
    )
    floor.assert_resolved()
    assert floor.order("capped").status == 429


def test_all_records_agree_in_the_end(floors):
    for floor in floors.values():
        floor.assert_agreement()
        assert "The chain holds." in floor.gw("audit", "verify")
