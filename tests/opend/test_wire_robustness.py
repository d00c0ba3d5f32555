"""Mutated and random bytes into the frame reader and the session: no crash, no hang, no surprise."""

import random
import signal
from contextlib import contextmanager
from typing import get_args

import pytest
from fake_opend import AES_IV, AES_KEY, Cbc, FtEcb, Plain, Rsa, pack, response

from gateway.opend.crypto import RsaCipher
from gateway.opend.errors import FrameError, OpenDError
from gateway.opend.frame import FrameReader
from gateway.opend.protocol import (
    Event,
    ProtocolFault,
    Reply,
    Session,
    SessionReady,
    SessionState,
    parse_response,
)
from gateway.schema.protocols import PROTOCOLS

STREAMS = 100_000
MAX_BODY_BYTES = 4096
S2C = {
    "serverVer": 1011,
    "loginUserID": 7,
    "connID": 1,
    "connAESKey": AES_KEY,
    "keepAliveInterval": 10,
    "aesCBCiv": AES_IV,
}
BODIES = [
    (3003, response(3003, s2c={"totalUsedQuota": 3, "remainQuota": 97})),
    (3004, response(3004, s2c={"basicQotList": []})),
    (3005, response(3005, s2c={})),
    (2202, response(2202, ret_type=-1, ret_msg="下单频率太高")),
    (1004, response(1004, s2c={"time": 1})),
    (9999, b"?"),
]


@contextmanager
def time_limit(seconds):
    """Breaks out of an endless loop, which no greenlet's timeout could."""

    def expire(*_):
        raise TimeoutError("the bytes kept the code busy for too long")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def valid_stream(cipher):
    frames = []
    for serial, (proto_id, body) in enumerate(BODIES):
        frame = pack(proto_id, serial, cipher.encrypt(body))
        frames.append(frame[:16] + pack(proto_id, serial, body)[16:36] + frame[36:])
    return b"".join(frames)


def mutated(source, dice):
    """The bytes with a few bits, bytes or stretches changed, lost, doubled or put elsewhere."""
    data = bytearray(source)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 2:
                del data[at : at + dice.randint(1, 60)]
            case 3:
                data[at:at] = data[at : at + dice.randint(1, 60)]
            case _ if at + 4 <= len(data):
                data[at : at + 4] = dice.choice([b"\xff\xff\xff\xff", bytes(4), b"\x00\x10\x00\x00"])
    return bytes(data)


def a_stream(source, dice):
    return dice.randbytes(dice.randint(0, 200)) if dice.random() < 0.1 else mutated(source, dice)


def pieces(data, dice):
    """The bytes cut where the dice say; most often whole."""
    while data:
        length = len(data) if dice.random() < 0.7 else dice.randint(1, len(data))
        yield data[:length]
        data = data[length:]


def test_the_frame_reader_gives_frames_or_its_own_errors():
    dice = random.Random(1)
    source = valid_stream(Plain())
    frames = faults = 0
    with time_limit(60):
        for _ in range(STREAMS):
            reader = FrameReader(MAX_BODY_BYTES)
            try:
                for piece in pieces(a_stream(source, dice), dice):
                    frames += len(reader.feed(piece))
            except FrameError:
                faults += 1
    assert frames > STREAMS
    assert faults > STREAMS / 2


@pytest.mark.parametrize(
    ("encryption", "theirs", "share"), [("none", Plain(), 0.8), ("cbc", Cbc(), 0.1), ("ftaes", FtEcb(), 0.1)]
)
def test_the_session_gives_events_and_stays_in_its_states(encryption, theirs, share, rsa_pem):
    dice = random.Random(2)
    source = valid_stream(theirs)
    rsa = None if encryption == "none" else RsaCipher.from_pem(rsa_pem)
    init = init_reply(rsa_pem if rsa else None, with_iv=encryption != "ftaes")
    seen = set()
    with time_limit(60):
        for _ in range(int(STREAMS * share)):
            seen |= drive(started_session(rsa, init), a_stream(source, dice), dice)
    assert seen == set(get_args(Event)) - {SessionReady}


def test_the_session_before_ready_takes_anything_too():
    dice = random.Random(3)
    source = init_reply(None, with_iv=True)
    seen = set()
    with time_limit(60):
        for _ in range(STREAMS // 10):
            session = Session(client_id="test", max_body_bytes=MAX_BODY_BYTES)
            session.start(0.0)
            seen |= drive(session, a_stream(source, dice), dice)
    assert {SessionReady, ProtocolFault} <= seen


def init_reply(pem, *, with_iv):
    body = response(1001, s2c=S2C if with_iv else {k: v for k, v in S2C.items() if k != "aesCBCiv"})
    plain = pack(1001, 1, body)
    if pem is None:
        return plain
    wire = pack(1001, 1, Rsa(pem).encrypt(body))
    return wire[:16] + plain[16:36] + wire[36:]


def started_session(rsa, init):
    session = Session(client_id="test", max_body_bytes=MAX_BODY_BYTES, rsa=rsa)
    session.start(0.0)
    session.receive(init, 0.0)
    assert session.state is SessionState.READY
    return session


def drive(session, data, dice):
    """Feed the session and its replies' parser; returns the kinds of events that came."""
    kinds = set()
    for piece in pieces(data, dice):
        was_closed = session.state is SessionState.CLOSED
        events = session.receive(piece, 0.0)
        assert not (was_closed and events)
        for event in events:
            kinds.add(type(event))
            if isinstance(event, Reply):
                parse(event)
        ended = any(isinstance(event, ProtocolFault) for event in events)
        assert (session.state is SessionState.CLOSED) == (ended or was_closed)
        assert not ended or isinstance(events[-1], ProtocolFault)
    return kinds


def parse(reply):
    try:
        response = parse_response(PROTOCOLS[reply.proto_id], reply.body)
    except OpenDError:
        return
    assert response.retType == 0
