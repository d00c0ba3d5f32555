"""The lease's keeper, on a clock that moves when told."""

import logging
from collections.abc import Callable

import gevent
import pytest
from fix_intent import NOON

from gateway.clock import ManualClock
from gateway.ledger.base import Ledger, LedgerUnavailable
from gateway.ledger.lease import LEASE_S, OVER, RENEW_INTERVAL_S, Lease

LIMIT_S = 20


class ScriptedStore:
    """Notes the steps; fails while `is_away`, and takes `answer_s` for each."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.steps: list[tuple[object, ...]] = []
        self.is_away = False
        self.answer_s = 0.0
        self.was_there = False

    def renew_lease(self, lease_id: str, now_s: float, until_s: float) -> bool:
        return self._do("renew", lease_id, now_s, until_s)

    def end_lease(self, lease_id: str) -> None:
        self._do("end", lease_id)

    def _do(self, *step: object) -> bool:
        self.clock.advance(self.answer_s)
        if self.is_away:
            raise LedgerUnavailable("away")
        self.steps.append(step)
        was_there, self.was_there = self.was_there, True
        return was_there


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOON)


@pytest.fixture
def scripted(clock: ManualClock) -> ScriptedStore:
    return ScriptedStore(clock)


@pytest.fixture
def lease(scripted: ScriptedStore, clock: ManualClock) -> Lease:
    """Open, and not renewed yet: the test gives no other greenlet a turn."""
    lease = Lease(scripted, clock)  # type: ignore[arg-type]
    lease.open()
    return lease


def test_renewal_says_until_when(scripted: ScriptedStore, lease: Lease) -> None:
    lease.renew()
    assert scripted.steps == [("renew", lease.lease_id, NOON, NOON + LEASE_S)]


def test_lives_from_the_first_renewal_until_exactly_its_length_after_the_last(
    clock: ManualClock, lease: Lease
) -> None:
    assert not lease.is_live
    lease.renew()
    clock.advance(2)
    assert lease.is_live
    lease.renew()
    clock.advance(LEASE_S - 0.000001)
    assert lease.is_live
    clock.advance(0.000001)
    assert not lease.is_live


def test_length_counts_from_before_the_question(
    clock: ManualClock, scripted: ScriptedStore, lease: Lease
) -> None:
    scripted.answer_s = 2
    lease.renew()
    assert lease.is_live
    clock.advance(LEASE_S - 2)
    assert not lease.is_live


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_wall_clock_that_is_set_changes_nothing(clock: ManualClock, lease: Lease, step_s: float) -> None:
    lease.renew()
    clock.wall += step_s
    assert lease.is_live


def test_failure_keeps_what_is_left_and_is_logged_once_as_its_end_is(
    clock: ManualClock, scripted: ScriptedStore, lease: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lease.renew()
    scripted.is_away = True
    for _ in range(4):
        clock.advance(RENEW_INTERVAL_S)
        lease.renew()
    assert lease.is_live
    clock.advance(RENEW_INTERVAL_S)
    assert not lease.is_live
    scripted.is_away = False
    for _ in range(2):
        lease.renew()
    assert lease.is_live
    assert [record.getMessage() for record in caplog.records] == [
        "this worker cannot renew its lease: away",
        "this worker renews its lease again",
    ]


def test_fence_stays_shut_after_a_gap(clock: ManualClock, lease: Lease) -> None:
    assert lease.fence()() == OVER
    lease.renew()
    before = lease.fence()
    for _ in range(3):
        clock.advance(LEASE_S - 0.1)
        assert before() is None
        lease.renew()
    clock.advance(LEASE_S)
    assert before() == OVER
    lease.renew()
    assert lease.is_live
    assert before() == OVER
    assert lease.fence()() is None


def test_fence_stays_shut_after_a_renewal_that_may_have_come_too_late(
    clock: ManualClock, scripted: ScriptedStore, lease: Lease
) -> None:
    lease.renew()
    before = lease.fence()
    clock.advance(LEASE_S - 0.1)
    scripted.answer_s = 1.0
    lease.renew()
    assert lease.is_live
    assert before() == OVER
    assert lease.fence()() is None


def test_lost_lease_is_told_and_the_first_renewal_is_none(scripted: ScriptedStore, lease: Lease) -> None:
    lost: list[bool] = []
    lease.on_lost = lambda: lost.append(True)
    lease.renew()
    lease.renew()
    assert not lost
    scripted.was_there = False
    lease.renew()
    assert lost == [True]


def test_each_opening_makes_another_id(scripted: ScriptedStore, clock: ManualClock) -> None:
    leases = [Lease(scripted, clock) for _ in range(2)]  # type: ignore[arg-type]
    assert [each.lease_id for each in leases] == [None, None]
    with pytest.raises(RuntimeError):
        leases[0].renew()
    for each in leases:
        each.open()
    assert len({each.lease_id for each in leases} - {None}) == 2
    for each in leases:
        each.close()


def test_close_ends_it_in_the_ledger(scripted: ScriptedStore, lease: Lease) -> None:
    lease.renew()
    lease.close()
    assert scripted.steps[-1] == ("end", lease.lease_id)
    assert not lease.is_live


def test_close_without_the_ledger_or_before_opening_goes_through(
    scripted: ScriptedStore, clock: ManualClock, lease: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    lease.renew()
    scripted.is_away = True
    lease.close()
    assert not lease.is_live
    assert "will end by itself" in caplog.text
    Lease(scripted, clock).close()  # type: ignore[arg-type]


def test_is_renewed_in_the_background_after_a_start_without_the_ledger(
    scripted: ScriptedStore, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ledger.lease.RENEW_INTERVAL_S", 0.001)
    scripted.is_away = True
    gevent.sleep(0.01)
    assert not lease.is_live
    scripted.is_away = False
    wait_until(lambda: len(scripted.steps) >= 3)
    lease.close()
    assert scripted.steps[-1] == ("end", lease.lease_id)
    ended = len(scripted.steps)
    gevent.sleep(0.01)
    assert len(scripted.steps) == ended


def test_goes_on_after_a_defect_of_the_store_or_of_who_is_told(
    scripted: ScriptedStore, lease: Lease, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.ledger.lease.RENEW_INTERVAL_S", 0.001)
    defects: list[Exception] = []

    def fail() -> None:
        scripted.was_there = False
        defects.append(KeyError("defect"))
        raise defects[-1]

    lease.on_lost = fail
    wait_until(lambda: len(scripted.steps) >= 1)
    scripted.was_there = False
    wait_until(lambda: len(defects) >= 2)
    assert lease.is_live
    assert "the renewal of this worker's lease failed" in caplog.text
    lease.close()


def test_on_a_real_store(ledger: Ledger, clock: ManualClock) -> None:
    lease = Lease(ledger, clock)
    lease.open()
    lease.renew()
    assert ledger.live_leases(NOON) == {lease.lease_id}
    lease.close()
    assert ledger.live_leases(NOON) == frozenset()


def wait_until(is_done: Callable[[], bool]) -> None:
    with gevent.Timeout(LIMIT_S):
        while not is_done():
            gevent.sleep(0.001)
