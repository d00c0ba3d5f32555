import struct

import pytest

from gateway.opend.errors import BadMagic, FrameTooLarge
from gateway.opend.frame import HEADER_LENGTH, Frame, FrameReader, body_sha1, encode_frame

BODIES = [b"", b"a", b"\x08\x00", bytes(range(256)) * 5]
FRAMES = [Frame(3004 + i, 2**32 - 1 - i, body, body_sha1(body)) for i, body in enumerate(BODIES)]
STREAM = b"".join(encode_frame(f.proto_id, f.serial, f.body, sha1=f.sha1) for f in FRAMES)


def test_a_header_is_laid_out_as_the_protocol_says():
    frame = encode_frame(0x0102, 0x03040506, b"body", sha1=bytes(range(20)), proto_fmt=1)
    assert frame[:2] == b"FT"
    assert frame[2:6] == b"\x02\x01\x00\x00"
    assert frame[6:8] == b"\x01\x00"
    assert frame[8:12] == b"\x06\x05\x04\x03"
    assert frame[12:16] == b"\x04\x00\x00\x00"
    assert frame[16:36] == bytes(range(20))
    assert frame[36:HEADER_LENGTH] == bytes(8)
    assert frame[HEADER_LENGTH:] == b"body"


def test_the_sha1_is_the_known_one():
    assert body_sha1(b"abc").hex() == "a9993e364706816aba3e25717850c26c9cd0d89d"


def test_frames_that_come_whole_are_read():
    assert FrameReader(10_000).feed(STREAM) == FRAMES


def test_frames_that_come_byte_by_byte_are_read():
    reader = FrameReader(10_000)
    assert [frame for i in range(len(STREAM)) for frame in reader.feed(STREAM[i : i + 1])] == FRAMES
    assert reader.is_between_frames


def test_bytes_of_the_next_frame_wait_for_their_rest():
    reader = FrameReader(10_000)
    assert reader.feed(STREAM + STREAM[:50]) == [*FRAMES, FRAMES[0]]
    assert not reader.is_between_frames
    assert reader.feed(STREAM[50:]) == FRAMES[1:]
    assert reader.is_between_frames


@pytest.mark.parametrize("start", [b"X", b"FX", b"HTTP/1.1 400 Bad Request\r\n", b"\x00" * 44])
def test_another_magic_is_refused_as_soon_as_it_shows(start):
    with pytest.raises(BadMagic, match="FT"):
        FrameReader(10_000).feed(start)


def test_after_a_fault_the_reader_stays_faulty():
    reader = FrameReader(10_000)
    with pytest.raises(BadMagic):
        reader.feed(b"junk")
    with pytest.raises(BadMagic):
        reader.feed(STREAM)


def test_frames_before_a_fault_can_be_had_one_by_one():
    reader = FrameReader(10_000)
    reader.receive(STREAM + b"junk")
    assert [reader.next_frame() for _ in FRAMES] == FRAMES
    with pytest.raises(BadMagic):
        reader.next_frame()


def test_a_body_at_the_cap_passes_and_one_over_it_is_refused_before_it_comes():
    body = bytes(100)
    frame = encode_frame(1, 1, body, sha1=body_sha1(body))
    assert len(FrameReader(100).feed(frame)) == 1
    with pytest.raises(FrameTooLarge, match=r"100 bytes.*99"):
        FrameReader(99).feed(frame[:HEADER_LENGTH])


def test_a_length_of_four_gigabytes_is_refused():
    header = bytearray(encode_frame(1, 1, b"", sha1=bytes(20)))
    header[12:16] = b"\xff\xff\xff\xff"
    with pytest.raises(FrameTooLarge, match="4294967295"):
        FrameReader(64 * 1024 * 1024).feed(bytes(header))


@pytest.mark.parametrize(("proto_id", "serial"), [(-1, 0), (2**32, 0), (0, -1), (0, 2**32)])
def test_numbers_that_do_not_fit_are_not_written(proto_id, serial):
    with pytest.raises(struct.error):
        encode_frame(proto_id, serial, b"", sha1=bytes(20))
