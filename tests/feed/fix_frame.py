"""Frames as a client reads them: by a library that is not ours, or a parser of a few lines."""

import json
from collections.abc import Iterator


def frames_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(opcode, payload) of each frame; fails unless the bytes are whole, final and unmasked frames."""
    frames, rest = split(data)
    assert not rest, "the last frame is torn"
    yield from frames


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames at the begin of the bytes, and what follows on them."""
    frames = []
    while len(data) > 1:
        first, second = data[0], data[1]
        assert first & 0xF0 == 0x80, "a frame has to be final, and without reserved bits"
        assert second < 128, "a server's frame is not masked"
        size_bytes = {126: 2, 127: 8}.get(second, 0)
        length = int.from_bytes(data[2 : 2 + size_bytes]) if size_bytes else second
        end = 2 + size_bytes + length
        if len(data) < end:
            break
        frames.append((first & 0x0F, data[end - length : end]))
        data = data[end:]
    return frames, data


def texts_of(data: bytes) -> list[dict]:
    """The messages among the frames."""
    return [json.loads(payload) for opcode, payload in frames_of(data) if opcode == 1]


def require_explained(messages: list[dict], after: int = 0) -> None:
    """Each `seq` follows on the one before, but for numbers that a gap says are left out."""
    last = after
    for message in messages:
        if message["type"] == "gap":
            assert message["from_seq"] == last + 1
            assert message["seq"] == message["to_seq"] + 1
            missing = message["to_seq"] - message["from_seq"] + 1
            assert sum(each["count"] for each in message["skipped"]) == missing
        else:
            assert message["seq"] == last + 1
        last = message["seq"]
