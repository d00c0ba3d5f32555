"""Clients that listen on /ws, and the record of what each of their sockets was told."""

import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import ClientConnection, connect

OPEN_LIMIT_S = 30.0
LOOK_INTERVAL_S = 0.25
RETRY_PAUSE_S = 0.3
ORDER_EVENT, FILL_EVENT = 2208, 2218


class TradeEvent(NamedTuple):
    """An order (2208) or a fill (2218) as a socket was told of it."""

    received_s: float
    proto_id: int
    acc_id: int
    data: dict[str, Any]


class Period(NamedTuple):
    """A time in which every trade event has to come. `is_to_the_end`: it was the client that ended it."""

    begin_s: float
    end_s: float
    is_to_the_end: bool


@dataclass
class SocketLog:
    """What one socket was told, from its handshake to its end."""

    key_id: str
    opened_s: float
    trades: list[TradeEvent] = field(default_factory=list)
    quotes: dict[str, int] = field(default_factory=dict)
    """How many quotes came of each security."""
    gaps: int = 0
    seq: int = 0
    disorder: list[str] = field(default_factory=list)
    """What is wrong with the numbers."""
    code: int | None = None
    ended_s: float | None = None
    is_listening: bool = False
    periods: list[Period] = field(default_factory=list)
    _is_ready: bool = False
    _has_claimed: bool = False
    _since_s: float | None = None

    def take(self, message: dict[str, Any]) -> None:
        """Note a message."""
        now_s = time.time()
        self._number(message)
        kind = message["type"]
        if kind == "trade":
            self.trades.append(TradeEvent(now_s, message["proto_id"], message["acc_id"], message["data"]))
        elif kind == "quote":
            self.quotes[message["sec_key"]] = self.quotes.get(message["sec_key"], 0) + 1
        elif kind == "gap":
            self.gaps += 1
        elif kind == "notify" and message["proto_id"] == 0:
            self._hear(message, now_s)

    def claimed(self) -> None:
        """From now on it has to be told of its account."""
        self._has_claimed = self.is_listening = True
        self._judge(time.time())

    def end(self, code: int | None, *, by_client: bool) -> None:
        """No more will come."""
        self.code, self.ended_s = code, time.time()
        self._close_period(self.ended_s, is_to_the_end=by_client)

    def _number(self, message: dict[str, Any]) -> None:
        seq = message["seq"]
        if seq != self.seq + 1:
            span = (message.get("from_seq"), message.get("to_seq"))
            if message["type"] != "gap" or span != (self.seq + 1, seq - 1):
                self.disorder.append(f"after seq {self.seq} came {json.dumps(message)[:200]}")
        self.seq = seq

    def _hear(self, message: dict[str, Any], now_s: float) -> None:
        event = message["event"]
        if event == "opened":
            self._is_ready = message["data"]["is_opend_ready"]
        elif event in ("opend_lost", "opend_back"):
            self._is_ready = event == "opend_back"
        self._judge(now_s)

    def _judge(self, now_s: float) -> None:
        is_complete = self._is_ready and self._has_claimed
        if is_complete and self._since_s is None:
            self._since_s = now_s
        elif not is_complete:
            self._close_period(now_s, is_to_the_end=False)

    def _close_period(self, now_s: float, *, is_to_the_end: bool) -> None:
        if self._since_s is not None:
            self.periods.append(Period(self._since_s, now_s, is_to_the_end))
            self._since_s = None


class Listener(threading.Thread):
    """One client that listens with a key, on one socket after another, until told to stop.

    `acc_id` None: it asks for quotes alone.
    """

    def __init__(
        self,
        stage: Any,
        key_id: str,
        acc_id: int | None,
        security: str,
        sockets: list[SocketLog],
        defects: list[str],
    ) -> None:
        super().__init__(daemon=True, name=f"{key_id}-listener")
        self._stage = stage
        self._key_id = key_id
        self._acc_id = acc_id
        self._security = security
        self._sockets = sockets
        self._defects = defects
        self._is_over = threading.Event()

    def stop(self) -> None:
        """Close the socket and end."""
        self._is_over.set()

    def run(self) -> None:
        while not self._is_over.is_set():
            try:
                self._open()
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed, TimeoutError):
                self._is_over.wait(RETRY_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - it must not end unseen
                self._defects.append(f"{self.name}: {error!r}")
                return

    def _open(self) -> None:
        trust: ssl.SSLContext = self._stage.trust
        with connect(
            f"wss://localhost:{self._stage.nginx.port}/ws",
            ssl=trust,
            additional_headers={"Authorization": f"Bearer {self._stage.tokens[self._key_id]}"},
            open_timeout=OPEN_LIMIT_S,
            close_timeout=2,
            compression=None,
            ping_interval=None,
            max_queue=None,
            proxy=None,
        ) as socket:
            log = SocketLog(self._key_id, time.time())
            self._sockets.append(log)
            try:
                self._listen(socket, log)
            except ConnectionClosed as closed:
                log.end(closed.rcvd.code if closed.rcvd else None, by_client=False)

    def _listen(self, socket: ClientConnection, log: SocketLog) -> None:
        subscription = {"security_list": [self._security], "sub_type_list": ["Basic"]}
        accounts = {} if self._acc_id is None else {"acc_id_list": [self._acc_id]}
        socket.send(json.dumps({"op": "subscribe", "id": 1, **subscription, **accounts}))
        while not self._is_over.is_set():
            try:
                message = json.loads(socket.recv(timeout=LOOK_INTERVAL_S))
            except TimeoutError:
                continue
            log.take(message)
            if message["type"] == "reply":
                if message["ok"]:
                    log.claimed()
                else:  # OpenD or the ledger was away just now
                    time.sleep(RETRY_PAUSE_S)
                    socket.send(json.dumps({"op": "subscribe", "id": 1, **subscription, **accounts}))
        log.end(1000, by_client=True)
