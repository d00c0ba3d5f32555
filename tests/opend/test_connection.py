import hashlib
import logging
import random
import socket as plain_socket
import struct
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import gevent
import pytest
from fake_opend import AES_KEY, HEADER, answer, answer_keep_alive, pack, response
from gevent.event import Event
from gevent.queue import Queue

from gateway.clock import ManualClock, SystemClock
from gateway.opend import connection as connection_module
from gateway.opend.connection import Connection
from gateway.opend.crypto import RsaCipher
from gateway.opend.errors import (
    BadSha1,
    ConnectionLost,
    NotSent,
    OpenDTimeout,
    OpenDUnavailable,
    UnparsableBody,
    WrongProcess,
)
from gateway.opend.protocol import Session, SessionState, parse_response
from gateway.opend.settings import Endpoint
from gateway.schema.protocols import PROTOCOLS

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
INIT_S2C = {
    "serverVer": 1011,
    "loginUserID": 7,
    "connID": 1,
    "connAESKey": AES_KEY,
    "keepAliveInterval": 10,
}
REQUEST = PROTOCOLS[3003].request(c2s={}).SerializeToString()
MORE_THAN_A_SOCKET_HOLDS = bytes(16_000_000)
MORE_THAN_A_WINDOW = 1_000_000
LONG_S = 5.0
"""Bounds a wait that should end long before."""


def silence(peer, request):
    """A script that never answers."""


@pytest.fixture
def connect():
    """Opens connections to fakes and closes them at the end."""
    connections = []

    def open_connection(fake, *, clock=None, rsa=None, on_push=None, timeout_s=LONG_S):
        session = Session(client_id="test", max_body_bytes=1_000_000, rsa=rsa)
        connection = Connection(fake.endpoint, session, clock=clock or SystemClock(), on_push=on_push)
        connections.append(connection)
        connection.open(timeout_s)
        return connection

    yield open_connection
    for connection in connections:
        connection.close()


def ask(connection, timeout_s=LONG_S, proto_id=3003, body=REQUEST):
    return connection.call(proto_id, body, SystemClock().monotonic_s() + timeout_s)


def outcome(connection, **options):
    """What `ask` raised in a greenlet of its own, as an AsyncResult-like greenlet."""
    return gevent.spawn(failure, connection, **options)


def failure(connection, **options):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the tests compare its type
        ask(connection, **options)
    return caught.value


def test_a_request_gets_its_reply(fake_opend, connect):
    connection = connect(fake_opend())
    assert parse_response(PROTOCOLS[3001], ask(connection, proto_id=3001)).retType == 0
    assert connection.in_flight == 0


def test_an_empty_body_is_a_reply_too(fake_opend, connect):
    assert ask(connect(fake_opend(lambda peer, request: peer.reply(request, b"")))) == b""


@pytest.mark.parametrize("with_iv", [True, False])
def test_encrypted_sessions_work(fake_opend, connect, rsa_pem, with_iv):
    fake = fake_opend(pem=rsa_pem, with_iv=with_iv)
    connection = connect(fake, rsa=RsaCipher.from_pem(rsa_pem))
    assert parse_response(PROTOCOLS[3001], ask(connection, proto_id=3001)).retType == 0
    assert fake.requests[0].body == REQUEST


def test_a_thousand_in_flight_get_their_own_answers_in_any_order(fake_opend, connect):
    held = []
    all_in = Event()

    def hold(peer, request):
        held.append((peer, request))
        if len(held) == 1000:
            all_in.set()

    connection = connect(fake_opend(hold))
    asked = [gevent.spawn(ask, connection, 10, body=str(number).encode()) for number in range(1000)]
    assert all_in.wait(LONG_S)
    assert connection.in_flight == 1000
    random.Random(4).shuffle(held)
    for peer, request in held:
        peer.reply(request, b"answer to " + request.body)
    gevent.joinall(asked, timeout=LONG_S)
    assert [greenlet.value for greenlet in asked] == [f"answer to {i}".encode() for i in range(1000)]


def test_serial_numbers_reach_opend_in_growing_order(fake_opend, connect):
    fake = fake_opend()
    connection = connect(fake)
    gevent.joinall([gevent.spawn(ask, connection, proto_id=3001) for _ in range(100)], timeout=LONG_S)
    serials = [request.serial for request in fake.requests]
    assert serials == sorted(set(serials))
    assert len(serials) == 100


