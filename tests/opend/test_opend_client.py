import gevent
import pytest
from fake_opend import FakeOpenD, answer, pack, response
from gevent.event import AsyncResult, Event

from gateway.opend.client import CallKind, Client, ClientSettings, Endpoint
from gateway.opend.errors import (
    BadSha1,
    ConnectionLost,
    NotEncodable,
    NotSent,
    OpenDFailed,
    OpenDRefused,
    OpenDTimeout,
    OpenDUnavailable,
    OutcomeUnknown,
    RsaKeyError,
    TooManyInFlight,
    UnparsableBody,
)
from gateway.routes import Kind
from gateway.schema.protocols import PROTOCOLS

LONG_S = 5.0
SUB_INFO = PROTOCOLS[3003]
PLACE_ORDER = PROTOCOLS[2202]
UNLOCK = PROTOCOLS[2005]
REFUSED = Endpoint("127.0.0.1", 1)


def order(**changes):
    header = {"trdEnv": 0, "accID": 987654, "trdMarket": 1}
    c2s = {"header": header, "trdSide": 1, "orderType": 1, "code": "00700", "qty": 100, "price": 380.2}
    packet_id = {"connID": 12345, "serialNo": 1}
    return PLACE_ORDER.request(c2s={**c2s, "packetID": packet_id, **changes})


def read(client, kind=CallKind.READ, **options):
    return client.call(SUB_INFO, SUB_INFO.request(c2s={}), kind=kind, **options)


def quota(peer, request):
    """Answers 3003 with the number of the connection, so that answers can be told apart."""
    peer.reply(request, response(3003, s2c={"totalUsedQuota": peer.conn_id % 1000, "remainQuota": 0}))


def silence(peer, request):
    """A script that never answers."""


def drop(peer, request):
    peer.drop()


def half_frame(peer, request):
    peer.send(pack(request.proto_id, request.serial, response(request.proto_id, s2c={}))[:50])
    peer.drop()


def bad_sha1(peer, request):
    peer.reply(request, response(request.proto_id, s2c={}), sha1=bytes(20))


def garbage_body(peer, request):
    peer.reply(request, b"\xff\xff\xff")


def incomplete_body(peer, request):
    peer.reply(request, response(request.proto_id, s2c={"header": {}}))


def lost_stream(peer, request):
    peer.send(b"\x00" * 100)


def wrong_serial(peer, request):
    peer.send(pack(request.proto_id, request.serial + 99, response(request.proto_id, s2c={})))


def refusing(ret_type, ret_msg=""):
    def refuse(peer, request):
        peer.reply(request, response(request.proto_id, ret_type=ret_type, ret_msg=ret_msg))

    return refuse


LOST = [drop, half_frame, lost_stream]
SILENT = [silence, wrong_serial]


def test_the_kinds_are_those_of_the_routes():
    assert {kind.value for kind in CallKind} == {kind.value for kind in Kind}


def test_a_read_returns_the_parsed_response(fake_opend, open_client):
    assert read(open_client(fake_opend(quota))).s2c.remainQuota == 0


@pytest.mark.parametrize("misbehave", LOST)
def test_a_read_that_was_cut_off_is_asked_once_more(fake_opend, open_client, misbehave):
    def once(peer, request):
        fake.script = quota
        misbehave(peer, request)

    fake = fake_opend(once)
    assert read(open_client(fake)).retType == 0
    assert fake.count(3003) == 2


@pytest.mark.parametrize("misbehave", LOST)
def test_a_read_is_not_asked_a_third_time(fake_opend, open_client, misbehave):
    fake = fake_opend(misbehave)
    client = open_client(fake)
    with pytest.raises(ConnectionLost):
        read(client)
    assert fake.count(3003) == 2


@pytest.mark.parametrize("misbehave", SILENT)
def test_a_read_without_an_answer_ends_at_its_deadline(fake_opend, open_client, misbehave):
    fake = fake_opend(misbehave)
    with pytest.raises(OpenDTimeout):
        read(open_client(fake), timeout_s=0.1)
    assert fake.count(3003) == 1


@pytest.mark.parametrize(
    ("misbehave", "kind"),
    [
        (bad_sha1, BadSha1),
        (garbage_body, UnparsableBody),
        (refusing(-1), OpenDRefused),
        (refusing(-100), OpenDFailed),
    ],
)
def test_a_read_with_a_bad_answer_says_what_is_wrong(fake_opend, open_client, misbehave, kind):
    fake = fake_opend(misbehave)
    client = open_client(fake)
    with pytest.raises(kind):
        read(client)
    fake.script = quota
    assert read(client).retType == 0
    assert fake.count(3003) == 2


