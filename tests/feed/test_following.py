"""The claims as a worker sees them: keys that end, stores that are away, connections that come and go."""

from types import SimpleNamespace

import gevent
import pytest
from fix_feed import APPLE, BASIC, TENCENT, A
from gevent.event import Event

from gateway.claim import Claim, Holder, Subscription
from gateway.feed.following import FORGET_AFTER_S, KeysInForce
from gateway.ledger.base import CLAIMS_TOPIC, LedgerUnavailable
from gateway.ledger.lease import LEASE_S, RENEW_INTERVAL_S, Lease
from gateway.ledger.watched_time import WATCH_GAP_S
from gateway.opend.errors import NotSent

LIMIT_S = 10.0
ONLY_B = frozenset({"b"})


def connection():
    return SimpleNamespace(closed=Event())


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr("gateway.feed.following.LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr("gateway.feed.following.RETRY_PAUSE_S", 0.01)


@pytest.fixture
def running(worker, short_pauses):
    """The worker's background, without a session of its connection."""
    worker.alignment.end_session(worker.alignment.begin_session())
    worker.following.open()
    yield worker
    worker.following.close()


def until(holds):
    with gevent.Timeout(LIMIT_S):
        while not holds():
            gevent.sleep(0.005)


def keys_of(worker):
    return {claim.holder.key_id for claim in worker.following.claims.subscriptions}


def stored(ledger, clock):
    return {claim.holder.key_id for claim in ledger.claims(clock.wall_s()).subscriptions}


@pytest.fixture
def both_claim(worker):
    worker.subscribe(TENCENT)
    worker.subscribe(APPLE, key="b")
    worker.push_accounts(7)


def test_a_change_is_told_once(worker):
    told = []
    worker.following.on_change = told.append
    worker.subscribe(TENCENT)
    for _ in range(3):
        worker.following.look()
    assert [len(claims.subscriptions) for claims in told] == [0, 1]


def test_claims_are_read_again_only_when_they_changed(worker, ledger, monkeypatch):
    worker.subscribe(TENCENT)
    worker.following.look()
    monkeypatch.setattr(ledger, "claims", None)
    worker.following.look()


def test_a_key_counts_for_what_it_may_see_and_has_the_rest_again_when_it_may(worker, keys, both_claim):
    alone = {"a": frozenset({8}), "b": frozenset()}
    keys.now = KeysInForce(keys.now.living, quoteless=frozenset({"a"}), accounts=alone)
    worker.follow()
    assert keys_of(worker) == ONLY_B
    assert not worker.following.claims.accounts
    assert list(worker.opend.calls[-1].c2s.accIDList) == []
    keys.now = KeysInForce(keys.now.living, accounts={"a": frozenset({7})})
    worker.follow()
    assert keys_of(worker) == {"a", "b"}
    assert [claim.acc_id for claim in worker.following.claims.accounts] == [7]


@pytest.fixture
def lease(ledger, clock):
    """A lease that nothing renews in the background."""
    lease = Lease(ledger, clock)
    lease.lease_id = "own"
    return lease


@pytest.fixture
def leased_worker(worker_with, lease):
    """A worker one of whose sockets has claimed an account."""
    worker = worker_with(lease=lease)
    worker.following.look()
    worker.subscriptions.claim_accounts(Holder("a", "socket"), [7], lease_id=lease.lease_id)
    worker.following.look()
    return worker


def stand_still(ledger, clock, others):
    """Time goes on for another worker, which sees this one's lease end."""
    for _ in range(round((LEASE_S + WATCH_GAP_S) / RENEW_INTERVAL_S) + 2):
        clock.advance(RENEW_INTERVAL_S)
        ledger.renew_lease(others, clock.wall_s(), clock.wall_s() + LEASE_S)
    assert not ledger.claims(clock.wall_s()).accounts


def test_a_worker_that_stood_still_goes_on_with_what_its_sockets_claim(leased_worker, ledger, clock):
    told = []
    leased_worker.following.on_change = told.append
    stand_still(ledger, clock, "another")
    ledger.bump_generation(CLAIMS_TOPIC)
    leased_worker.following.look()
    assert [claim.acc_id for claim in leased_worker.following.claims.accounts] == [7]
    assert told == []


def test_claims_stay_as_they_were_while_the_lease_cannot_be_renewed(
    leased_worker, ledger, clock, monkeypatch
):
    stand_still(ledger, clock, "another")
    ledger.bump_generation(CLAIMS_TOPIC)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "renew_lease", raising(LedgerUnavailable("the ledger is away")))
        with pytest.raises(LedgerUnavailable):
            leased_worker.following.look()
    assert [claim.acc_id for claim in leased_worker.following.claims.accounts] == [7]
    leased_worker.following.look()
    assert [claim.acc_id for claim in leased_worker.following.claims.accounts] == [7]


