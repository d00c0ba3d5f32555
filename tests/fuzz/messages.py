"""What clients send over their sockets: frames of any kind, and operations of any kind in right ones.

A case is the bytes that follow the handshake. They are served by the product's own session on one end of
a socket pair; from the other end all that it wrote is read and taken apart.
"""

import json
import random
from collections import Counter
from typing import Any

import gevent
import orjson
from fuzz.bodies import WORDS, changed_bytes, other_json
from fuzz.campaign import Finding, Target
from fuzz.inside import Inside
from fuzz.mutation import mutated
from gevent import socket

from gateway.web.upgrade import SocketOpened

LIMIT_S = 15.0
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
TEXT, PONG, CLOSE = 1, 10, 8
KNOWN_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1009, *range(1000, 1016), *range(3000, 5000)})

OPERATIONS: tuple[dict[str, Any], ...] = (
    {"op": "subscribe", "id": 1, "security_list": ["HK.00700"], "sub_type_list": ["Basic", 4]},
    {"op": "subscribe", "security_list": [{"market": 11, "code": "AAPL"}], "sub_type_list": [6], "id": "x"},
    {"op": "subscribe", "acc_id_list": [987654], "id": None},
    {"op": "unsubscribe", "security_list": ["HK.00700"], "sub_type_list": [1]},
    {"op": "unsubscribe", "all": True, "id": 2},
    {"op": "filter", "symbols": ["HK.00700"], "types": ["quote", "trade"], "id": True},
    {"op": "filter", "symbols": None, "types": None},
    {"op": "ping", "id": 3.5},
    {
        "op": "subscribe",
        "security_list": ["US.AAPL"],
        "sub_type_list": [11],
        "reg_push_rehab_type_list": [1],
        "is_first_push": True,
        "extended_time": True,
        "session": 1,
    },
)


def client_frame(
    payload: bytes, opcode: int = TEXT, first: int = 0x80, mask: bytes = b"\x11\x22\x33\x44"
) -> bytes:
    """A frame as a client has to send it."""
    size = len(payload)
    head = bytes((first | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += b"\xfe" + size.to_bytes(2)
    else:
        head += b"\xff" + size.to_bytes(8)
    times = size // 4 + 1
    masked = int.from_bytes(payload) ^ int.from_bytes((mask * times)[:size])
    return head + mask + masked.to_bytes(size)


class Messages(Target):
    """Bytes after the handshake."""

    name = "messages"

    def __init__(self) -> None:
        self._inside: Inside | None = None

    def seeds(self) -> list[bytes]:
        ops = [client_frame(orjson.dumps(each)) for each in OPERATIONS]
        controls = [
            client_frame(b"?", 9),
            client_frame(b"", 10),
            client_frame((1000).to_bytes(2) + b"bye", CLOSE),
        ]
        ops.append(client_frame(b'{"op":"pin\\u0067","id":7}'))
        split = client_frame(b'{"op":', first=0) + client_frame(b"?", 9) + client_frame(b'"ping"}', 0)
        return [
            *ops,
            *controls,
            split,
            ops[0] + controls[0] + ops[4],
            client_frame(b"x" * 70_000),
            ops[7] * 40,
        ]

    def case(self, source: bytes, dice: random.Random) -> bytes:
        how = dice.random()
        if how < 0.35:
            return mutated(source, dice, WORDS)[:200_000]
        body = orjson.dumps(dice.choice(OPERATIONS))
        changed = other_json(body, dice) if how < 0.8 else changed_bytes(body, dice)
        frame = client_frame(changed)
        return source + frame if how > 0.95 and len(source) < 100_000 else frame

    def run(self, case: bytes) -> str:
        inside = self._inside = self._inside or Inside()
        frames = frames_of(served(inside, case))
        inside.defects.require_none()
        if inside.hub.sockets:
            raise Finding("a socket is still counted after its end")
        return outcome_of(frames)


def served(inside: Inside, sent: bytes) -> bytes:
    """All that a session writes after its handshake, to a client that sends this and then is gone."""
    try:
        inside.request("GET", "/ws", HANDSHAKE, b"")
        raise Finding("the handshake was refused")
    except SocketOpened as opened:
        serve = opened.serve
    ours, theirs = socket.socketpair()
    reader = gevent.spawn(read_all, theirs)
    theirs.shutdown(socket.SHUT_WR)
    with gevent.Timeout(LIMIT_S, Finding("the session did not end")):
        serve(ours, sent)
        ours.close()
        written: bytes = reader.get()
    theirs.close()
    head, blank, rest = written.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101 ") or not blank:
        raise Finding(f"the handshake's answer is {head!r}")
    return rest


def read_all(peer: socket.socket) -> bytes:
    data = b""
    while more := peer.recv(65536):
        data += more
    return data


def frames_of(data: bytes) -> list[tuple[int, bytes]]:
    """What a server sent, frame by frame: whole, unmasked, and nothing after a close."""
    frames = []
    while data:
        first, size, start = data[0], data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10]), 10
        if not first & 0x80 or len(data) < start + size or (frames and frames[-1][0] == CLOSE):
            raise Finding(f"no whole frame: {data[:60]!r}")
        frames.append((first & 0x0F, data[start : start + size]))
        data = data[start + size :]
    return frames


def outcome_of(frames: list[tuple[int, bytes]]) -> str:
    """What the frames say, in few words. Each text has the next number, and each reply says how it went."""
    kinds: Counter[str] = Counter()
    seq = 0
    for opcode, payload in frames:
        match opcode:
            case 1:
                seq += 1
                kinds[reply_of(json.loads(payload), seq)] += 1
            case 8:
                code = int.from_bytes(payload[:2])
                if code not in KNOWN_CODES:
                    raise Finding(f"closed with {code}")
                kinds[f"close {code}"] += 1
                payload[2:].decode()
            case 10:
                kinds["pong"] += 1
            case _:
                raise Finding(f"a frame with opcode {opcode}")
    return "; ".join(sorted(kinds))


def reply_of(message: dict[str, Any], seq: int) -> str:
    if message["seq"] != seq:
        raise Finding(f"message {seq} has the number {message['seq']}")
    if message["type"] != "reply":
        return str(message["type"])
    if message["ok"] == ("error" in message) or message.get("error") == "internal error":
        raise Finding(f"no right reply: {message}")
    return f"{message.get('op')} {message['ok']} {message.get('error', '')[:24]}"
