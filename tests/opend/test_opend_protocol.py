import hashlib

import pytest
from fake_opend import AES_IV, AES_KEY, Cbc, FtEcb, Rsa, pack, response

from gateway.opend.crypto import PacketEncAlgo, RsaCipher
from gateway.opend.errors import (
    BadMagic,
    BadSha1,
    CipherError,
    ConnectionLost,
    DecryptionError,
    FrameTooLarge,
    OpenDFailed,
    OpenDLimited,
    OpenDRefused,
    SessionStateError,
    UnparsableBody,
)
from gateway.opend.frame import FrameReader
from gateway.opend.protocol import (
    TRANSITIONS,
    Dropped,
    ProtocolFault,
    Push,
    Reply,
    Session,
    SessionInfo,
    SessionReady,
    SessionState,
    Signal,
    Unreadable,
    parse_response,
)
from gateway.schema.protocols import PROTOCOLS

CONN_ID = 6813746013095493825
S2C = {
    "serverVer": 1011,
    "loginUserID": 7,
    "connID": CONN_ID,
    "connAESKey": AES_KEY,
    "keepAliveInterval": 10,
    "aesCBCiv": AES_IV,
}
READY = SessionReady(SessionInfo(CONN_ID, 1011, 7, 10, PacketEncAlgo.NONE))


def new_session(**options):
    return Session(client_id="test", max_body_bytes=10_000, **options)


def ready_session(*, s2c=S2C, now_s=0.0, **options):
    session = new_session(**options)
    session.start(now_s)
    serial = options.get("first_serial", 1)
    assert session.receive(pack(1001, serial, response(1001, s2c=s2c)), now_s) == [READY]
    return session


def sent(frame):
    (only,) = FrameReader(10_000).feed(frame)
    return only


def test_init_connect_without_a_key_asks_for_no_encryption():
    frame = sent(new_session().start(0.0))
    c2s = PROTOCOLS[1001].request.FromString(frame.body).c2s
    assert (frame.proto_id, frame.serial) == (1001, 1)
    assert (c2s.clientID, c2s.recvNotify, c2s.packetEncAlgo, c2s.pushProtoFmt) == ("test", True, -1, 0)


def test_a_session_is_ready_after_the_reply_and_knows_what_it_said():
    session = ready_session()
    assert session.state is SessionState.READY
    assert session.info == READY.info


def test_the_reply_may_come_byte_by_byte():
    session = new_session()
    session.start(0.0)
    stream = pack(1001, 1, response(1001, s2c=S2C))
    events = [session.receive(stream[i : i + 1], 0.0) for i in range(len(stream))]
    assert events[:-1] == [[]] * (len(stream) - 1)
    assert events[-1] == [READY]


@pytest.mark.parametrize(
    ("with_iv", "theirs", "algo"),
    [(True, Cbc(), PacketEncAlgo.AES_CBC), (False, FtEcb(), PacketEncAlgo.FTAES_ECB)],
)
def test_with_a_key_init_connect_is_rsa_and_the_rest_aes(rsa_pem, with_iv, theirs, algo):
    session = new_session(rsa=RsaCipher.from_pem(rsa_pem))
    init = sent(session.start(0.0))
    plain = Rsa(rsa_pem).decrypt(init.body)
    assert PROTOCOLS[1001].request.FromString(plain).c2s.packetEncAlgo == PacketEncAlgo.AES_CBC
    assert init.sha1 == hashlib.sha1(plain).digest()
    body = response(1001, s2c=S2C if with_iv else {k: v for k, v in S2C.items() if k != "aesCBCiv"})
    sha1 = hashlib.sha1(body).digest()
    (ready,) = session.receive(pack(1001, 1, Rsa(rsa_pem).encrypt(body), sha1=sha1), 0.0)
    assert ready.info.encryption is algo
    serial, frame = session.request(3004, b"plain request")
    assert theirs.decrypt(sent(frame).body) == b"plain request"
    assert sent(frame).sha1 == hashlib.sha1(b"plain request").digest()
    reply = pack(3004, serial, theirs.encrypt(b"answer"), sha1=hashlib.sha1(b"answer").digest())
    assert session.receive(reply, 0.0) == [Reply(3004, serial, b"answer")]