@pytest.mark.parametrize(
    "misbehave",
    [
        *LOST,
        *SILENT,
        bad_sha1,
        garbage_body,
        incomplete_body,
        refusing(-100, "超时"),
        refusing(-200, "断开"),
        refusing(-400),
        refusing(-1, "NN_ProtoRet_TimeOut"),
    ],
)
@pytest.mark.parametrize("protocol", [PLACE_ORDER, UNLOCK])
def test_a_write_without_a_clear_answer_is_unknown_and_never_sent_twice(
    fake_opend, open_client, misbehave, protocol
):
    fake = fake_opend(misbehave)
    client = open_client(fake)
    request = order() if protocol is PLACE_ORDER else UNLOCK.request(c2s={"unlock": True})
    with pytest.raises(OutcomeUnknown) as caught:
        client.call(protocol, request, kind=CallKind.WRITE, timeout_s=0.3)
    assert caught.value.details()["outcome"] == "unknown"
    fake.script = quota
    assert read(client).retType == 0
    assert fake.count(protocol.proto_id) == 1


def test_a_write_that_opend_rejects_is_a_refusal(fake_opend, open_client):
    client = open_client(fake_opend(refusing(-1, "账户购买力不足")))
    with pytest.raises(OpenDRefused, match="账户购买力不足"):
        client.call(PLACE_ORDER, order(), kind=CallKind.WRITE)


def test_a_write_with_no_connection_was_not_sent(open_client):
    client = open_client(REFUSED, ready=False, connect_wait_s=0.05)
    with pytest.raises(NotSent) as caught:
        client.call(PLACE_ORDER, order(), kind=CallKind.WRITE)
    assert caught.value.details() == {"outcome": "not_sent"}


def test_a_write_that_lacks_a_field_is_never_sent(fake_opend, open_client):
    fake = fake_opend()
    client = open_client(fake)
    with pytest.raises(NotEncodable):
        client.call(PLACE_ORDER, PLACE_ORDER.request(c2s={}), kind=CallKind.WRITE)
    assert fake.requests == []


@pytest.mark.parametrize(("ret_type", "expected"), [(0, "response"), (-1, OpenDRefused), (-100, OpenDFailed)])
def test_an_answer_to_a_write_that_comes_too_late_is_told(fake_opend, open_client, ret_type, expected):
    held, late = [], AsyncResult()
    fake = fake_opend(lambda peer, request: held.append((peer, request)))
    client = open_client(fake, pool_size=1)
    with pytest.raises(OutcomeUnknown):
        client.call(PLACE_ORDER, order(), kind=CallKind.WRITE, timeout_s=0.1, on_late=late.set)
    ((peer, request),) = held
    s2c = {"header": {"trdEnv": 0, "accID": 987654, "trdMarket": 1}, "orderID": 7}
    body = PLACE_ORDER.response(retType=ret_type, **({} if ret_type else {"s2c": s2c}))
    peer.reply(request, body.SerializeToString())
    answer = late.get(timeout=LONG_S)
    if expected == "response":
        assert answer.s2c.orderID == 7
    else:
        assert type(answer) is expected


def test_packet_ids_are_our_own_and_grow(fake_opend, open_client):
    fake = fake_opend(refusing(-1))
    client = open_client(fake, pool_size=1)
    for _ in range(3):
        with pytest.raises(OpenDRefused):
            client.call(PLACE_ORDER, order(), kind=CallKind.WRITE)
    sent = [request.c2s.packetID for request in fake.requests]
    assert [packet_id.connID for packet_id in sent] == [fake.peers[0].conn_id] * 3
    assert [packet_id.serialNo for packet_id in sent] == [1, 2, 3]


def test_concurrent_writes_leave_in_the_order_of_their_packet_ids(fake_opend, open_client):
    fake = fake_opend(refusing(-1))
    client = open_client(fake)

    def place():
        with pytest.raises(OpenDRefused):
            client.call(PLACE_ORDER, order(), kind=CallKind.WRITE)

    gevent.joinall([gevent.spawn(place) for _ in range(60)], timeout=LONG_S)
    for peer in fake.peers:
        orders = [request.c2s.packetID for request in peer.requests if request.proto_id == 2202]
        assert {packet_id.connID for packet_id in orders} <= {peer.conn_id}
        assert [packet_id.serialNo for packet_id in orders] == list(range(1, len(orders) + 1))
    assert fake.count(2202) == 60


def test_a_subscription_is_never_repeated(fake_opend, open_client):
    fake = fake_opend(drop)
    client = open_client(fake)
    with pytest.raises(ConnectionLost):
        read(client, kind=CallKind.SUBSCRIPTION)
    assert fake.count(3003) == 1


def pinned_peer(fake):
    """The one that was asked to notify, on the last session."""
    notified = {id(init) for init in fake.inits if init.c2s.recvNotify}
    return [peer for peer in fake.peers if id(peer.requests[0]) in notified][-1]


