"""Around the whole application: a request's id, its time, its access line, its metrics."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gateway.clock import Clock
from gateway.logs import REQUEST_ID
from gateway.metrics.table import UNMATCHED, observe_request
from gateway.web.exchange import ENVIRON_KEY, NO_ROUTE, Exchange, request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.access")


class Front:
    """A WSGI application that gives each request an `Exchange`, and each answer its `X-Request-Id`.

    The access line names the route, never the raw path or query: those may carry what is secret.
    """

    def __init__(self, app: "WSGIApplication", clock: Clock) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        exchange = Exchange(request_id(environ.get("HTTP_X_REQUEST_ID")), self._clock.monotonic_s())
        environ[ENVIRON_KEY] = exchange
        outer = REQUEST_ID.set(exchange.request_id)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            exchange.status = status[:3]
            headers.append(("X-Request-Id", exchange.request_id))
            if exchange.intent_id:
                headers.append(("X-Intent-Id", exchange.intent_id))
            return start_response(status, headers, exc_info)

        try:
            return self._app(environ, start)
        finally:
            elapsed_s = self._clock.monotonic_s() - exchange.started_s
            route = UNMATCHED if exchange.route == NO_ROUTE else exchange.route
            observe_request(route, exchange.status, elapsed_s)
            _write_line(environ["REQUEST_METHOD"], exchange, elapsed_s * 1000)
            REQUEST_ID.reset(outer)


def _write_line(method: str, exchange: Exchange, elapsed_ms: float) -> None:
    _log.info(
        "%s %s %s %.1f ms %s",
        method,
        exchange.route,
        exchange.status,
        elapsed_ms,
        exchange.request_id,
        extra={
            "method": method,
            "route": exchange.route,
            "status": exchange.status,
            "elapsed_ms": round(elapsed_ms, 1),
        },
    )