def test_a_drop_after_reading_fails_all_that_wait_as_sent(fake_opend, connect):
    fake = fake_opend(silence)
    connection = connect(fake)
    waiting = [outcome(connection) for _ in range(3)]
    fake.wait_for(lambda: fake.count(3003) == 3)
    fake.peers[0].drop()
    gevent.joinall(waiting, timeout=LONG_S)
    assert [type(greenlet.value) for greenlet in waiting] == [ConnectionLost] * 3
    assert connection.state is SessionState.CLOSED


def test_a_reply_that_came_before_a_reset_is_read_even_when_writing_fails_first(connect):
    """OpenD answers and resets the connection while another request is about to be written.

    OpenD is a plain socket here, driven between two turns of the event loop, to have it in this order.
    """
    with plain_socket.create_server(("127.0.0.1", 0)) as listener:
        opening = gevent.spawn(connect, SimpleNamespace(endpoint=Endpoint(*listener.getsockname())))
        peer = eventually(listener.accept, listener)[0]
        init = HEADER.unpack_from(eventually(peer.recv, peer, 1000))
        peer.sendall(pack(1001, init[4], response(1001, s2c=INIT_S2C)))
        connection = opening.get(timeout=LONG_S)
        answered = gevent.spawn(ask, connection)
        request = HEADER.unpack_from(eventually(peer.recv, peer, 1000))
        unanswered = outcome(connection)
        peer.sendall(pack(3003, request[4], b"answer"))
        peer.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_LINGER, RESET_ON_CLOSE)
        peer.close()
        assert answered.get(timeout=LONG_S) == b"answer"
        assert isinstance(unanswered.get(timeout=LONG_S), NotSent)


def eventually(receive, source, *arguments):
    """The result of a call on a plain socket, polled so that the event loop turns meanwhile."""
    source.setblocking(False)
    with gevent.Timeout(LONG_S):
        while True:
            try:
                return receive(*arguments)
            except BlockingIOError:
                gevent.sleep(0.001)


def test_half_a_reply_and_then_nothing_is_a_loss(fake_opend, connect):
    def half(peer, request):
        peer.send(pack(request.proto_id, request.serial, response(3003, s2c={}))[:-3])
        peer.drop()

    error = failure(connect(fake_opend(half)))
    assert isinstance(error, ConnectionLost)
    assert "middle of a frame" in str(error)


@pytest.mark.parametrize(
    "junk", [b"HTTP/1.0 400 Bad Request\r\n\r\n", pack(3003, 1, b"")[:12] + b"\xff" * 32]
)
def test_a_stream_that_lost_its_place_ends_the_connection(fake_opend, connect, caplog, junk):
    connection = connect(fake_opend(lambda peer, request: peer.send(junk)))
    assert isinstance(failure(connection), ConnectionLost)
    assert connection.closed.wait(LONG_S)
    assert "connection ended" in caplog.text


def test_what_was_never_written_is_told_from_what_was(fake_opend, connect):
    """OpenD stops reading, the socket fills up, and the connection is lost."""
    stuck = Event()

    def stop_reading(peer, request):
        stuck.wait()

    fake = fake_opend(stop_reading)
    connection = connect(fake)
    waiting = [outcome(connection, body=body) for body in (b"first", MORE_THAN_A_SOCKET_HOLDS, b"last")]
    fake.wait_for(lambda: fake.count(3003) == 1)
    gevent.sleep(0)
    connection.close()
    gevent.joinall(waiting, timeout=LONG_S)
    stuck.set()
    assert [type(greenlet.value) for greenlet in waiting] == [ConnectionLost, ConnectionLost, NotSent]


@pytest.fixture
def stalled(fake_opend, connect):
    """A connection whose OpenD reads no more until `go_on`; `filling` fills the window of its socket."""
    go_on = Event()
    fake = fake_opend(lambda peer, request: go_on.wait())
    connection = connect(fake)
    filling = [outcome(connection, body=body) for body in (b"first", bytes(MORE_THAN_A_WINDOW))]
    fake.wait_for(lambda: fake.count(3003) == 1)
    yield SimpleNamespace(fake=fake, connection=connection, go_on=go_on)
    go_on.set()
    gevent.killall(filling)


def read_to_the_end(stalled):
    """What OpenD reads, once our side is closed, until its own is."""
    with gevent.Timeout(LONG_S):
        while stalled.connection._socket.fileno() >= 0:
            gevent.sleep(0.001)
        stalled.go_on.set()
        while stalled.fake.peers[0].socket.fileno() >= 0:
            gevent.sleep(0.001)
    return [request.body for request in stalled.fake.requests]


