from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fix_intent import NOON
from fix_policy import order, principal

from gateway.ledger.base import IntentState, Step, TradingState
from gateway.ledger.sqlite import SqliteLedger
from gateway.order import IntentKind, Side
from gateway.policy.engine import Allowed, Decision, check, decide, fingerprint
from gateway.policy.hours import parse_reset, parse_window
from gateway.policy.model import Caps, Principal
from gateway.policy.reasons import Denied, DenyReason

CLOSED = parse_window("13:00-14:00")
HKD = "HKD"


def cap(amount: str) -> Caps:
    return Caps(of_any=Decimal(amount))


def text(decision: Decision) -> str | None:
    return decision.text if isinstance(decision, Denied) else None


def wait_s(decision: Decision | None) -> int | None:
    assert isinstance(decision, Denied)
    return decision.retry_after_s


def reason(decision: Decision | None) -> DenyReason | None:
    return decision.reason if isinstance(decision, Denied) else None


class TestPureChecks:
    @pytest.mark.parametrize(
        ("caller", "changes", "expected"),
        [
            (principal(allowed_acc_ids=frozenset({1})), {}, "this account is not allowed"),
            (principal(allowed_acc_ids=frozenset()), {}, "this account is not allowed"),
            (principal(allowed_acc_ids=frozenset({987654})), {}, None),
            (
                principal(allowed_markets=frozenset({"US"})),
                {},
                "limit check failed: market not allowed: HK",
            ),
            (principal(allowed_markets=frozenset()), {}, "limit check failed: market not allowed: HK"),
            (principal(allowed_markets=frozenset({"HK"})), {}, None),
            (
                principal(allowed_symbols=frozenset({"HK.00001"})),
                {},
                "limit check failed: symbol not allowed: HK.00700",
            ),
            (principal(allowed_symbols=frozenset()), {}, "limit check failed: symbol not allowed: HK.00700"),
            (principal(allowed_symbols=frozenset({"HK.00700"})), {}, None),
            (
                principal(allowed_trd_sides=frozenset({Side.BUY})),
                {"side": Side.SELL_SHORT},
                "limit check failed: side not allowed: SELL_SHORT",
            ),
            (principal(allowed_trd_sides=frozenset()), {}, "limit check failed: side not allowed: BUY"),
            (
                principal(hours_window=(CLOSED,)),
                {},
                "limit check failed: outside trading hours: 2026-01-01T12:00:00Z (13:00-14:00 UTC)",
            ),
            (
                principal(hours_window=()),
                {},
                "limit check failed: outside trading hours: 2026-01-01T12:00:00Z (no window)",
            ),
            (principal(hours_window=(CLOSED, parse_window("12:00-12:01"))), {}, None),
            (principal(max_order_value=cap("30000")), {}, None),
            (
                principal(max_order_value=cap("30000")),
                {"value": Decimal("30000.000000000001")},
                "limit check failed: order value exceeded: 30000.000000000001 HKD (cap 30000)",
            ),
            (
                principal(max_order_value=Caps(by_currency={"USD": Decimal(10**9)})),
                {},
                "limit check failed: order value exceeded: 30000 HKD (cap 0)",
            ),
            (
                principal(max_order_value=cap("30000")),
                {"value": Decimal("1E+400")},
                "limit check failed: order value exceeded: 1.000E+400 HKD (cap 30000)",
            ),
            (
                principal(max_order_value=cap("30000")),
                {"price": None, "value": None},
                "limit check failed: order value unknown: no usable quote for HK.00700",
            ),
            (
                principal(max_daily_value=cap("30000")),
                {"price": None, "value": None},
                "limit check failed: order value unknown: no usable quote for HK.00700",
            ),
            (principal(), {"price": None, "value": None}, None),
            (
                principal(max_price_deviation=Decimal(5)),
                {"price": Decimal("315.0001")},
                "limit check failed: price deviation exceeded: 5.00004% from the last price 300 (cap 5%)",
            ),
            (
                principal(max_price_deviation=Decimal(5)),
                {"price": Decimal("284.9")},
                "limit check failed: price deviation exceeded: 5.03334% from the last price 300 (cap 5%)",
            ),
            (principal(max_price_deviation=Decimal(5)), {"price": Decimal(315)}, None),
            (principal(max_price_deviation=Decimal(5)), {"price": Decimal(285)}, None),
            (principal(max_price_deviation=Decimal(5)), {"price": None}, None),
            (
                principal(max_price_deviation=Decimal(5)),
                {"last_price": None},
                "limit check failed: price deviation unknown: no last price for HK.00700",
            ),
        ],
    )
    def test_when_one_limit_is_set_then_it_alone_decides(
        self, caller: Principal, changes: dict[str, Any], expected: str | None
    ) -> None:
        denied = check(caller, order(**changes), TradingState.ACTIVE, NOON)
        assert (denied.text if denied else None) == expected

    def test_checks_come_in_their_order(self) -> None:
        limits: dict[str, Any] = {
            "allowed_acc_ids": frozenset(),
            "allowed_markets": frozenset(),
            "allowed_symbols": frozenset(),
            "allowed_trd_sides": frozenset(),
            "hours_window": (),
            "max_order_value": cap("0"),
            "max_price_deviation": Decimal(5),
        }
        unusual = order(price=Decimal(1))
        assert reason(check(principal(**limits), unusual, TradingState.HALTED, NOON)) is DenyReason.HALTED
        assert reason(check(principal(**limits), unusual, TradingState.REDUCING, NOON)) is DenyReason.REDUCING
        found = []
        while limits:
            found.append(reason(check(principal(**limits), unusual, TradingState.ACTIVE, NOON)))
            limits.pop(next(iter(limits)))
        assert found == [
            DenyReason.ACCOUNT,
            DenyReason.MARKET,
            DenyReason.SYMBOL,
            DenyReason.SIDE,
            DenyReason.HOURS,
            DenyReason.ORDER_VALUE,
            DenyReason.PRICE_DEVIATION,
        ]

    def test_outside_hours_tells_when_a_window_opens(self) -> None:
        assert (
            wait_s(check(principal(hours_window=(CLOSED,)), order(), TradingState.ACTIVE, NOON + 0.5)) == 3600
        )
        assert wait_s(check(principal(hours_window=()), order(), TradingState.ACTIVE, NOON)) is None

    def test_order_of_another_key_is_a_defect(self) -> None:
        with pytest.raises(ValueError, match="belongs to"):
            check(principal(), order(key_id="other"), TradingState.ACTIVE, NOON)


