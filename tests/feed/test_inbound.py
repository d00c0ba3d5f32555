import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.feed.inbound import MAX_MESSAGE_BYTES, Ended, Inbound, Pinged, Text, Violation


def frame(opcode, payload, *, fin=True, mask=b"\x01\x02\x03\x04", reserved=0, length=None):
    """A client's frame; `length` is what it says, if that is not the truth."""
    size = len(payload) if length is None else length
    first, masked = (0x80 if fin else 0) | reserved | opcode, 0x80 if mask else 0
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 65536:
        head = bytes((first, masked | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8)
    if not mask:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def received(*chunks):
    inbound = Inbound()
    return [each for chunk in chunks for each in inbound.receive(chunk)]


def test_texts_pings_and_the_end():
    data = frame(1, b'{"op":"ping"}') + frame(9, b"?") + frame(10, b"") + frame(8, (1001).to_bytes(2))
    assert received(data) == [Text('{"op":"ping"}'), Pinged(b"?"), Ended(1001)]


def test_an_end_without_a_code_is_1005_and_nothing_counts_after_it():
    assert received(frame(8, b"") + frame(1, b"x"), frame(1, b"y")) == [Ended(1005)]


@given(st.lists(st.integers(1, 20), max_size=20))
def test_bytes_may_come_in_any_pieces(cuts):
    data = frame(1, "股".encode(), fin=False) + frame(9, b"x") + frame(0, b"!") + frame(1, b"")
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    assert received(*pieces, data) == [Pinged(b"x"), Text("股!"), Text("")]


def test_a_character_may_be_split_over_fragments():
    text = "腾讯控股".encode()
    pieces = [frame(1 if n == 0 else 0, text[n : n + 1], fin=n == len(text) - 1) for n in range(len(text))]
    assert received(*pieces) == [Text("腾讯控股")]


def test_the_largest_message():
    assert received(frame(1, b"x" * MAX_MESSAGE_BYTES)) == [Text("x" * MAX_MESSAGE_BYTES)]


VIOLATIONS = {
    "binary": (frame(2, b"x"), 1003),
    "unmasked": (frame(1, b"x", mask=None), 1002),
    "reserved bit": (frame(1, b"x", reserved=0x40), 1002),
    "unknown opcode": (frame(3, b"x"), 1002),
    "long control frame": (frame(9, b"x" * 126), 1002),
    "split control frame": (frame(9, b"x", fin=False), 1002),
    "continuation of nothing": (frame(0, b"x"), 1002),
    "a message inside another": (frame(1, b"x", fin=False) + frame(1, b"y"), 1002),
    "close with one byte": (frame(8, b"x"), 1002),
    "close with a reserved code": (frame(8, (1006).to_bytes(2)), 1002),
    "bad UTF-8": (frame(1, b"\xff\xfe"), 1007),
    "UTF-8 that ends early": (frame(1, "股".encode()[:2]), 1007),
    "too large": (frame(1, b"x" * (MAX_MESSAGE_BYTES + 1)), 1009),
    "too large in fragments": (
        frame(1, b"x" * MAX_MESSAGE_BYTES, fin=False) + frame(0, b"x", fin=False),
        1009,
    ),
    "too large by its head": (frame(1, b"x" * 65537, length=2**40), 1009),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violations_have_their_code(name):
    data, code = VIOLATIONS[name]
    inbound = Inbound()
    with pytest.raises(Violation) as caught:
        list(inbound.receive(data))
    assert caught.value.code == code
    assert str(caught.value)
    assert list(inbound.receive(frame(1, b"more"))) == []
