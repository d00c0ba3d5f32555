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
    DAY,
    DUPLICATE_WINDOW,
    HONG_KONG,
    LAST_PRICE,
    MINUTE,
    ORDER_CAP,
    RATE_CAP,
    SYMBOLS,
    TOLERANCE,
    PlainModel,
    S,
)

from gateway.ledger.base import (
    INTENT_RETENTION_S,
    CallCharge,
    IntentState,
    Ledger,
    Resolution,
    Step,
    TradingState,
)
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
    duplicate_window_s=DUPLICATE_WINDOW // S,
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

STEPS = st.sampled_from([1, S, 9 * S, 11 * S, 30 * S, 61 * S, 1800 * S, 3600 * S])
STEPS_BACK = st.sampled_from([1, S, TOLERANCE, TOLERANCE + 1, 59 * S, MINUTE, 61 * S, 3600 * S, DAY])
OFFSETS = st.sampled_from([-S, -1, 0, 1, S])
PRICES = [None, Decimal("110.00"), Decimal("110.000001"), Decimal("89.99")]
VALUES = [None, Decimal("0.000001"), Decimal("333.333334"), Decimal(500), Decimal("500.01")]


def mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 5 * len(others) + list(others))


ORDERS = st.fixed_dictionaries(
    {
        "price": mostly(Decimal(100), *PRICES),
        "value": mostly(Decimal(100), *VALUES),
        "symbol": mostly("HK.00700", "HK.00001", "US.AAPL"),
        "side": mostly(Side.BUY, Side.SELL),
        "quantity": mostly(Decimal(100), Decimal(200), Decimal(300)),
        "is_meant": mostly(True, False),
        "reduces_position": st.booleans(),
    }
)
PLAIN: dict[str, Any] = {"price": LAST_PRICE, "value": Decimal("0.01")}
KEYS = st.sampled_from(sorted(PRINCIPALS))


