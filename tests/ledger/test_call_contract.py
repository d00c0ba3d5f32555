"""How every store counts the calls that OpenD's frequency limits are about."""

from dataclasses import replace

import pytest
from fix_charge import rate
from fix_intent import NOON, intent
from fix_store import connect

from gateway.ledger.base import (
    CALL_TRAVEL_S,
    CLOCK_TOLERANCE_S,
    CallCharge,
    Charge,
    Check,
    Exceeded,
    Ledger,
    Reserved,
)

THREE = CallCharge("7:3204:0", 3, 30)
HELD_S = 30 + CALL_TRAVEL_S


def count(ledger: Ledger, call: CallCharge, *times_s: float) -> list[bool]:
    """Whether each of these calls fits, the times being seconds after noon."""
    return [ledger.count_call(call, NOON + each) is None for each in times_s]


def test_so_many_fit_and_one_more_when_the_first_has_left(ledger: Ledger) -> None:
    assert count(ledger, THREE, 0, 1, 2, 3, HELD_S - 0.001) == [True, True, True, False, False]
    assert count(ledger, THREE, HELD_S, HELD_S + 0.5, HELD_S + 1) == [True, False, True]


def test_what_does_not_fit_says_when_it_will(ledger: Ledger) -> None:
    count(ledger, THREE, 0.25, 1, 2)
    exceeded = ledger.count_call(THREE, NOON + 5)
    assert exceeded is not None
    assert (exceeded.check, exceeded.figure) == (Check.FREQUENCY, 3)
    assert exceeded.heals_at_s == pytest.approx(NOON + 0.25 + HELD_S)


def test_windows_count_by_themselves(ledger: Ledger) -> None:
    count(ledger, THREE, 0, 0, 0)
    assert count(ledger, replace(THREE, window="7:3204:1"), 0) == [True]
    assert count(ledger, THREE, 0) == [False]


def test_all_processes_count_together(ledger: Ledger, store: str) -> None:
    count(ledger, THREE, 0, 1)
    other = connect(store)
    assert count(other, THREE, 2, 3) == [True, False]
    other.close()


def test_a_gap_is_kept(ledger: Ledger) -> None:
    apart = replace(THREE, gap_s=0.02)
    assert count(ledger, apart, 0, 0.019) == [True, False]
    exceeded = ledger.count_call(apart, NOON + 0.01)
    assert exceeded is not None
    assert exceeded.heals_at_s == pytest.approx(NOON + 0.02)
    assert count(ledger, apart, 0.02) == [True]


def test_what_is_made_anyway_is_counted_beyond_the_cap(ledger: Ledger) -> None:
    for second in range(4):
        assert ledger.count_call(THREE, NOON + second, must_fit=False) is None
    exceeded = ledger.count_call(THREE, NOON + 5)
    assert exceeded is not None
    assert (exceeded.figure, exceeded.heals_at_s) == (4, pytest.approx(NOON + 1 + HELD_S))


def test_a_full_window_opens_when_the_oldest_known_call_leaves_it(ledger: Ledger) -> None:
    count(ledger, THREE, 0)
    ledger.fill_calls(THREE, NOON + 10)
    assert count(ledger, THREE, 11, HELD_S - 0.001) == [False, False]
    assert count(ledger, THREE, HELD_S, HELD_S, HELD_S, HELD_S) == [True, True, True, False]


def test_a_full_window_without_a_known_call_opens_after_its_whole_length(ledger: Ledger) -> None:
    ledger.fill_calls(THREE, NOON)
    ledger.fill_calls(THREE, NOON)
    assert count(ledger, THREE, HELD_S - 0.001, HELD_S) == [False, True]


def test_a_clock_that_was_far_ahead_blocks_nothing(ledger: Ledger) -> None:
    count(ledger, THREE, 3600, 3600, 3600)
    assert count(ledger, THREE, 0, 1, 2) == [True] * 3
    slightly = replace(THREE, window="7:3205:0")
    count(ledger, slightly, CLOCK_TOLERANCE_S, CLOCK_TOLERANCE_S, CLOCK_TOLERANCE_S)
    assert count(ledger, slightly, 0) == [False]


def test_an_order_takes_a_place_and_without_one_it_takes_nothing_at_all(ledger: Ledger) -> None:
    charge = replace(rate(3), call=replace(THREE, cap=2))
    for number in (1, 2):
        assert isinstance(ledger.reserve(intent(number), charge, NOON + number), Reserved)
    outcome = ledger.reserve(intent(3), charge, NOON + 3)
    assert outcome == Exceeded(Check.FREQUENCY, outcome.figure, outcome.heals_at_s)  # type: ignore[union-attr]
    assert (outcome.figure, outcome.heals_at_s) == (2, pytest.approx(NOON + 1 + HELD_S))  # type: ignore[union-attr]
    assert ledger.find_intent("i-3") is None
    # The rate had three places, and the denied order has not taken the last one.
    assert isinstance(ledger.reserve(intent(3), rate(3), NOON + 4), Reserved)


def test_orders_and_other_calls_count_together(ledger: Ledger) -> None:
    ledger.count_call(THREE, NOON, must_fit=False)
    ledger.reserve(intent(1), Charge(call=THREE), NOON + 1)
    ledger.reserve(intent(2), Charge(call=THREE), NOON + 2)
    assert isinstance(ledger.reserve(intent(3), Charge(call=THREE), NOON + 3), Exceeded)
    assert count(ledger, THREE, 4) == [False]


def test_a_dry_run_is_told_and_takes_no_place(ledger: Ledger) -> None:
    one = replace(THREE, cap=1)
    for number in (1, 2):
        assert isinstance(ledger.reserve(intent(number), Charge(call=one), NOON, dry_run=True), Reserved)
    assert count(ledger, one, 0) == [True]
    assert isinstance(ledger.reserve(intent(3), Charge(call=one), NOON, dry_run=True), Exceeded)


def test_a_keys_own_limit_speaks_before_opends(ledger: Ledger) -> None:
    ledger.fill_calls(THREE, NOON)
    charge = replace(rate(0), call=THREE)
    outcome = ledger.reserve(intent(1), charge, NOON)
    assert isinstance(outcome, Exceeded)
    assert outcome.check is Check.RATE