def test_what_was_lost_on_the_way_does_not_arrive_after_all(stalled):
    """The connection is over, and its last request stands in the socket yet: it must not get out of there."""
    order = outcome(stalled.connection, body=b"order")
    gevent.sleep(0.01)
    stalled.connection.close()
    assert isinstance(order.get(timeout=LONG_S), ConnectionLost)
    assert b"order" not in read_to_the_end(stalled)


@pytest.mark.parametrize("size", [len(b"order"), len(MORE_THAN_A_SOCKET_HOLDS)])
def test_a_write_that_opend_has_not_taken_in_time_never_arrives(stalled, size):
    """As a whole or in part it stands in the socket; OpenD reads on after its orders were asked for."""
    order = b"order".ljust(size)
    with pytest.raises(OpenDTimeout):
        stalled.connection.call(3003, order, SystemClock().monotonic_s() + 0.5, is_write=True)
    assert stalled.connection.closed.is_set()
    assert order not in read_to_the_end(stalled)


def test_a_write_that_opend_has_taken_leaves_its_connection_alone(fake_opend, connect):
    fake = fake_opend(silence)
    connection = connect(fake)
    with pytest.raises(OpenDTimeout):
        connection.call(3003, b"order", SystemClock().monotonic_s() + 0.1, is_write=True)
    fake.script = answer
    assert ask(connection)


def test_what_timed_out_before_its_turn_is_never_sent(fake_opend, connect):
    go_on = Event()

    def read_late(peer, request):
        go_on.wait()
        answer(peer, request)

    fake = fake_opend(read_late)
    connection = connect(fake)
    blocking = outcome(connection, body=b"first", timeout_s=0.2)
    filling = outcome(connection, body=MORE_THAN_A_SOCKET_HOLDS, timeout_s=0.2)
    late = outcome(connection, body=b"late", timeout_s=0.1)
    gevent.joinall([blocking, filling, late], timeout=LONG_S)
    assert isinstance(late.value, NotSent)
    assert isinstance(blocking.value, OpenDTimeout)
    go_on.set()
    assert ask(connection, body=b"last")
    assert [request.body for request in fake.requests][-1] == b"last"
    assert b"late" not in [request.body for request in fake.requests]


def test_no_first_byte_is_written_after_the_deadline_however_the_process_was_stopped(fake_opend, connect):
    """A stop of the process may lie between the asking and the writing."""
    fake = fake_opend(answer)
    clock = ManualClock(wall=0.0, monotonic=100.0)
    connection = connect(fake, clock=clock)
    asked = gevent.spawn(connection.call, 3003, b"late", clock.monotonic_s() + LONG_S)
    write = connection._write_some

    def stopped_before(*arguments):
        clock.advance(LONG_S)
        return write(*arguments)

    connection._write_some = stopped_before
    asked.join(LONG_S)
    assert isinstance(asked.exception, NotSent)
    connection._write_some = write
    connection.call(3003, b"in time", clock.monotonic_s() + LONG_S)
    assert [request.body for request in fake.requests if request.proto_id == 3003] == [b"in time"]


def test_no_first_byte_is_written_where_the_fence_says_no(fake_opend, connect):
    fake = fake_opend(answer)
    connection = connect(fake)
    deadline_s = SystemClock().monotonic_s() + LONG_S
    with pytest.raises(NotSent, match="not sent: the lease is over"):
        connection.call(3003, b"fenced", deadline_s, lambda: "the lease is over")
    connection.call(3003, b"free", deadline_s, lambda: None)
    assert [request.body for request in fake.requests if request.proto_id == 3003] == [b"free"]


def test_a_fence_is_asked_again_when_the_socket_was_full(fake_opend, connect):
    go_on = Event()

    def read_late(peer, request):
        go_on.wait()
        answer(peer, request)

    fake = fake_opend(read_late)
    connection = connect(fake)
    ends = []
    blocking = outcome(connection, body=b"first")
    filling = outcome(connection, body=MORE_THAN_A_SOCKET_HOLDS)
    deadline_s = SystemClock().monotonic_s() + LONG_S
    fenced = gevent.spawn(connection.call, 3003, b"fenced", deadline_s, lambda: ends[0] if ends else None)
    gevent.sleep(0.05)
    ends.append("the lease is over")
    go_on.set()
    fenced.join(LONG_S)
    assert isinstance(fenced.exception, NotSent)
    assert ask(connection, body=b"last")
    assert b"fenced" not in [request.body for request in fake.requests]
    gevent.killall([blocking, filling])