class LimitsMachine(RuleBasedStateMachine):
    """`wall` is what the gateway's clock shows, `true` the time that really went by."""

    store: ClassVar[str]
    seen: ClassVar[Counter[str]]
    allowed_ids: Bundle[str] = Bundle("allowed_ids")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="limits-"))
        self.model = PlainModel()
        self.wall = self.true = round(at("2026-03-07T15:55")) * S
        self.true_times: dict[str, list[int]] = {name: [] for name in PRINCIPALS}
        self.count = 0
        if self.store != "sqlite":
            self.empty_redis()
        self.ledger = self.connect()

    @property
    def now_s(self) -> float:
        return self.wall / S

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

    @rule(step=STEPS)
    def time_goes_by(self, step: int) -> None:
        self.wall += step
        self.true += step

    @rule(target=allowed_ids, key_id=KEYS, offset=OFFSETS)
    def a_full_minute_ends(self, key_id: str, offset: int) -> Any:
        return self.ask_again_after(MINUTE + offset, key_id, [PLAIN | {"is_meant": True}] * RATE_CAP)

    @rule(target=allowed_ids, key_id=KEYS)
    def a_day_fills_up(self, key_id: str) -> Any:
        largest = {"price": LAST_PRICE, "value": ORDER_CAP, "is_meant": True}
        let_through: list[str] = []
        for _ in range(int(DAILY_CAP // ORDER_CAP) + 1):
            let_through += self.ask(key_id, [largest], dry_run=False)
            self.time_goes_by(MINUTE)
        return multiple(*let_through)

    @rule(target=allowed_ids, key_id=KEYS, offset=OFFSETS)
    def a_duplicate_window_ends(self, key_id: str, offset: int) -> Any:
        return self.ask_again_after(DUPLICATE_WINDOW + offset, key_id, [PLAIN])

    def ask_again_after(self, step: int, key_id: str, orders: list[dict[str, Any]]) -> Any:
        first = list(self.ask(key_id, orders, dry_run=False))
        self.time_goes_by(step)
        return multiple(*first, *self.ask(key_id, orders[:1], dry_run=False))

    @rule(target=allowed_ids, offset=OFFSETS, key_id=KEYS, asked=ORDERS)
    def midnight_comes_in_hong_kong(self, offset: int, key_id: str, asked: dict[str, Any]) -> Any:
        return self.ask_at(self.next_day() + offset, key_id, asked)

    @rule(target=allowed_ids, minute=st.sampled_from([0, 30]), offset=OFFSETS, key_id=KEYS, asked=ORDERS)
    def hours_end_or_begin(self, minute: int, offset: int, key_id: str, asked: dict[str, Any]) -> Any:
        asked_ids = self.ask_at(self.next_day() + 5 * 3600 * S + minute * MINUTE + offset, key_id, asked)
        self.time_goes_by(MINUTE * (31 - minute))
        return asked_ids

    def next_day(self) -> int:
        return ((self.wall + HONG_KONG) // DAY + 1) * DAY - HONG_KONG

    def ask_at(self, moment: int, key_id: str, asked: dict[str, Any]) -> Any:
        """Ask for one order at a moment, or now if that is past."""
        self.time_goes_by(max(0, moment - self.wall))
        return multiple(*self.ask(key_id, [asked], dry_run=False))

    @rule(target=allowed_ids, step=STEPS_BACK, key_id=KEYS, asked=ORDERS)
    def the_clock_steps_back(self, step: int, key_id: str, asked: dict[str, Any]) -> Any:
        self.wall -= step
        return multiple(*self.ask(key_id, [asked], dry_run=False))

    @rule()
    def the_clock_comes_near_the_ledger_again(self) -> None:
        self.time_goes_by(max(0, self.model.latest() - self.wall))

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

    @rule(key_id=KEYS, asked=ORDERS, dry_run=st.booleans())
    def opend_takes_no_more_for_now(self, key_id: str, asked: dict[str, Any], dry_run: bool) -> None:
        full = CallCharge(f"window {self.count}", cap=1, window_s=3600)
        self.ledger.fill_calls(full, self.now_s)
        assert not list(self.ask(key_id, [asked], dry_run, full))

    def ask(
        self, key_id: str, orders: list[dict[str, Any]], dry_run: bool, full: CallCharge | None = None
    ) -> Iterator[str]:
        """Ask for each order, and give the ids of those that were let through.

        With `full`, a window of OpenD's that has no place left, none of them is.
        """
        for chosen in orders:
            self.count += 1
            asked = order(self.count, key_id=key_id, last_price=LAST_PRICE, **chosen)
            expected = self.model.reason(asked, self.wall) or ("frequency" if full else None)
            decision = decide(PRINCIPALS[key_id], asked, self.now_s, self.ledger, call=full, dry_run=dry_run)
            assert (None if isinstance(decision, Allowed) else decision.reason.label) == expected
            self.seen[expected or "allowed"] += 1
            if expected is None and not dry_run:
                self.model.keep(asked, self.wall)
                self.true_times[key_id].append(self.true)
                yield asked.intent.intent_id

    def state(self, intent_id: str) -> IntentState | None:
        """Where an intent stands; None once it is past its retention."""
        record = self.ledger.find_intent(intent_id)
        if record is None:
            assert self.model.latest() - self.model.kept[intent_id].time > INTENT_RETENTION_S * S - DAY
        return record and record.state

    @rule(intent_id=allowed_ids, outcome=st.sampled_from(["accepted", "rejected", "unknown"]))
    def opend_answers(self, intent_id: str, outcome: str) -> None:
        if self.state(intent_id) is IntentState.RESERVED:
            self.ledger.advance(intent_id, Step(state=IntentState.SENT), self.now_s)
            self.ledger.advance(intent_id, Step(state=IntentState(outcome)), self.now_s)
            self.model.kept[intent_id].is_returned = outcome == "rejected"

    @rule(intent_id=allowed_ids, resolution=st.sampled_from(Resolution))
    def an_unknown_order_is_resolved(self, intent_id: str, resolution: Resolution) -> None:
        if self.state(intent_id) is IntentState.UNKNOWN:
            resolved = Step(state=IntentState.RESOLVED, resolution=resolution)
            self.ledger.advance(intent_id, resolved, self.now_s)
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
        self.ledger.set_trading(state, self.now_s, key_id)
        self.model.switches[key_id or "all"] = state

    @invariant()
    def no_true_minute_has_more_orders_than_the_cap(self) -> None:
        for times in self.true_times.values():
            assert all(later - first >= MINUTE for first, later in zip(times, times[RATE_CAP:], strict=False))


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
