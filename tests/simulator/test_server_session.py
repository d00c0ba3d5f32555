import pytest
from simulated_wire import INIT_CONNECT, TENCENT, Bench, securities

from gateway.opend.frame import body_sha1, encode_frame
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.model import Answer, Refusal
from gateway.simulator.opend import MAX_CONNECTIONS
from gateway.simulator.session import MAX_REQUEST_BODY_BYTES


@pytest.fixture
def bench():
    return Bench()


def test_init_connect_gives_what_opend_gives(bench):
    s2c = bench.client().init_connect().s2c
    assert s2c.serverVer == 1011
    assert s2c.connID > 2**53
    assert s2c.keepAliveInterval == 10
    for key in (s2c.connAESKey, s2c.aesCBCiv):
        assert len(key) == 16
        assert set(key) <= set("0123456789ABCDEF")


def test_each_connection_has_its_own_id_and_key(bench):
    replies = [bench.client().init_connect().s2c for _ in range(20)]
    assert len({s2c.connID for s2c in replies}) == 20
    assert len({s2c.connAESKey for s2c in replies}) == 20


def test_a_request_before_init_connect_is_refused_and_init_connect_still_works(bench):
    client = bench.client()
    reply = client.ask(1002, userID=0)
    assert reply.retType == -1
    assert "InitConnect" in reply.retMsg
    assert client.init_connect().retType == 0


def test_a_second_init_connect_is_refused_and_changes_nothing(bench):
    client = bench.ready_client()
    assert client.ask(1001, **INIT_CONNECT).retType == -1
    assert client.ask(1002, userID=0).s2c.connID == client.conn_id


def test_json_pushes_are_refused(bench):
    assert bench.client().init_connect(pushProtoFmt=1).retType == -1


def test_json_bodies_are_refused(bench):
    client = bench.ready_client()
    client.send(encode_frame(1002, 7, b"{}", sha1=body_sha1(b"{}"), proto_fmt=1))
    (frame,) = client.frames()
    reply = client.decode(frame)
    assert (reply.retType, frame.serial) == (-1, 7)
    assert "JSON" in reply.retMsg


def test_replies_echo_the_serial_numbers(bench):
    client = bench.ready_client()
    requests = [client.request_bytes(1004, {"time": 1}, serial=serial) for serial in (5, 2**32 - 1, 0)]
    client.send(b"".join(requests))
    assert [frame.serial for frame in client.frames()] == [5, 2**32 - 1, 0]


def test_bytes_may_come_one_by_one(bench):
    client = bench.client()
    for byte in client.request_bytes(1001, INIT_CONNECT):
        client.send(bytes([byte]))
    (frame,) = client.frames()
    assert client.decode(frame).retType == 0


@pytest.mark.parametrize("proto_id", [0, 9999, 3019, 3104])
def test_an_unknown_protocol_is_refused_in_opends_words(bench, proto_id):
    client = bench.ready_client()
    client.send(encode_frame(proto_id, 3, b"", sha1=body_sha1(b"")))
    (frame,) = client.frames()
    reply = PROTOCOLS[1004].response.FromString(frame.body)
    assert (frame.proto_id, frame.serial) == (proto_id, 3)
    assert (reply.retType, reply.retMsg) == (-1, "未知的协议ID")


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"", b"\x0a\x00"], ids=["noise", "empty", "no userID"])
def test_a_body_that_is_no_whole_request_is_refused_in_opends_words(bench, body):
    client = bench.ready_client()
    client.send(encode_frame(1002, 3, body, sha1=body_sha1(body)))
    (frame,) = client.frames()
    reply = client.decode(frame)
    assert reply.retType < 0
    assert reply.retMsg == "解析protobuf协议失败"


def test_a_wrong_sha1_is_refused_in_opends_words_and_the_connection_stays(bench):
    client = bench.ready_client()
    request = bytearray(client.request_bytes(1002, {"userID": 0}))
    request[20] ^= 1
    client.send(bytes(request))
    (frame,) = client.frames()
    assert client.decode(frame).retMsg == "The packet body SHA1 signature is incorrect"
    assert client.ask(1002, userID=0).retType == 0


def test_bytes_that_are_no_frame_end_the_connection_after_the_frames_before_them(bench):
    client = bench.ready_client()
    client.send(client.request_bytes(1004, {"time": 1}) + b"GET / HTTP/1.1\r\n")
    assert len(client.frames()) == 1
    assert not client.is_open


def test_a_body_over_the_cap_ends_the_connection(bench):
    client = bench.ready_client()
    header = encode_frame(1002, 1, b"", sha1=bytes(20))
    length = (MAX_REQUEST_BODY_BYTES + 1).to_bytes(4, "little")
    client.send(header[:12] + length + header[16:])
    assert not client.is_open


