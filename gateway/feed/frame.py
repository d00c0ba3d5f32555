"""WebSocket frames from the server to a client, as bytes (RFC 6455, section 5.2).

They are not masked, so that one frame's bytes can go to many clients. Frames of clients are read by
`gateway.feed.inbound`.
"""

import struct

_FINAL = 0x80
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SHORT_MAX, _MEDIUM_MAX = 125, 0xFFFF
_MEDIUM_MARK, _LONG_MARK = 126, 127
_MEDIUM, _LONG = struct.Struct("!BBH"), struct.Struct("!BBQ")

MAX_CONTROL_BYTES = 125
"""What a control frame may carry at most."""


def text_head(length: int) -> bytes:
    """What stands before a text of `length` bytes that is a whole message."""
    return _head(_TEXT, length)


def close_frame(code: int, reason: str = "") -> bytes:
    """Says that no more frames follow, and why. A reason that is too long is cut between characters."""
    cut = reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore")
    return _control(_CLOSE, code.to_bytes(2) + cut.encode())


def ping_frame() -> bytes:
    """Asks the client for a sign of life."""
    return _control(_PING, b"")


def pong_frame(payload: bytes) -> bytes:
    """The answer to a client's ping, with what it carried: at most `MAX_CONTROL_BYTES`."""
    return _control(_PONG, payload)


def _control(opcode: int, payload: bytes) -> bytes:
    return _head(opcode, len(payload)) + payload


def _head(opcode: int, length: int) -> bytes:
    first = _FINAL | opcode
    if length <= _SHORT_MAX:
        return bytes((first, length))
    if length <= _MEDIUM_MAX:
        return _MEDIUM.pack(first, _MEDIUM_MARK, length)
    return _LONG.pack(first, _LONG_MARK, length)
