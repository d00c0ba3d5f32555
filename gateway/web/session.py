"""One socket from its handshake to its end: what comes in is read and answered here."""

import logging
import secrets

from gevent import socket

from gateway.claim import Holder
from gateway.feed.audience import Filter, Listener
from gateway.feed.event import Format, own_event
from gateway.feed.hub import PING_INTERVAL_S
from gateway.feed.inbound import NO_CODE, NORMAL, Ended, Inbound, Pinged, Received, Text, Violation
from gateway.feed.message import Message
from gateway.feed.peer import Peer
from gateway.web.auth import Admission
from gateway.web.exchange import Exchange
from gateway.web.operation import Operations
from gateway.web.services import Services

READ_BYTES = 16 * 1024
INTERFACE_VERSION = 1

_log = logging.getLogger("gateway.access")


class SocketSession:
    """A socket that a handshake has let in; `serve` is its life."""

    def __init__(
        self,
        services: Services,
        exchange: Exchange,
        admission: Admission,
        wanted: Format,
        chosen: Filter,
        accept: str,
    ) -> None:
        self._services = services
        self._exchange = exchange
        self._admission = admission
        self._format = wanted
        self._filter = chosen
        self._response = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nX-Request-Id: {exchange.request_id}\r\n\r\n"
        ).encode("ascii")

    def serve(self, sock: socket.socket, early: bytes) -> None:
        """Serve it until it ends. `early` are bytes of the client that were read with its request."""
        hub, clock = self._services.hub, self._services.clock
        opened_s = clock.monotonic_s()
        listener = self._listener(sock)
        operations = self._operations(listener)
        hub.join(listener, self._greeting(listener))
        try:
            self._read(listener, operations, early)
        finally:
            listener.peer.end()
            hub.leave(listener)
            operations.end()
            self._write_line(listener, clock.monotonic_s() - opened_s)

    def _listener(self, sock: socket.socket) -> Listener:
        services, principal = self._services, self._admission.principal
        return Listener(
            peer=Peer(sock, services.clock, services.hub.counters.sent, self._response),
            holder=Holder(principal.key_id, secrets.token_hex(8)),
            principal=principal,
            find_principal=self._admission.find_principal,
            format=self._format,
            filter=self._filter,
        )

    def _operations(self, listener: Listener) -> Operations:
        services = self._services
        return Operations(
            listener,
            services.hub,
            services.codec,
            services.socket_claims,
            lambda refused: services.refusals.write(self._exchange, refused),
        )

    def _greeting(self, listener: Listener) -> Message:
        """The first message. A socket cannot be resumed: what was missed has to be read over HTTP."""
        return own_event(
            "opened",
            {
                "version": INTERFACE_VERSION,
                "socket": listener.holder.socket_id,
                "resumable": False,
                "is_opend_ready": self._services.hub.is_opend_ready,
                "ping_interval_s": PING_INTERVAL_S,
                "trd_env_numbering": self._services.codec.numbering,
                "types": listener.types(),
            },
        )

    def _read(self, listener: Listener, operations: Operations, early: bytes) -> None:
        """Read until the client has closed, or is gone. What it says after our close frame is passed over."""
        inbound = Inbound()
        data = early or listener.peer.receive(READ_BYTES)
        while data:
            try:
                for received in inbound.receive(data):
                    if self._take(listener, operations, received):
                        return
            except Violation as violation:
                self._services.hub.close_socket(listener, violation.code, str(violation))
            data = listener.peer.receive(READ_BYTES)

    def _take(self, listener: Listener, operations: Operations, received: Received) -> bool:
        """Deal with something received; says whether it was the last."""
        hub = self._services.hub
        match received:
            case Ended(code):
                hub.close_socket(listener, NORMAL if code == NO_CODE else code)
                return True
            case Text(text) if listener.peer.code is None:
                hub.send(listener, operations.answer(text))
            case Pinged(payload) if listener.peer.code is None:
                hub.pong(listener, payload)
        return False

    def _write_line(self, listener: Listener, seconds: float) -> None:
        exchange, peer = self._exchange, listener.peer
        _log.info(
            "%s closed %s %.1f s %d messages %s",
            exchange.route,
            peer.code,
            seconds,
            peer.outbox.seq,
            exchange.request_id,
            extra={
                "route": exchange.route,
                "close_code": peer.code,
                "seconds": round(seconds, 1),
                "messages": peer.outbox.seq,
                "request_id": exchange.request_id,
            },
        )
