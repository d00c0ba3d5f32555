import gevent
import pytest
from gevent.event import Event

from gateway.clock import SystemClock
from gateway.opend.crypto import PacketEncAlgo
from gateway.opend.errors import ConnectionLost, OpenDUnavailable
from gateway.opend.pool import MIN_GAP_S, Pool
from gateway.opend.protocol import SessionInfo, SessionState
from gateway.opend.settings import ClientSettings, Endpoint

FIRST = Endpoint("first", 1)
SECOND = Endpoint("second", 2)
LONG_S = 5.0


class StubConnection:
    """As much of a connection as a pool looks at."""

    def __init__(self, endpoint, is_pinned):
        self.endpoint = endpoint
        self.is_pinned = is_pinned
        self.closed = Event()
        self.in_flight = 0
        self.is_doubtful = False
        self.end_reason = None
        self.info = SessionInfo(1, 1011, 2, 10, PacketEncAlgo.NONE)

    @property
    def state(self):
        return SessionState.CLOSED if self.closed.is_set() else SessionState.READY

    def close(self):
        self.end_reason = ConnectionLost("closed")
        self.closed.set()


class Way:
    """Connects where it is told to, and notes each try."""

    def __init__(self, *up):
        self.up = set(up)
        self.tries = []
        self.made = []

    def __call__(self, endpoint, is_pinned):
        self.tries.append(endpoint)
        if endpoint not in self.up:
            raise OpenDUnavailable(f"{endpoint}: down")
        self.made.append(StubConnection(endpoint, is_pinned))
        return self.made[-1]


@pytest.fixture
def open_pool():
    pools = []

    def make(way, *endpoints, jitter=lambda: 1.0, **settings):
        pool = Pool(ClientSettings(endpoints, **settings), way, clock=SystemClock(), jitter=jitter)
        pools.append(pool)
        pool.open()
        return pool

    yield make
    for pool in pools:
        pool.close()


def deadline(timeout_s=LONG_S):
    return SystemClock().monotonic_s() + timeout_s


def test_endpoints_are_tried_in_order(open_pool):
    way = Way(SECOND)
    pool = open_pool(way, FIRST, SECOND, pool_size=1)
    assert pool.pick(deadline()).endpoint == SECOND
    assert way.tries == [FIRST, SECOND]
    assert pool.failures == {FIRST: "first:1: down"}


def test_after_a_loss_the_first_endpoint_comes_first_again(open_pool):
    way = Way(SECOND)
    pool = open_pool(way, FIRST, SECOND, pool_size=1, jitter=lambda: 0.0)
    lost = pool.pick(deadline())
    way.up.add(FIRST)
    lost.close()
    assert pool.pick(deadline()).endpoint == FIRST
    assert pool.failures == {SECOND: "second:2: closed"}


def test_a_defect_while_connecting_does_not_end_the_tries(open_pool, caplog):
    way, defects = Way(FIRST), [ValueError("a defect")]

    def connect(endpoint, is_pinned):
        if defects:
            raise defects.pop()
        return way(endpoint, is_pinned)

    pool = open_pool(connect, FIRST, pool_size=1, jitter=lambda: 0.0)
    assert pool.pick(deadline()).endpoint == FIRST
    assert "a defect" in caplog.text


def test_only_the_first_slot_is_pinned(open_pool):
    way = Way(FIRST)
    pool = open_pool(way, FIRST, pool_size=3)
    assert pool.pick(deadline(), pinned=True).is_pinned
    gevent.sleep(0)
    assert sorted(connection.is_pinned for connection in way.made) == [False, False, True]


def test_the_least_busy_connection_is_picked(open_pool):
    way = Way(FIRST)
    pool = open_pool(way, FIRST, pool_size=3)
    pool.pick(deadline())
    gevent.sleep(0)
    for connection, in_flight in zip(way.made, [3, 1, 2], strict=True):
        connection.in_flight = in_flight
    assert pool.pick(deadline()) is way.made[1]


def test_a_doubtful_connection_is_picked_only_when_all_are(open_pool):
    way = Way(FIRST)
    pool = open_pool(way, FIRST, pool_size=2)
    pool.pick(deadline())
    gevent.sleep(0)
    stalled, busy = way.made
    stalled.is_doubtful, busy.in_flight = True, 7
    assert pool.pick(deadline()) is busy
    busy.is_doubtful = True
    assert pool.pick(deadline()) is stalled


def test_while_a_call_waits_tries_follow_each_other_fast_but_not_at_once(open_pool):
    way = Way()
    pool = open_pool(way, FIRST, pool_size=1, connect_wait_s=2.0)
    with pytest.raises(OpenDUnavailable, match="cannot reach OpenD: first:1: down"):
        pool.pick(deadline())
    assert 5 <= len(way.tries) <= 2.0 / MIN_GAP_S + 1


def test_a_call_wakes_a_pool_out_of_a_long_delay(open_pool):
    way = Way()
    pool = open_pool(way, FIRST, pool_size=1, connect_wait_s=LONG_S, jitter=lambda: 20.0)
    gevent.sleep(0)
    assert len(way.tries) == 1
    way.up.add(FIRST)
    with gevent.Timeout(2.0):
        assert pool.pick(deadline()).endpoint == FIRST


def test_the_wait_for_a_connection_ends_at_the_calls_deadline(open_pool):
    pool = open_pool(Way(), FIRST, connect_wait_s=60.0)
    with gevent.Timeout(LONG_S), pytest.raises(OpenDUnavailable):
        pool.pick(deadline(0.05))


def test_closing_wakes_who_waits(open_pool):
    pool = open_pool(Way(), FIRST, connect_wait_s=60.0)
    waiting = gevent.spawn(pool.pick, deadline(60))
    gevent.sleep(0)
    pool.close()
    with pytest.raises(OpenDUnavailable, match="not open"):
        waiting.get(timeout=LONG_S)


def test_a_pool_that_was_never_opened_refuses():
    pool = Pool(ClientSettings((FIRST,)), Way(), clock=SystemClock(), jitter=lambda: 1.0)
    with pytest.raises(OpenDUnavailable, match="not open"), pool.place(deadline()):
        pass
    assert not pool.wait_ready(0.0)
