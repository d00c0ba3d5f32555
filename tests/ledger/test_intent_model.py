"""Intents, replays and switches of every store against a plain model, through steps that hypothesis chooses.

Rates, daily sums and repetitions have their model in tests/policy, claims and leases theirs beside this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from fix_intent import NOON, intent
from fix_store import RedisServer, connect
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.ledger.base import (
    APPEARS_WITHIN_S,
    CLOCK_TOLERANCE_S,
    INTENT_RETENTION_S,
    TRADING_TOPIC,
    Charge,
    Check,
    Exceeded,
    IntentNotFound,
    IntentRecord,
    IntentState,
    Ledger,
    Replay,
    ReplayKey,
    ReplayKind,
    Reserved,
    Resolution,
    Step,
    TradingState,
    WrongIntentState,
)
from gateway.order import Closing, Intent, Side

NAMES = [f"i-{number}" for number in range(12)]
KEYS = ["bot", "desk"]
FOLLOWING = {
    "reserved": {"sent", "abandoned"},
    "sent": {"accepted", "rejected", "unknown"},
    "unknown": {"resolved"},
}
"""What may follow on a state, written down again; nothing follows on the others."""

OPEN = FOLLOWING.keys()

OFFSETS = st.sampled_from([-1.0, -0.000001, 0.0, 0.000001])
"""Around the end of a time."""

LAST_STATES = st.sampled_from(["abandoned", "accepted", "unknown"])
names, keys = st.sampled_from(NAMES), st.sampled_from(KEYS)
states = st.sampled_from(IntentState)
replay_keys = st.builds(
    ReplayKey,
    kind=st.sampled_from(ReplayKind),
    key_id=keys,
    route=st.just("/api/order"),
    token=st.sampled_from(["one", "two"]),
)


class Order(NamedTuple):
    """An order that is asked for; `close` is how much is closable, and which intents OpenD listed."""

    name: str
    key_id: str
    side: Side
    quantity: int
    close: tuple[int, set[str]] | None
    is_dry_run: bool


orders = st.builds(
    Order,
    name=names,
    key_id=keys,
    side=st.sampled_from([Side.SELL, Side.SELL, Side.BUY]),
    quantity=st.sampled_from([30, 60]),
    close=st.none() | st.tuples(st.sampled_from([60, 100]), st.sets(names, max_size=2)),
    is_dry_run=st.sampled_from([False, False, False, True]),
)


def micros(seconds: float) -> int:
    """Whole microseconds, in which stores keep their times."""
    return round(seconds * 10**6)


@dataclass
class Model:
    """What a ledger has to know."""

    latest_s: float = 0.0
    records: dict[str, IntentRecord] = field(default_factory=dict)
    switches: dict[str | None, TradingState] = field(default_factory=dict)
    replays: dict[ReplayKey, tuple[Replay, float]] = field(default_factory=dict)
    were_over: set[ReplayKey] = field(default_factory=set)
    generation: int = 0

    def trading(self, key_id: str) -> TradingState:
        found = {self.switches.get(None), self.switches.get(key_id)}
        for state in (TradingState.HALTED, TradingState.REDUCING):
            if state in found:
                return state
        return TradingState.ACTIVE

    def verdict(self, asked: Intent, closing: Closing | None, now_s: float) -> Check | None:
        if micros(self.latest_s - now_s) > micros(CLOCK_TOLERANCE_S):
            return Check.CLOCK
        trading = self.trading(asked.key_id)
        if trading is TradingState.HALTED:
            return Check.HALTED
        if trading is TradingState.ACTIVE:
            return None
        if closing is None:
            return Check.REDUCING
        fits = closing.quantity + self.on_its_way(asked, closing) <= closing.closable
        return None if fits else Check.REDUCING

    def on_its_way(self, asked: Intent, closing: Closing) -> Decimal:
        """What others may close of the same position that OpenD did not list."""
        others = [
            record
            for record in self.records.values()
            if record.intent.side.is_buy is asked.side.is_buy
            and record.intent.intent_id not in closing.seen_intents
            and (record.state in OPEN or self.was_accepted_since(record, closing.seen_s - APPEARS_WITHIN_S))
        ]
        return sum((record.intent.quantity for record in others), start=Decimal(0))

    def was_accepted_since(self, record: IntentRecord, since_s: float) -> bool:
        return "accepted" in (record.state, record.resolution) and micros(record.updated_s) >= micros(since_s)

    def forget_old(self, now_s: float) -> None:
        self.records = {
            name: record
            for name, record in self.records.items()
            if record.state in OPEN or micros(now_s - record.updated_s) <= micros(INTENT_RETENTION_S)
        }


class IntentMachine(RuleBasedStateMachine):
    """One ledger, which may be opened anew, and a second that reads it as another process would."""

    store: str
    ledger: Ledger
    other: Ledger

    @initialize()
    def begin(self) -> None:
        self.model, self.now_s = Model(), NOON

    @rule(seconds=st.sampled_from([0.000001, 1.0, APPEARS_WITHIN_S, 60.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s = round(self.now_s + seconds, 6)

    @rule()
    def the_process_begins_anew(self) -> None:
        self.ledger.close()
        self.ledger = connect(self.store)

    @rule(orders=st.lists(orders, min_size=1, max_size=4))
    def reserve(self, orders: list[Order]) -> None:
        for order in orders:
            self.reserve_one(order)

    @rule(step_s=st.sampled_from([CLOCK_TOLERANCE_S, CLOCK_TOLERANCE_S + 0.000001, 30.0]), order=orders)
    def the_clock_steps_back(self, step_s: float, order: Order) -> None:
        self.time_passes(-step_s)
        self.reserve_one(order)

    @rule(
        order=orders, later=orders, offset=OFFSETS, last=st.sampled_from(["abandoned", "accepted", "unknown"])
    )
    def an_intent_grows_old(self, order: Order, later: Order, offset: float, last: str) -> None:
        self.switch(TradingState.ACTIVE, None)
        self.reserve_one(order)
        for state in [last] if last == "abandoned" else ["sent", last]:
            self.advance_one(order.name, IntentState(state), Resolution.ABSENT, None, None)
        self.time_passes(INTENT_RETENTION_S + offset)
        self.reserve_one(later)

    def reserve_one(self, order: Order) -> None:
        asked = intent(
            order.name.removeprefix("i-"),
            key_id=order.key_id,
            side=order.side,
            quantity=Decimal(order.quantity),
        )
        closing = self.closing(order.quantity, order.close)
        outcome = self.ledger.reserve(asked, Charge(closing=closing), self.now_s, dry_run=order.is_dry_run)
        if order.name in self.model.records:
            assert outcome == Reserved(self.model.records[order.name], is_new=False)
            return
        expected = self.model.verdict(asked, closing, self.now_s)
        if expected is not None:
            assert isinstance(outcome, Exceeded)
            assert outcome.check is expected
            return
        record = IntentRecord(
            intent=asked, state=IntentState.RESERVED, created_s=self.now_s, updated_s=self.now_s
        )
        assert outcome == Reserved(record)
        if not order.is_dry_run:
            self.model.latest_s = max(self.model.latest_s, self.now_s)
            self.model.records[order.name] = record
            self.model.forget_old(self.now_s)

    def closing(self, quantity: int, close: tuple[int, set[str]] | None) -> Closing | None:
        if close is None:
            return None
        closable, seen = close
        return Closing(
            quantity=Decimal(quantity),
            closable=Decimal(closable),
            seen_s=self.now_s,
            seen_intents=frozenset(seen),
        )

    @rule(
        data=st.data(),
        walk=st.lists(states, min_size=1, max_size=3),
        resolution=st.sampled_from(Resolution),
        detail=st.none() | st.sampled_from(["", "股 'x'"]),
        order_id=st.none() | st.just(2**64 - 1),
    )
    def advance(
        self,
        data: st.DataObject,
        walk: list[IntentState],
        resolution: Resolution,
        detail: str | None,
        order_id: int | None,
    ) -> None:
        name = data.draw(st.sampled_from([*self.model.records, NAMES[0]]))
        for state in walk:
            self.advance_one(name, state, resolution, detail, order_id)

    def advance_one(
        self, name: str, state: IntentState, resolution: Resolution, detail: str | None, order_id: int | None
    ) -> None:
        resolved = resolution if state is IntentState.RESOLVED else None
        step = Step(state=state, resolution=resolved, detail=detail, order_id=order_id)
        record = self.model.records.get(name)
        if record is None:
            with pytest.raises(IntentNotFound):
                self.ledger.advance(name, step, self.now_s)
        elif state == record.state:
            assert self.ledger.advance(name, step, self.now_s) == record
        elif state in FOLLOWING.get(record.state, ()):
            moved = replace(
                record,
                state=state,
                updated_s=self.now_s,
                sent_s=self.now_s if state is IntentState.SENT else record.sent_s,
                resolution=resolved,
                detail=record.detail if detail is None else detail,
                order_id=record.order_id if order_id is None else order_id,
            )
            assert self.ledger.advance(name, step, self.now_s) == moved
            self.model.records[name] = moved
        else:
            with pytest.raises(WrongIntentState):
                self.ledger.advance(name, step, self.now_s)

    @rule(key=replay_keys, body_hash=st.sampled_from(["a", "b"]), name=names, again=st.none() | OFFSETS)
    def begin_replay(self, key: ReplayKey, body_hash: str, name: str, again: float | None) -> None:
        self.begin_one_replay(key, body_hash, name)
        if again is not None:
            self.time_passes(key.kind.ttl_s + again)
            self.begin_one_replay(key, body_hash, "i-again")

    @rule(key=replay_keys, order=orders, offset=OFFSETS)
    def a_replay_begins_by_a_clock_that_stepped_back(
        self, key: ReplayKey, order: Order, offset: float
    ) -> None:
        self.reserve_one(order)
        self.time_passes(-100.0)
        self.begin_one_replay(key, "a", "i-behind")
        self.time_passes(key.kind.ttl_s + offset)
        self.begin_one_replay(key, "a", "i-again")

    def begin_one_replay(self, key: ReplayKey, body_hash: str, name: str) -> None:
        """What was over once may be gone, though the clock has stepped back since."""
        now_s = max(self.now_s, self.model.latest_s)
        known, until_s = self.model.replays.get(key, (None, 0.0))
        found = self.ledger.begin_replay(key, body_hash, name, self.now_s)
        is_known = known is not None and micros(now_s) < micros(until_s)
        assert found == (known if is_known else None) or (found is None and key in self.model.were_over)
        self.model.were_over |= {
            each for each, (_, end_s) in self.model.replays.items() if micros(now_s) >= micros(end_s)
        }
        if found is None:
            self.model.replays[key] = Replay(body_hash, name), now_s + key.kind.ttl_s
            self.model.were_over.discard(key)

    @rule(key=replay_keys, is_own=st.booleans(), body=st.none() | st.binary(max_size=4))
    def end_replay(self, key: ReplayKey, is_own: bool, body: bytes | None) -> None:
        """Keep an answer, or forget the claim: only who made it can; and the next request comes."""
        self.begin_one_replay(key, "a", "i-first")
        known, until_s = self.model.replays[key]
        name = known.intent_id if is_own else "i-stranger"
        if body is None:
            self.ledger.drop_replay(key, name)
        else:
            self.ledger.finish_replay(key, name, 200, body)
        if is_own and body is None:
            del self.model.replays[key]
        elif is_own:
            self.model.replays[key] = replace(known, status=200, body=body), until_s
        self.begin_one_replay(key, "b", "i-next")

    @rule(state=st.sampled_from(TradingState), key_id=st.none() | keys)
    def switch(self, state: TradingState, key_id: str | None) -> None:
        self.ledger.set_trading(state, self.now_s, key_id)
        self.model.switches[key_id] = state
        self.model.generation += 1

    @invariant()
    def another_process_sees_what_the_model_says(self) -> None:
        records = sorted(
            self.model.records.values(), key=lambda each: (each.created_s, each.intent.intent_id)
        )
        assert self.other.intents_since(0) == records
        assert self.other.open_intents() == [record for record in records if record.state in OPEN]
        assert self.other.open_intents(1) == [record for record in records if record.state in OPEN][:1]
        for name in NAMES:
            assert self.other.find_intent(name) == self.model.records.get(name)
        assert {each.key_id: each.state for each in self.other.trading_switches()} == self.model.switches
        for key_id in KEYS:
            assert self.other.trading_state(key_id) is self.model.trading(key_id)
        assert self.other.generations()[TRADING_TOPIC] == self.model.generation


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_store_keeps_what_the_model_keeps(kind: str, request: pytest.FixtureRequest) -> None:
    with TemporaryDirectory() as directory:
        stores = (
            sqlite_files(directory) if kind == "sqlite" else flushed(request.getfixturevalue("shared_redis"))
        )

        class Machine(IntentMachine):
            def __init__(self) -> None:
                super().__init__()
                self.store = next(stores)
                self.ledger, self.other = connect(self.store), connect(self.store)

            def teardown(self) -> None:
                self.ledger.close()
                self.other.close()

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )


def sqlite_files(directory: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"sqlite:{Path(directory) / f'{number}.db'}"


def flushed(server: RedisServer) -> Iterator[str]:
    while True:
        server.flush()
        yield server.url
