"""`GET /ws`: who may open a socket, and what it shall get. The socket itself is `gateway.web.session`'s."""

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, ClassVar, NoReturn

from flask import Blueprint, Response, request

from gateway.errors import GatewayError
from gateway.feed.audience import Filter
from gateway.feed.event import Body, Format
from gateway.policy.model import Principal
from gateway.policy.reasons import PREFIX
from gateway.routes import SOCKET
from gateway.schema.errors import FieldError
from gateway.web.auth import Refused, require_scope
from gateway.web.body import query_pairs, take_parameter
from gateway.web.dispatch import serve
from gateway.web.exchange import Environ, Exchange
from gateway.web.question import INT64_PARAMETER, take_int64
from gateway.web.selection import symbol_keys, types_for
from gateway.web.services import Services
from gateway.web.session import SocketSession
from gateway.web.upgrade import SocketOpened

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

VERSION = "13"
_ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
_TOKENS = re.compile(r"\s*,\s*")

PARAMETERS = ("token", "symbols", "types", "body", INT64_PARAMETER)


class NoHandshake(GatewayError):
    """The request does not open a WebSocket (RFC 6455, section 4.2.1)."""

    status: ClassVar[int] = 400

    def headers(self) -> dict[str, str]:
        """The version that is spoken here."""
        return {"Sec-WebSocket-Version": VERSION}


class TooManySockets(Refused):
    """As many sockets as are allowed are open."""

    status: ClassVar[int] = 429

    def __init__(self, whose: str, count: int, cap: int) -> None:
        super().__init__(f"{PREFIX}sockets of {whose} exceeded: {count} (cap {cap})", "sockets")


class SocketResponse(Response):
    """Stands for the socket that a request becomes, where Flask wants an answer."""

    def __init__(self, session: SocketSession) -> None:
        super().__init__(status=101)
        self._session = session

    def __call__(self, environ: Environ, start_response: "StartResponse") -> NoReturn:
        """Leave the application by an exception, which the worker waits for."""
        Exchange.of(environ).status = "101"
        raise SocketOpened(self._session.serve)


def ws_blueprint(services: Services) -> Blueprint:
    """The endpoint."""
    blueprint = Blueprint("ws", __name__)

    def ws() -> Response:
        return serve(services, SOCKET.path, lambda: open_socket(services, request.environ))

    # Routing tells handshakes from other requests; these, too, are told what is wrong with them.
    for is_handshake in (True, False):
        blueprint.add_url_rule(SOCKET.path, SOCKET.name, ws, methods=[SOCKET.method], websocket=is_handshake)
    return blueprint


def open_socket(services: Services, environ: Environ) -> Response:
    """Answer a handshake: who, may they, what do they want, is there room.

    No error repeats what stands in the query: that may be a token, under whatever name.
    """
    pairs = query_pairs(environ)
    admission = services.guard.admit(environ, take_parameter(pairs, "token"))
    exchange = Exchange.of(environ)
    exchange.key_id = admission.principal.key_id
    require_scope(admission.principal, SOCKET)
    accept = require_handshake(environ)
    int64 = take_int64(services, pairs)
    wanted = Format(_take_body(pairs), int64)
    chosen = Filter(
        symbols=symbol_keys(_take_list(pairs, "symbols")),
        types=types_for(admission.principal, _take_list(pairs, "types")),
    )
    if pairs:
        raise FieldError("query", f"has a parameter that is none of {', '.join(PARAMETERS)}")
    require_room(services, admission.principal)
    return SocketResponse(SocketSession(services, exchange, admission, wanted, chosen, accept))


def require_handshake(environ: Environ) -> str:
    """The `Sec-WebSocket-Accept` of a right handshake. Raises NoHandshake for any other request."""
    if environ["REQUEST_METHOD"] != "GET" or environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise NoHandshake("a WebSocket is opened with GET and HTTP/1.1")
    upgrades = _tokens(environ.get("HTTP_CONNECTION")), _tokens(environ.get("HTTP_UPGRADE"))
    if "upgrade" not in upgrades[0] or "websocket" not in upgrades[1]:
        raise NoHandshake("this is a WebSocket: Connection: Upgrade and Upgrade: websocket are needed")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise NoHandshake(f"Sec-WebSocket-Version has to be {VERSION}")
    if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        raise NoHandshake("a request that opens a WebSocket has no body")
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    if not _is_key(key):
        raise NoHandshake(f"Sec-WebSocket-Key has to be {_KEY_BYTES} bytes in base64")
    return base64.b64encode(hashlib.sha1((key + _ACCEPT_GUID).encode()).digest()).decode()


def require_room(services: Services, principal: Principal) -> None:
    """Raises TooManySockets when the worker, or the key in it, has as many as the settings allow."""
    bounds, hub = services.settings.ws, services.hub
    if hub.count(principal.key_id) >= bounds.max_sockets_per_key:
        raise TooManySockets("this key", hub.count(principal.key_id), bounds.max_sockets_per_key)
    if hub.sockets >= bounds.max_sockets:
        raise TooManySockets("this worker", hub.sockets, bounds.max_sockets)


def _take_list(pairs: list[tuple[str, str]], name: str) -> list[str] | None:
    written = take_parameter(pairs, name)
    return None if written is None else written.split(",")


def _take_body(pairs: list[tuple[str, str]]) -> Body:
    try:
        return Body(take_parameter(pairs, "body") or Body.JSON)
    except ValueError:
        raise FieldError("body", f"has to be {' or '.join(Body)}") from None


def _tokens(header: str | None) -> list[str]:
    return _TOKENS.split((header or "").strip().lower())


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
