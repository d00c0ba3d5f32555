import pytest
from simulated_wire import Bench

from gateway.opend.frame import FrameReader, body_sha1
from gateway.simulator.faults import Fault, FaultKind, FaultPlan, make_fault, parse_fault

HEARTBEAT, STATE, ACCOUNTS = 1004, 1002, 2001


@pytest.fixture
def executed():
    return []


@pytest.fixture
def bench(executed):
    def execute(call):
        executed.append(call.proto_id)
        return {"accList": []}

    return Bench(handlers={ACCOUNTS: execute})


@pytest.fixture
def client(bench):
    return bench.ready_client()


def strike(bench, client, kind, **settings):
    """Ask once under this fault; returns the bytes that came."""
    bench.opend.faults.add(Fault(kind, proto_id=ACCOUNTS, **settings))
    before = len(client.sent)
    client.send(client.request_bytes(ACCOUNTS, {"userID": 0}, serial=77))
    return bytes(client.sent[before:])


@pytest.mark.parametrize(
    ("kind", "answers", "stays_open", "executes"),
    [
        (FaultKind.HANG, False, True, False),
        (FaultKind.MUTE, False, True, True),
        (FaultKind.DROP_BEFORE, False, False, False),
        (FaultKind.DROP_AFTER, False, False, True),
        (FaultKind.HALF_FRAME, True, False, True),
        (FaultKind.STALL, True, True, True),
        (FaultKind.BAD_SHA1, True, True, True),
        (FaultKind.BAD_BODY, True, True, True),
        (FaultKind.GARBAGE, True, True, True),
        (FaultKind.WRONG_SERIAL, True, True, True),
    ],
)
def test_each_fault_answers_drops_and_executes_as_it_says(
    bench, client, executed, kind, answers, stays_open, executes
):
    data = strike(bench, client, kind)
    assert (bool(data), client.is_open, bool(executed)) == (answers, stays_open, executes)


@pytest.mark.parametrize("kind", [FaultKind.HALF_FRAME, FaultKind.STALL])
def test_half_a_frame_is_the_first_half(bench, client, kind):
    whole = strike(bench, client, FaultKind.DELAY, delay_s=1) or client.delayed[-1][1]
    data = strike(bench, client, kind)
    assert data == whole[: len(whole) // 2]


def test_a_stalled_connection_stays_silent_for_ever_and_others_do_not(bench, client):
    strike(bench, client, FaultKind.STALL)
    before = len(client.sent)
    client.send(client.request_bytes(STATE, {"userID": 0}))
    bench.pushes.notify({"type": 3})
    assert len(client.sent) == before
    assert bench.ready_client().ask(STATE, userID=0).retType == 0


def frame_of(data):
    (frame,) = FrameReader(max_body_bytes=1 << 16).feed(data)
    return frame


def test_a_bad_sha1_is_the_only_thing_wrong(bench, client):
    frame = frame_of(strike(bench, client, FaultKind.BAD_SHA1))
    assert frame.sha1 != body_sha1(frame.body)
    assert frame.serial == 77


def test_a_bad_body_has_the_right_sha1(bench, client):
    frame = frame_of(strike(bench, client, FaultKind.BAD_BODY))
    assert frame.sha1 == body_sha1(frame.body)
    assert frame.serial == 77
    with pytest.raises(Exception, match="pars"):
        client.decode(frame)


def test_a_wrong_serial_is_the_only_thing_wrong(bench, client):
    frame = frame_of(strike(bench, client, FaultKind.WRONG_SERIAL))
    assert frame.serial != 77
    assert client.decode(frame).retType == 0


def test_garbage_is_no_frame(bench, client):
    assert not strike(bench, client, FaultKind.GARBAGE).startswith(b"F")


def test_a_late_reply_does_not_hold_up_the_next_one(bench, client):
    assert strike(bench, client, FaultKind.DELAY, delay_s=0.5) == b""
    assert client.ask(STATE, userID=0).retType == 0
    ((delay_s, data),) = client.delayed
    assert (delay_s, frame_of(data).serial) == (0.5, 77)


def test_a_fault_strikes_as_often_as_it_says_and_its_own_protocol_only(bench, client):
    bench.opend.faults.add(Fault(FaultKind.MUTE, proto_id=HEARTBEAT, times=2))
    assert client.ask(STATE, userID=0).retType == 0
    for _ in range(2):
        client.send(client.request_bytes(HEARTBEAT, {"time": 1}))
        assert client.frames() == []
    assert client.ask(HEARTBEAT, time=1).retType == 0


def test_a_fault_without_a_number_strikes_until_it_is_cleared(bench, client):
    bench.opend.faults.add(Fault(FaultKind.HANG, times=None))
    for proto_id, c2s in ((HEARTBEAT, {"time": 1}), (STATE, {"userID": 0})) * 5:
        client.send(client.request_bytes(proto_id, c2s))
    assert client.frames() == []
    bench.opend.faults.clear()
    assert client.ask(STATE, userID=0).retType == 0


def test_faults_strike_in_the_order_given(bench, client):
    bench.opend.faults.add(Fault(FaultKind.MUTE, proto_id=STATE))
    bench.opend.faults.add(Fault(FaultKind.WRONG_SERIAL, proto_id=STATE))
    for expected in (0, 1):
        client.send(client.request_bytes(STATE, {"userID": 0}))
        assert len(client.frames()) == expected


def test_refused_connections_are_reset_and_the_next_one_is_served(bench):
    bench.opend.faults.add(Fault(FaultKind.REFUSE, times=2))
    turned_away = [bench.client() for _ in range(2)]
    assert not any(client.is_open for client in turned_away)
    assert bench.ready_client().is_open


def test_init_connect_can_be_struck_too(bench):
    bench.opend.faults.add(Fault(FaultKind.HANG, proto_id=1001))
    client = bench.client()
    client.send(client.request_bytes(1001, {"clientVer": 1, "clientID": "x"}))
    assert client.frames() == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault(FaultKind.HANG)),
        ("mute:proto=2202", Fault(FaultKind.MUTE, proto_id=2202)),
        ("bad-sha1:proto=3004,times=3", Fault(FaultKind.BAD_SHA1, proto_id=3004, times=3)),
        ("delay:times=0,delay_s=0.25", Fault(FaultKind.DELAY, times=None, delay_s=0.25)),
    ],
)
def test_faults_are_read_from_text(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "explode",
        "hang:proto",
        "hang:proto=x",
        "hang:when=now",
        "delay",
        "hang:delay_s=1",
        "refuse:proto=1",
        "mute:times=-1",
    ],
)
def test_a_text_that_is_no_fault_is_an_error(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_fault(text)


def test_json_values_make_the_same_fault_as_text():
    assert make_fault("delay", proto=3004, times=0, delay_s=0.5) == parse_fault(
        "delay:proto=3004,times=0,delay_s=0.5"
    )


def test_the_plan_shows_what_is_still_to_come():
    plan = FaultPlan(Fault(FaultKind.MUTE, times=2), Fault(FaultKind.HANG, proto_id=5))
    plan.take_for_request(9)
    assert plan.pending() == (Fault(FaultKind.MUTE, times=1), Fault(FaultKind.HANG, proto_id=5))
