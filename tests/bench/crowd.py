"""Sockets of /ws that read all they get, and the OpenD whose pushes they get, in one gevent loop."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gevent
from bench.http_load import LIMIT_S, LoadFailed
from bench.stand import Served, post
from live.fix_live import FeedOpenD, RawSocket, client_frame, rt_body

RT_PUSH = 3009
SECURITY, OTHER_SECURITY = "00700", "00001"
_MARK = re.compile(rb"tick (\d+\.\d+) ")
_MARK_BYTES = 32
_LOOK_INTERVAL_S = 0.001
_LIFE_INTERVAL_S = 10.0
_PONG = 0xA


class Reader:
    """Counts the pushes that came to a socket, without taking the messages apart; or how late each was."""

    def __init__(self, served: Served, path: str) -> None:
        self._client = RawSocket(served.port, path, **served.headers)
        self.count = 0
        self.late_s: list[float] | None = None
        self._greenlets = [gevent.spawn(self._run), gevent.spawn(self._live)]

    def _run(self) -> None:
        rest = b""
        while data := self._client.socket.recv(1 << 18):
            data = rest + data
            now_s, end = time.monotonic(), 0
            if self.late_s is None:
                self.count += data.count(b"tick ")
                end = max(data.rfind(b"tick ") + 5, 0)
            else:
                for found in _MARK.finditer(data):
                    self.late_s.append(now_s - float(found[1]))
                    self.count += 1
                    end = found.end()
            rest = data[max(end, len(data) - _MARK_BYTES) :]

    def _live(self) -> None:
        """Give signs of life, in place of an answer to each ping."""
        while True:
            gevent.sleep(_LIFE_INTERVAL_S)
            self._client.socket.sendall(client_frame(b"", _PONG))

    @property
    def has_ended(self) -> bool:
        """Whether the other side closed the socket."""
        return any(each.dead for each in self._greenlets)

    def close(self) -> None:
        gevent.killall(self._greenlets)
        self._client.close()


class Source:
    """Pushes of OpenD, each with the time at which it went out."""

    def __init__(self, opend: FeedOpenD) -> None:
        self._opend = opend
        self.sent = 0

    def push(self, code: str = SECURITY) -> None:
        self._opend.pinned.push(RT_PUSH, rt_body(code, f"tick {time.monotonic():.6f} "))
        self.sent += 1


@contextmanager
def running_opend() -> Iterator[FeedOpenD]:
    """A scripted OpenD: the simulator's market does not move fast enough."""
    opend = FeedOpenD()
    try:
        yield opend
    finally:
        opend.close()


def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Do what blocks, while the OpenD in this thread goes on answering."""
    return gevent.get_hub().threadpool.apply(function, arguments)


def claim(served: Served, headers: Mapping[str, str], codes: list[str]) -> None:
    """Let a key claim the pushes of these codes, for all of its sockets."""
    body = {"security_list": [{"market": 1, "code": code} for code in codes], "sub_type_list": ["RT"]}
    body |= {"is_sub_or_un_sub": True, "is_reg_or_un_reg_push": True}
    in_thread(post, served.port, "/api/subscribe", body, dict(headers))


def wait_for(holds: Callable[[], Any]) -> None:
    """Until it holds. Raises gevent.Timeout."""
    with gevent.Timeout(LIMIT_S):
        while not holds():
            gevent.sleep(_LOOK_INTERVAL_S)


def saturate(source: Source, readers: list[Reader], seconds: float, window: int) -> float:
    """Messages a second when there are always `window` pushes that somebody has not got yet."""
    sent_before = source.sent
    counts_before = [reader.count for reader in readers]

    def got() -> int:
        return min(reader.count - before for reader, before in zip(readers, counts_before, strict=True))

    started_s = time.monotonic()
    while (now_s := time.monotonic()) < started_s + seconds:
        for _ in range(window - (source.sent - sent_before - got())):
            source.push()
        gevent.sleep(0)
    _require_open(readers)
    arrived = sum(reader.count for reader in readers) - sum(counts_before)
    wait_for(lambda: got() == source.sent - sent_before)
    return arrived / (now_s - started_s)


def latencies_s(source: Source, readers: list[Reader], seconds: float, pushes_per_s: float) -> list[float]:
    """How late each message was, at a steady rate of pushes."""
    for reader in readers:
        reader.late_s = []
    sent_before = source.sent
    counts_before = [reader.count for reader in readers]
    started_s = time.monotonic()
    while (elapsed_s := time.monotonic() - started_s) < seconds:
        while source.sent - sent_before < elapsed_s * pushes_per_s:
            source.push()
        gevent.sleep(1 / pushes_per_s)
    _require_open(readers)
    pushed = source.sent - sent_before
    wait_for(lambda: all(r.count - b == pushed for r, b in zip(readers, counts_before, strict=True)))
    late_s = [each for reader in readers for each in reader.late_s or ()]
    for reader in readers:
        reader.late_s = None
    return late_s


def _require_open(readers: list[Reader]) -> None:
    """Raises LoadFailed when a socket ended: what it lacks would never come."""
    if ended := sum(reader.has_ended for reader in readers):
        raise LoadFailed(f"{ended} of {len(readers)} sockets were closed by the server")