@pytest.mark.parametrize(
    "options",
    [{"kind": CallKind.REALTIME}, {"kind": CallKind.SUBSCRIPTION}, {"kind": CallKind.READ, "pinned": True}],
)
def test_what_is_pinned_uses_one_connection(fake_opend, open_client, options):
    fake = fake_opend(quota)
    client = open_client(fake)
    gevent.joinall([gevent.spawn(read, client, **options) for _ in range(20)], timeout=LONG_S)
    fake.wait_for(lambda: len(fake.inits) == 2)
    assert [init.c2s.recvNotify for init in fake.inits].count(True) == 1
    assert sum(request.proto_id == 3003 for request in pinned_peer(fake).requests) == 20


def test_a_real_time_read_that_was_cut_off_waits_for_the_next_pinned_session(fake_opend, open_client):
    def once(peer, request):
        fake.script = quota
        peer.drop()

    fake = fake_opend(once)
    client = open_client(fake)
    first = pinned_peer(fake)
    assert read(client, kind=CallKind.REALTIME).retType == 0
    assert pinned_peer(fake) is not first


def test_reads_are_spread_over_the_connections(fake_opend, open_client):
    held = []
    fake = fake_opend(lambda peer, request: held.append((peer, request)))
    client = open_client(fake)
    fake.wait_for(lambda: len(fake.inits) == 2)
    while not all(connection.conn_id for connection in client.status().connections):
        gevent.sleep(0)
    asked = [gevent.spawn(read, client) for _ in range(10)]
    fake.wait_for(lambda: len(held) == 10)
    assert [connection.in_flight for connection in client.status().connections] == [5, 5]
    for peer, request in held:
        quota(peer, request)
    gevent.joinall(asked, timeout=LONG_S)
    assert all(greenlet.successful() for greenlet in asked)


def test_a_connection_that_has_stalled_draws_no_more_calls_until_it_speaks(fake_opend, open_client):
    stalled = []

    def stall_first(peer, request):
        if not stalled or peer is stalled[0][0]:
            stalled.append((peer, request))
        else:
            quota(peer, request)

    fake = fake_opend(stall_first)
    client = open_client(fake)
    while not all(connection.conn_id for connection in client.status().connections):
        gevent.sleep(0)
    with pytest.raises(OpenDTimeout):
        read(client, timeout_s=0.05)
    for _ in range(6):
        assert read(client).retType == 0
    ((peer, request),) = stalled
    fake.script = quota
    quota(peer, request)  # too late for its caller, but it shows that the connection is alive
    with gevent.Timeout(LONG_S):
        while read(client).s2c.totalUsedQuota != peer.conn_id % 1000:
            gevent.sleep(0)


def test_over_the_limit_calls_queue_and_over_the_queue_they_are_refused(fake_opend, open_client):
    held = []
    fake = fake_opend(lambda peer, request: held.append((peer, request)))
    client = open_client(fake, max_in_flight=2, max_queued=1)
    asked = [gevent.spawn(read, client) for _ in range(3)]
    fake.wait_for(lambda: len(held) == 2)
    assert (client.status().in_flight, client.status().queued) == (2, 1)
    with pytest.raises(TooManyInFlight, match="2 in flight and 1 queued"):
        read(client)
    fake.script = quota
    quota(*held[0])
    quota(*held[1])
    gevent.joinall(asked, timeout=LONG_S)
    assert all(greenlet.successful() for greenlet in asked)
    assert (client.status().in_flight, client.status().queued) == (0, 0)
    assert client.status().counters.refused_full == 1


def test_the_wait_in_the_queue_ends_at_the_deadline(fake_opend, open_client):
    fake = fake_opend(silence)
    client = open_client(fake, max_in_flight=1, pool_size=1)
    holding = gevent.spawn(read, client, timeout_s=LONG_S)
    fake.wait_for(lambda: fake.count(3003) == 1)
    with pytest.raises(TooManyInFlight, match="until the deadline"):
        read(client, timeout_s=0.05)
    fake.script = quota
    fake.peers[0].drop()
    holding.get(timeout=LONG_S)


def test_a_caller_that_is_killed_gives_its_place_back(fake_opend, open_client):
    fake = fake_opend(silence)
    client = open_client(fake, max_in_flight=1)
    asking = gevent.spawn(read, client)
    fake.wait_for(lambda: fake.count(3003) == 1)
    asking.kill()
    fake.script = quota
    assert read(client).retType == 0


def test_the_next_endpoint_is_used_when_one_is_down(fake_opend, open_client):
    fake = fake_opend(quota)
    client = open_client(REFUSED, fake)
    assert read(client).retType == 0
    status = client.status()
    assert status.connections[0].endpoint == fake.endpoint
    assert "Connection refused" in status.failures[REFUSED]


