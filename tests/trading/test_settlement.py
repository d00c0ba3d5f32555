import pytest
from fix_trading import ORDER_ID, PLACE

from gateway.ledger.base import IntentState, LedgerUnavailable, Resolution, Step
from gateway.opend.errors import OutcomeUnknown
from gateway.trading import settlement
from gateway.trading.context import OrderDenied

ACCEPTED = Step(state=IntentState.ACCEPTED, order_id=ORDER_ID)
REJECTED = Step(state=IntentState.REJECTED, detail="no money")
UNKNOWN = Step(state=IntentState.UNKNOWN)
ABSENT = Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT)


@pytest.fixture
def intent_id(any_floor):
    """An order that somebody took for unknown."""
    any_floor.opend.script(PLACE.name, OutcomeUnknown("who knows"))
    with pytest.raises(OutcomeUnknown):
        any_floor.place()
    return any_floor.record.intent.intent_id


@pytest.mark.parametrize("step", [ACCEPTED, REJECTED])
def test_an_answer_that_came_late_resolves_the_order(any_floor, intent_id, step):
    any_floor.desk.settlements.settle(intent_id, step)
    record = any_floor.record
    assert (record.state, record.resolution) == (IntentState.RESOLVED, step.state)
    assert (record.order_id, record.detail) == (step.order_id, step.detail or "who knows")


def test_an_answer_that_contradicts_what_was_found_is_told_loudly(any_floor, intent_id, caplog):
    any_floor.ledger.advance(intent_id, ABSENT, any_floor.clock.wall_s())
    any_floor.desk.settlements.settle(intent_id, ACCEPTED)
    assert any_floor.record.resolution is Resolution.ABSENT
    assert "accepted in truth, not absent" in caplog.text


def test_an_outcome_that_is_less_than_what_is_known_changes_nothing(any_floor, caplog):
    any_floor.place()
    intent_id = any_floor.record.intent.intent_id
    any_floor.desk.settlements.settle(intent_id, UNKNOWN)
    any_floor.desk.settlements.settle(intent_id, REJECTED)
    assert any_floor.record.state is IntentState.ACCEPTED
    assert "an outcome came too late" in caplog.text
    assert f"intent {intent_id} is rejected in truth" in caplog.text


def test_an_outcome_without_an_intent_is_told(any_floor, caplog):
    any_floor.desk.settlements.settle("none", ACCEPTED)
    assert "has no intent" in caplog.text


EACH_ONCE = [(name, state) for name in ("a", "b") for state in ("unknown", "resolved")]


def test_what_the_ledger_cannot_take_is_kept_within_bounds_and_taken_once(any_floor, monkeypatch, caplog):
    monkeypatch.setattr(settlement, "MAX_KEPT", 2)
    any_floor.ledger.fault("before", "advance-unknown", LedgerUnavailable("away"))
    for name in ("a", "b", "c"):
        any_floor.desk.settlements.settle(name, UNKNOWN, ABSENT)
    with pytest.raises(LedgerUnavailable):
        any_floor.desk.settlements.retry()
    any_floor.ledger.heal()
    for _ in range(2):
        any_floor.desk.settlements.retry()
    untaken = [line for line in caplog.messages if "has no intent" in line]
    assert untaken == [f"the outcome {state} has no intent: no intent {name}" for name, state in EACH_ONCE]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_order_that_was_not_sent_for_want_of_the_ledger_is_settled_once_it_is_back(any_floor, moment):
    any_floor.ledger.fault(moment, "advance-sent", LedgerUnavailable("away"))
    with pytest.raises(OrderDenied):
        any_floor.place()
    any_floor.ledger.heal()
    any_floor.desk.settlements.retry()
    record = any_floor.record
    found = (record.state, record.resolution)
    assert (
        found
        == {
            "before": (IntentState.ABANDONED, None),
            "after": (IntentState.RESOLVED, Resolution.ABSENT),
        }[moment]
    )
