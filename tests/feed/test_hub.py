"""The hub on socket pairs: what goes out, to slow ones too, and why sockets end."""

import gevent
import pytest
from fix_frame import frames_of, require_explained, texts_of
from fix_hub import account_claim, claim, close_sockets, make_client, make_hub, push, reader, rt_push

from gateway.claim import Claims
from gateway.clock import ManualClock
from gateway.feed.event import Body, Format
from gateway.feed.hub import PING_INTERVAL_S, SILENCE_LIMIT_S
from gateway.feed.message import MessageType
from gateway.feed.outbox import MAX_KEPT, MAX_WAITING
from gateway.feed.peer import CLOSE_LIMIT_S, STALL_LIMIT_S
from gateway.opend.errors import BadSha1
from gateway.schema.protocols import PROTOCOLS
from gateway.scope import Scope

ORDER = {"trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": 1, "orderIDEx": "x", "code": "00700"}
ORDER |= {"name": "", "qty": 100.0, "createTime": "", "updateTime": ""}
RT = 5


@pytest.fixture(autouse=True)
def _sockets():
    yield
    close_sockets()


@pytest.fixture
def clock():
    return ManualClock(wall=1_700_000_000.0)


@pytest.fixture
def hub(clock):
    hub = make_hub(clock)
    hub.open(lambda: True)
    yield hub
    hub.close()


def order_push(acc_id, number):
    header = {"trdEnv": 1, "accID": acc_id, "trdMarket": 1}
    return push(2208, header=header, order={**ORDER, "orderID": number})


def texts(client, count):
    """The first messages of a client."""
    return texts_of(bytes(client.data)) if client.read(lambda frames: len(frames) >= count) else []


def closed_with(client):
    """The code and reason of the close frame that a client gets."""
    frames = client.read(lambda frames: any(opcode == 8 for opcode, _ in frames))
    assert frames[-1][0] == 8
    return int.from_bytes(frames[-1][1][:2]), frames[-1][1][2:].decode()


def test_events_reach_those_whom_they_concern_in_one_write(hub, clock):
    first, second = make_client(hub, "a", "1", clock=clock), make_client(hub, "b", "2", clock=clock)
    hub.set_claims(Claims((claim("a", "00700", RT),)))
    for number in range(50):
        hub.on_push(3009, rt_push("00700", name=str(number)))
    hub.on_push(3009, rt_push("00001"))
    hub.announce("opend_lost")
    messages = texts(first, 52)
    assert [each["data"]["name"] for each in messages[1:51]] == [str(number) for number in range(50)]
    assert messages[51]["event"] == "opend_lost"
    require_explained(messages)
    assert [each["event"] for each in texts(second, 2)] == ["opened", "opend_lost"]


def test_a_quote_that_cannot_be_read_leaves_a_gap_for_those_who_may_have_wanted_it(hub, clock, caplog):
    hub.set_claims(Claims((claim("a", "00700", RT), claim("b", "00700", 1))))
    claimant, other = make_client(hub, "a", "1", clock=clock), make_client(hub, "b", "2", clock=clock)
    for body in (b"\xff", rt_push("00700"), BadSha1("torn")):
        hub.on_push(3009, body)
    hub.announce("still_here")
    messages = texts(claimant, 5)
    assert [each["type"] for each in messages] == ["notify", "gap", "quote", "gap", "notify"]
    require_explained(messages)
    assert messages[1]["skipped"] == messages[3]["skipped"] == [{"proto_id": 3009, "count": 1}]
    assert [each["event"] for each in texts(other, 2)] == ["opened", "still_here"]
    assert "Qot_UpdateRT cannot be read" in caplog.text


def test_a_reminder_or_a_notice_that_cannot_be_read_leaves_a_gap_for_all_who_want_such(hub, clock):
    quotes = make_client(hub, "a", "1", clock=clock, types=frozenset({MessageType.QUOTE}))
    notices = make_client(hub, "b", "2", clock=clock, types=frozenset({MessageType.NOTIFY}))
    for proto_id in (3019, 1003, 9999):
        hub.on_push(proto_id, BadSha1("torn"))
    assert texts(quotes, 2)[1]["skipped"] == [{"proto_id": 3019, "count": 1}]
    assert texts(notices, 2)[1]["skipped"] == [{"proto_id": 1003, "count": 1}]