class TestDecide:
    def test_fourth_order_in_a_minute_is_denied_in_the_words_of_the_page(
        self, sqlite_ledger: SqliteLedger
    ) -> None:
        caller = principal(max_orders_per_minute=3)
        for number in range(3):
            assert isinstance(decide(caller, order(number), NOON + number, sqlite_ledger), Allowed)
        denied = decide(caller, order(9), NOON + 10.5, sqlite_ledger)
        assert text(denied) == "limit check failed: rate limit exceeded: 3 orders in the last 60s (cap 3)"
        assert wait_s(denied) == 50
        assert isinstance(decide(caller, order(9), NOON + 60, sqlite_ledger), Allowed)

    def test_daily_value_tells_the_sum_and_waits_for_the_reset(self, sqlite_ledger: SqliteLedger) -> None:
        caller = principal(max_daily_value=cap("50000"), daily_reset=parse_reset("00:00 Asia/Hong_Kong"))
        assert isinstance(decide(caller, order(1), NOON, sqlite_ledger), Allowed)
        denied = decide(caller, order(2), NOON, sqlite_ledger)
        assert text(denied) == "limit check failed: daily value exceeded: 60000 HKD today (cap 50000)"
        assert wait_s(denied) == 4 * 3600
        assert isinstance(decide(caller, order(2), NOON + 4 * 3600, sqlite_ledger), Allowed)
        too_large = decide(caller, order(3, value=Decimal(50001)), NOON + 2 * 86400, sqlite_ledger)
        assert text(too_large) == "limit check failed: daily value exceeded: 50001 HKD today (cap 50000)"
        assert wait_s(too_large) is None

    def test_currency_without_a_daily_cap_is_denied(self, sqlite_ledger: SqliteLedger) -> None:
        caller = principal(max_daily_value=Caps(by_currency={"USD": Decimal(10**9)}))
        denied = decide(caller, order(), NOON, sqlite_ledger)
        assert text(denied) == "limit check failed: daily value exceeded: 30000 HKD today (cap 0)"

    def test_same_order_within_the_window_is_denied_unless_it_is_meant(
        self, sqlite_ledger: SqliteLedger
    ) -> None:
        caller = principal(duplicate_window_s=10)
        assert isinstance(decide(caller, order(1), NOON, sqlite_ledger), Allowed)
        denied = decide(caller, order(2, price=Decimal("300.00")), NOON + 4, sqlite_ledger)
        assert text(denied) == "limit check failed: duplicate order: the same 4s ago (window 10s)"
        assert wait_s(denied) == 6
        assert isinstance(decide(caller, order(3, is_meant=True), NOON + 5, sqlite_ledger), Allowed)

    def test_clock_behind_the_ledger_is_denied(self, sqlite_ledger: SqliteLedger) -> None:
        decide(principal(), order(1), NOON, sqlite_ledger)
        denied = decide(principal(), order(2), NOON - 60, sqlite_ledger)
        assert text(denied) == "limit check failed: clock is behind the ledger: 60s (cap 5s)"
        assert wait_s(denied) == 55

    @pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
    def test_kill_switch_denies(self, sqlite_ledger: SqliteLedger, state: TradingState) -> None:
        sqlite_ledger.set_trading(state, NOON)
        denied = decide(principal(), order(1), NOON, sqlite_ledger)
        assert reason(denied) is DenyReason[state.name]
        reducing = decide(principal(), order(2, reduces_position=True), NOON, sqlite_ledger)
        assert isinstance(reducing, Allowed) is (state is TradingState.REDUCING)

    def test_kill_switch_set_between_the_checks_and_the_charge_denies(
        self, sqlite_ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_ledger, "trading_state", lambda key_id: TradingState.ACTIVE)
        sqlite_ledger.set_trading(TradingState.HALTED, NOON)
        assert reason(decide(principal(), order(), NOON, sqlite_ledger)) is DenyReason.HALTED

    def test_store_that_cannot_be_asked_denies(self, tmp_path: Path) -> None:
        away = SqliteLedger(tmp_path / "missing" / "ledger.db")
        denied = decide(principal(), order(), NOON, away)
        assert isinstance(denied, Denied)
        assert (denied.reason, denied.reason.status) == (DenyReason.STORE_UNAVAILABLE, 500)
        assert denied.text.startswith("limit check failed: the ledger cannot be asked: ")
        away.close()

    def test_modification_counts_by_its_increase_and_is_capped_by_its_whole(
        self, sqlite_ledger: SqliteLedger
    ) -> None:
        caller = principal(max_order_value=cap("40000"), max_daily_value=cap("40000"))
        change: dict[str, Any] = {"kind": IntentKind.MODIFY, "order_id": 7}
        decide(caller, order(1), NOON, sqlite_ledger)
        raised = order(2, **change, value=Decimal(40000), increase=Decimal(10000))
        assert isinstance(decide(caller, raised, NOON, sqlite_ledger), Allowed)
        lowered = order(3, **change, value=Decimal(20000), increase=Decimal(0))
        assert isinstance(decide(caller, lowered, NOON, sqlite_ledger), Allowed)
        more = order(4, **change, value=Decimal(30000), increase=Decimal("0.01"))
        assert reason(decide(caller, more, NOON, sqlite_ledger)) is DenyReason.DAILY_VALUE
        whole = order(5, **change, value=Decimal(40001), increase=Decimal(1))
        assert reason(decide(caller, whole, NOON, sqlite_ledger)) is DenyReason.ORDER_VALUE

    def test_dry_run_charges_nothing(self, sqlite_ledger: SqliteLedger) -> None:
        caller = principal(max_orders_per_minute=1)
        for number in range(3):
            assert isinstance(decide(caller, order(number), NOON, sqlite_ledger, dry_run=True), Allowed)
        assert isinstance(decide(caller, order(9), NOON, sqlite_ledger), Allowed)

    def test_allowed_order_is_written_before_anything_is_sent(self, sqlite_ledger: SqliteLedger) -> None:
        allowed = decide(principal(), order(1), NOON, sqlite_ledger)
        assert isinstance(allowed, Allowed)
        assert allowed.record == sqlite_ledger.find_intent("i-1")
        assert allowed.record.state is IntentState.RESERVED

    def test_intent_decided_twice_is_told_apart(self, sqlite_ledger: SqliteLedger) -> None:
        decide(principal(), order(1), NOON, sqlite_ledger)
        sqlite_ledger.advance("i-1", Step(state=IntentState.SENT), NOON)
        again = decide(principal(), order(1), NOON, sqlite_ledger)
        assert isinstance(again, Allowed)
        assert not again.is_new
        assert again.record.state is IntentState.SENT


