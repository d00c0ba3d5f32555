"""What waits for a socket: whole frames in order, every jump explained, nothing lost that must not be."""

from collections import Counter

import pytest
from fix_frame import frames_of, require_explained, texts_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.feed import outbox as outbox_module
from gateway.feed.message import Message, MessageType, Stream, Unreadable
from gateway.feed.outbox import BATCH, MAX_KEPT, MAX_WAITING, Outbox

STREAMS = [Stream(3005, "HK.00700", 1), Stream(3005, "US.AAPL", 1), Stream(3007, "HK.00700", 6, 1)]


def quote(stream, number):
    return Message(MessageType.QUOTE, {**stream.fields(), "n": number}, stream)


def trade(number):
    return Message(MessageType.TRADE, {"n": number})


def drained(outbox):
    out = b""
    while data := outbox.take():
        out += bytes(data)
    return out


def stream_of(message):
    return Stream(message["proto_id"], message["sec_key"], message["sub_type"], message.get("rehab_type"))


@pytest.fixture
def outbox():
    return Outbox(Counter())


def test_messages_go_out_in_order_and_numbered_from_1(outbox):
    outbox.waiting += [trade(n) for n in range(5)]
    assert [(each["seq"], each["n"]) for each in texts_of(drained(outbox))] == [(n + 1, n) for n in range(5)]
    assert outbox.seq == 5


def test_a_batch_is_bounded(outbox):
    outbox.waiting += [trade(n) for n in range(BATCH + 1)]
    assert len(texts_of(bytes(outbox.take()))) == BATCH
    assert len(texts_of(bytes(outbox.take()))) == 1
    assert outbox.take() == b""


def test_20_000_messages_are_not_merged(outbox):
    outbox.waiting += [quote(STREAMS[0], n) for n in range(20_000)]
    assert outbox.settle()
    messages = texts_of(drained(outbox))
    assert [each["n"] for each in messages] == list(range(20_000))


def test_past_the_bound_the_newest_of_each_stream_stays(outbox):
    outbox.waiting += [trade(-1)]
    outbox.waiting += [quote(STREAMS[n % 2], n) for n in range(MAX_WAITING)]
    assert outbox.settle()
    assert outbox.merged == MAX_WAITING - 2
    gap, first, *quotes = texts_of(drained(outbox))
    assert gap["type"] == "gap"
    assert (gap["from_seq"], gap["to_seq"]) == (1, MAX_WAITING - 2)
    half = MAX_WAITING // 2 - 1
    assert gap["skipped"] == [
        {"proto_id": 3005, "sec_key": "HK.00700", "sub_type": 1, "count": half},
        {"proto_id": 3005, "sec_key": "US.AAPL", "sub_type": 1, "count": half},
    ]
    assert (first["type"], first["n"]) == ("trade", -1)
    assert [each["n"] for each in quotes] == [MAX_WAITING - 2, MAX_WAITING - 1]
    require_explained([gap, first, *quotes])


def test_what_is_missing_leaves_its_numbers_out_in_its_place(outbox):
    outbox.waiting += [trade(n) for n in range(BATCH + 1)]
    for proto_id in (2208, 2208, 3005):
        outbox.skip(Unreadable(proto_id))
    outbox.waiting.append(trade("last"))
    outbox.settle()
    messages = texts_of(drained(outbox))
    require_explained(messages)
    *before, gap, last = messages
    assert [each["n"] for each in before] == list(range(BATCH + 1))
    assert (gap["seq"], last["n"]) == (BATCH + 5, "last")
    assert gap["skipped"] == [{"proto_id": 2208, "count": 2}, {"proto_id": 3005, "count": 1}]
    outbox.settle()
    assert (outbox.kept, outbox.bytes, outbox.take()) == (0, 0, b"")


def test_many_large_messages_are_merged_before_they_are_many(outbox, monkeypatch):
    monkeypatch.setattr(outbox_module, "MAX_WAITING_BYTES", 1000)
    outbox.waiting += [quote(STREAMS[0], "x" * 200) for _ in range(10)]
    assert outbox.settle()
    assert len(outbox.waiting) == 1
    assert outbox.bytes == outbox.waiting[0].size


