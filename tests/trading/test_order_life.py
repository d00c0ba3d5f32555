"""The life of orders against what they promise, through steps that hypothesis chooses.

Workers share a ledger, an audit and an OpenD. Any of them may die, lose its store or stand still before
and after each of an order's steps; OpenD may refuse, vanish before or after it executed, or answer too
late; others look for what is open meanwhile. OpenD's own book tells what was executed.
"""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fix_store import RedisServer, connect
from fix_trading import (
    HEADER,
    NOON,
    PLACE,
    TIMEOUT_S,
    Faulty,
    global_state,
    order_list,
    order_row,
    place_request,
    principal,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.audit import AuditLog, AuditUnavailable, verify
from gateway.clock import ManualClock
from gateway.errors import GatewayError
from gateway.ledger.base import IntentState, LedgerUnavailable, Resolution
from gateway.ledger.lease import Lease
from gateway.opend.errors import ConnectionLost, NotSent, OpenDRefused, OpenDUnavailable, OutcomeUnknown
from gateway.opend.protocol import parse_response
from gateway.schema.protocols import Protocol
from gateway.trading.context import WriteContext
from gateway.trading.desk import Desk
from gateway.trading.reconcile import FOREIGN_MARGIN_S, Reconciler

TICK_S = 0.5
"""Less than a lease may go without being renewed, so that leases of the dead end."""

LONG_S = TIMEOUT_S + FOREIGN_MARGIN_S + 5.0
"""After so long with OpenD in reach nothing may be open."""

STANDS_STILL_S = {"pauses": 2.0, "is_taken_for_dead": 6.0, "stalls": LONG_S}
"""How long a worker may stand still before an order's first byte, while the others go on."""

APPEARS_AFTER_S = 1.2
"""How long an order may be missing in OpenD's list."""

FATES = (
    *(
        "accept",
        "accept",
        "refuse",
        "lost_before",
        "lost_after",
        "appears_late",
        "killed_before",
        "killed_after",
    ),
    *("answered_late", *STANDS_STILL_S),
)
REJECTED_LATER = 21
CALL = "call-Trd_PlaceOrder"
PLACE_STEPS = (
    *("reserve", "write-sending", "advance-sent", CALL, "write-outcome"),
    *("advance-accepted", "advance-rejected", "advance-unknown", "advance-resolved"),
)
WORKERS = st.integers(0, 1)
MOMENTS = st.sampled_from(["before", "after"])
LOOK_STEPS = ("advance-abandoned", "advance-unknown", "advance-resolved", "advance-accepted", "write-outcome")


class Killed(BaseException):
    """A worker's end, which nothing in it survives."""


@dataclass
class Book:
    """An OpenD: what it executed, and what it does with the next order. Also the client of all workers.

    `next_order` is what becomes of an order on its way, one of `FATES`: lost or killed (the worker) before or
    after it was executed; executed, and missing in the list for a while or answered after the deadline.
    """

    clock: ManualClock
    world: "OrderLife"
    executed: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    listed_from_s: list[float] = field(default_factory=list)
    is_away: bool = False
    next_order: str = "accept"

    def call(
        self, protocol: Protocol, request: Any, *, fence: Any = None, deadline_s: Any = None, **_: Any
    ) -> Any:
        fields = {
            PLACE.name: self._place,
            "GetGlobalState": lambda *_: global_state(self.clock.wall_s()),
            "Trd_GetOrderList": lambda *_: order_list(*self._listed()),
        }[protocol.name](request, fence, deadline_s)
        return parse_response(protocol, protocol.response(retType=0, **fields).SerializeToString())

    def _listed(self) -> Iterator[dict[str, Any]]:
        now_s = self.clock.monotonic_s()
        return (row for row, since_s in zip(self.rows, self.listed_from_s, strict=True) if since_s <= now_s)

    def _place(self, request: Any, fence: Any, deadline_s: float) -> dict[str, Any]:
        fate, self.next_order = self.next_order, "accept"
        self.world.let_others_work(STANDS_STILL_S.get(fate, 0.0))
        if fate == "killed_before":
            raise Killed
        if self.clock.monotonic_s() >= deadline_s or (fence and fence()):
            raise NotSent("too late")
        if fate == "refuse":
            raise OpenDRefused(-1, "账户购买力不足")
        if fate == "lost_before" or self.is_away:
            raise OutcomeUnknown("gone", ConnectionLost("gone"))
        order_id = self._execute(request.c2s, APPEARS_AFTER_S if fate == "appears_late" else 0.0)
        if fate == "answered_late":
            self.clock.advance(TIMEOUT_S)
        if fate in ("answered_late", "lost_after", "appears_late"):
            raise OutcomeUnknown("gone", ConnectionLost("gone"))
        if fate == "killed_after":
            raise Killed
        return {"s2c": {"header": HEADER, "orderID": order_id, "orderIDEx": str(order_id)}}

    def _execute(self, c2s: Any, appears_after_s: float) -> int:
        self.executed[c2s.remark] += 1
        self.listed_from_s.append(self.clock.monotonic_s() + appears_after_s)
        order_id = 1000 + len(self.rows)
        self.rows.append(
            order_row(
                orderID=order_id,
                orderIDEx=str(order_id),
                remark=c2s.remark,
                qty=c2s.qty,
                createTimestamp=self.clock.wall_s(),
            )
        )
        return order_id


class Line(Faulty):
    """A worker's way to OpenD; reads fail while OpenD is away."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._book = book

    def call(self, protocol: Protocol, request: Any, **named: Any) -> Any:
        if self._book.is_away and protocol is not PLACE:
            raise OpenDUnavailable("away")
        return self.__getattr__("call")(protocol, request, **named)


@dataclass
class Worker:
    """One process of the gateway."""

    line: Line
    ledger: Any
    audit: Any
    lease: Lease
    desk: Desk
    reconciler: Reconciler

    @property
    def parts(self) -> tuple[Any, ...]:
        return self.line, self.ledger, self.audit

    def part_of(self, step: str) -> Any:
        return {"write": self.audit, "call": self.line}.get(step.split("-")[0], self.ledger)

    def heal(self) -> None:
        for part in self.parts:
            part.heal()


class OrderLife(RuleBasedStateMachine):
    """Two workers that are replaced when they die; `told` is what callers were told, by intent."""

    stores: ClassVar[Iterator[str]]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = ManualClock(wall=NOON)
        self.book = Book(self.clock, self)
        self.store_ledger = connect(next(self.stores) or f"sqlite:{self.directory.name}/ledger.db")
        self.audit_file = Path(self.directory.name) / "audit.jsonl"
        self.audits: list[AuditLog] = []
        self.told: dict[str, str] = {}
        self.leases = 0
        self.standing: set[int] = set()
        self.workers = [self.start_worker(), self.start_worker()]

    def start_worker(self) -> Worker:
        self.leases += 1
        ledger = Faulty(self.store_ledger)
        self.audits.append(AuditLog(self.audit_file, self.clock))
        audit, line = Faulty(self.audits[-1]), Line(self.book)
        lease = Lease(ledger, self.clock)
        lease.lease_id = f"w-{self.leases}"
        lease.renew()
        desk = Desk(line, ledger, audit, self.clock, timeout_s=TIMEOUT_S, lease=lease)
        reconciler = Reconciler(
            line,
            ledger,
            audit,
            self.clock,
            settlements=desk.settlements,
            clock_watch=desk.clock_watch,
            timeout_s=TIMEOUT_S,
            lease=lease,
        )
        return Worker(line, ledger, audit, lease, desk, reconciler)

    def teardown(self) -> None:
        try:
            self.everything_comes_to_its_end()
        finally:
            for audit in self.audits:
                audit.close()
            self.store_ledger.close()
            self.directory.cleanup()

    def replace_dead(self, number: int) -> None:
        self.workers[number] = self.start_worker()

    def let_others_work(self, seconds: float, but: int | None = None) -> None:
        """Let time pass in which all workers but those that stand still renew their leases and look."""
        standing = self.standing | ({but} if but is not None else set())
        for _ in range(int(seconds / TICK_S)):
            self.clock.advance(TICK_S)
            for number in set(range(len(self.workers))) - standing:
                self.work(number)

    def work(self, number: int) -> None:
        worker = self.workers[number]
        try:
            worker.lease.renew()
            worker.reconciler.step()
        except GatewayError:
            return
        except Killed:
            self.replace_dead(number)

    @rule(orders=st.lists(st.tuples(WORKERS, st.sampled_from(FATES)), min_size=1, max_size=4))
    def orders_are_placed(self, orders: list[tuple[int, str]]) -> None:
        for number, fate in orders:
            self.place(number, fate)

    @rule(
        number=WORKERS,
        fate=st.sampled_from(FATES),
        step=st.sampled_from(PLACE_STEPS),
        moment=MOMENTS,
        dies=st.booleans(),
    )
    def something_breaks_under_an_order(
        self, number: int, fate: str, step: str, moment: str, dies: bool
    ) -> None:
        self.workers[number].part_of(step).fault(moment, step, error_of(step, dies))
        self.place(number, fate)

    def place(self, number: int, fate: str) -> None:
        """Place an order by a worker, which does nothing else meanwhile."""
        worker = self.workers[number]
        intent_id = worker.desk.open_intent()
        self.book.next_order = fate
        self.standing.add(number)
        self.told[intent_id] = told = self.ask(worker, intent_id)
        self.standing.discard(number)
        self.book.next_order = "accept"
        self.seen[f"{fate} {told}"] += 1
        if told == "nothing":
            self.replace_dead(number)
        worker.heal()

    def ask(self, worker: Worker, intent_id: str) -> str:
        """What the caller is told: `accepted`, `unknown`, `nothing`, or `no` where nothing was traded."""
        context = WriteContext(
            principal=principal(), request_id="r-1", route="/api/order", intent_id=intent_id
        )
        try:
            worker.desk.submit(PLACE, place_request(), context)
        except Killed:
            return "nothing"
        except OutcomeUnknown:
            return "unknown"
        except GatewayError:
            return "no"
        return "accepted"

    @precondition(lambda self: self.told)
    @rule(number=WORKERS, data=st.data())
    def a_request_is_sent_again_under_its_name(self, number: int, data: st.DataObject) -> None:
        """Its intent is on record, so that it is not sent; one that is not was never sent."""
        intent_id = data.draw(st.sampled_from(sorted(self.told)))
        if self.store_ledger.find_intent(intent_id) is not None:
            assert self.ask(self.workers[number], intent_id) in ("unknown", "no")

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.5, 3.0, TIMEOUT_S]))
    def time_passes(self, seconds: float) -> None:
        self.let_others_work(seconds)

    @rule(
        number=WORKERS,
        step=st.sampled_from(LOOK_STEPS),
        moment=MOMENTS,
    )
    def a_worker_dies_while_it_looks(self, number: int, step: str, moment: str) -> None:
        worker = self.workers[number]
        worker.part_of(step).fault(moment, step, Killed())
        self.let_others_work(4.0, but=1 - number)
        worker.heal()

    @rule(away=st.booleans())
    def opend_goes_or_comes(self, away: bool) -> None:
        self.book.is_away = away

    @rule(number=WORKERS, seconds=st.sampled_from([1.0, LONG_S]))
    def the_store_is_away_for_a_worker(self, number: int, seconds: float) -> None:
        worker = self.workers[number]
        for step in ("renew_lease", "open_intents", "advance-resolved", "advance-unknown"):
            worker.ledger.fault("before", step, LedgerUnavailable("away"))
        self.let_others_work(seconds)
        worker.heal()

    @rule(step_s=st.sampled_from([-3600.0, -2.0, 2.0, 30.0]))
    def the_clock_is_set(self, step_s: float) -> None:
        self.clock.wall += step_s
        self.let_others_work(TICK_S)

    @precondition(lambda self: self.book.rows)
    @rule(data=st.data())
    def the_exchange_fails_an_order(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.book.rows), label="order")
        row["orderStatus"] = REJECTED_LATER

    def executed(self, intent_id: str) -> int:
        return self.book.executed[f"gw-{intent_id}"]

    def has_failed(self, remark: str) -> bool:
        return any(row["remark"] == remark and row["orderStatus"] == REJECTED_LATER for row in self.book.rows)

    @invariant()
    def no_order_is_executed_twice(self) -> None:
        assert set(self.book.executed.values()) <= {1}

    @invariant()
    def what_callers_were_told_is_so(self) -> None:
        for intent_id, told in self.told.items():
            if told in ("accepted", "no"):
                assert self.executed(intent_id) == (told == "accepted"), (intent_id, told)

    @invariant()
    def the_ledger_says_nothing_wrong(self) -> None:
        for record in self.store_ledger.intents_since(0):
            is_executed = bool(self.executed(record.intent.intent_id))
            if record.state is IntentState.ABANDONED or record.resolution is Resolution.ABSENT:
                assert not is_executed, record
            if IntentState.ACCEPTED in (record.state, record.resolution):
                assert is_executed, record
            if record.state is IntentState.RESERVED:
                assert not is_executed, record
            if IntentState.REJECTED in (record.state, record.resolution):
                assert not is_executed or self.has_failed(record.intent.remark), record

    def everything_comes_to_its_end(self) -> None:
        self.book.is_away, self.standing = False, set()
        for worker in self.workers:
            worker.heal()
        self.let_others_work(LONG_S)
        assert self.store_ledger.open_intents() == []
        self.what_callers_were_told_is_so()
        self.the_ledger_says_nothing_wrong()
        for record in self.store_ledger.intents_since(0):
            self.seen[f"end {record.resolution or record.state}"] += 1
            if self.executed(record.intent.intent_id):
                assert (record.resolution or record.state) in ("accepted", "rejected")
        if self.audit_file.exists():
            assert verify(self.audit_file).is_intact
            self.every_executed_order_was_announced()

    def every_executed_order_was_announced(self) -> None:
        lines = [json.loads(line) for line in self.audit_file.read_text().splitlines()]
        announced = {line.get("intent_id") for line in lines if line["kind"] == "sending"}
        assert {remark.removeprefix("gw-") for remark in self.book.executed} <= announced


def error_of(step: str, dies: bool) -> BaseException:
    """What is raised at a step: a worker's end, or what its part gives when it fails."""
    if dies:
        return Killed()
    if step == CALL:
        return OutcomeUnknown("may have taken effect")
    return AuditUnavailable("full") if step.startswith("write") else LedgerUnavailable("away")


EVERY_END = {"end accepted", "end rejected", "end absent", "end abandoned"}


def assert_orders_keep_their_promises(stores: Iterator[str], examples: int, ends: set[str]) -> None:
    """`stores` gives an empty one for each run; an empty text means a file of the run's own.

    `ends` of orders have to be seen.
    """
    seen: Counter[str] = Counter()

    machine = type("Machine", (OrderLife,), {"stores": stores, "seen": seen})
    logging.disable(logging.CRITICAL)
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=12,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
    assert set(seen) >= ends, seen
    assert {told.split()[-1] for told in seen} >= {"accepted", "unknown", "no"}


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 120), ("redis", 20)])
def test_orders_keep_their_promises(kind: str, examples: int, request: pytest.FixtureRequest) -> None:
    def stores() -> Iterator[str]:
        while True:
            if kind == "sqlite":
                yield ""
            else:
                server: RedisServer = request.getfixturevalue("shared_redis")
                server.flush()
                yield server.url

    ends = EVERY_END if kind == "sqlite" else {"end accepted", "end absent"}
    assert_orders_keep_their_promises(stores(), examples, ends)
