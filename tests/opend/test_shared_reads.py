"""One call for all who ask the same at the same moment."""

import gevent
import pytest
from gevent.event import Event

from gateway.clock import ManualClock
from gateway.opend.client import CallKind
from gateway.opend.errors import OpenDRefused, OpenDTimeout, answer_error
from gateway.opend.shared import JOIN_WITHIN_S, SharedReads
from gateway.routes import ROUTES, Domain, Kind
from gateway.schema.protocols import protocol_named

STATE = protocol_named("Qot_GetMarketState")
SNAPSHOT = protocol_named("Qot_GetSecuritySnapshot")
TIMEOUT_S = 10.0
LIMIT_S = 5.0


def state(*codes):
    return STATE.request(c2s={"securityList": [{"market": 1, "code": code} for code in codes]})


class HeldClient:
    """A client whose calls wait until `release`, and then answer with their number, or raise."""

    def __init__(self):
        self.calls = []
        self.arrived = Event()
        self.gate = Event()
        self.error = None

    def call(self, protocol, request, *, kind, deadline_s):
        self.calls.append((protocol.name, deadline_s))
        number = len(self.calls)
        self.arrived.set()
        self.gate.wait()
        if self.error:
            raise self.error
        return protocol.response(retType=0, retMsg=str(number))

    def wait_for(self, count):
        with gevent.Timeout(LIMIT_S):
            while len(self.calls) < count:
                self.arrived.wait()
                self.arrived.clear()


@pytest.fixture
def clock():
    return ManualClock(wall=0.0, monotonic=100.0)


@pytest.fixture
def client():
    return HeldClient()


@pytest.fixture
def reads(client, clock):
    return SharedReads(client, clock, TIMEOUT_S)


@pytest.fixture
def ask(reads, client):
    """Begins a read in a greenlet of its own, which is waiting when this returns."""
    begun = []

    def begin(request=None, protocol=STATE):
        begun.append(gevent.spawn(lambda: reads.ask(protocol, request or state("00700"), kind=CallKind.READ)))
        gevent.idle()
        return begun[-1]

    yield begin
    gevent.killall(begun)


def outcome(greenlet):
    return greenlet.get(timeout=LIMIT_S)


def test_those_who_ask_the_same_meanwhile_share_one_call(ask, client, reads):
    joined = []
    reads.on_join = lambda protocol: joined.append(protocol.name)
    asked = [ask() for _ in range(8)]
    client.gate.set()
    readings = {id(outcome(each)) for each in asked}
    assert len(client.calls) == 1
    assert len(readings) == 1
    assert joined == ["Qot_GetMarketState"] * 7


def test_other_questions_have_calls_of_their_own(ask, client):
    same_bytes = SNAPSHOT.request(c2s={"securityList": [{"market": 1, "code": "00700"}]})
    asked = [ask(), ask(state("00001")), ask(state("00700", "00001")), ask(same_bytes, SNAPSHOT)]
    client.gate.set()
    assert {outcome(each).answer.retMsg for each in asked} == {"1", "2", "3", "4"}


def test_an_answer_is_given_to_nobody_who_asks_after_it(ask, client):
    client.gate.set()
    assert [outcome(ask()).answer.retMsg for _ in range(2)] == ["1", "2"]


def test_an_error_reaches_all_and_nobody_after_them(ask, client):
    client.error = answer_error(-1, "no")
    asked = [ask() for _ in range(3)]
    client.gate.set()
    for each in asked:
        with pytest.raises(OpenDRefused, match="no"):
            _ = outcome(each).answer
    assert len(client.calls) == 1
    client.error = None
    assert outcome(ask()).answer.retMsg == "2"


def test_when_the_one_whose_call_it_is_goes_away_the_others_get_their_answer(ask, client):
    leader, others = ask(), [ask() for _ in range(3)]
    leader.kill()
    client.wait_for(2)
    client.gate.set()
    assert [outcome(each).answer.retMsg for each in others] == ["2"] * 3
    assert len(client.calls) == 2


def test_one_who_only_waits_may_go_away(ask, client):
    leader, other, third = ask(), ask(), ask()
    other.kill()
    client.gate.set()
    assert outcome(leader) is outcome(third)
    assert len(client.calls) == 1


def test_a_call_that_has_run_for_long_is_not_joined(ask, client, clock):
    ask()
    clock.advance(JOIN_WITHIN_S + 0.001)
    late, later = ask(), ask()
    client.gate.set()
    assert outcome(late).answer.retMsg == "2"
    assert outcome(late) is outcome(later)


def test_an_old_call_that_ends_leaves_the_one_after_it_to_be_joined(reads, ask, client, clock):
    first_gate, client.gate = client.gate, client.gate
    first = ask()
    clock.advance(JOIN_WITHIN_S + 0.001)
    client.gate = Event()
    second = ask()
    first_gate.set()
    outcome(first)
    third = ask()
    client.gate.set()
    assert outcome(second) is outcome(third)


def test_each_waits_until_its_own_deadline_alone(client, clock):
    reads = SharedReads(client, clock, 0.05)
    leader = gevent.spawn(lambda: reads.ask(STATE, state("00700"), kind=CallKind.READ))
    client.wait_for(1)
    clock.advance(0.02)
    reading = reads.ask(STATE, state("00700"), kind=CallKind.READ)
    with pytest.raises(OpenDTimeout):
        _ = reading.answer
    client.gate.set()
    assert outcome(leader).answer.retMsg == "1"


def test_who_takes_a_call_over_keeps_the_deadline_that_it_began_with(ask, client, clock):
    leader = ask()
    clock.advance(0.2)
    ask()
    clock.advance(3.0)
    leader.kill()
    client.wait_for(2)
    assert [deadline_s for _, deadline_s in client.calls] == [110.0, 110.2]


def test_who_must_not_be_answered_from_before_asks_anew(reads, ask, client):
    ask()
    gevent.spawn(lambda: reads.ask_anew(STATE, state("00700"), kind=CallKind.READ))
    client.wait_for(2)
    joined = ask()
    client.gate.set()
    assert outcome(joined).answer.retMsg == "2"


def test_only_what_is_the_same_for_all_callers_is_shared():
    shared = [route for route in ROUTES if route.is_shared]
    assert len(shared) == 22
    for route in shared:
        assert route.domain is Domain.QUOTE
        assert route.kind in (Kind.READ, Kind.REALTIME)
        names = set(route.protocol.request.DESCRIPTOR.fields_by_name["c2s"].message_type.fields_by_name)
        answered = set(route.protocol.response.DESCRIPTOR.fields_by_name["s2c"].message_type.fields_by_name)
        assert not (names | answered) & {"accList", "accIDList", "packetID", "subInfoList", "userID"}