def test_an_order_that_cannot_be_read_leaves_a_gap_for_the_listeners_of_its_account(hub, clock):
    accounts = (account_claim("a", 7), account_claim("b", 8), account_claim("c", 7))
    hub.set_claims(Claims((), accounts))
    seven, eight = make_client(hub, "a", "1", clock=clock), make_client(hub, "b", "2", clock=clock)
    blind = make_client(hub, "c", "3", clock=clock, scopes=frozenset({Scope.QUOTE_READ}))
    header = {"trdEnv": 1, "accID": 7, "trdMarket": 1}
    without_order = PROTOCOLS[2208].response(retType=0, s2c={"header": header})
    hub.on_push(2208, without_order.SerializePartialToString())
    hub.on_push(2218, b"\xff")
    hub.on_push(2208, order_push(7, 1))
    hub.announce("end")
    messages = texts(seven, 4)
    require_explained(messages)
    assert messages[1]["skipped"] == [{"proto_id": 2208, "count": 1}, {"proto_id": 2218, "count": 1}]
    assert messages[2]["data"]["order"]["order_id"] == 1
    assert texts(eight, 3)[1]["skipped"] == [{"proto_id": 2218, "count": 1}]
    assert [each["type"] for each in texts(blind, 2)] == ["notify", "notify"]


def test_an_event_that_cannot_be_shown_in_one_format_leaves_a_gap_there_alone(
    hub, clock, monkeypatch, caplog
):
    hub.set_claims(Claims((), (account_claim("a", 7),)))
    plain = make_client(hub, "a", "1", clock=clock)
    encoded = make_client(hub, "a", "2", clock=clock, format=Format(Body.BASE64))

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.feed.event.base64_text", fail)
    hub.on_push(2208, order_push(7, 1))
    assert texts(encoded, 2)[1]["skipped"] == [{"proto_id": 2208, "count": 1}]
    assert texts(plain, 2)[1]["type"] == "trade"
    assert "a push of protocol 2208 cannot be shown" in caplog.text


def test_a_slow_one_is_told_of_a_gap_in_its_place(hub, slow):
    hub.on_push(2208, BadSha1("torn"))
    hub.on_push(2208, order_push(7, 5))
    messages = texts_of(read_all(slow, slow.pushed + 3))
    require_explained(messages)
    gap, order = messages[-2:]
    assert (gap["skipped"], order["type"]) == ([{"proto_id": 2208, "count": 1}], "trade")


def test_without_listeners_nothing_is_decoded(hub, monkeypatch):
    monkeypatch.setattr("gateway.feed.hub.events_of", None)
    hub.on_push(3009, rt_push("00700"))


def fill(client):
    """Push until the socket takes no more; how many pushes that took."""
    for number in range(100_000):
        client.hub.on_push(3009, rt_push("00700", name=f"{number:06}"))
        if number % 100 == 0:
            gevent.sleep(0)
        if client.listener.peer.is_behind:
            return number + 1
    raise AssertionError("the socket takes everything")


@pytest.fixture
def slow(hub, clock):
    """A client that reads nothing, and whose socket is full."""
    hub.set_claims(Claims((claim("slow", "00700", RT),), (account_claim("slow", 7),)))
    client = make_client(hub, "slow", clock=clock)
    client.pushed = fill(client)
    return client


def test_20_000_events_to_a_reader_that_pauses_arrive_whole(hub, slow):
    for number in range(slow.pushed, 20_000):
        hub.on_push(3009, rt_push("00700", name=f"{number:06}"))
    data = read_all(slow, 20_001)
    messages = texts_of(data)
    assert [each["data"]["name"] for each in messages[1:]] == [f"{number:06}" for number in range(20_000)]
    require_explained(messages)
    assert not slow.listener.peer.is_behind
    assert hub.counters.sent["quote"] == 20_000
    assert not hub.counters.merged["quote"]


def read_all(client, count):
    """Bytes until so many messages have come; frames are counted by their begin, which is much faster."""
    data = bytearray()
    with gevent.Timeout(30):
        while data.count(b'{"seq":') < count or not data.endswith(b"}"):
            more = client.socket.recv(1 << 20)
            assert more, "the stream ended"
            data += more
    return bytes(data)


def test_others_are_not_held_up_by_a_slow_one(hub, clock, slow):
    quick = make_client(hub, "slow", "quick", clock=clock)
    hub.on_push(3009, rt_push("00700", name="now"))
    assert texts(quick, 2)[1]["data"]["name"] == "now"


def test_what_is_too_much_is_merged_and_trades_are_all_there(hub, slow):
    for number in range(MAX_WAITING + 10):
        hub.on_push(3009, rt_push("00700", name=f"{number:06}"))
        if number % 1000 == 0:
            hub.on_push(2208, order_push(7, number))
    gevent.sleep(0.01)
    assert hub.counters.merged["quote"] > MAX_WAITING - 100
    hub.on_push(2208, order_push(7, 99))
    with gevent.Timeout(30):
        while b'"order_id":99,' not in slow.data:
            slow.data += slow.socket.recv(1 << 20)
    messages = texts_of(bytes(slow.data))
    require_explained(messages)
    orders = [each["data"]["order"]["order_id"] for each in messages if each["type"] == "trade"]
    assert orders == [*range(0, MAX_WAITING + 10, 1000), 99]
    quotes = [each["data"]["name"] for each in messages if each["type"] == "quote"]
    assert quotes[-1] == f"{MAX_WAITING + 9:06}"
    assert quotes[: slow.pushed] == [f"{number:06}" for number in range(slow.pushed)]