def raising(error):
    def step(*_):
        raise error

    return step


def test_a_key_that_is_revoked_counts_at_once_as_if_it_had_claimed_nothing(worker, keys, clock, both_claim):
    keys.now = KeysInForce(ONLY_B)
    worker.follow()
    assert keys_of(worker) == ONLY_B
    assert not worker.following.claims.accounts
    assert list(worker.opend.calls[-1].c2s.accIDList) == []
    clock.advance(61)
    worker.follow()
    assert worker.opend.held == {("AAPL", BASIC)}


def test_claims_of_a_key_that_is_unknown_are_removed_after_a_while(worker, keys, ledger, clock, both_claim):
    keys.now = KeysInForce(ONLY_B)
    worker.following.look()
    clock.advance(FORGET_AFTER_S - 1)
    worker.following.look()
    assert stored(ledger, clock) == {"a", "b"}
    clock.advance(1)
    worker.following.look()
    assert stored(ledger, clock) == ONLY_B


def test_a_key_that_this_worker_does_not_know_yet_loses_nothing(worker, keys, ledger, clock, both_claim):
    keys.now = KeysInForce(ONLY_B)
    worker.following.look()
    keys.now = KeysInForce(frozenset({"a", "b"}))
    clock.advance(FORGET_AFTER_S)
    worker.following.look()
    keys.now = KeysInForce(ONLY_B)
    worker.following.look()
    assert stored(ledger, clock) == {"a", "b"}


def test_claims_of_a_key_that_has_expired_are_removed_at_once(worker, other, keys, ledger, clock, both_claim):
    other.following.look()
    keys.now = KeysInForce(ONLY_B, expired=frozenset({"a"}))
    worker.following.look()
    assert stored(ledger, clock) == ONLY_B
    other.following.look()
    other.following.look()
    assert keys_of(other) == ONLY_B


def test_a_policy_that_is_not_certain_removes_nothing(worker, keys, ledger, clock, both_claim):
    keys.now = KeysInForce(ONLY_B, expired=frozenset({"a"}), is_certain=False)
    worker.following.look()
    clock.advance(10 * FORGET_AFTER_S)
    worker.following.look()
    assert keys_of(worker) == ONLY_B
    assert stored(ledger, clock) == {"a", "b"}


def test_a_sockets_claims_end_with_its_key(worker, keys, ledger, clock):
    socket = Holder("a", "socket")
    ledger.put_claims([Claim(holder=socket, subscription=Subscription(1, "00700", BASIC))])
    keys.now = KeysInForce(ONLY_B, expired=frozenset({"a"}))
    worker.following.look()
    assert stored(ledger, clock) == set()


def test_a_store_that_is_away_changes_nothing_and_is_logged_once(running, ledger, monkeypatch, caplog):
    running.subscribe(TENCENT)
    claims, asked = running.following.claims, []

    def away():
        asked.append(1)
        raise LedgerUnavailable("away")

    monkeypatch.setattr(ledger, "generations", away)
    until(lambda: len(asked) > 5)
    assert running.following.claims == claims
    assert caplog.text.count("claims cannot be followed: away") == 1


