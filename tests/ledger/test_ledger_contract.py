"""What every store does, by one suite on all of them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fix_charge import DAY_S, daily, duplicate, rate
from fix_intent import BUY, NOON, intent
from fix_store import connect

from gateway.ledger import paging
from gateway.ledger.base import (
    APPEARS_WITHIN_S,
    CLOCK_TOLERANCE_S,
    INTENT_RETENTION_S,
    Charge,
    Check,
    DailyDebit,
    Exceeded,
    IntentNotFound,
    IntentState,
    Ledger,
    Replay,
    ReplayKey,
    ReplayKind,
    Reserved,
    Resolution,
    Step,
    TradingState,
    TradingSwitch,
    WrongIntentState,
)
from gateway.order import Closing, Environment, IntentKind, Side

SENT, ACCEPTED = Step(state=IntentState.SENT), Step(state=IntentState.ACCEPTED)
REJECTED, UNKNOWN = Step(state=IntentState.REJECTED), Step(state=IntentState.UNKNOWN)


def verdict(outcome: Reserved | Exceeded) -> Check | None:
    return outcome.check if isinstance(outcome, Exceeded) else None


def closing(quantity: int | str, *, of: int, seen_s: float = NOON, **seen: Any) -> Charge:
    return Charge(closing=Closing(quantity=Decimal(quantity), closable=Decimal(of), seen_s=seen_s, **seen))


def closing_verdict(
    ledger: Ledger, *, quantity: int | str, of: int, dry_run: bool = True, **seen: Any
) -> Check | None:
    """Whether another sale of the same security would pass."""
    sale = intent("next", side=Side.SELL, quantity=Decimal(quantity))
    return verdict(ledger.reserve(sale, closing(quantity, of=of, **seen), NOON, dry_run=dry_run))


def reserve_all(ledger: Ledger, count: int, charge: Charge, now_s: float = NOON, first: int = 1) -> None:
    for number in range(first, first + count):
        assert verdict(ledger.reserve(intent(number), charge, now_s)) is None


class TestIntent:
    def test_reserved_intent_is_found_by_another_process_with_every_field(
        self, ledger: Ledger, store: str
    ) -> None:
        modified = replace(
            BUY,
            kind=IntentKind.MODIFY,
            order_id=2**64 - 1,
            acc_id=2**64 - 2,
            remark="\u8054 'x'",
            lease_id="w-1",
        )
        ledger.reserve(modified, daily("30005.000001", "50000"), NOON + 0.25)
        other = connect(store)
        record = other.find_intent("i-0")
        other.close()
        assert record is not None
        assert (record.intent, record.state) == (modified, IntentState.RESERVED)
        assert (record.created_s, record.updated_s, record.sent_s) == (NOON + 0.25, NOON + 0.25, None)
        assert record.order_id == 2**64 - 1
        assert record.debit == DailyDebit(
            currency="HKD", amount=Decimal("30005.000001"), day_start_s=NOON - DAY_S / 2
        )

    def test_unlimited_order_is_written_too(self, ledger: Ledger) -> None:
        assert ledger.reserve(intent(1, price=None), Charge(), NOON) == Reserved(
            ledger.find_intent("i-1")  # type: ignore[arg-type]
        )

    def test_unknown_id_finds_nothing(self, ledger: Ledger) -> None:
        assert ledger.find_intent("i-1") is None

    def test_same_intent_reserved_again_is_charged_once(self, ledger: Ledger) -> None:
        first = ledger.reserve(intent(1), rate(1), NOON)
        again = ledger.reserve(intent(1), rate(1), NOON + 1)
        assert isinstance(first, Reserved)
        assert again == Reserved(first.record, is_new=False)

    def test_steps_keep_what_was_learnt(self, ledger: Ledger) -> None:
        ledger.reserve(intent(1), Charge(), NOON)
        ledger.advance("i-1", SENT, NOON + 1)
        ledger.advance("i-1", replace(UNKNOWN, detail="no answer"), NOON + 2)
        found = Step(
            state=IntentState.RESOLVED, resolution=Resolution.ACCEPTED, order_id=77, order_id_ex="FT77"
        )
        moved = ledger.advance("i-1", found, NOON + 3)
        assert moved == ledger.find_intent("i-1")
        assert (moved.sent_s, moved.updated_s) == (NOON + 1, NOON + 3)
        assert (moved.order_id, moved.order_id_ex, moved.detail) == (77, "FT77", "no answer")

    def test_step_repeated_changes_nothing(self, ledger: Ledger) -> None:
        ledger.reserve(intent(1), Charge(), NOON)
        first = ledger.advance("i-1", SENT, NOON + 1)
        assert ledger.advance("i-1", SENT, NOON + 9) == first

    @pytest.mark.parametrize(
        "path",
        [[ACCEPTED], [UNKNOWN], [SENT, REJECTED, ACCEPTED], [SENT, ACCEPTED, SENT], [SENT, UNKNOWN, SENT]],
    )
    def test_step_that_does_not_follow_is_refused(self, ledger: Ledger, path: list[Step]) -> None:
        ledger.reserve(intent(1), Charge(), NOON)
        for step in path[:-1]:
            ledger.advance("i-1", step, NOON)
        before = ledger.find_intent("i-1")
        with pytest.raises(WrongIntentState):
            ledger.advance("i-1", path[-1], NOON)
        assert ledger.find_intent("i-1") == before

    def test_step_of_an_unknown_intent_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(IntentNotFound):
            ledger.advance("i-1", SENT, NOON)

    def test_open_intents_are_those_without_an_end_oldest_first(self, ledger: Ledger) -> None:
        for number, path in ((5, []), (4, [SENT]), (3, [SENT, UNKNOWN]), (2, [SENT, ACCEPTED])):
            ledger.reserve(intent(number), Charge(), NOON - number)
            for step in path:
                ledger.advance(f"i-{number}", step, NOON)
        assert [record.intent.intent_id for record in ledger.open_intents()] == ["i-5", "i-4", "i-3"]
        assert [record.intent.intent_id for record in ledger.open_intents(1)] == ["i-5"]

    def test_intents_come_in_pages_that_leave_none_out(self, ledger: Ledger, monkeypatch) -> None:
        """Though several were made in the same moment, and one ends between two pages."""
        monkeypatch.setattr(paging, "PAGE", 2)
        times = {"i-1": 0, "i-2": 1, "i-3": 1, "i-4": 1, "i-5": 1, "i-6": 2}
        for number, late_s in enumerate(times.values(), 1):
            ledger.reserve(intent(number), Charge(), NOON + late_s)
        assert [each.intent.intent_id for each in paging.all_open(ledger)] == list(times)
        assert [each.intent.intent_id for each in paging.all_since(ledger, NOON + 1)] == list(times)[1:]
        open_intents = paging.all_open(ledger)
        begun = [next(open_intents).intent.intent_id, next(open_intents).intent.intent_id]
        ledger.advance("i-2", Step(state=IntentState.ABANDONED), NOON + 3)
        assert begun + [each.intent.intent_id for each in open_intents] == list(times)
        (last,) = ledger.open_intents(1, after=ledger.find_intent("i-5"))
        assert last.intent.intent_id == "i-6"
        assert ledger.open_intents(1, after=last) == []

    def test_intents_since_a_time(self, ledger: Ledger) -> None:
        for number in range(4):
            ledger.reserve(intent(number), Charge(), NOON + number)
        ledger.advance("i-3", Step(state=IntentState.ABANDONED), NOON + 9)
        found = ledger.intents_since(NOON + 2)
        assert [record.intent.intent_id for record in found] == ["i-2", "i-3"]

    def test_old_intents_go_and_open_ones_stay(self, ledger: Ledger) -> None:
        reserve_all(ledger, 2, Charge())
        ledger.advance("i-1", Step(state=IntentState.ABANDONED), NOON)
        reserve_all(ledger, 1, Charge(), NOON + INTENT_RETENTION_S, first=3)
        assert ledger.find_intent("i-1") is not None
        reserve_all(ledger, 1, Charge(), NOON + INTENT_RETENTION_S + 1, first=4)
        assert ledger.find_intent("i-1") is None
        assert ledger.find_intent("i-2") is not None
        assert len(ledger.intents_since(0)) == 3


class TestRate:
    @pytest.mark.parametrize(("later_s", "expected"), [(59, Check.RATE), (59.999999, Check.RATE), (60, None)])
    def test_slot_is_free_after_exactly_the_window(
        self, ledger: Ledger, later_s: float, expected: Check | None
    ) -> None:
        reserve_all(ledger, 3, rate(3))
        assert verdict(ledger.reserve(intent(9), rate(3), NOON + later_s)) is expected

    def test_denial_tells_count_and_when_a_slot_is_free(self, ledger: Ledger) -> None:
        for number in range(5):
            ledger.reserve(intent(number), rate(5), NOON + number)
        assert ledger.reserve(intent(9), rate(5), NOON + 10) == Exceeded(Check.RATE, Decimal(5), NOON + 60)
        assert ledger.reserve(intent(9), rate(3), NOON + 10) == Exceeded(Check.RATE, Decimal(5), NOON + 62)
        assert ledger.reserve(intent(9), rate(0), NOON + 10) == Exceeded(Check.RATE, Decimal(5), None)

    def test_denied_order_takes_no_slot(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, rate(1))
        for second in range(1, 60):
            assert verdict(ledger.reserve(intent(100 + second), rate(1), NOON + second)) is Check.RATE
        assert verdict(ledger.reserve(intent(9), rate(1), NOON + 60)) is None

    def test_keys_have_slots_of_their_own(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, rate(1))
        assert verdict(ledger.reserve(intent(2, key_id="other"), rate(1), NOON)) is None

    def test_rejection_gives_no_slot_back(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, rate(1))
        ledger.advance("i-1", SENT, NOON)
        ledger.advance("i-1", REJECTED, NOON)
        assert verdict(ledger.reserve(intent(2), rate(1), NOON + 1)) is Check.RATE


class TestDailyValue:
    def test_cap_may_be_used_up_exactly_and_not_by_a_millionth_more(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("999999999999.999999", "1000000000000"))
        over = ledger.reserve(intent(2), daily("0.000002", "1000000000000"), NOON)
        assert over == Exceeded(Check.DAILY_VALUE, Decimal("999999999999.999999"), NOON + DAY_S / 2)
        reserve_all(ledger, 1, daily("0.000001", "1000000000000"), first=3)
        full = ledger.reserve(intent(4), daily("0.000001", "1000000000000"), NOON)
        assert full == Exceeded(Check.DAILY_VALUE, Decimal(10**12), NOON + DAY_S / 2)

    def test_amount_between_millionths_counts_as_the_next(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("0.0000000001", "0.000001"))
        assert (
            verdict(ledger.reserve(intent(2), daily("0.0000000001", "0.000001"), NOON)) is Check.DAILY_VALUE
        )

    @pytest.mark.parametrize("amount", ["10.000001", "1E+300"])
    def test_order_above_the_whole_cap_never_heals(self, ledger: Ledger, amount: str) -> None:
        outcome = ledger.reserve(intent(1), daily(amount, "10"), NOON)
        assert outcome == Exceeded(Check.DAILY_VALUE, Decimal(0), None)

    def test_nothing_to_add_passes_a_cap_that_was_lowered(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        assert verdict(ledger.reserve(intent(2), daily("0", "50"), NOON)) is None
        assert verdict(ledger.reserve(intent(3), daily("1", "50"), NOON)) is Check.DAILY_VALUE

    def test_next_day_begins_with_nothing(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        tomorrow = daily("100", "100", start_s=NOON + DAY_S / 2)
        assert verdict(ledger.reserve(intent(2), tomorrow, NOON + DAY_S / 2)) is None

    def test_earlier_day_counts_as_the_later_one_already_charged(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("60", "100"))
        yesterday = daily("60", "100", start_s=NOON - 1.5 * DAY_S)
        assert verdict(ledger.reserve(intent(2), yesterday, NOON - 1)) is Check.DAILY_VALUE

    def test_keys_and_currencies_have_sums_of_their_own(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        assert verdict(ledger.reserve(intent(2), daily("100", "100", currency="USD"), NOON)) is None
        assert verdict(ledger.reserve(intent(3, key_id="other"), daily("100", "100"), NOON)) is None

    @pytest.mark.parametrize(
        "path",
        [
            [SENT, REJECTED],
            [SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.REJECTED)],
        ],
    )
    def test_definite_rejection_gives_the_value_back_once(self, ledger: Ledger, path: list[Step]) -> None:
        reserve_all(ledger, 2, daily("50", "100"))
        for step in (*path, path[-1]):
            record = ledger.advance("i-1", step, NOON)
        assert record.debit is not None
        assert record.debit.was_returned
        assert verdict(ledger.reserve(intent(3), daily("50.000001", "100"), NOON)) is Check.DAILY_VALUE
        assert verdict(ledger.reserve(intent(4), daily("50", "100"), NOON)) is None

    @pytest.mark.parametrize(
        "path",
        [
            [],
            [Step(state=IntentState.ABANDONED)],
            [SENT],
            [SENT, ACCEPTED],
            [SENT, UNKNOWN],
            [SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT)],
            [SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.ACCEPTED)],
        ],
    )
    def test_nothing_else_gives_it_back(self, ledger: Ledger, path: list[Step]) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        for step in path:
            ledger.advance("i-1", step, NOON)
        assert verdict(ledger.reserve(intent(2), daily("0.000001", "100"), NOON)) is Check.DAILY_VALUE

    def test_rejected_order_that_added_nothing_gives_nothing_back(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        reserve_all(ledger, 1, daily("0", "100"), first=2)
        ledger.advance("i-2", SENT, NOON)
        assert ledger.advance("i-2", REJECTED, NOON) == ledger.find_intent("i-2")
        assert verdict(ledger.reserve(intent(3), daily("0.000001", "100"), NOON)) is Check.DAILY_VALUE

    def test_rejection_on_the_next_day_adds_nothing_to_it(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, daily("100", "100"))
        ledger.advance("i-1", SENT, NOON)
        tomorrow_s = NOON + DAY_S / 2
        reserve_all(ledger, 1, daily("100", "100", start_s=tomorrow_s), tomorrow_s, first=2)
        ledger.advance("i-1", REJECTED, tomorrow_s)
        third = ledger.reserve(intent(3), daily("1", "100", start_s=tomorrow_s), tomorrow_s)
        assert verdict(third) is Check.DAILY_VALUE


class TestDuplicate:
    @pytest.mark.parametrize(("later_s", "expected"), [(9, Check.DUPLICATE), (10, None), (11, None)])
    def test_same_order_is_free_after_exactly_the_window(
        self, ledger: Ledger, later_s: float, expected: Check | None
    ) -> None:
        reserve_all(ledger, 1, duplicate())
        assert verdict(ledger.reserve(intent(2), duplicate(), NOON + later_s)) is expected

    def test_denial_tells_how_long_ago_and_when_it_is_free(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, duplicate())
        outcome = ledger.reserve(intent(2), duplicate(), NOON + 4)
        assert outcome == Exceeded(Check.DUPLICATE, Decimal(4), NOON + 10)

    def test_other_order_or_key_is_none(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, duplicate())
        assert verdict(ledger.reserve(intent(2), duplicate("other"), NOON)) is None
        assert verdict(ledger.reserve(intent(3, key_id="other"), duplicate(), NOON)) is None

    def test_repetition_that_is_meant_passes_and_counts(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, duplicate())
        assert verdict(ledger.reserve(intent(2), duplicate(is_meant=True), NOON + 9)) is None
        assert verdict(ledger.reserve(intent(3), duplicate(), NOON + 18)) is Check.DUPLICATE

    def test_denied_order_is_not_remembered(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, duplicate())
        ledger.reserve(intent(2), duplicate(), NOON + 9)
        assert verdict(ledger.reserve(intent(3), duplicate(), NOON + 10)) is None


class TestAllOrNothing:
    def test_denial_by_the_last_check_charges_none_before_it(self, ledger: Ledger) -> None:
        everything = Charge(
            duplicate=duplicate().duplicate, rate=rate(1).rate, daily=daily("101", "100").daily
        )
        assert verdict(ledger.reserve(intent(1), everything, NOON)) is Check.DAILY_VALUE
        assert ledger.find_intent("i-1") is None
        fitting = replace(everything, daily=daily("100", "100").daily)
        assert verdict(ledger.reserve(intent(2), fitting, NOON)) is None

    def test_checks_come_in_their_order(self, ledger: Ledger) -> None:
        charge = Charge(duplicate=duplicate().duplicate, rate=rate(1).rate, daily=daily("100", "100").daily)
        reserve_all(ledger, 1, charge)
        ledger.set_trading(TradingState.HALTED, NOON)
        behind_s = NOON - CLOCK_TOLERANCE_S - 1
        assert verdict(ledger.reserve(intent(2), charge, behind_s)) is Check.CLOCK
        assert verdict(ledger.reserve(intent(2), charge, NOON)) is Check.HALTED
        ledger.set_trading(TradingState.REDUCING, NOON)
        assert verdict(ledger.reserve(intent(2), charge, NOON)) is Check.REDUCING
        ledger.set_trading(TradingState.ACTIVE, NOON)
        assert verdict(ledger.reserve(intent(2), charge, NOON)) is Check.DUPLICATE
        unlike = replace(charge, duplicate=None)
        assert verdict(ledger.reserve(intent(2), unlike, NOON)) is Check.RATE
        assert verdict(ledger.reserve(intent(2), replace(unlike, rate=None), NOON)) is Check.DAILY_VALUE

    def test_dry_run_answers_the_same_and_charges_nothing(self, ledger: Ledger) -> None:
        charge = Charge(duplicate=duplicate().duplicate, rate=rate(1).rate, daily=daily("100", "100").daily)
        for number in (1, 2):
            outcome = ledger.reserve(intent(number), charge, NOON, dry_run=True)
            assert isinstance(outcome, Reserved)
            assert outcome.record.intent == intent(number)
        assert ledger.intents_since(0) == []
        reserve_all(ledger, 1, charge, first=3)
        assert verdict(ledger.reserve(intent(4), charge, NOON, dry_run=True)) is Check.DUPLICATE


class TestClock:
    def test_small_step_back_charges_at_the_latest_time(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, rate(2), NOON)
        reserve_all(ledger, 1, rate(2), NOON - CLOCK_TOLERANCE_S, first=2)
        late = NOON - CLOCK_TOLERANCE_S + 60
        assert verdict(ledger.reserve(intent(3), rate(2), late)) is Check.RATE
        assert verdict(ledger.reserve(intent(4), rate(2), NOON + 59)) is Check.RATE

    def test_large_step_back_denies_until_the_clock_is_near_again(self, ledger: Ledger) -> None:
        reserve_all(ledger, 1, Charge(), NOON)
        behind = ledger.reserve(intent(2), Charge(), NOON - 3600)
        assert behind == Exceeded(Check.CLOCK, Decimal(3600), NOON - CLOCK_TOLERANCE_S)
        assert verdict(ledger.reserve(intent(2), Charge(), NOON - CLOCK_TOLERANCE_S)) is None

    def test_denied_order_does_not_move_the_latest_time(self, ledger: Ledger) -> None:
        assert verdict(ledger.reserve(intent(1), rate(0), NOON + 3600)) is Check.RATE
        assert verdict(ledger.reserve(intent(2), rate(1), NOON)) is None

    def test_reset_lets_a_clock_that_ran_ahead_go_on_and_opens_nothing(self, ledger: Ledger) -> None:
        ahead = NOON + 30 * DAY_S
        charge = Charge(
            duplicate=duplicate().duplicate,
            rate=rate(1).rate,
            daily=daily("100", "100", start_s=ahead).daily,
        )
        reserve_all(ledger, 1, charge, ahead)
        ledger.reset_clock(NOON)
        now = replace(charge, daily=daily("100", "100").daily)
        assert verdict(ledger.reserve(intent(2), now, NOON + 9)) is Check.DUPLICATE
        assert verdict(ledger.reserve(intent(2), now, NOON + 59)) is Check.RATE
        assert verdict(ledger.reserve(intent(2), now, NOON + 60)) is Check.DAILY_VALUE
        tomorrow = replace(charge, daily=daily("100", "100", start_s=NOON + DAY_S / 2).daily)
        assert verdict(ledger.reserve(intent(2), tomorrow, NOON + DAY_S / 2)) is None


class TestTradingState:
    @pytest.mark.parametrize(
        ("state", "passing", "reducing"),
        [
            (TradingState.ACTIVE, None, None),
            (TradingState.REDUCING, Check.REDUCING, None),
            (TradingState.HALTED, Check.HALTED, Check.HALTED),
        ],
    )
    @pytest.mark.parametrize("key_id", [None, "bot"])
    def test_what_passes(
        self,
        ledger: Ledger,
        state: TradingState,
        passing: Check | None,
        reducing: Check | None,
        key_id: str | None,
    ) -> None:
        ledger.set_trading(state, NOON, key_id)
        assert ledger.trading_state("bot") is state
        assert verdict(ledger.reserve(intent(1), Charge(), NOON)) is passing
        assert verdict(ledger.reserve(intent(2), closing(100, of=100), NOON)) is reducing

    def test_orders_on_their_way_count_against_what_is_closable(self, ledger: Ledger) -> None:
        """Two that were checked against the same list of OpenD, and others that change nothing about it."""
        sale = {"side": Side.SELL, "quantity": Decimal(60)}
        ledger.set_trading(TradingState.REDUCING, NOON)
        others = [
            *({"symbol": "HK.00001"}, {"acc_id": 1}, {"environment": Environment.REAL}),
            *({"side": Side.BUY}, {"side": Side.BUY_BACK}),
        ]
        for number, other in enumerate(others):
            ledger.reserve(intent(f"other-{number}", **{**sale, **other}), closing(60, of=100), NOON)
        assert verdict(ledger.reserve(intent(1, **sale), closing(60, of=100), NOON)) is None
        second = intent(2, key_id="another", **sale)
        assert verdict(ledger.reserve(second, closing(60, of=100), NOON)) is Check.REDUCING
        assert verdict(ledger.reserve(second, closing(60, of=100), NOON, dry_run=True)) is Check.REDUCING
        assert verdict(ledger.reserve(second, closing(60, of=120), NOON)) is None
        short = intent(3, **{**sale, "side": Side.SELL_SHORT})
        assert verdict(ledger.reserve(short, closing(60, of=120), NOON)) is Check.REDUCING

    @pytest.mark.parametrize(
        ("steps", "counts"),
        [
            ((), True),
            (("sent",), True),
            (("sent", "unknown"), True),
            (("sent", "accepted"), True),
            (("sent", "unknown", "resolved"), True),
            (("sent", "rejected"), False),
            (("abandoned",), False),
        ],
    )
    def test_what_an_earlier_order_may_still_close_counts_until_opend_lists_it(
        self, ledger: Ledger, steps: tuple[str, ...], counts: bool
    ) -> None:
        ledger.set_trading(TradingState.REDUCING, NOON)
        sale = {"side": Side.SELL, "quantity": Decimal("0.7")}
        ledger.reserve(intent(1, **sale), closing(1, of=1), NOON)
        for name in steps:
            resolution = Resolution.ACCEPTED if name == "resolved" else None
            ledger.advance("i-1", Step(state=IntentState(name), order_id=77, resolution=resolution), NOON)
        again = {"quantity": "0.7", "of": 1, "dry_run": True}
        expected = Check.REDUCING if counts else None
        assert closing_verdict(ledger, **again) is expected
        assert closing_verdict(ledger, **again, seen_intents=frozenset({"i-1"})) is None
        if steps:
            assert closing_verdict(ledger, **again, seen_orders=frozenset({77})) is None
        assert closing_verdict(ledger, **again, seen_orders=frozenset({78})) is expected
        assert closing_verdict(ledger, quantity="0.3", of=1, dry_run=True) is None
        is_over = steps[-1:] in (("accepted",), ("resolved",))
        later_s = NOON + APPEARS_WITHIN_S + 1
        assert closing_verdict(ledger, **again, seen_s=later_s) is (None if is_over else expected)

    def test_a_change_counts_although_its_order_is_listed(self, ledger: Ledger) -> None:
        ledger.set_trading(TradingState.REDUCING, NOON)
        change = intent(1, side=Side.SELL, kind=IntentKind.MODIFY, order_id=77, quantity=Decimal(60))
        ledger.reserve(change, closing(60, of=100), NOON)
        listed = {"seen_orders": frozenset({77}), "seen_intents": frozenset({"i-1"})}
        assert closing_verdict(ledger, quantity=60, of=100, **listed) is Check.REDUCING

    def test_stricter_of_the_two_switches_holds(self, ledger: Ledger) -> None:
        ledger.set_trading(TradingState.REDUCING, NOON)
        ledger.set_trading(TradingState.HALTED, NOON + 1, "bot")
        assert ledger.trading_state("bot") is TradingState.HALTED
        assert ledger.trading_state("other") is TradingState.REDUCING
        ledger.set_trading(TradingState.ACTIVE, NOON + 2, "bot")
        assert ledger.trading_state("bot") is TradingState.REDUCING

    def test_is_latched_and_listed(self, ledger: Ledger, store: str) -> None:
        ledger.set_trading(TradingState.HALTED, NOON, "bot")
        ledger.set_trading(TradingState.REDUCING, NOON + 1)
        ledger.close()
        other = connect(store)
        assert other.trading_switches() == [
            TradingSwitch(None, TradingState.REDUCING, NOON + 1),
            TradingSwitch("bot", TradingState.HALTED, NOON),
        ]
        other.close()

    def test_every_change_bumps_the_generation(self, ledger: Ledger, store: str) -> None:
        other = connect(store)
        assert other.generations()["trading"] == 0
        ledger.set_trading(TradingState.HALTED, NOON)
        assert other.generations()["trading"] == 1
        assert ledger.bump_generation("policy") == 1
        assert ledger.bump_generation("policy") == 2
        assert dict(other.generations().counters) == {"trading": 1, "policy": 2}
        other.close()


class TestReplay:
    KEY = ReplayKey(ReplayKind.IDEMPOTENCY, "bot", "order", "token")

    def test_first_request_is_the_callers_and_the_next_sees_it_running(self, ledger: Ledger) -> None:
        assert ledger.begin_replay(self.KEY, "hash", "i-1", NOON) is None
        assert ledger.begin_replay(self.KEY, "other", "i-2", NOON) == Replay("hash", "i-1")

    def test_answer_is_kept_byte_for_byte(self, ledger: Ledger) -> None:
        ledger.begin_replay(self.KEY, "hash", "i-1", NOON)
        ledger.finish_replay(self.KEY, "i-1", 200, b'{"x": "\xff\x00"}')
        kept = ledger.begin_replay(self.KEY, "hash", "i-2", NOON + 1)
        assert kept == Replay("hash", "i-1", 200, b'{"x": "\xff\x00"}')

    @pytest.mark.parametrize("kind", list(ReplayKind))
    def test_is_forgotten_after_exactly_its_time(self, ledger: Ledger, kind: ReplayKind) -> None:
        key = replace(self.KEY, kind=kind)
        ledger.begin_replay(key, "hash", "i-1", NOON)
        assert ledger.begin_replay(key, "hash", "i-2", NOON + kind.ttl_s - 1) == Replay("hash", "i-1")
        assert ledger.begin_replay(key, "hash", "i-2", NOON + kind.ttl_s) is None
        ledger.finish_replay(key, "i-1", 200, b"too late")
        assert ledger.begin_replay(key, "hash", "i-3", NOON + kind.ttl_s) == Replay("hash", "i-2")

    @pytest.mark.parametrize(
        "change",
        [{"kind": ReplayKind.PACKET}, {"key_id": "b"}, {"route": "modify-order"}, {"token": "token2"}],
    )
    def test_each_part_of_the_key_tells_requests_apart(self, ledger: Ledger, change: dict[str, str]) -> None:
        ledger.begin_replay(self.KEY, "hash", "i-1", NOON)
        assert ledger.begin_replay(replace(self.KEY, **change), "hash", "i-2", NOON) is None

    def test_dropped_claim_may_be_repeated_by_its_owner_alone(self, ledger: Ledger) -> None:
        ledger.begin_replay(self.KEY, "hash", "i-1", NOON)
        ledger.drop_replay(self.KEY, "i-2")
        assert ledger.begin_replay(self.KEY, "hash", "i-3", NOON) == Replay("hash", "i-1")
        ledger.drop_replay(self.KEY, "i-1")
        assert ledger.begin_replay(self.KEY, "hash", "i-3", NOON) is None

    @pytest.mark.parametrize(
        ("path", "is_dropped"),
        [
            ([], False),
            ([SENT], False),
            ([SENT, UNKNOWN], False),
            ([SENT, ACCEPTED], False),
            ([SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.ACCEPTED)], False),
            ([SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT)], True),
            ([SENT, UNKNOWN, Step(state=IntentState.RESOLVED, resolution=Resolution.REJECTED)], True),
            ([SENT, Step(state=IntentState.REJECTED)], True),
            ([Step(state=IntentState.ABANDONED)], True),
        ],
    )
    @pytest.mark.parametrize("needs_record", [False, True])
    def test_claim_whose_order_may_be_traded_is_never_dropped(
        self, ledger: Ledger, path: list[Step], is_dropped: bool, needs_record: bool
    ) -> None:
        ledger.begin_replay(self.KEY, "hash", "i-1", NOON)
        ledger.reserve(intent(1), Charge(), NOON)
        for step in path:
            ledger.advance("i-1", step, NOON)
        ledger.drop_replay(self.KEY, "i-1", needs_record=needs_record)
        assert (ledger.begin_replay(self.KEY, "hash", "i-2", NOON) is None) is is_dropped

    def test_claim_is_remembered_longer_by_a_clock_that_was_set_ahead(self, ledger: Ledger) -> None:
        packet = replace(self.KEY, kind=ReplayKind.PACKET)
        ledger.begin_replay(packet, "hash", "i-1", NOON)
        later = ledger.begin_replay(packet, "hash", "i-2", NOON + 159, stretch_s=100)
        assert later == Replay("hash", "i-1")
        assert ledger.begin_replay(packet, "hash", "i-2", NOON + 160, stretch_s=100) is None

    def test_claim_without_an_order_is_kept_where_it_needs_one(self, ledger: Ledger) -> None:
        ledger.begin_replay(self.KEY, "hash", "i-1", NOON)
        ledger.drop_replay(self.KEY, "i-1", needs_record=True)
        assert ledger.begin_replay(self.KEY, "hash", "i-2", NOON) == Replay("hash", "i-1")

    def test_clock_that_stepped_back_forgets_no_sooner(self, ledger: Ledger) -> None:
        packet = replace(self.KEY, kind=ReplayKind.PACKET)
        reserve_all(ledger, 1, Charge(), NOON)
        ledger.begin_replay(packet, "hash", "i-1", NOON - 100)
        assert ledger.begin_replay(packet, "hash", "i-2", NOON + 59) == Replay("hash", "i-1")
