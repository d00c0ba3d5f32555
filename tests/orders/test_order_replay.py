"""The same order asked for twice: it is executed once, whatever happened to the first request."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from fix_floor import CHEAP_ORDER, OPEND_TIMEOUT_S
from fix_gateway import wait_until

KEYS = {
    "trader": {},
    "another": {},
    "one-a-minute": {"max_orders_per_minute": 1, "max_daily_value": {"HKD": 1000}},
    "none": {"max_orders_per_minute": 0},
}
REPLAYED = "Idempotency-Replayed"


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def floor(request, open_floor):
    return open_floor(KEYS, store=request.param)


def named():
    return {"Idempotency-Key": uuid4().hex}


def placed_by(floor, *told):
    records = floor.records()
    intents = dict.fromkeys(name for each in told for name in records.intents_of(each.request_id))
    return records.placed(intents)


def journal_length(floor):
    return len(floor.journal)


def test_same_key_and_body_get_the_first_answer_again(floor):
    name, before = named(), journal_length(floor)
    first, again = floor.order("trader", name), floor.order("trader", name)
    assert (first.status, REPLAYED in first.headers) == (200, False)
    assert (again.status, again.headers[REPLAYED]) == (200, "true")
    assert again.answer == first.answer
    assert journal_length(floor) == before + 1


def test_spelling_of_the_body_does_not_count(floor):
    name, before = named(), journal_length(floor)
    flat = {field: value for field, value in CHEAP_ORDER.items() if field != "header"} | CHEAP_ORDER["header"]
    first = floor.order("trader", name)
    assert floor.post_order("trader", {"c2s": flat}, name).answer == first.answer
    assert journal_length(floor) == before + 1


def test_same_key_with_another_body_is_422(floor):
    name, before = named(), journal_length(floor)
    assert floor.order("trader", name).status == 200
    assert floor.order("trader", name, qty=1000).status == 422
    assert journal_length(floor) == before + 1


def test_two_callers_may_use_the_same_word(floor):
    name, before = named(), journal_length(floor)
    first, other = floor.order("trader", name), floor.order("another", name)
    assert [first.status, other.status] == [200, 200]
    assert REPLAYED not in other.headers
    assert journal_length(floor) == before + 2


def test_key_of_a_running_request_is_409(floor):
    name, before = named(), journal_length(floor)
    floor.trap.hold_at("call:before")
    waiting = floor.order_meanwhile("trader", headers=name)
    floor.trap.wait_sprung()
    running = floor.order("trader", name)
    floor.trap.release()
    assert (running.status, running.headers["Retry-After"]) == (409, "1")
    first = waiting.result()
    assert first.status == 200
    assert floor.order("trader", name).answer == first.answer
    assert journal_length(floor) == before + 1


def test_twenty_at_once_with_one_key_are_one_order(floor):
    name, before = named(), journal_length(floor)
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: floor.order("trader", name), range(20)))
    assert set(Counter(each.status for each in told)) <= {200, 409}
    assert len({each.answer["s2c"]["order_id"] for each in told if each.status == 200}) == 1
    assert journal_length(floor) == before + 1


@pytest.mark.parametrize("point", ["call:after", "keep:before"])
def test_answer_that_a_dead_worker_owed_is_given_to_the_repetition(floor, point):
    name, before = named(), journal_length(floor)
    floor.trap.kill_at(point)
    assert floor.order("trader", name).status is None
    again = wait_until(lambda: finished(floor.order("trader", name)))
    assert (again.status, again.headers[REPLAYED]) == (200, "true")
    order_ids = {entry["order_id"] for entry in floor.journal}
    assert again.answer["s2c"]["order_id"] in order_ids
    assert journal_length(floor) == before + 1
    floor.wait_workers(2)


@pytest.mark.parametrize("point", ["claim:after", "audit-sending:after"])
def test_order_of_a_worker_that_died_before_sending_may_be_sent_by_the_repetition(floor, point):
    name, before = named(), journal_length(floor)
    floor.trap.kill_at(point)
    assert floor.order("trader", name).status is None
    again = wait_until(lambda: finished(floor.order("trader", name)))
    assert again.status == 200
    assert journal_length(floor) == before + 1
    floor.wait_workers(2)


def finished(told):
    """The answer, unless it says that the first request may still run or is not resolved yet."""
    return None if told.status == 409 or told.outcome == "unknown" else told


def packet(number):
    return {"packet_id": {"conn_id": 7, "serial_no": number}}


def test_packet_id_with_the_same_body_is_the_same_order(floor):
    before = journal_length(floor)
    first, again = (floor.order("trader", **packet(1)) for _ in range(2))
    assert (again.status, again.headers[REPLAYED]) == (200, "true")
    assert again.answer == first.answer
    assert journal_length(floor) == before + 1


def test_packet_id_with_another_body_is_another_order(floor):
    before = journal_length(floor)
    assert [floor.order("trader", **packet(2), qty=qty).status for qty in (500, 1000)] == [200, 200]
    assert journal_length(floor) == before + 2


def test_packet_id_of_a_running_request_waits_for_its_answer(floor):
    before = journal_length(floor)
    floor.trap.hold_at("call:before")
    first = floor.order_meanwhile("trader", **packet(3))
    floor.trap.wait_sprung()
    second = floor.order_meanwhile("trader", **packet(3))
    time.sleep(OPEND_TIMEOUT_S / 10)
    floor.trap.release()
    assert first.result().answer == second.result().answer
    assert journal_length(floor) == before + 1


def test_dry_run_goes_through_every_check_and_charges_and_sends_nothing(floor):
    dry, before = {"X-Dry-Run": "true"}, journal_length(floor)
    told = [floor.order("one-a-minute", dry) for _ in range(3)]
    assert [(each.status, each.answer["dry_run"]) for each in told] == [(200, True)] * 3
    denied = floor.order("none", dry)
    assert (denied.status, denied.error) == (
        429,
        "limit check failed: rate limit exceeded: 0 orders in the last 60s (cap 0)",
    )
    assert journal_length(floor) == before
    assert floor.order("one-a-minute").status == 200
    assert floor.order("one-a-minute", dry).status == 429
    assert journal_length(floor) == before + 1


def test_dry_run_does_not_take_the_name_of_the_order(floor):
    name = named()
    assert floor.order("trader", name | {"X-Dry-Run": "true"}).answer["dry_run"]
    first = floor.order("trader", name)
    assert (first.status, REPLAYED in first.headers) == (200, False)
