"""The store goes away at any step of an order; then none is sent that was not charged, and none is lost."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import contextmanager

import pytest
from fix_gateway import wait_until

STEPS = ("reserve", "audit-sending", "advance-sent", "call", "advance-accepted", "answer")
POINTS = [f"{step}:{moment}" for step in STEPS for moment in ("before", "after")]
NOT_MARKED_SENT = frozenset(POINTS[: POINTS.index("advance-sent:after")])


@contextmanager
def redis_killed(floor):
    floor.redis.kill()
    yield
    floor.redis.start()


@contextmanager
def redis_deaf(floor):
    os.kill(floor.redis.process.pid, signal.SIGSTOP)
    yield
    os.kill(floor.redis.process.pid, signal.SIGCONT)


@contextmanager
def sqlite_locked(floor):
    other = sqlite3.connect(floor.ledger_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@contextmanager
def sqlite_directory_gone(floor):
    aside = floor.directory / "aside"
    shutil.move(floor.ledger_file.parent, aside)
    yield
    if floor.ledger_file.parent.exists():
        floor.ledger_file.parent.rmdir()
    shutil.move(aside, floor.ledger_file.parent)


STORES = {
    "redis-killed": ("redis", redis_killed),
    "redis-deaf": ("redis", redis_deaf),
    "sqlite-locked": ("sqlite", sqlite_locked),
    "sqlite-gone": ("sqlite", sqlite_directory_gone),
}

BEFORE_STORE_STEPS = ("reserve:before", "advance-sent:before", "advance-accepted:before")
CASES = [(stop, point) for stop in ("redis-killed", "sqlite-gone") for point in POINTS]
CASES += [(stop, point) for stop in ("redis-deaf", "sqlite-locked") for point in BEFORE_STORE_STEPS]
"""A store that answers nothing costs its deadline each time, so it does so at its own steps alone."""


@pytest.fixture(scope="module")
def floors(open_floor):
    return {store: open_floor({"trader": {}}, store=store) for store in ("sqlite", "redis")}


@pytest.fixture(scope="module")
def orders(floors):
    """What callers were told, by how the store stopped and at which point, each with when it was back."""
    told = {}
    for stop, point in CASES:
        store, stopped = STORES[stop]
        waiting = floors[store].order_held_at(point, "trader")
        with stopped(floors[store]):
            floors[store].trap.release()
            answer = waiting.result()
        told[stop, point] = answer, time.time()
        # An outcome that waited for the store would spring the next trap in place of the next order.
        floors[store].wait_settled()
    for floor in floors.values():
        floor.assert_resolved()
    return told


@pytest.mark.parametrize(("stop", "point"), CASES)
def test_records_agree_when_the_store_stops_at(floors, orders, stop, point):
    told, back_s = orders[stop, point]
    floor = floors[STORES[stop][0]]
    placed = floor.assert_unharmed(told, back_s)
    assert (told.status, len(placed)) == ((500, 0) if point in NOT_MARKED_SENT else (200, 1))


def test_a_worker_that_starts_while_the_ledger_is_gone_begins_no_new_one(floors):
    floor = floors["sqlite"]
    aside = floor.ledger_file.with_name("aside")
    floor.ledger_file.rename(aside)
    for worker in floor.gateway.children:
        os.kill(worker, signal.SIGKILL)
    floor.wait_workers(2)
    told = [floor.order("trader") for _ in range(3)]
    was_begun = floor.ledger_file.exists()
    aside.rename(floor.ledger_file)
    cause = f"the ledger {floor.ledger_file} was removed or replaced while in use"
    assert {(each.status, each.error) for each in told} == {
        (500, f"limit check failed: the ledger cannot be asked: {cause}")
    }
    assert not was_begun
    wait_until(lambda: floor.order("trader").status == 200)
    floor.assert_agreement(told)


@pytest.mark.parametrize("stop", STORES)
def test_cancels_and_reads_go_on_and_orders_do_not_without_the_store(floors, stop):
    store, stopped = STORES[stop]
    floor = floors[store]
    order_id = floor.order("trader").answer["s2c"]["order_id"]
    with stopped(floor):
        denied = floor.order("trader")
        cancel = {"header": denied.body["header"], "order_id": order_id, "modify_order_op": "CANCEL"}
        assert floor.request("POST", "/api/modify-order", cancel, key="trader")[0] == 200
        assert floor.request("POST", "/api/orders", {"header": denied.body["header"]}, key="trader")[0] == 200
    assert denied.status == 500
    assert denied.error.startswith("limit check failed: the ledger cannot be asked: ")
    floor.assert_agreement([denied])
