"""Accepts a worker's connections, and leaves none behind when the worker ends."""

from collections.abc import Callable
from functools import partial
from typing import Any

from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.socket import socket


class Listener(StreamServer):
    """One listening socket of a worker, as gunicorn makes it from the worker's `server_class`."""

    max_accept = 1
    """At a time: the workers share the socket, and one that takes all would leave the others idle."""

    def __init__(
        self, listening: socket, *, spawn: Pool, handler_class: Callable[..., None], **_: Any
    ) -> None:
        super().__init__(listening, handle=partial(handler_class, self), spawn=spawn)
        self._name = listening.getsockname()

    def getsockname(self) -> Any:
        """The address, also once it is closed: a connection may be accepted before and served after."""
        return self._name

    def close(self) -> None:
        """Accept what has connected, then listen no longer.

        Who connected has sent a request, or is about to, and closing would reset the connection.
        """
        while not self.closed and not self.full() and (accepted := self.do_read()):
            self.do_handle(*accepted)
        super().close()