def test_a_key_that_opend_does_not_share_is_named_as_the_likely_cause(rsa_pem):
    session = new_session(rsa=RsaCipher.from_pem(rsa_pem))
    session.start(0.0)
    (fault,) = session.receive(pack(1001, 1, response(1001, s2c=S2C)), 0.0)
    assert isinstance(fault.error, CipherError)
    assert "same RSA key" in str(fault.error)
    assert session.state is SessionState.CLOSED


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (response(1001, ret_type=-1, ret_msg="no"), OpenDRefused),
        (response(1001), UnparsableBody),
        (response(1001, s2c={"serverVer": 1}), UnparsableBody),
        (b"\xff\xff", UnparsableBody),
        (b"", UnparsableBody),
    ],
)
def test_an_init_connect_that_fails_ends_the_session(body, kind):
    session = new_session()
    session.start(0.0)
    (fault,) = session.receive(pack(1001, 1, body), 0.0)
    assert isinstance(fault, ProtocolFault)
    assert isinstance(fault.error, kind)
    assert session.state is SessionState.CLOSED


def test_an_aes_key_that_is_no_text_ends_the_session(rsa_pem):
    session = new_session(rsa=RsaCipher.from_pem(rsa_pem))
    session.start(0.0)
    body = response(1001, s2c=S2C).replace(AES_KEY.encode(), b"\xff" * 16)
    wire = Rsa(rsa_pem).encrypt(body)
    (fault,) = session.receive(pack(1001, 1, wire, sha1=hashlib.sha1(body).digest()), 0.0)
    assert isinstance(fault.error, CipherError)


def test_what_comes_before_the_reply_is_dropped():
    session = new_session()
    session.start(0.0)
    early = pack(1003, 0, b"") + pack(1001, 99, response(1001, s2c=S2C))
    events = session.receive(early + pack(1001, 1, response(1001, s2c=S2C)), 0.0)
    assert [type(event) for event in events] == [Dropped, Dropped, SessionReady]


def test_replies_and_pushes_are_told_apart_by_protocol_and_not_by_serial():
    session = ready_session()
    serial, _ = session.request(3004, b"")
    stream = pack(3005, serial, b"push") + pack(3004, serial, b"reply")
    assert session.receive(stream, 0.0) == [Push(3005, b"push"), Reply(3004, serial, b"reply")]


def test_a_protocol_that_nobody_knows_is_dropped():
    assert ready_session().receive(pack(3261, 0, b"x"), 0.0) == [Dropped(3261, 0, "unknown protocol")]


def test_a_bad_sha1_fails_its_frame_alone():
    session = ready_session()
    bad, good = session.receive(pack(3004, 2, b"x", sha1=bytes(20)) + pack(3004, 3, b"y"), 0.0)
    assert (bad.proto_id, bad.serial, type(bad.error)) == (3004, 2, BadSha1)
    assert good == Reply(3004, 3, b"y")
    assert session.state is SessionState.READY


def test_a_body_in_json_fails_its_frame_alone():
    (event,) = ready_session().receive(pack(3004, 2, b"{}", proto_fmt=1), 0.0)
    assert isinstance(event, Unreadable)
    assert isinstance(event.error, UnparsableBody)


def test_a_body_that_does_not_decrypt_fails_its_frame_alone(rsa_pem):
    session = new_session(rsa=RsaCipher.from_pem(rsa_pem))
    session.start(0.0)
    body = response(1001, s2c=S2C)
    init = pack(1001, 1, Rsa(rsa_pem).encrypt(body), sha1=hashlib.sha1(body).digest())
    _, event = session.receive(init + pack(3004, 2, b"no blocks"), 0.0)
    assert isinstance(event.error, DecryptionError)
    assert session.state is SessionState.READY


@pytest.mark.parametrize(
    ("bytes_", "kind"), [(b"junk", BadMagic), (pack(1, 1, bytes(10_001)), FrameTooLarge)]
)
def test_a_lost_stream_ends_the_session_after_the_frames_before_it(bytes_, kind):
    session = ready_session()
    reply, fault = session.receive(pack(3004, 2, b"x") + bytes_, 0.0)
    assert reply == Reply(3004, 2, b"x")
    assert isinstance(fault.error, kind)
    assert session.state is SessionState.CLOSED
    assert session.receive(pack(3004, 3, b"x"), 0.0) == []


@pytest.mark.parametrize(("length", "text"), [(47, r"connection$"), (46, "in the middle of a frame")])
def test_the_end_of_the_stream_ends_the_session(length, text):
    session = ready_session()
    session.receive(pack(3004, 2, b"abc")[:length], 0.0)
    (fault,) = session.receive(b"", 0.0)
    assert session.state is SessionState.CLOSED
    with pytest.raises(ConnectionLost, match=text):
        raise fault.error


def test_an_end_before_the_reply_says_what_it_may_mean():
    session = new_session()
    session.start(0.0)
    (fault,) = session.receive(b"", 0.0)
    assert "RSA key" in str(fault.error)