def test_one_that_cannot_take_its_trades_is_closed_with_1013(hub, slow):
    for number in range(MAX_KEPT + 1):
        hub.on_push(2208, order_push(7, number))
    gevent.sleep(0.01)
    code, reason = closed_with(slow)
    assert (code, "must not be left out" in reason) == (1013, True)
    assert hub.counters.dropped["trade"] == MAX_KEPT + 1
    require_explained(texts_of(bytes(slow.data)))
    assert slow.socket.recv(1) == b""


def test_one_that_takes_nothing_for_too_long_is_closed_with_1013(hub, clock, slow):
    clock.advance(STALL_LIMIT_S - 1)
    hub.look()
    assert slow.listener.peer.code is None
    clock.advance(1)
    hub.look()
    assert closed_with(slow)[0] == 1013


def test_a_close_frame_that_cannot_be_written_ends_in_a_cut(hub, clock, slow):
    clock.advance(STALL_LIMIT_S)
    hub.look()
    assert hub.sockets == 1
    clock.advance(CLOSE_LIMIT_S)
    hub.look()
    gevent.sleep(0.01)
    assert not slow.listener.peer.is_behind
    assert slow.listener.peer.receive(1) == b""


def test_pings_and_one_that_does_not_answer_them(hub, clock):
    client = make_client(hub, clock=clock)
    texts(client, 1)
    clock.advance(PING_INTERVAL_S)
    hub.look()
    assert client.read(lambda frames: len(frames) == 2)[-1] == (9, b"")
    hub.look()
    clock.advance(SILENCE_LIMIT_S - PING_INTERVAL_S)
    hub.look()
    assert closed_with(client)[0] == 1011


def test_a_sign_of_life_counts(hub, clock):
    client = make_client(hub, clock=clock)
    clock.advance(SILENCE_LIMIT_S - 1)
    client.socket.send(b"x")
    assert client.listener.peer.receive(10) == b"x"
    clock.advance(1)
    hub.look()
    assert client.listener.peer.code is None


def test_a_key_that_has_ended_closes_with_4401(hub, clock):
    ended, other = make_client(hub, "a", "1", clock=clock), make_client(hub, "b", "2", clock=clock)
    ended.principal = None
    hub.look()
    assert closed_with(ended)[0] == 4401
    assert other.listener.peer.code is None
    assert (hub.count("a"), hub.count("b")) == (0, 1)


def test_rights_that_change_take_effect(hub, clock):
    hub.set_claims(Claims((), (account_claim("a", 7),)))
    client = make_client(hub, clock=clock)
    hub.on_push(2208, order_push(7, 1))
    client.principal = reader("a")
    hub.look()
    hub.on_push(2208, order_push(7, 2))
    hub.announce("end")
    assert [each["type"] for each in texts(client, 3)] == ["notify", "trade", "notify"]
    client.principal = reader("a", scopes=frozenset())
    hub.look()
    assert closed_with(client)[0] == 4401


def test_a_worker_that_ends_closes_with_1012(clock):
    hub, is_serving = make_hub(clock), [True]
    hub.open(lambda: is_serving[0])
    clients = [make_client(hub, "a", str(number), clock=clock) for number in range(3)]
    is_serving[0] = False
    hub.look()
    assert {closed_with(client)[0] for client in clients} == {1012}
    assert hub.sockets == 3
    for client in clients:
        client.listener.peer.end()
        hub.leave(client.listener)
    assert hub.sockets == 0
    assert hub.counters.closes == {1012: 3}
    hub.close()


def test_a_client_that_is_gone_is_no_defect(hub, clock, caplog):
    client, other = make_client(hub, "a", "1", clock=clock), make_client(hub, "a", "2", clock=clock)
    texts(other, 1)
    client.socket.close()
    for _ in range(3):
        hub.announce("x")
        gevent.sleep(0.001)
    assert client.listener.peer.code == 1006
    assert client.listener.peer.receive(10) == b""
    assert len(texts(other, 4)) == 4
    assert not caplog.records


def test_a_defect_at_one_socket_does_not_silence_the_others(hub, clock, monkeypatch, caplog):
    broken, other = make_client(hub, "a", "1", clock=clock), make_client(hub, "a", "2", clock=clock)
    texts(other, 1)
    monkeypatch.setattr(broken.listener.peer.outbox, "take", None)
    hub.announce("x")
    assert len(texts(other, 2)) == 2
    assert "cannot be written to" in caplog.text
    assert broken.listener.peer.code == 1006


def test_nothing_comes_after_a_close_frame(hub, clock):
    client = make_client(hub, clock=clock)
    hub.close_socket(client.listener, 1000)
    hub.announce("late")
    hub.send(client.listener, None)
    hub.close_socket(client.listener, 1011)
    client.read(lambda frames: False)
    assert [opcode for opcode, _ in frames_of(bytes(client.data))][-1] == 8
    assert client.listener.peer.code == 1000