def test_silence_until_the_deadline_is_a_timeout_and_the_late_reply_is_dropped(fake_opend, connect, caplog):
    held = []
    fake = fake_opend(lambda peer, request: held.append((peer, request)))
    connection = connect(fake)
    assert isinstance(failure(connection, timeout_s=0.05), OpenDTimeout)
    peer, request = held[0]
    fake.script = answer
    peer.reply(request, response(3003, s2c={}))
    assert ask(connection, proto_id=3001)
    assert "nobody waits for this frame (protocol 3003" in caplog.text


def test_late_replies_are_told_to_those_who_gave_them_up_and_to_no_others(fake_opend, connect, monkeypatch):
    """Of very many, the newest; none after the connection has ended."""
    monkeypatch.setattr(connection_module, "MAX_GIVEN_UP", 2)
    held, late = [], Queue()
    fake = fake_opend(lambda peer, request: held.append((peer, request)))
    connection = connect(fake)
    for number in range(3):
        with pytest.raises(OpenDTimeout):
            connection.call(
                3003, REQUEST, SystemClock().monotonic_s() + 0.05, on_late=partial(_put, late, number)
            )
    for peer, request in held * 2:
        peer.reply(request, b"%d" % request.serial)
    fake.script = answer
    assert ask(connection, proto_id=3001)
    told = [late.get(timeout=LONG_S) for _ in range(2)]
    assert told == [(number, b"%d" % held[number][1].serial) for number in (1, 2)]
    assert late.empty()


def _put(queue, number, outcome):
    queue.put((number, outcome))


def test_a_wrong_serial_is_nobodys_reply(fake_opend, connect, caplog):
    def wrong_serial(peer, request):
        peer.send(pack(request.proto_id, request.serial + 1000, response(3003, s2c={})))

    assert isinstance(failure(connect(fake_opend(wrong_serial)), timeout_s=0.05), OpenDTimeout)
    assert "nobody waits" in caplog.text


def test_a_bad_sha1_fails_its_request_and_the_connection_goes_on(fake_opend, connect, caplog):
    def bad_sha1(peer, request):
        peer.reply(request, response(3003, s2c={}), sha1=bytes(20))

    fake = fake_opend(bad_sha1)
    connection = connect(fake)
    assert isinstance(failure(connection), BadSha1)
    assert "unusable frame" in caplog.text
    fake.script = answer
    assert ask(connection, proto_id=3001)
    assert len(fake.peers) == 1


def test_a_push_with_a_bad_sha1_or_of_an_unknown_protocol_harms_nobody(fake_opend, connect, caplog):
    caplog.set_level(logging.DEBUG)
    pushed = []

    def push_and_answer(peer, request):
        peer.send(pack(3005, 0, b"x", sha1=bytes(20)))
        peer.send(pack(3261, 0, b"x"))
        peer.push(3005, b"good")
        answer(peer, request)

    connection = connect(
        fake_opend(push_and_answer), on_push=lambda proto_id, body, _: pushed.append((proto_id, body))
    )
    assert ask(connection, proto_id=3001)
    (unreadable, error), good = pushed
    assert (unreadable, type(error), good) == (3005, BadSha1, (3005, b"good"))
    assert "unknown protocol" in caplog.text


def test_a_handler_of_pushes_that_fails_does_not_stop_the_reader(fake_opend, connect, caplog):
    def push_and_answer(peer, request):
        peer.push(3005, b"x")
        answer(peer, request)

    def broken(*_):
        raise ZeroDivisionError

    connection = connect(fake_opend(push_and_answer), on_push=broken)
    assert ask(connection, proto_id=3001)
    assert "handler of push 3005 failed" in caplog.text


def test_a_flood_of_pushes_does_not_starve_the_callers(fake_opend, connect):
    def flood(peer, request):
        frames = pack(3005, 0, bytes(1000)) * 50
        peer.send(frames)
        answer(peer, request)
        with suppress(OSError):
            while True:
                peer.send(frames)

    received = []
    connection = connect(fake_opend(flood), on_push=lambda *_: received.append(1))
    assert ask(connection, proto_id=3001)
    assert len(received) >= 50