def test_the_129th_connection_is_closed_and_one_that_leaves_makes_room(bench):
    clients = [bench.client() for _ in range(MAX_CONNECTIONS)]
    assert all(client.is_open for client in clients)
    assert not bench.client().is_open
    clients[0].disconnect()
    assert bench.client().is_open


def test_a_silent_client_is_dropped_after_30_seconds_and_a_heartbeat_prevents_it(bench):
    silent, alive = bench.ready_client(), bench.ready_client()
    bench.clock.advance(20)
    alive.ask(1004, time=1)
    bench.clock.advance(10.5)
    bench.opend.tick()
    assert not silent.is_open
    assert alive.is_open


def test_a_broken_handler_is_a_refusal_and_a_log_line(caplog):
    def break_down(call):
        raise ZeroDivisionError("on purpose")

    client = Bench(handlers={2001: break_down}).ready_client()
    assert client.ask(2001, userID=0).retType == -1
    assert "on purpose" in caplog.text
    assert client.ask(1002, userID=0).retType == 0


def test_an_answer_without_a_required_field_is_a_refusal_too(caplog):
    client = Bench(handlers={1004: lambda call: {}}).ready_client()
    assert client.ask(1004, time=1).retType == -1
    assert "time" in caplog.text


def in_three_steps(call):
    yield
    yield
    return {"accList": []}


def test_others_are_answered_between_the_steps_of_a_long_request():
    bench = Bench(handlers={2001: in_three_steps})
    patient, quick = bench.ready_client(), bench.ready_client()
    bench.opend.receive(patient.session, patient.request_bytes(2001, {"userID": 0}))

    assert bench.opend.answer(patient.session)
    assert quick.ask(1002, userID=0).retType == 0
    assert patient.frames()[1:] == []
    assert bench.opend.answer(patient.session)
    assert not bench.opend.answer(patient.session)
    (frame,) = patient.frames()
    assert (frame.proto_id, patient.decode(frame).retType) == (2001, 0)


def test_what_waits_behind_a_long_request_is_answered_after_it():
    client = Bench(handlers={2001: in_three_steps}).ready_client()
    client.frames()
    client.send(client.request_bytes(2001, {"userID": 0}) + client.request_bytes(1002, {"userID": 0}))
    assert [frame.proto_id for frame in client.frames()] == [2001, 1002]


def test_a_long_request_ends_with_its_connection():
    bench = Bench(handlers={2001: in_three_steps})
    client = bench.ready_client()
    client.frames()
    bench.opend.receive(client.session, client.request_bytes(2001, {"userID": 0}))
    bench.opend.answer(client.session)
    bench.opend.restart()

    assert not bench.opend.answer(client.session)
    assert client.frames() == []


def test_a_refusal_in_a_later_step_is_the_reply():
    def refuse(call):
        yield
        raise Refusal("no")

    assert Bench(handlers={2001: refuse}).ready_client().ask(2001, userID=0).retMsg == "no"


def test_a_refusal_carries_its_three_fields():
    def refuse(call):
        raise Refusal("no", ret_type=-500, err_code=7)

    reply = Bench(handlers={2001: refuse}).ready_client().ask(2001, userID=0)
    assert (reply.retType, reply.retMsg, reply.errCode) == (-500, "no", 7)


def test_a_success_has_an_empty_text_unless_the_handler_gives_one():
    client = Bench(handlers={2001: lambda call: Answer({}, "already unlocked")}).ready_client()
    system_reply, text_reply = client.ask(1002, userID=0), client.ask(2001, userID=0)
    assert (system_reply.retType, system_reply.retMsg, system_reply.errCode) == (0, "", 0)
    assert (text_reply.retType, text_reply.retMsg) == (0, "already unlocked")


def test_orders_match_before_a_trade_query_is_answered(bench):
    client = bench.ready_client()
    client.ask(1002, userID=0)
    before = bench.desk.advanced
    client.ask(2001, userID=0)
    assert (before, bench.desk.advanced) == (0, 1)


def test_trade_interfaces_are_closed_where_the_address_is_open_and_no_key_is_configured():
    client = Bench(trading_allowed=False).ready_client()
    assert client.ask(2001, userID=0).retType == -1
    assert client.ask(2008).retType == -1
    assert client.ask(1002, userID=0).retType == 0


def test_a_restart_drops_all_locks_trading_and_gives_new_ids(bench):
    client = bench.ready_client()
    client.ask(3001, securityList=securities(TENCENT), subTypeList=[1], isSubOrUnSub=True)
    bench.opend.restart()
    assert not client.is_open
    assert bench.desk.locked
    again = bench.ready_client()
    assert again.conn_id != client.conn_id
    assert again.ask(3003, isReqAllConn=True).s2c.totalUsedQuota == 0