def test_a_defect_ends_nothing(running, other, caplog):
    def fail(claims):
        raise ZeroDivisionError

    running.following.on_change = fail
    other.subscribe(TENCENT)
    until(lambda: "ZeroDivisionError" in caplog.text)
    told = []
    running.following.on_change = told.append
    other.subscribe(APPLE)
    until(lambda: told)
    assert len(told[-1].subscriptions) == 2


def test_another_workers_claims_arrive_by_themselves(running, other):
    gevent.spawn(running.following.session_began, connection())
    other.subscribe(TENCENT, isRegOrUnRegPush=True)
    until(lambda: len(running.opend.pushed) == 1)


def test_the_state_is_told_once_a_session_is_in_line_and_when_it_is_over(running, other):
    other.subscribe(TENCENT)
    until(lambda: running.following.claims.subscriptions)
    told = []
    running.following.on_state = lambda state: told.append((state, running.opend.held))
    subscribed = {("00700", BASIC)}
    for count in (1, 2):
        current = connection()
        running.opend.lose_session()
        gevent.spawn(running.following.session_began, current)
        until(lambda count=count: len(told) == 2 * count - 1)
        current.closed.set()
        until(lambda count=count: len(told) == 2 * count)
    assert told == [(True, subscribed), (False, subscribed)] * 2


def test_no_session_is_in_line_before_the_claims_are_known(
    worker, other, ledger, monkeypatch, caplog, short_pauses
):
    def away():
        raise LedgerUnavailable("away")

    other.subscribe(TENCENT)
    told = []
    worker.following.on_state = lambda state: told.append((state, worker.opend.held))
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "generations", away)
        worker.following.open()
        gevent.spawn(worker.following.session_began, connection())
        until(lambda: "claims cannot be followed: away" in caplog.text)
        assert not told
    until(lambda: told)
    worker.following.close()
    assert told == [(True, {("00700", BASIC)})]


def test_a_session_that_begins_before_the_end_of_the_last_was_seen_is_told_too(running):
    told = []
    running.following.on_state = told.append
    first, second = connection(), connection()
    gevent.spawn(running.following.session_began, first)
    until(lambda: told == [True])
    gevent.spawn(running.following.session_began, second)
    until(lambda: told == [True, False, True])
    first.closed.set()
    gevent.sleep(0.02)
    assert told == [True, False, True]


def test_opend_that_cannot_be_asked_is_tried_again(running, other, caplog):
    running.opend.script("Qot_Sub", NotSent("no connection"))
    gevent.spawn(running.following.session_began, connection())
    other.subscribe(TENCENT)
    until(lambda: running.opend.names().count("Qot_Sub") > 3)
    assert caplog.text.count("subscriptions wait: no connection") == 1
    running.opend.script("Qot_Sub")
    until(lambda: running.opend.held == {("00700", BASIC)})


def test_without_a_session_opend_is_not_asked(running, other):
    other.subscribe(TENCENT)
    until(lambda: running.following.claims.subscriptions)
    gevent.sleep(0.05)
    assert not running.opend.calls


def test_a_session_is_sought_for_as_long_as_something_is_wanted(running, other):
    gevent.sleep(0.05)
    assert running.opend.seeks == 0
    other.push_accounts(7)
    until(lambda: running.opend.seeks > 2)
    current = connection()
    gevent.spawn(running.following.session_began, current)
    until(lambda: running.following.alignment.quota is not None)
    seeks = running.opend.seeks
    gevent.sleep(0.05)
    assert running.opend.seeks == seeks
    current.closed.set()
    until(lambda: running.opend.seeks > seeks)


def test_what_is_not_wanted_is_given_up_by_itself_when_its_minute_is_over(running, clock):
    gevent.spawn(running.following.session_began, connection())
    running.subscribe(TENCENT)
    until(lambda: running.following.alignment.quota is not None)
    clock.advance(61)
    running.subscribe(TENCENT, on=False)
    until(lambda: running.opend.held == set())
    assert not [each for each in running.following.claims.subscriptions if each.holder == A]