def test_an_opend_that_cannot_be_reached_is_named(open_client):
    client = open_client(REFUSED, Endpoint("127.0.0.1", 2), ready=False, connect_wait_s=0.1)
    with pytest.raises(OpenDUnavailable, match=r"127\.0\.0\.1:1: .*refused; 127\.0\.0\.1:2: .*refused"):
        read(client)
    assert not client.status().is_ready
    assert not client.wait_ready(0.0)


def test_calls_succeed_again_soon_after_opend_returns(fake_opend, open_client):
    fake = fake_opend(quota)
    client = open_client(fake, connect_wait_s=LONG_S)
    port = fake.endpoint.port
    fake.close()
    asking = gevent.spawn(read, client)
    gevent.sleep(0)
    back = FakeOpenD(quota, port=port)
    try:
        assert asking.get(timeout=LONG_S).retType == 0
    finally:
        back.close()


def test_while_opend_is_away_calls_fail_and_the_reconnects_go_on(fake_opend, open_client):
    fake = fake_opend(quota)
    client = open_client(fake, connect_wait_s=0.05)
    port = fake.endpoint.port
    fake.close()
    for _ in range(5):
        with pytest.raises(OpenDUnavailable, match=r"127\.0\.0\.1:\d+: (cannot|OpenD closed)"):
            read(client)
    assert not client.status().is_ready
    back = FakeOpenD(quota, port=port)
    try:
        assert client.wait_ready(LONG_S)
        assert read(client).retType == 0
    finally:
        back.close()


def test_each_new_pinned_session_is_announced_and_may_be_used_at_once(fake_opend, open_client):
    announced = []
    changed = Event()

    def restore(connection):
        answers = read(client, kind=CallKind.SUBSCRIPTION)
        announced.append((connection.info.conn_id % 1000, answers.s2c.totalUsedQuota))
        changed.set()

    fake = fake_opend(quota)
    client = open_client(fake, ready=False, on_session=restore)
    assert changed.wait(LONG_S)
    changed.clear()
    pinned_peer(fake).drop()
    assert changed.wait(LONG_S)
    assert len(announced) == 2
    assert announced[0][0] != announced[1][0]
    assert all(told == used for told, used in announced)


def test_pushes_reach_the_handler_with_their_connection(fake_opend, open_client):
    pushed = []

    def push(peer, request):
        peer.push(3005, b"body")
        quota(peer, request)

    client = open_client(
        fake_opend(push),
        on_push=lambda proto_id, body, connection: pushed.append((proto_id, body, connection.info.conn_id)),
    )
    read(client, pinned=True)
    assert pushed == [(3005, b"body", client.status().connections[0].conn_id)]


def test_closing_fails_what_waits_and_refuses_what_comes(fake_opend, open_client):
    fake = fake_opend(silence)
    client = open_client(fake)
    asking = gevent.spawn(read, client, kind=CallKind.SUBSCRIPTION)
    writing = gevent.spawn(client.call, PLACE_ORDER, order(), kind=CallKind.WRITE)
    fake.wait_for(lambda: len(fake.requests) == 2)
    client.close()
    gevent.joinall([asking, writing], timeout=LONG_S)
    assert isinstance(asking.exception, ConnectionLost)
    assert isinstance(writing.exception, OutcomeUnknown)
    with pytest.raises(OpenDUnavailable, match="not open"):
        read(client)
    client.close()


def test_a_client_may_be_opened_again(fake_opend, open_client):
    fake = fake_opend(quota)
    client = open_client(fake)
    client.open()
    client.close()
    client.open()
    assert client.wait_ready(LONG_S)
    assert read(client).retType == 0


@pytest.mark.parametrize("with_iv", [True, False])
def test_an_encrypted_client_works(fake_opend, open_client, rsa_pem, rsa_key_path, with_iv):
    fake = fake_opend(quota, pem=rsa_pem, with_iv=with_iv)
    client = open_client(fake, rsa_key=rsa_key_path)
    assert read(client).retType == 0
    assert client.status().is_encrypted


def test_a_key_file_that_is_missing_stops_the_client_at_once(tmp_path):
    with pytest.raises(RsaKeyError, match=r"missing\.pem"):
        Client(ClientSettings((REFUSED,), rsa_key=tmp_path / "missing.pem"))


def test_the_default_script_of_the_fake_succeeds(fake_opend, open_client):
    client = open_client(fake_opend(answer))
    protocol = PROTOCOLS[3001]
    assert client.call(protocol, protocol.request(c2s={"isSubOrUnSub": True}), kind=CallKind.SUBSCRIPTION)
