"""Frames: the 44-byte header and the body behind it, to bytes and back.

Little endian: `FT`, u32 proto id, u8 body format, u8 version, u32 serial number, u32 body length,
20 bytes SHA-1 of the body before encryption, 8 reserved bytes. Bodies pass as they are on the wire;
decryption and the SHA-1 belong to whoever holds the session's cipher.
"""

import hashlib
import struct
from dataclasses import dataclass

from gateway.opend.errors import BadMagic, FrameTooLarge

HEADER_LENGTH = 44
MAGIC = b"FT"
PROTO_VERSION = 0
MAX_SERIAL = 0xFFFF_FFFF

_HEADER = struct.Struct("<2sI2B2I20s8s")
_RESERVED = bytes(8)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `body` is as on the wire, so encrypted where the session is; `sha1` is the plain body's.

    `proto_fmt` is 0 for protobuf and 1 for JSON.
    """

    proto_id: int
    serial: int
    body: bytes
    sha1: bytes
    proto_fmt: int = 0


def body_sha1(plain: bytes) -> bytes:
    """The 20 bytes that the header of a frame with this body (before encryption) must carry."""
    return hashlib.sha1(plain, usedforsecurity=False).digest()


def encode_frame(proto_id: int, serial: int, body: bytes, *, sha1: bytes, proto_fmt: int = 0) -> bytes:
    """The bytes of one frame. Raises `struct.error` when a number does not fit its field."""
    header = _HEADER.pack(MAGIC, proto_id, proto_fmt, PROTO_VERSION, serial, len(body), sha1, _RESERVED)
    return header + body


class FrameReader:
    """Cuts a byte stream into frames, however the bytes come in.

    After a `FrameError` the stream has lost its place, and every later use raises the same error.
    The version and the reserved bytes are not looked at, as the official SDK does not.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames they complete.

        Raises `BadMagic` or `FrameTooLarge`; frames that were complete before the fault are then
        lost. Who wants them calls `receive` and `next_frame` instead.
        """
        self.receive(data)
        frames = []
        while (frame := self.next_frame()) is not None:
            frames.append(frame)
        return frames

    def receive(self, data: bytes) -> None:
        """Take bytes; `next_frame` gives what they complete."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next complete frame, or None until more bytes come.

        Raises `BadMagic` as soon as a header cannot begin a frame, and `FrameTooLarge` as soon as
        one announces too much, before any of the body is kept.
        """
        self._check_magic()
        if len(self._buffer) - self._start < HEADER_LENGTH:
            self._drop_consumed()
            return None
        _, proto_id, proto_fmt, _, serial, length, sha1, _ = _HEADER.unpack_from(self._buffer, self._start)
        if length > self._max_body_bytes:
            raise FrameTooLarge(
                f"a frame of protocol {proto_id} announces {length} bytes, "
                f"more than the {self._max_body_bytes} that are accepted"
            )
        body_start = self._start + HEADER_LENGTH
        if len(self._buffer) < body_start + length:
            self._drop_consumed()
            return None
        self._start = body_start + length
        return Frame(proto_id, serial, bytes(self._buffer[body_start : self._start]), sha1, proto_fmt)

    @property
    def is_between_frames(self) -> bool:
        """Whether no part of a frame is waiting for its rest."""
        return len(self._buffer) == self._start

    def _check_magic(self) -> None:
        found = bytes(self._buffer[self._start : self._start + len(MAGIC)])
        if not MAGIC.startswith(found):
            raise BadMagic(f"a frame begins with {found.hex(' ')}, not with {MAGIC.hex(' ')} (FT)")

    def _drop_consumed(self) -> None:
        """Free the frames already given out; done once a read and not once a frame, as it moves bytes."""
        del self._buffer[: self._start]
        self._start = 0