class TestFingerprint:
    def test_other_ids_and_spellings_are_the_same_order(self) -> None:
        assert fingerprint(order(1)) == fingerprint(
            order(2, request_id="r", remark="x", quantity=Decimal("1E+2"))
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"acc_id": 1},
            {"symbol": "HK.00001"},
            {"side": Side.SELL},
            {"quantity": Decimal(200)},
            {"price": Decimal("300.01")},
            {"price": None},
            {"kind": IntentKind.MODIFY, "order_id": 7},
        ],
    )
    def test_anything_else_is_another(self, change: dict[str, Any]) -> None:
        assert fingerprint(order(**change)) != fingerprint(order())


class TestFigures:
    @pytest.mark.parametrize("figure", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "-1", "0"])
    @pytest.mark.parametrize("field", ["quantity", "price", "value", "last_price"])
    def test_order_cannot_be_made_of_what_is_no_amount(self, field: str, figure: str) -> None:
        with pytest.raises(ValueError, match="finite number"):
            order(**{field: Decimal(figure)})

    def test_increase_may_be_nothing_but_not_less(self) -> None:
        order(increase=Decimal(0))
        for figure in ("-0.01", "NaN", "Infinity"):
            with pytest.raises(ValueError, match="increase"):
                order(increase=Decimal(figure))
        with pytest.raises(ValueError, match="together"):
            order(increase=None)
