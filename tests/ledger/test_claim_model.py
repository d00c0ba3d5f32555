"""Claims and leases of every store against a plain model, through steps that hypothesis chooses.

The clock moves by what workers' renewals watch, so that the model needs no sums: time passes while
a worker of its own renews.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fix_charge import NOON
from fix_store import RedisServer, connect
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.claim import AccountClaim, Claim, Claims, Holder, Options, Subscription
from gateway.ledger.base import CLAIMS_TOPIC, Ledger
from gateway.ledger.watched_time import LEASE_KEEP_S, WATCH_GAP_S

TERM_S = 2.5
END_S = TERM_S + WATCH_GAP_S
PAUSE_S = 0.5

HOLDERS = [Holder("a"), Holder("a", "s-1"), Holder("b", "s-1")]
SUBSCRIPTIONS = [Subscription(1, "00700", 1), Subscription(1, "00700", 2), Subscription(11, "AAPL", 1)]
LEASES = [None, "w-1", "w-2"]

holders, leases = st.sampled_from(HOLDERS), st.sampled_from(LEASES)
subscriptions = st.lists(st.sampled_from(SUBSCRIPTIONS), max_size=3)
workers = st.sampled_from(LEASES[1:])
claims = st.builds(
    Claim,
    holder=holders,
    subscription=st.sampled_from(SUBSCRIPTIONS),
    options=st.builds(Options, is_pushed=st.booleans(), rehab_types=st.sampled_from([frozenset(), {1, 2}])),
    expires_s=st.one_of(st.none(), st.sampled_from([NOON + 1, NOON + 2, NOON + 60])),
    lease_id=leases,
)


@dataclass
class Model:
    """All that was ever claimed and not dropped; what is over is left out when it is asked."""

    claims: dict[tuple[Holder, Subscription], Claim] = field(default_factory=dict)
    accounts: dict[tuple[Holder, int], AccountClaim] = field(default_factory=dict)
    until_s: dict[str, float] = field(default_factory=dict)

    def is_live(self, lease_id: str | None, now_s: float) -> bool:
        return lease_id is None or self.until_s.get(lease_id, 0) > now_s

    def holds(self, claim: Claim | AccountClaim, now_s: float) -> bool:
        expires_s = claim.expires_s if isinstance(claim, Claim) else None
        return self.is_live(claim.lease_id, now_s) and (expires_s is None or now_s < expires_s)

    def that_hold(self, now_s: float) -> Claims:
        return Claims(
            tuple(claim for _, claim in sorted(self.claims.items()) if self.holds(claim, now_s)),
            tuple(claim for _, claim in sorted(self.accounts.items()) if self.holds(claim, now_s)),
        )

    def of(self, holder: Holder) -> list[Claim]:
        return [claim for claim in self.claims.values() if claim.holder == holder]

    def forget(self, lease_id: str) -> None:
        self.until_s.pop(lease_id, None)
        self.claims = {name: each for name, each in self.claims.items() if each.lease_id != lease_id}
        self.accounts = {name: each for name, each in self.accounts.items() if each.lease_id != lease_id}


class ClaimMachine(RuleBasedStateMachine):
    """One ledger, and a second that reads it as another process would."""

    ledger: Ledger
    other: Ledger

    @initialize()
    def begin(self) -> None:
        self.model, self.now_s, self.generation = Model(), NOON, 0
        self.shown = Claims()
        self.watch()

    def watch(self) -> None:
        self.ledger.renew_lease("watcher", self.now_s, self.now_s + TERM_S)

    @rule(pauses=st.sampled_from([1, 2, 6, 7]))
    def time_passes(self, pauses: int) -> None:
        for _ in range(pauses):
            self.now_s += PAUSE_S
            self.watch()
        self.shown = self.model.that_hold(self.now_s)
        self.generation = self.other.generations()[CLAIMS_TOPIC]

    @rule(wanted=st.lists(claims, max_size=4))
    def put(self, wanted: list[Claim]) -> None:
        self.ledger.put_claims(wanted)
        self.model.claims |= {(claim.holder, claim.subscription): claim for claim in wanted}

    @rule(holder=holders, acc_ids=st.sets(st.sampled_from([1, 2**64 - 1])), lease_id=leases)
    def put_accounts(self, holder: Holder, acc_ids: set[int], lease_id: str | None) -> None:
        wanted = [AccountClaim(holder=holder, acc_id=acc_id, lease_id=lease_id) for acc_id in acc_ids]
        self.ledger.put_account_claims(holder, wanted)
        kept = {name: each for name, each in self.model.accounts.items() if each.holder != holder}
        self.model.accounts = kept | {(holder, claim.acc_id): claim for claim in wanted}

    @rule(holder=holders, named=subscriptions)
    def drop(self, holder: Holder, named: list[Subscription]) -> None:
        claims = [claim for claim in self.model.of(holder) if claim.subscription in named]
        self.check_count(self.ledger.drop_claims(holder, named), claims)
        self.remove(claims)

    @rule(holder=holders)
    def drop_holder(self, holder: Holder) -> None:
        claims = self.model.of(holder)
        self.check_count(self.ledger.drop_claims(holder), claims)
        self.remove(claims)
        self.model.accounts = {
            name: each for name, each in self.model.accounts.items() if each.holder != holder
        }

    @rule(key_id=st.sampled_from("ab"))
    def drop_key(self, key_id: str) -> None:
        claims = [claim for claim in self.model.claims.values() if claim.holder.key_id == key_id]
        self.check_count(self.ledger.drop_claims_of_key(key_id), claims)
        self.remove(claims)
        self.model.accounts = {
            name: each for name, each in self.model.accounts.items() if each.holder.key_id != key_id
        }

    def check_count(self, count: int, claims: list[Claim]) -> None:
        """What holds is counted; what is over may be gone already."""
        held = sum(self.model.holds(claim, self.now_s) for claim in claims)
        assert held <= count <= len(claims)

    def remove(self, claims: list[Claim]) -> None:
        for claim in claims:
            del self.model.claims[claim.holder, claim.subscription]

    @rule(lease_id=workers)
    def renew(self, lease_id: str) -> None:
        until_s = self.model.until_s.get(lease_id)
        was_there = self.ledger.renew_lease(lease_id, self.now_s, self.now_s + TERM_S)
        if until_s is None:
            assert not was_there
        elif self.now_s < until_s + LEASE_KEEP_S:
            assert was_there
        if not was_there:
            # Those that were put before its first renewal hold from now on, unless that was long ago.
            shown = set(self.other.claims(self.now_s).subscriptions)
            lost = [
                claim
                for claim in self.model.claims.values()
                if claim.lease_id == lease_id and claim not in shown
            ]
            self.remove([claim for claim in lost if claim.expires_s is None or self.now_s < claim.expires_s])
            accounts = set(self.other.claims(self.now_s).accounts)
            self.model.accounts = {
                name: each
                for name, each in self.model.accounts.items()
                if each.lease_id != lease_id or each in accounts
            }
        self.model.until_s[lease_id] = self.now_s + END_S

    @rule(lease_id=workers)
    def end(self, lease_id: str) -> None:
        self.ledger.end_lease(lease_id)
        if lease_id in self.model.until_s:
            self.model.forget(lease_id)

    @invariant()
    def the_store_shows_what_the_model_does(self) -> None:
        expected = self.model.that_hold(self.now_s)
        assert self.other.claims(self.now_s) == expected
        live = {lease_id for lease_id in self.model.until_s if self.model.is_live(lease_id, self.now_s)}
        assert self.other.live_leases(self.now_s) == live | {"watcher"}

    @invariant()
    def every_change_that_shows_was_told(self) -> None:
        generation = self.other.generations()[CLAIMS_TOPIC]
        shown = self.model.that_hold(self.now_s)
        assert generation > self.generation or shown == self.shown
        self.shown, self.generation = shown, generation


@contextmanager
def machine_on(make_store: Iterator[str]) -> Iterator[type[ClaimMachine]]:
    """A machine whose every run has an empty store of its own."""

    class Machine(ClaimMachine):
        def __init__(self) -> None:
            super().__init__()
            store = next(make_store)
            self.ledger, self.other = connect(store), connect(store)

        def teardown(self) -> None:
            self.ledger.close()
            self.other.close()

    yield Machine


def sqlite_files(directory: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"sqlite:{Path(directory) / f'{number}.db'}"


def flushed(server: RedisServer) -> Iterator[str]:
    while True:
        server.flush()
        yield server.url


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_store_does_what_the_model_does(kind: str, request: pytest.FixtureRequest) -> None:
    with TemporaryDirectory() as directory:
        stores = (
            sqlite_files(directory) if kind == "sqlite" else flushed(request.getfixturevalue("shared_redis"))
        )
        with machine_on(stores) as machine:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=40,
                    stateful_step_count=25,
                    deadline=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