def test_keep_alive_is_sent_when_due_and_its_answer_is_taken(fake_opend, connect, caplog):
    clock = ManualClock(wall=1_700_000_000.0, monotonic=50.0)
    fake = fake_opend()
    connection = connect(fake, clock=clock)
    connection.tick()
    clock.advance(8.0)
    connection.tick()
    fake.wait_for(lambda: fake.keep_alives)
    clock.advance(7.9)
    connection.tick()
    assert connection.call(3001, b"", clock.monotonic_s() + LONG_S)
    assert [request.c2s.time for request in fake.keep_alives] == [1_700_000_008]
    assert "nobody waits" not in caplog.text


def test_a_peer_that_is_silent_for_too_long_is_dropped(fake_opend, connect):
    clock = ManualClock(wall=0.0)
    fake = fake_opend(silence)
    fake.keep_alive = silence
    connection = connect(fake, clock=clock)
    waiting = gevent.spawn(failure_until, connection, clock.monotonic_s() + 60)
    fake.wait_for(lambda: fake.count(3003) == 1)
    clock.advance(32.9)
    connection.tick()
    assert connection.state is SessionState.READY
    clock.advance(0.1)
    connection.tick()
    assert connection.state is SessionState.CLOSED
    error = waiting.get(timeout=LONG_S)
    assert isinstance(error, ConnectionLost)
    assert "silent" in str(error)


def failure_until(connection, deadline_s):
    with pytest.raises(ConnectionLost) as caught:
        connection.call(3003, REQUEST, deadline_s)
    return caught.value


def test_the_reader_wakes_for_keep_alive_by_itself(fake_opend, connect):
    fake = fake_opend(interval_s=1)
    connect(fake)
    fake.wait_for(lambda: fake.keep_alives)
    assert fake.keep_alive is answer_keep_alive


def test_a_closed_connection_sends_nothing(fake_opend, connect):
    fake = fake_opend()
    connection = connect(fake)
    connection.close()
    connection.close()
    assert isinstance(failure(connection), NotSent)
    assert fake.requests == []


def test_another_process_may_not_use_it(fake_opend, connect, monkeypatch):
    fake = fake_opend()
    connection = connect(fake)
    with monkeypatch.context() as child:
        child.setattr("gateway.opend.connection.os.getpid", lambda: -1)
        assert isinstance(failure(connection), WrongProcess)
        connection.close()
    assert connection.state is SessionState.READY
    assert ask(connection, proto_id=3001)
    assert len(fake.requests) == 1


def test_packet_ids_carry_the_connection_and_grow(fake_opend, connect):
    connection = connect(fake_opend())
    conn_id = connection.info.conn_id
    assert conn_id == 6813746013095493825
    assert [connection.next_packet_id() for _ in range(3)] == [(conn_id, 1), (conn_id, 2), (conn_id, 3)]


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("127.0.0.1", 1), r"127\.0\.0\.1:1: cannot connect: Connection refused"),
        (Endpoint("a..b", 1), r"a\.\.b:1: cannot connect"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_named_with_the_reason(endpoint, text):
    session = Session(client_id="test", max_body_bytes=1000)
    with pytest.raises(OpenDUnavailable, match=text):
        Connection(endpoint, session, clock=SystemClock()).open(LONG_S)
    assert session.state is SessionState.CLOSED


def test_init_connect_that_is_never_answered_times_out(fake_opend, connect):
    fake = fake_opend()
    fake.init = silence
    with pytest.raises(OpenDUnavailable, match="no answer to InitConnect in time"):
        connect(fake, timeout_s=0.05)


def test_init_connect_that_is_refused_says_why(fake_opend, connect):
    fake = fake_opend()
    fake.init = lambda peer, request: peer.reply(request, response(1001, ret_type=-1, ret_msg="版本过低"))
    with pytest.raises(OpenDUnavailable, match="版本过低"):
        connect(fake)


def test_init_connect_that_is_cut_off_says_what_it_may_mean(fake_opend, connect):
    fake = fake_opend()
    fake.init = lambda peer, request: peer.drop()
    with pytest.raises(OpenDUnavailable, match="wants an RSA key"):
        connect(fake)


def test_a_reply_that_is_no_message_is_the_parsers_to_refuse(fake_opend, connect):
    body = ask(connect(fake_opend(lambda peer, request: peer.reply(request, b"\xff\xff"))))
    with pytest.raises(UnparsableBody):
        parse_response(PROTOCOLS[3003], body)


def test_the_fake_notices_a_wrong_sha1_of_ours():
    assert hashlib.sha1(b"abc").digest() == pack(1, 1, b"abc")[16:36]
