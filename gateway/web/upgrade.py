"""How a request leaves HTTP: the connection becomes a socket of its own, outside of the application.

The worker imports this before metrics may be imported; so nothing else of the gateway is here.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

ServeSocket: TypeAlias = Callable[[Any, bytes], None]
"""Called with gevent's socket and with bytes of the client that were read already; returns at its end."""


class SocketOpened(StopIteration):
    """Raised in place of an answer. gunicorn ends a connection whose application raises StopIteration."""

    def __init__(self, serve: ServeSocket) -> None:
        super().__init__("the request has become a socket")
        self.serve = serve
