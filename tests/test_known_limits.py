"""Reads and OpenD's frequency limits: what would be refused is not asked, whoever of the workers asks."""

import gevent
import pytest
from fix_intent import NOON
from fix_store import connect

from gateway.clock import ManualClock
from gateway.frequency import STORE_PAUSE_S, Frequency
from gateway.ledger.base import LedgerUnavailable
from gateway.opend.errors import FrequencyExceeded
from gateway.schema.protocols import protocol_named

PLATES = protocol_named("Qot_GetPlateSet")
HISTORY = protocol_named("Qot_RequestHistoryKL")
FUNDS = protocol_named("Trd_GetFunds")
QUOTE = protocol_named("Qot_GetBasicQot")
MARKET = PLATES.request(c2s={"market": 1, "plateSetType": 0})
A_QUOTE = QUOTE.request(c2s={"securityList": [{"market": 1, "code": "00700"}]})


def funds(acc_id=1, **more):
    return FUNDS.request(c2s={"header": {"trdEnv": 0, "accID": acc_id, "trdMarket": 1}, **more})


class Counted:
    """A ledger whose steps are counted, and which may be away."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.steps = []
        self.is_away = False

    def __getattr__(self, name):
        def step(*arguments, **named):
            self.steps.append(name)
            if self.is_away:
                raise LedgerUnavailable("away")
            return getattr(self._ledger, name)(*arguments, **named)

        return step


@pytest.fixture
def clock():
    return ManualClock(wall=NOON, monotonic=500.0)


@pytest.fixture
def ledger(tmp_path):
    store = connect(f"sqlite:{tmp_path / 'ledger.db'}")
    yield Counted(store)
    store.close()


@pytest.fixture
def worker(ledger, clock):
    return Frequency(ledger, clock, lambda: 7)


def admitted(worker, protocol, request, times):
    """How many of so many calls are let through before the first that is not."""
    for count in range(times):
        try:
            worker.admit(protocol, request)
        except FrequencyExceeded:
            return count
    return times


def test_all_workers_count_together_and_another_login_by_itself(worker, ledger, clock):
    other, stranger = Frequency(ledger, clock, lambda: 7), Frequency(ledger, clock, lambda: 8)
    assert admitted(worker, PLATES, MARKET, 6) == 6
    assert admitted(other, PLATES, MARKET, 6) == 4
    assert admitted(worker, PLATES, MARKET, 1) == 0
    assert admitted(stranger, PLATES, MARKET, 12) == 10


def test_the_answer_is_a_429_with_the_time_that_heals_it(worker, clock):
    admitted(worker, PLATES, MARKET, 10)
    clock.advance(12)
    with pytest.raises(FrequencyExceeded) as held:
        worker.admit(PLATES, MARKET)
    assert held.value.status == 429
    assert held.value.headers() == {"Retry-After": "19"}
    assert held.value.details() == {"outcome": "not_sent"}
    assert str(held.value) == (
        "limit check failed: OpenD's frequency limit exceeded: it takes 10 calls of Qot_GetPlateSet in 30s, "
        "and was not asked"
    )
    clock.advance(19)
    assert admitted(worker, PLATES, MARKET, 12) == 10


def test_what_has_no_limit_costs_no_step_of_the_ledger(worker, ledger):
    assert admitted(worker, QUOTE, A_QUOTE, 1000) == 1000
    assert admitted(worker, FUNDS, funds(), 100) == 100
    more = {"rehabType": 1, "klType": 2, "security": {"market": 1, "code": "00700"}}
    more |= {"beginTime": "2026-01-01", "endTime": "2026-02-01", "nextReqKey": b"next"}
    assert admitted(worker, HISTORY, HISTORY.request(c2s=more), 100) == 100
    assert ledger.steps == []


def test_a_full_window_is_remembered_and_the_ledger_left_alone(worker, ledger, clock):
    admitted(worker, PLATES, MARKET, 11)
    before = len(ledger.steps)
    clock.advance(30)
    assert admitted(worker, PLATES, MARKET, 5) == 0
    assert len(ledger.steps) == before
    clock.advance(0.5)
    assert admitted(worker, PLATES, MARKET, 1) == 1


def test_accounts_count_by_themselves(worker):
    assert admitted(worker, FUNDS, funds(1, refreshCache=True), 12) == 10
    assert admitted(worker, FUNDS, funds(2, refreshCache=True), 12) == 10
    assert admitted(worker, FUNDS, funds(1), 12) == 12


def test_what_opend_refuses_closes_the_window_for_all(worker, ledger, clock):
    other = Frequency(ledger, clock, lambda: 7)
    worker.admit(PLATES, MARKET)
    clock.advance(10)
    worker.refused(PLATES, MARKET)
    with pytest.raises(FrequencyExceeded) as held:
        other.admit(PLATES, MARKET)
    assert held.value.headers() == {"Retry-After": "21"}
    clock.advance(20.5)
    assert admitted(other, PLATES, MARKET, 1) == 1


def test_reads_go_on_while_the_ledger_is_away_and_do_not_wait_for_it_each(worker, ledger, clock):
    ledger.is_away = True
    assert admitted(worker, PLATES, MARKET, 50) == 50
    worker.note(PLATES, MARKET)
    worker.refused(PLATES, MARKET)
    assert len(ledger.steps) == 1
    ledger.is_away = False
    clock.advance(STORE_PAUSE_S)
    assert admitted(worker, PLATES, MARKET, 50) == 10


def test_callers_at_the_same_moment_get_no_place_twice(worker):
    outcomes = [gevent.spawn(admitted, worker, PLATES, MARKET, 1) for _ in range(30)]
    assert sum(each.get(timeout=20) for each in outcomes) == 10
