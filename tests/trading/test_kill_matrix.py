"""An order whose worker dies, or whose store fails, before and after each of its steps.

After each, what the caller was told, the ledger, the audit and OpenD's own count of orders agree, and
nothing stays open once the order's time is over.
"""

import pytest
from fix_trading import ORDER_ID, PLACE, TIMEOUT_S, build_floor, global_state, order_list, order_row

from gateway.audit import AuditUnavailable, verify
from gateway.errors import GatewayError
from gateway.ledger.base import IntentState, LedgerUnavailable
from gateway.opend.errors import OpenDRefused, OutcomeUnknown

CALL = "call-Trd_PlaceOrder"
ACCEPTED_STEPS = ("reserve", "write-sending", "advance-sent", CALL, "advance-accepted", "write-outcome")
REJECTED_STEPS = ("advance-rejected", "write-outcome")
UNKNOWN_STEPS = ("advance-unknown", "write-outcome")
MOMENTS = ("before", "after")


class Killed(BaseException):
    """A worker's end, which nothing in it survives."""


@pytest.fixture
def workers(tmp_path, ledger):
    """Two workers on one store, one audit and one OpenD."""
    first = build_floor(tmp_path, ledger)
    second = build_floor(tmp_path, ledger, first)
    yield first, second
    first.audit.close()
    second.audit.close()


def fault(floor, moment, step, error):
    parts = {"write": floor.audit, "call": floor.line}
    parts.get(step.split("-")[0], floor.ledger).fault(moment, step, error)


def heal(floor):
    for part in (floor.audit, floor.line, floor.ledger):
        part.heal()


def placed(floor):
    """The orders that OpenD has executed, as it lists them."""
    sent = [call for call in floor.opend.calls if call.name == PLACE.name]
    return [order_row(remark=call.c2s.remark) for call in sent]


def wait(floor, seconds, orders):
    """Let time pass, while a worker looks after open orders."""
    floor.opend.script("Trd_GetOrderList", order_list(*orders))
    for _ in range(int(seconds * 2)):
        floor.clock.advance(0.5)
        floor.opend.script("GetGlobalState", global_state(floor.clock.wall_s()))
        floor.reconciler.step()


def told_by(floor):
    """What the caller is told: `accepted`, `unknown`, `nothing`, or `no` where nothing was traded."""
    try:
        floor.place()
    except Killed:
        return "nothing"
    except OutcomeUnknown:
        return "unknown"
    except GatewayError:
        return "no"
    return "accepted"


def assert_agreement(floor, told, orders):
    assert floor.writes in ([], [PLACE.name])
    assert floor.ledger.open_intents() == []
    assert told in {1: ("accepted", "unknown", "nothing"), 0: ("no", "unknown", "nothing")}[len(orders)]
    kinds = [line["kind"] for line in floor.lines()]
    assert not floor.writes or "sending" in kinds
    for record in floor.ledger.intents_since(0):
        is_accepted = "accepted" in (record.state, record.resolution)
        assert is_accepted is bool(orders)
        assert record.order_id == (ORDER_ID if orders else None)
    if floor.audit_file.exists():
        assert verify(floor.audit_file).is_intact


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", ACCEPTED_STEPS)
def test_the_worker_is_killed(workers, step, moment):
    dying, living = workers
    fault(dying, moment, step, Killed())
    assert told_by(dying) == "nothing"
    heal(dying)
    orders = placed(dying)
    wait(living, TIMEOUT_S + 4, orders)
    assert_agreement(living, "nothing", orders)
    was_reserved = (step, moment) != ("reserve", "before")
    assert len(living.ledger.intents_since(0)) == was_reserved


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", ACCEPTED_STEPS)
def test_the_store_fails_and_comes_back(workers, step, moment):
    worker, _ = workers
    if step == CALL:
        error = OutcomeUnknown("may have taken effect")
    else:
        error = AuditUnavailable("full") if step.startswith("write") else LedgerUnavailable("away")
    fault(worker, moment, step, error)
    told = told_by(worker)
    heal(worker)
    orders = placed(worker)
    wait(worker, TIMEOUT_S + 4, orders)
    assert_agreement(worker, told, orders)
    assert told == ("unknown" if step == CALL else "accepted" if orders else "no")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", REJECTED_STEPS)
def test_the_store_fails_while_opend_says_no(workers, step, moment):
    """The ledger learns of the rejection as soon as it is back, so that the day's value comes back."""
    worker, _ = workers
    worker.opend.script(PLACE.name, OpenDRefused(-1, "账户购买力不足"))
    error = AuditUnavailable("full") if step.startswith("write") else LedgerUnavailable("away")
    fault(worker, moment, step, error)
    assert told_by(worker) == "no"
    heal(worker)
    worker.reconciler.step()
    assert worker.record.state is IntentState.REJECTED


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", UNKNOWN_STEPS)
@pytest.mark.parametrize("victim", ["worker", "store"])
@pytest.mark.parametrize("was_executed", [True, False])
def test_an_unknown_order_is_resolved_whatever_fails_next(workers, step, moment, victim, was_executed):
    failing, living = workers
    failing.opend.script(PLACE.name, OutcomeUnknown("gone"))
    away = AuditUnavailable("full") if step.startswith("write") else LedgerUnavailable("away")
    fault(failing, moment, step, Killed() if victim == "worker" else away)
    told = told_by(failing)
    assert told == ("nothing" if victim == "worker" else "unknown")
    heal(failing)
    orders = placed(failing) if was_executed else []
    wait(living, TIMEOUT_S + 4, orders)
    assert_agreement(living, told, orders)


def test_two_workers_that_look_at_once_do_it_once(workers):
    first, second = workers
    first.opend.script(PLACE.name, OutcomeUnknown("gone"))
    told_by(first)
    first.opend.script("Trd_GetOrderList", order_list(*placed(first)))
    first.clock.advance(2)
    first.opend.script("GetGlobalState", global_state(first.clock.wall_s()))
    record = first.record
    first.ledger.open_intents, second.ledger.open_intents = (lambda limit, after: [record],) * 2
    first.reconciler.step()
    second.clock.advance(1)
    second.reconciler.step()
    assert first.record.resolution == "accepted"
    assert first.outcomes() == ["sending allowed", "outcome unknown", "outcome accepted"]