def test_serial_numbers_grow_and_come_round_without_0():
    session = ready_session(first_serial=2**32 - 3)
    assert [session.request(3004, b"")[0] for _ in range(4)] == [2**32 - 2, 2**32 - 1, 1, 2]


def test_no_request_leaves_before_ready_or_after_the_end():
    session = new_session()
    with pytest.raises(SessionStateError, match="connecting"):
        session.request(3004, b"")
    session.start(0.0)
    with pytest.raises(SessionStateError, match="initialising"):
        session.request(3004, b"")
    with pytest.raises(SessionStateError, match="init sent while"):
        session.start(0.0)
    session.close()
    with pytest.raises(SessionStateError, match="closed"):
        session.request(3004, b"")


def test_every_state_can_be_closed_and_only_three_moves_lead_on():
    assert {TRANSITIONS[state, Signal.CLOSE] for state in SessionState} == {SessionState.CLOSED}
    assert len(TRANSITIONS) == len(SessionState) + 2


def test_keep_alive_is_due_at_four_fifths_of_the_interval():
    session = ready_session(now_s=100.0)
    assert session.keep_alive_due_at() == 108.0
    frame = sent(session.keep_alive(108.5, 1_700_000_000.9))
    assert frame.proto_id == 1004
    assert PROTOCOLS[1004].request.FromString(frame.body).c2s.time == 1_700_000_000
    assert session.keep_alive_due_at() == 116.5


def test_the_answer_to_keep_alive_is_nobodys_event_but_a_second_one_is():
    session = ready_session()
    serial = sent(session.keep_alive(8.0, 0.0)).serial
    answer = pack(1004, serial, response(1004, s2c={"time": 0}))
    assert session.receive(answer, 8.0) == []
    assert [type(event) for event in session.receive(answer, 8.0)] == [Reply]


def test_late_answers_to_several_keep_alives_are_all_expected():
    session = ready_session()
    serials = [sent(session.keep_alive(float(now_s), 0.0)).serial for now_s in (8, 16, 24)]
    for serial in serials:
        assert session.receive(pack(1004, serial, response(1004, s2c={"time": 0})), 25.0) == []


def test_silence_counts_from_the_last_byte():
    session = ready_session(now_s=100.0)
    assert session.silent_until() == 133.0
    session.keep_alive(108.0, 0.0)
    assert session.silent_until() == 133.0
    session.receive(b"F", 110.0)
    assert session.silent_until() == 143.0


@pytest.mark.parametrize("interval_s", [0, -1])
def test_an_interval_that_is_none_becomes_the_usual_one(interval_s):
    session = new_session()
    session.start(0.0)
    session.receive(pack(1001, 1, response(1001, s2c={**S2C, "keepAliveInterval": interval_s})), 0.0)
    assert session.info.keep_alive_interval_s == 10


def test_a_good_response_is_parsed():
    body = response(3003, s2c={"totalUsedQuota": 3, "remainQuota": 97})
    assert parse_response(PROTOCOLS[3003], body).s2c.remainQuota == 97


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\xff\xff\xff", "no Qot_GetSubInfo.Response"),
        (b"", "lacks retType"),
        (response(3003, s2c={"totalUsedQuota": 3}), "lacks s2c.remainQuota"),
    ],
)
def test_a_response_that_cannot_be_used_is_not(body, text):
    with pytest.raises(UnparsableBody, match=text):
        parse_response(PROTOCOLS[3003], body)


@pytest.mark.parametrize(
    ("ret_type", "kind"),
    [(-1, OpenDRefused), (-500, OpenDRefused), (-100, OpenDFailed), (-200, OpenDFailed), (1, OpenDFailed)],
)
def test_another_ret_type_is_opends_error_even_without_s2c(ret_type, kind):
    with pytest.raises(kind) as caught:
        parse_response(PROTOCOLS[3003], response(3003, ret_type=ret_type, ret_msg="说明"))
    assert caught.value.details() == {"ret_type": ret_type, "ret_msg": "说明", "err_code": 0}


def test_a_limit_is_told_from_other_refusals():
    body = response(3203, ret_type=-1, ret_msg="获取市场快照频率太高，请求失败，每30秒最多60次")
    with pytest.raises(OpenDLimited):
        parse_response(PROTOCOLS[3203], body)


def test_a_text_that_is_no_utf8_is_shown_as_far_as_it_goes():
    body = response(3003, ret_type=-1, ret_msg="ab").replace(b"ab", b"a\xff")
    with pytest.raises(OpenDRefused, match="a\ufffd"):
        parse_response(PROTOCOLS[3003], body)
