"""Two workers that follow the claims of all callers, through steps that hypothesis chooses.

Whatever was asked of which worker, and whatever its connection lost meanwhile: once a minute has gone by
without a change, OpenD has for each of them what all claims that hold want together, and nothing else.
"""

import logging
import tempfile
from pathlib import Path
from types import SimpleNamespace

from fix_feed import (
    APPLE,
    BASIC,
    CHEUNG_KONG,
    KEYS,
    ORDER_BOOK,
    START_S,
    TENCENT,
    TICKER,
    RuledClient,
    RuledOpenD,
    Worker,
    sub,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from gateway.claim import Holder
from gateway.clock import ManualClock
from gateway.feed.following import KeysInForce
from gateway.ledger.sqlite import SqliteLedger

HELD_S = 61.0
"""After so long OpenD lets a subscription be dropped."""

READ_TTL_S = 86_400

workers = st.integers(0, 1)
holders = st.sampled_from([Holder("a"), Holder("b"), Holder("a", "s-1")])
securities = st.lists(st.sampled_from([TENCENT, CHEUNG_KONG, APPLE]), min_size=1, max_size=2)
types = st.lists(st.sampled_from([BASIC, TICKER, ORDER_BOOK]), min_size=1, max_size=2, unique=True)


class FollowingMachine(RuleBasedStateMachine):
    """`claims` are what callers were told that they have: whether it is pushed, and until when."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = ManualClock(wall=START_S, monotonic=1000.0)
        self.ledger = SqliteLedger(Path(self.directory.name) / "ledger.db", self.clock)
        self.opend = RuledOpenD(self.clock, quota=1000)
        self.connections = 0
        self.claims = {}
        self.workers = [self.start_worker(), self.start_worker()]

    def start_worker(self):
        self.connections += 1
        keys = SimpleNamespace(now=KeysInForce(KEYS))
        return Worker(RuledClient(self.opend, self.connections), self.ledger, self.clock, keys)

    def teardown(self) -> None:
        try:
            self.a_minute_goes_by()
        finally:
            self.ledger.close()
            self.directory.cleanup()

    @rule(
        number=workers,
        holder=holders,
        named=securities,
        kinds=types,
        pushed=st.booleans(),
        ttl_s=st.none() | st.just(30),
    )
    def subscribe(self, number, holder, named, kinds, pushed, ttl_s):
        options = {"isRegOrUnRegPush": True} if pushed else {}
        c2s = sub(*named, types=kinds, **options).c2s
        self.workers[number].subscriptions.claim(holder, c2s, ttl_s=ttl_s)
        until_s = None if ttl_s is None else self.clock.wall_s() + ttl_s
        for each in product(named, kinds):
            was_pushed = (
                self.claims.get((holder, each), (False, None))[0] if self.holds(holder, each) else False
            )
            self.claims[holder, each] = (pushed or was_pushed, until_s)
        assert self.workers[number].opend.held >= product(named, kinds)

    @rule(number=workers, holder=holders, named=securities, kinds=types)
    def unsubscribe(self, number, holder, named, kinds):
        dropped = [
            (1 if security is not APPLE else 11, security["code"], kind)
            for security in named
            for kind in kinds
        ]
        self.workers[number].subscriptions.drop(holder, dropped)
        for each in product(named, kinds):
            self.claims.pop((holder, each), None)

    @rule(number=workers, key=st.sampled_from("ab"))
    def unsubscribe_all(self, number, key):
        self.workers[number].subscribe(on=False, isUnsubAll=True, types=(), key=key)
        self.claims = {name: kept for name, kept in self.claims.items() if name[0] != Holder(key)}

    @rule(
        number=workers,
        key=st.sampled_from("ab"),
        security=st.sampled_from([TENCENT, APPLE]),
        later=st.booleans(),
    )
    def read(self, number, key, security, later):
        """What the connection lacks and nobody claims is claimed by the read, for a day."""
        each = (security["code"], BASIC)
        is_there = each in self.workers[number].opend.held or each in self.wanted()
        self.workers[number].read(security, key=key)
        if not is_there:
            self.claims[Holder(key), each] = (False, self.clock.wall_s() + READ_TTL_S)
        if later:
            self.clock.advance(READ_TTL_S)
            self.a_minute_goes_by()

    @rule(number=workers)
    def a_connection_is_lost(self, number):
        self.workers[number].lose_session()

    @rule(number=workers)
    def a_worker_ends_and_another_begins(self, number):
        self.opend.rules.disconnect(self.workers[number].opend._conn_id)
        self.workers[number] = self.start_worker()

    @rule(number=workers, seconds=st.sampled_from([0.5, 29.0, 30.0, 59.0]))
    def a_worker_looks(self, number, seconds):
        self.clock.advance(seconds)
        self.workers[number].follow()

    @rule()
    def a_minute_goes_by(self):
        for seconds in (0.0, HELD_S, 1.0):
            self.clock.advance(seconds)
            for worker in self.workers:
                worker.follow()
        pushed = {each for (_, each), (is_pushed, _) in self.that_hold().items() if is_pushed}
        for worker in self.workers:
            assert worker.opend.held == self.wanted()
            assert {(code, kind) for code, kind, _ in worker.opend.pushed} == pushed

    def holds(self, holder, each):
        until_s = self.claims.get((holder, each), (False, 0.0))[1]
        return until_s is None or self.clock.wall_s() < until_s

    def that_hold(self):
        return {name: kept for name, kept in self.claims.items() if self.holds(*name)}

    def wanted(self):
        return {each for _, each in self.that_hold()}


def product(named, kinds):
    return {(security["code"], kind) for security in named for kind in kinds}


def test_every_worker_has_what_all_claims_want():
    logging.disable(logging.CRITICAL)
    try:
        run_state_machine_as_test(
            FollowingMachine,
            settings=settings(
                max_examples=100,
                stateful_step_count=20,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        logging.disable(logging.NOTSET)
