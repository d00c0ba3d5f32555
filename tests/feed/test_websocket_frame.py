import pytest
from wsproto.connection import CLIENT, Connection
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from gateway.feed.frame import close_frame, ping_frame, pong_frame, text_head
from gateway.feed.message import Message, MessageType, stamped


def read(data):
    connection = Connection(CLIENT)
    connection.receive_data(data)
    return list(connection.events())


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_text_of_any_length_is_read_by_another_library(length):
    parts = read(text_head(length) + b"x" * length)
    assert all(isinstance(part, TextMessage) for part in parts)
    assert "".join(part.data for part in parts) == "x" * length
    assert parts[-1].message_finished


def test_control_frames():
    assert read(ping_frame()) == [Ping(b"")]
    assert read(pong_frame(b"abc" * 41)) == [Pong(b"abc" * 41)]
    assert read(close_frame(1012, "again")) == [CloseConnection(1012, "again")]


def test_a_reason_that_is_too_long_is_cut_between_characters():
    (closed,) = read(close_frame(1013, "股" * 100))
    assert closed.reason == "股" * 41


@pytest.mark.parametrize("seq", [1, 9, 10, 99, 100, 65_535, 10**9])
@pytest.mark.parametrize("length", [0, 90, 110, 65_500])
def test_a_stamped_message_is_a_whole_frame_with_seq_first(seq, length):
    message = Message(MessageType.NOTIFY, {"data": "x" * length})
    (frame,) = stamped([message], seq)
    text = "".join(part.data for part in read(frame))
    assert text == f'{{"seq":{seq},"type":"notify","data":"{"x" * length}"}}'


def test_messages_are_numbered_in_a_row():
    messages = [Message(MessageType.QUOTE, {"n": n}) for n in range(3)]
    texts = [read(frame)[0].data for frame in stamped(messages, 9)]
    assert texts == [f'{{"seq":{9 + n},"type":"quote","n":{n}}}' for n in range(3)]
