"""OpenD goes away, or misbehaves, at any step of an order; then the three records have to agree."""

import time

import pytest

from gateway.simulator.faults import PREVENTS_EXECUTION, FaultKind

PLACE_ORDER = 2202

IN_VAIN = (
    *(FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.HALF_FRAME, FaultKind.HANG, FaultKind.MUTE),
    *(FaultKind.BAD_SHA1, FaultKind.BAD_BODY, FaultKind.GARBAGE, FaultKind.WRONG_SERIAL, FaultKind.STALL),
)
STEPS = ("reserve", "audit-sending", "advance-sent", "call", "wire", "advance-accepted", "audit-outcome")
POINTS = [f"{step}:{moment}" for step in STEPS for moment in ("before", "after")]
REPLIED = {"call:after", *POINTS[POINTS.index("advance-accepted:before") :]}


@pytest.fixture(scope="module")
def floor(open_floor):
    return open_floor({"trader": {}})


@pytest.fixture(scope="module")
def unanswered(floor):
    """What callers were told by the kind of fault, once all orders had to be resolved."""
    told = {}
    for kind in IN_VAIN:
        floor.opend.fault(kind, proto=PLACE_ORDER)
        told[kind] = floor.order("trader")
    floor.assert_resolved()
    return told


@pytest.fixture(scope="module")
def dropped(floor):
    """The same by the point at which all connections were dropped."""
    told = {}
    for point in POINTS:
        waiting = floor.order_held_at(point, "trader")
        floor.opend.admin("drop-connections")
        floor.trap.release()
        told[point] = waiting.result()
    floor.assert_resolved()
    return told


@pytest.fixture(scope="module")
def away(floor):
    """The same by the point from which OpenD was away for a while, each with when it was back."""
    told = {}
    for point in POINTS:
        waiting = floor.order_held_at(point, "trader")
        floor.opend.admin("refuse")
        floor.opend.admin("drop-connections")
        floor.trap.release()
        answer = waiting.result()
        floor.opend.admin("listen")
        told[point] = answer, time.time()
        floor.wait_workers(2)
    floor.assert_resolved()
    return told


@pytest.mark.parametrize("kind", IN_VAIN)
def test_order_without_a_usable_reply_is_unknown_and_then_resolved(floor, unanswered, kind):
    told = unanswered[kind]
    placed = floor.assert_unharmed(told)
    assert (told.status, told.outcome) == (500, "unknown")
    assert "may have taken effect" in told.error
    assert told.answer["intent_id"] in floor.records([told]).intents
    assert len(placed) == (0 if kind in PREVENTS_EXECUTION else 1)


@pytest.mark.parametrize("point", POINTS)
def test_records_agree_when_all_connections_are_dropped_at(floor, dropped, point):
    floor.assert_unharmed(dropped[point])
    assert_told_fitly(dropped[point], point)


@pytest.mark.parametrize("point", POINTS)
def test_records_agree_when_opend_is_away_from(floor, away, point):
    told, back_s = away[point]
    floor.assert_unharmed(told, back_s)
    assert_told_fitly(told, point)


def assert_told_fitly(told, point):
    """After the reply nothing is in doubt; before it the caller learns whether the order was sent."""
    if point in REPLIED:
        assert told.status == 200
    else:
        assert told.status == 200 or (told.status, told.outcome) in ((500, "unknown"), (500, "not_sent"))


def test_restarted_opend_is_told_nothing_twice(floor):
    floor.opend.admin("restart")
    floor.wait_workers(2)
    assert floor.order("trader").status == 200
    floor.assert_agreement()
