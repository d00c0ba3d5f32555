"""Engine and ledger against the plain model, with times at the edges of every window."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from fix_policy import at, order
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from plain_model import (
    COLLAR_PER_CENT,
    DAILY_CAP,
    DAY_S,
    DUPLICATE_WINDOW_S,
    HONG_KONG_S,
    LAST_PRICE,
    MINUTE_S,
    ORDER_CAP,
    RATE_CAP,
    SYMBOLS,
    PlainModel,
)

from gateway.ledger.base import IntentState, Ledger, Resolution, Step, TradingState
from gateway.ledger.redis import RedisLedger
from gateway.ledger.sqlite import SqliteLedger
from gateway.order import IntentKind, Side
from gateway.policy.engine import Allowed, decide
from gateway.policy.hours import parse_reset, parse_window
from gateway.policy.model import Caps, Limits, Principal
from gateway.policy.reasons import DenyReason

LIMITS = Limits(
    allowed_symbols=SYMBOLS,
    max_order_value=Caps(of_any=ORDER_CAP),
    max_daily_value=Caps(of_any=DAILY_CAP),
    daily_reset=parse_reset("00:00 Asia/Hong_Kong"),
    max_orders_per_minute=RATE_CAP,
    hours_window=(parse_window("05:30-05:00 Asia/Hong_Kong"),),
    max_price_deviation=Decimal(COLLAR_PER_CENT),
    duplicate_window_s=DUPLICATE_WINDOW_S,
)
PRINCIPALS = {name: Principal(key_id=name, scopes=frozenset(), limits=LIMITS) for name in ("bot", "desk")}

EVERY_ANSWER = {"allowed"} | {
    reason.label
    for reason in set(DenyReason)
    - {
        *(DenyReason.ACCOUNT, DenyReason.MARKET, DenyReason.SIDE),
        *(DenyReason.PRICE_UNKNOWN, DenyReason.STORE_UNAVAILABLE),
    }
}
"""What a run has to see; the others have no time and no count in them."""

STEPS_S = st.sampled_from([0.000001, 1, 9, 10, 11, 29, 30, 59, 59.999999, 60, 61, 1800, 3600])
STEPS_BACK_S = st.sampled_from([0.000001, 1, 4, 5, 5.000001, 6, 59, 60, 61, 3600, DAY_S])
PRICES = [None, Decimal("110.00"), Decimal("110.000001"), Decimal("89.99")]
VALUES = [None, Decimal("0.000001"), Decimal("333.333334"), Decimal(500), Decimal("500.01")]


def mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(usual), st.just(usual), st.just(usual), st.sampled_from(others))


ORDERS = st.fixed_dictionaries(
    {
        "price": mostly(Decimal(100), *PRICES),
        "value": mostly(Decimal(100), *VALUES),
        "symbol": mostly("HK.00700", "HK.00001", "US.AAPL"),
        "side": mostly(Side.BUY, Side.SELL),
        "quantity": mostly(Decimal(100), Decimal(200), Decimal(300)),
        "is_meant": st.booleans(),
        "reduces_position": st.booleans(),
    }
)
KEYS = st.sampled_from(sorted(PRINCIPALS))


class LimitsMachine(RuleBasedStateMachine):
    """`wall_s` is what the gateway's clock shows, `true_s` the time that really went by."""

    store: ClassVar[str]
    seen: ClassVar[Counter[str]]
    allowed_ids: Bundle[str] = Bundle("allowed_ids")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="limits-"))
        self.model = PlainModel()
        self.wall_s = self.true_s = at("2026-03-07T15:55")
        self.true_times: dict[str, list[float]] = {name: [] for name in PRINCIPALS}
        self.count = 0
        if self.store != "sqlite":
            self.empty_redis()
        self.ledger = self.connect()

    def empty_redis(self) -> None:
        ledger = RedisLedger(self.store)
        ledger._client.flushall()
        ledger.close()

    def connect(self) -> Ledger:
        return (
            SqliteLedger(self.directory / "ledger.db") if self.store == "sqlite" else RedisLedger(self.store)
        )

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.directory)

    @rule(step_s=STEPS_S)
    def time_goes_by(self, step_s: float) -> None:
        self.wall_s += step_s
        self.true_s += step_s

    @rule(offset_s=st.sampled_from([-1, -0.000001, 0, 1]))
    def midnight_in_hong_kong_comes(self, offset_s: float) -> None:
        midnight_s = ((self.wall_s + HONG_KONG_S) // DAY_S + 1) * DAY_S - HONG_KONG_S
        self.time_goes_by(max(0, midnight_s + offset_s - self.wall_s))

    @rule(offset_s=st.sampled_from([-1, 0, 30 * 60 - 1, 30 * 60]))
    def the_closing_hour_comes(self, offset_s: float) -> None:
        closing_s = ((self.wall_s + HONG_KONG_S) // DAY_S + 1) * DAY_S - HONG_KONG_S + 5 * 3600
        self.time_goes_by(closing_s + offset_s - self.wall_s)

    @rule(target=allowed_ids, step_s=STEPS_BACK_S, key_id=KEYS, asked=ORDERS)
    def the_clock_steps_back(self, step_s: float, key_id: str, asked: dict[str, Any]) -> Any:
        self.wall_s -= step_s
        return multiple(*self.ask(key_id, [asked], dry_run=False))

    @rule()
    def the_clock_comes_near_the_ledger_again(self) -> None:
        behind_s = self.model.latest_s() - self.wall_s
        if behind_s > 0:
            self.time_goes_by(behind_s)

    @rule()
    def the_worker_starts_again(self) -> None:
        self.ledger.close()
        self.ledger = self.connect()

    @rule(
        target=allowed_ids,
        key_id=KEYS,
        orders=st.lists(ORDERS, min_size=1, max_size=5),
        dry_run=mostly(False, True),
    )
    def orders_are_placed(self, key_id: str, orders: list[dict[str, Any]], dry_run: bool) -> Any:
        return multiple(*self.ask(key_id, orders, dry_run))

    @rule(
        target=allowed_ids,
        key_id=KEYS,
        value=st.sampled_from([Decimal(100), Decimal(500)]),
        increase=st.sampled_from([Decimal(0), Decimal("0.000001"), Decimal(100)]),
        order_id=st.sampled_from([1, 2]),
        price=st.sampled_from([Decimal(100), Decimal(99)]),
    )
    def an_order_is_modified(self, key_id: str, **chosen: Any) -> Any:
        return multiple(*self.ask(key_id, [chosen | {"kind": IntentKind.MODIFY}], dry_run=False))

    def ask(self, key_id: str, orders: list[dict[str, Any]], dry_run: bool) -> Iterator[str]:
        """Ask for each order, and give the ids of those that were let through."""
        for chosen in orders:
            self.count += 1
            asked = order(self.count, key_id=key_id, last_price=LAST_PRICE, **chosen)
            expected = self.model.reason(asked, self.wall_s)
            decision = decide(PRINCIPALS[key_id], asked, self.wall_s, self.ledger, dry_run=dry_run)
            assert (None if isinstance(decision, Allowed) else decision.reason.label) == expected
            self.seen[expected or "allowed"] += 1
            if expected is None and not dry_run:
                self.model.keep(asked, self.wall_s)
                self.true_times[key_id].append(self.true_s)
                yield asked.intent.intent_id

    @rule(intent_id=allowed_ids, outcome=st.sampled_from(["accepted", "rejected", "unknown"]))
    def opend_answers(self, intent_id: str, outcome: str) -> None:
        record = self.ledger.find_intent(intent_id)
        assert record is not None
        if record.state is IntentState.RESERVED:
            self.ledger.advance(intent_id, Step(state=IntentState.SENT), self.wall_s)
            self.ledger.advance(intent_id, Step(state=IntentState(outcome)), self.wall_s)
            self.model.kept[intent_id].is_returned = outcome == "rejected"

    @rule(intent_id=allowed_ids, resolution=st.sampled_from(Resolution))
    def an_unknown_order_is_resolved(self, intent_id: str, resolution: Resolution) -> None:
        record = self.ledger.find_intent(intent_id)
        assert record is not None
        if record.state is IntentState.UNKNOWN:
            resolved = Step(state=IntentState.RESOLVED, resolution=resolution)
            self.ledger.advance(intent_id, resolved, self.wall_s)
            self.model.kept[intent_id].is_returned = resolution is Resolution.REJECTED

    @rule(
        state=st.sampled_from(TradingState),
        switched=st.sampled_from([None, *sorted(PRINCIPALS)]),
        key_id=KEYS,
        orders=st.lists(ORDERS, min_size=1, max_size=2),
    )
    def trading_is_stopped_for_a_while(
        self, state: TradingState, switched: str | None, key_id: str, orders: list[dict[str, Any]]
    ) -> None:
        self.switch(state, switched)
        for _ in self.ask(key_id, orders, dry_run=False):
            pass
        self.switch(TradingState.ACTIVE, switched)

    def switch(self, state: TradingState, key_id: str | None) -> None:
        self.ledger.set_trading(state, self.wall_s, key_id)
        self.model.switches[key_id or "all"] = state

    @invariant()
    def no_true_minute_has_more_orders_than_the_cap(self) -> None:
        for times in self.true_times.values():
            assert all(
                later - first >= MINUTE_S - 1e-5
                for first, later in zip(times, times[RATE_CAP:], strict=False)
            )


def assert_does_as_the_model(store: str, examples: int) -> None:
    seen: Counter[str] = Counter()
    machine = type("Machine", (LimitsMachine,), {"store": store, "seen": seen})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set(seen) == EVERY_ANSWER


def test_engine_on_sqlite_does_as_the_plain_model() -> None:
    assert_does_as_the_model("sqlite", 60)


def test_engine_on_redis_does_as_the_plain_model(redis_url: str) -> None:
    assert_does_as_the_model(redis_url, 60)
