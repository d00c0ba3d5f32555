"""gunicorn's gevent worker, with our error bodies and with an end to every wait on a peer."""

import os
import re
import sys
import time
from typing import Any

import gevent
import orjson
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.body import Body  # type: ignore[import-untyped]
from gunicorn.http.errors import ConfigurationProblem, ParseException  # type: ignore[import-untyped]
from gunicorn.workers.base_async import AsyncWorker  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

from gateway.boot import MASTER
from gateway.web.exchange import request_id
from gateway.web.listener import Listener
from gateway.web.upgrade import ServeSocket, SocketOpened

KEEPALIVE_S = 75
"""How long an idle connection stays open: longer than nginx keeps its own to us (60 s), else nginx
may send a request into a connection that is just being closed."""

START_PAUSE_S = 1.0
"""How long a worker that cannot start waits before its end lets the master fork the next."""

PEER_TIMEOUT_S = KEEPALIVE_S + 5.0
"""How long one read from, or one write to, a client may take. Without it a client that stops in
the middle of a body holds a greenlet and a descriptor for ever."""


DRAIN_LIMIT_BYTES = 16 * 1024 * 1024
"""How much of a body that the application left alone is still read after the answer: most clients
send before they listen, and would take a closed connection for no answer. One that sends more is cut off."""

_DRAIN_STEP_BYTES = 65536

RELIEF_LIMIT_S = 30.0
"""How long a worker that is to end goes on to serve while others start in its place."""

RELIEF_INTERVAL_S = 0.05


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's own log, without an access line: the gateway writes its own.

    Where logging is configured by a dict, gunicorn makes that line up for each request whether anybody
    wants it or not, at a fifteenth of what a quote costs.
    """

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing."""


class GatewayWorker(GeventWorker):  # type: ignore[misc]
    """Serves HTTP/1.1. What gunicorn refuses before the application is a JSON error too."""

    server_class = Listener
    is_leaving = False

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """End at a TERM; at a reload only once the workers that take over serve."""
        if not self.booted:
            os._exit(0)  # it has opened nothing yet, and those who wait for it need to know
        if not self.is_leaving:
            self.is_leaving = True
            gevent.spawn(self._leave)

    def _leave(self) -> None:
        relief, give_up_s = MASTER.relief, time.monotonic() + RELIEF_LIMIT_S
        while relief is not None and not relief.is_here and time.monotonic() < give_up_s:
            gevent.sleep(RELIEF_INTERVAL_S)
        self.alive = False

    def init_process(self) -> None:
        """Start, and serve until the end. A machine that is short of something now is tried again later.

        Any other exit before a worker serves makes gunicorn end the whole gateway.
        """
        try:
            super().init_process()
        except OSError as error:
            if self.booted:
                raise
            self.log.critical("this worker cannot start: %s", error)
            time.sleep(START_PAUSE_S)
            sys.exit(1)

    def wsgi_handler(self, listener: Any, client: Any, addr: Any) -> None:
        """What gunicorn gives the listener to serve a connection with."""
        self.handle(listener, client, addr)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        client.settimeout(PEER_TIMEOUT_S)
        AsyncWorker.handle(self, listener, client, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request, and read what is left of its body; or, from then on, a socket."""
        serve_socket: ServeSocket | None = None
        try:
            super().handle_request(listener_name, req, sock, addr)
        except SocketOpened as opened:
            serve_socket = opened.serve
        finally:
            drain(req.body)
        if serve_socket is not None:
            serve_socket(sock, req.unreader.take_buffered())
            raise StopIteration

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what is not a request that the application can be given, and close the connection."""
        is_callers = isinstance(exc, ParseException) and not isinstance(exc, ConfigurationProblem)
        made_id = request_id(None)
        if is_callers:
            # What gunicorn says of it repeats lines of the request, and a token may stand in any.
            what = plain_words(type(exc).__name__)
            answer = error_answer("400 Bad Request", f"not a valid HTTP request: {what}", made_id)
            self.log.info("not HTTP: %s (request %s)", what, made_id, extra={"request_id": made_id})
        else:
            answer = error_answer("500 Internal Server Error", "internal error", made_id)
            self.log.error(
                "defect below the application (request %s)",
                made_id,
                exc_info=exc,
                extra={"request_id": made_id},
            )
        try:
            util.write(client, answer)
        except OSError as error:
            self.log.debug("the peer is gone: %s", error)


def plain_words(class_name: str) -> str:
    """`LimitRequestHeaders` -> `limit request headers`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", class_name).lower()


def drain(body: Body) -> None:
    """Read the rest of a body. Beyond the limit the connection is marked as not to be used again."""
    try:
        for _ in range(0, DRAIN_LIMIT_BYTES, _DRAIN_STEP_BYTES):
            if not body.read(_DRAIN_STEP_BYTES):
                return
    except (OSError, ParseException):
        return  # gunicorn's body has noted by itself that it failed
    body.failed = True


def error_answer(status: str, text: str, made_id: str) -> bytes:
    """A whole HTTP answer that ends its connection."""
    body = orjson.dumps({"error": text, "request_id": made_id})
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Request-Id: {made_id}\r\n\r\n"
    )
    return head.encode("ascii") + body
