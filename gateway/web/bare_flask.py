"""Flask without what it adds by itself, and that no endpoint here uses: each costs time in every request.

No static files, no OPTIONS, no redirects of slashes, no sessions, no coroutines, no routing by host.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter

NO_SESSION = NullSession()


class NoSessions(SessionInterface):
    """Gives every request the same session, which is none."""

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """The session that is none: it is empty, and refuses to be written to."""
        return NO_SESSION


class BareFlask(Flask):
    """Routes by method and path alone, whatever the Host: whether that may be is for the guard to say."""

    session_interface = NoSessions()

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, static_folder=None)
        self.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        self.url_map.merge_slashes = False
        self.url_map.redirect_defaults = False
        self.before_request(refuse_doubled_slash)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the view of a request; Flask's own where a socket is asked for, which it tells apart."""
        if request is None or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        return MapAdapter(
            self.url_map,
            server_name="",
            script_name="/",
            subdomain="",
            url_scheme="http",
            path_info=request.path,
            default_method=request.method,
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is a coroutine."""
        return func


def refuse_doubled_slash() -> None:
    """`//api/accounts` is not in the route table, though routing takes one slash for all leading ones."""
    if request.environ["PATH_INFO"].startswith("//"):
        raise NotFound
