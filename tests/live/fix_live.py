"""A gateway with sockets on it, all in this thread's gevent loop: a scripted OpenD, and raw clients."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import socket
from opend.fake_opend import FakeOpenD, answer, response

from gateway.schema.protocols import PROTOCOLS

SUBSCRIBE, SUBSCRIPTION_INFO, RT_PUSH, ORDER_PUSH = 3001, 3003, 3009, 2208
RT = 5
LIMIT_S = 30.0


class FeedOpenD(FakeOpenD):
    """An OpenD that takes every subscription, and pushes what a test tells it to, as fast as it can."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.subscribed: dict[int, set] = {}

    def _answer(self, peer, request) -> None:
        if request.proto_id == SUBSCRIBE:
            c2s, held = request.c2s, self.subscribed.setdefault(peer.conn_id, set())
            pairs = {(each.market, each.code, sub) for each in c2s.securityList for sub in c2s.subTypeList}
            held.update(pairs) if c2s.isSubOrUnSub else held.difference_update(pairs)
        if request.proto_id == SUBSCRIPTION_INFO:
            peer.reply(request, self._info(peer))
        else:
            answer(peer, request)

    def _info(self, peer) -> bytes:
        infos = [
            {"subType": sub, "securityList": [{"market": market, "code": code}]}
            for market, code, sub in self.subscribed.get(peer.conn_id, ())
        ]
        own = {"subInfoList": infos, "usedQuota": len(infos), "isOwnConnData": True}
        s2c = {"connSubInfoList": [own], "totalUsedQuota": len(infos), "remainQuota": 1000}
        return response(SUBSCRIPTION_INFO, s2c=s2c)

    @property
    def pinned(self):
        """The connection that has subscriptions."""
        return next(peer for peer in self.peers if self.subscribed.get(peer.conn_id))

    def push_rt(self, code: str, name: str) -> None:
        self.pinned.push(RT_PUSH, rt_body(code, name))


def rt_body(code: str, name: str) -> bytes:
    """A push whose event is small, and carries a text of the test's."""
    s2c = {"security": {"market": 1, "code": code}, "name": name, "rtList": []}
    return PROTOCOLS[RT_PUSH].response(retType=0, s2c=s2c).SerializeToString()


class HandshakeRefused(Exception):
    """The answer to a handshake was not 101."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(f"{status}: {body!r}")
        self.status, self.headers, self.body = status, headers, body


def handshake(port: int, path: str = "/ws", method: str = "GET", **changes: str | None) -> bytes:
    """The bytes of a handshake; `changes` replace or (None) leave out headers, with _ for -."""
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()


def client_frame(payload: bytes, opcode: int = 1, first: int = 0x80) -> bytes:
    """A masked frame; the mask is zero, so that the payload stays as it is."""
    size = len(payload)
    if size < 126:
        head = bytes((first | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((first | opcode, 0xFE)) + size.to_bytes(2)
    else:
        head = bytes((first | opcode, 0xFF)) + size.to_bytes(8)
    return head + bytes(4) + payload


class RawSocket:
    """A client of a few lines, that sees every byte. Raises HandshakeRefused."""

    def __init__(self, port: int, path: str = "/ws", *, buffer_bytes: int | None = None, **headers) -> None:
        self.socket = socket.socket()
        if buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data, self._at = bytearray(), 0
        self.closed: tuple[int, str] | None = None
        self.pings = 0
        self.socket.sendall(handshake(port, path, **headers))
        self._read_head()

    def _read_head(self) -> None:
        with gevent.Timeout(LIMIT_S):
            while b"\r\n\r\n" not in self._data:
                self._more()
            head, _, rest = bytes(self._data).partition(b"\r\n\r\n")
            status, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            self._data = bytearray(rest)
            if status.split()[1] == "101":
                return
            while len(self._data) < int(headers.get("content-length", 0)):
                self._more()
        self.socket.close()
        raise HandshakeRefused(int(status.split()[1]), headers, bytes(self._data))

    def _more(self) -> None:
        more = self.socket.recv(1 << 18)
        if not more:
            raise EOFError
        self._data += more

    def send(self, **message) -> None:
        self.socket.sendall(client_frame(json.dumps(message).encode()))

    def frame(self) -> tuple[int, bytes]:
        """The next frame; EOFError at the end of the stream, AssertionError for a torn one."""
        while True:
            data, at = self._data, self._at
            if len(data) >= at + 2:
                short = data[at + 1]
                assert data[at] & 0x70 == 0
                assert short < 128
                extra = {126: 2, 127: 8}.get(short, 0)
                begin = at + 2 + extra
                length = int.from_bytes(data[at + 2 : begin]) if extra else short
                if len(data) >= begin + length:
                    self._at = begin + length
                    return data[at] & 0x0F, bytes(data[begin : begin + length])
            if self._at:
                del data[: self._at]
                self._at = 0
            try:
                self._more()
            except EOFError:
                assert not self._data, "the stream ended inside a frame"
                raise

    def text(self) -> bytes | None:
        """The next message; None once the socket is closed."""
        while True:
            opcode, payload = self.frame()
            if opcode == 1:
                return payload
            if opcode == 8:
                self.closed = (int.from_bytes(payload[:2]), payload[2:].decode())
                return None
            if opcode == 9:
                self.pings += 1
                self.socket.sendall(client_frame(payload, 0xA))

    def message(self) -> dict:
        text = self.text()
        assert text is not None, self.closed
        return json.loads(text)

    def until(self, holds: Callable[[dict], bool], limit_s: float = LIMIT_S) -> dict:
        """The first message for which it holds."""
        with gevent.Timeout(limit_s):
            while not holds(message := self.message()):
                pass
            return message

    def ask(self, **message) -> dict:
        """Send an operation, and return its reply; what comes before that is passed over."""
        self.send(**message)
        return self.until(lambda each: each["type"] == "reply")

    def wait_closed(self, limit_s: float = LIMIT_S) -> tuple[int, str] | None:
        """Read to the end; the close frame's code and reason, None when there was none."""
        with gevent.Timeout(limit_s):
            try:
                while self.closed is None:
                    self.text()
                self.socket.sendall(client_frame(self.closed[0].to_bytes(2), 8))
                while True:
                    self.frame()
            except (EOFError, OSError):
                pass
        return self.closed

    def close(self) -> None:
        self.socket.close()


@contextmanager
def opened(count: int, make: Callable[[], RawSocket]) -> Iterator[list[RawSocket]]:
    """So many sockets, closed at the end."""
    sockets = [make() for _ in range(count)]
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def now_text() -> str:
    """The time, for a push that is measured."""
    return f"{time.monotonic():.6f}"


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
