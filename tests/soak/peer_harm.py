"""Slow and rude clients, in front of nginx and past it, and a reload of nginx itself."""

import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from soak.harm import Excuse, Harm, Lane
from soak.key import TRADERS
from soak.stage import Stage

CROWD = 12
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
ANSWER_LIMIT_S = 10.0
SMALL_BUFFER_BYTES = 4096
MASK = b"\0\0\0\0"
"""Leaves a payload as it is (RFC 6455, section 5.3)."""

TEXT, PING, LONG_LENGTH = 0x81, 0x89, 127
"""The first bytes of frames that are whole, and the length that says that eight bytes of length follow."""

Rudeness = Callable[[socket.socket, Random], None]


def crowd(rudeness: Rudeness, *, is_upgraded: bool) -> Callable[[Stage, Random], None]:
    """Several clients that are rude in one way, all at once, each until it has done its worst."""

    def do(stage: Stage, pick: Random) -> None:
        with _connections(stage, pick) as opened:
            for each in opened:
                try:
                    if is_upgraded:
                        _upgrade(stage, each, pick)
                    rudeness(each, pick)
                except OSError:
                    continue  # the gateway, or a harm to it, has ended the connection
            time.sleep(pick.uniform(0.5, 4.0))

    return do


@contextmanager
def _connections(stage: Stage, pick: Random) -> Iterator[list[socket.socket]]:
    """Connections to nginx and to the gateway behind it, that are closed by a reset or in order."""
    opened = [_connect(stage, pick) for _ in range(CROWD)]
    try:
        yield opened
    finally:
        for each in opened:
            if each.fileno() >= 0 and pick.random() < 0.5:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            each.close()


def _connect(stage: Stage, pick: Random) -> socket.socket:
    is_past_nginx = pick.random() < 0.5
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    made.settimeout(ANSWER_LIMIT_S)
    # nginx allows so much to each address.
    made.bind((f"127.0.200.{pick.randrange(1, 250)}", 0))
    made.connect(("127.0.0.1", stage.gateway.port if is_past_nginx else stage.nginx.port))
    return made if is_past_nginx else stage.trust.wrap_socket(made, server_hostname="localhost")


def _head(stage: Stage, line: str, pick: Random, *more: str) -> bytes:
    token = stage.tokens[pick.choice(list(TRADERS))]
    return "\r\n".join([line, "Host: localhost", f"Authorization: Bearer {token}", *more, "", ""]).encode()


def _upgrade(stage: Stage, made: socket.socket, pick: Random) -> None:
    """Become a socket of /ws that is told of everything that its key may know, and claim much."""
    words = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    made.sendall(
        _head(stage, "GET /ws HTTP/1.1", pick, *words, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    )
    assert made.recv(12).endswith(b"101"), "the handshake of a socket was refused"


def _frame(first: int, payload: bytes) -> bytes:
    """A short frame as a client sends it."""
    return bytes([first, 0x80 | len(payload)]) + MASK + payload


def stop_reading(made: socket.socket, pick: Random) -> None:
    """Claim quotes, and read nothing of what comes."""
    words = b'{"op":"subscribe","id":1,"security_list":["HK.00700"],"sub_type_list":["Ticker"]}'
    made.sendall(_frame(TEXT, words))


def send_half_a_frame(made: socket.socket, pick: Random) -> None:
    """Begin a message and never end it."""
    made.sendall(_frame(TEXT, b'{"op":"subscribe"}')[: pick.randrange(1, 20)])


def send_garbage(made: socket.socket, pick: Random) -> None:
    """Bytes that are no frames, frames that no client may send, JSON that is none."""
    made.sendall(
        pick.choice(
            [
                pick.randbytes(5000),
                bytes([TEXT, 5]) + b"plain",
                bytes([TEXT, 0x80 | LONG_LENGTH]) + struct.pack(">Q", 2**62) + MASK,
                _frame(TEXT, b"\xff\xfe not UTF-8"),
                _frame(TEXT, b'{"op":' * 15),
                _frame(TEXT, b'{"op":"unknown"}') * 200,
                _frame(PING, b"p" * 100) * 500,
                _frame(0x83, b"a kind that is reserved"),
            ]
        )
    )


def vanish(made: socket.socket, pick: Random) -> None:
    """A reset in the middle of everything."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    made.close()


def send_half_a_request(stage: Stage, pick: Random) -> None:
    """Heads and bodies of orders that do not end, and connections on which nothing is said."""
    words = ("Content-Type: application/json", "Content-Length: 500")
    whole = _head(stage, "POST /api/order HTTP/1.1", pick, *words) + b'{"header": {"trd_env": "simulate"'
    crowd(lambda made, pick: made.sendall(whole[: pick.randrange(len(whole))]), is_upgraded=False)(
        stage, pick
    )


def send_no_http(stage: Stage, pick: Random) -> None:
    """Bytes that are no request."""
    crowd(lambda made, pick: made.sendall(pick.randbytes(3000) + b"\r\n\r\n"), is_upgraded=False)(stage, pick)


def reload_nginx(stage: Stage, pick: Random) -> None:
    """HUP to nginx, once or several times in a row: sockets go on, idle connections of clients end."""
    for _ in range(pick.randrange(1, 4)):
        stage.nginx.process.send_signal(signal.SIGHUP)
        time.sleep(pick.uniform(0.1, 0.5))


HARMS = (
    Harm("sockets that do not read", Lane.REST, 8, crowd(stop_reading, is_upgraded=True)),
    Harm("sockets with half frames", Lane.REST, 8, crowd(send_half_a_frame, is_upgraded=True)),
    Harm("sockets with garbage", Lane.REST, 8, crowd(send_garbage, is_upgraded=True)),
    Harm("sockets that reset", Lane.REST, 8, crowd(vanish, is_upgraded=True)),
    Harm("requests that do not end", Lane.REST, 5, send_half_a_request),
    Harm("requests that are no HTTP", Lane.REST, 5, send_no_http),
    Harm("nginx reloaded", Lane.REST, 15, reload_nginx, frozenset({Excuse.LOST})),
)