def test_what_must_not_be_left_out_has_a_bound(outbox):
    outbox.waiting += [trade(n) for n in range(MAX_KEPT)]
    assert outbox.settle()
    outbox.waiting.append(trade(MAX_KEPT))
    assert not outbox.settle()
    outbox.take()
    assert outbox.settle()


def test_control_frames_come_between_messages_and_only_the_newest_pong(outbox):
    outbox.waiting.append(trade(0))
    begun = bytes(outbox.take())
    outbox.keep(memoryview(begun)[3:])
    for payload in (b"a", b"b"):
        outbox.pong(payload)
    outbox.ping()
    outbox.waiting.append(trade(1))
    out = begun[:3] + drained(outbox)
    assert [opcode for opcode, _ in frames_of(out)] == [1, 0xA, 0x9, 1]
    assert [payload for opcode, payload in frames_of(out) if opcode == 0xA] == [b"b"]


def test_a_close_frame_is_the_last_and_comes_after_what_was_begun(outbox):
    outbox.waiting += [trade(0), trade(1)]
    begun = bytes(outbox.take())
    outbox.keep(memoryview(begun)[10:])
    outbox.waiting.append(trade(2))
    outbox.ping()
    left_out = outbox.close(1013, "slow")
    assert [message.tail for message in left_out] == [trade(2).tail]
    outbox.waiting.append(trade(3))
    out = list(frames_of(begun[:10] + drained(outbox)))
    assert [opcode for opcode, _ in out] == [1, 1, 8]
    assert out[-1][1] == (1013).to_bytes(2) + b"slow"


def test_what_went_out_is_counted_by_type():
    sent = Counter()
    outbox = Outbox(sent)
    outbox.waiting += [trade(0), quote(STREAMS[0], 0), quote(STREAMS[0], 1)]
    drained(outbox)
    assert sent == {"trade": 1, "quote": 2}


class Step:
    """What may happen to a socket, for the property below."""

    offer = st.tuples(st.just("offer"), st.integers(1, 40), st.integers(0, len(STREAMS)))
    write = st.tuples(st.just("write"), st.integers(0, 3000), st.just(0))
    settle = st.just(("settle", 0, 0))
    control = st.just(("control", 0, 0))


@given(st.lists(st.one_of(Step.offer, Step.offer, Step.write, Step.settle, Step.control), max_size=60))
def test_whatever_happens_a_client_reads_whole_frames_all_trades_and_the_newest_quotes(steps):
    outbox, out, offered_trades, newest, number = Outbox(Counter()), b"", [], {}, 0
    bounds = pytest.MonkeyPatch()
    bounds.setattr(outbox_module, "MAX_WAITING", 20)
    try:
        for kind, size, which in steps:
            if kind == "offer":
                for _ in range(size):
                    number += 1
                    if which == len(STREAMS):
                        outbox.waiting.append(trade(number))
                        offered_trades.append(number)
                    else:
                        outbox.waiting.append(quote(STREAMS[which], number))
                        newest[STREAMS[which]] = number
            elif kind == "write":
                data = bytes(outbox.take())
                out += data[:size]
                outbox.keep(memoryview(data)[size:])
            elif kind == "settle":
                assert outbox.settle()
            else:
                outbox.pong(b"p")
                outbox.ping()
        out += drained(outbox)
    finally:
        bounds.undo()
    messages = texts_of(out)
    require_explained(messages)
    assert [each["n"] for each in messages if each["type"] == "trade"] == offered_trades
    quotes = [each for each in messages if each["type"] == "quote"]
    assert {stream_of(each): each["n"] for each in quotes} == newest
    numbers = [each["n"] for each in messages if each["type"] != "gap"]
    assert numbers == sorted(numbers)
    skipped = sum(e["count"] for each in messages if each["type"] == "gap" for e in each["skipped"])
    assert len(numbers) + skipped == number
    assert outbox.merged == skipped
    assert (outbox.bytes, outbox.kept, outbox.waiting) == (0, 0, [])
