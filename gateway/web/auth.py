"""Who calls, and what that caller may do (decisions D5)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

from gateway.errors import GatewayError
from gateway.routes import Kind, Route, Scope
from gateway.schema.descriptors import WireMessage, enum
from gateway.settings import is_loopback_host
from gateway.web.exchange import Environ

SIMULATE: int = enum("Trd_Common.TrdEnv").values_by_name["TrdEnv_Simulate"].number


class Forbidden(GatewayError):
    """The caller is known, or needs not be, and may not do this."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller, and the scopes that it has."""

    name: str
    scopes: frozenset[Scope]


class Guard(Protocol):
    """One mode of authentication."""

    def principal(self, environ: Environ) -> Principal:
        """Whose request this is. Raises `Forbidden` when it is nobody's that may come in."""
        ...


class LocalGuard:
    """The mode without keys: whoever calls from this machine, and nothing that came from elsewhere.

    A proxy's header, a Host that is not loopback (DNS rebinding) and a foreign Origin (a web page in
    the user's browser) all mean that the request came from elsewhere.
    """

    def __init__(self, *, embedded: bool) -> None:
        real_money = frozenset() if embedded else frozenset({Scope.TRADE_REAL})
        self._principal = Principal("local", frozenset(Scope) - real_money)

    def principal(self, environ: Environ) -> Principal:
        """The one local caller. Raises `Forbidden` with what shows that the request is not local."""
        if not is_loopback_host(environ.get("REMOTE_ADDR", "")):
            raise Forbidden("auth.mode local serves this machine alone")
        if any(name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED")) for name in environ):
            raise Forbidden("auth.mode local does not serve what a proxy forwards")
        host = environ.get("HTTP_HOST", "")
        if not _is_loopback_authority(host):
            raise Forbidden("auth.mode local serves a loopback Host alone, such as localhost")
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise Forbidden("a web page of another origin may not call this gateway")
        return self._principal


_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]+)?")


@lru_cache(maxsize=256)
def _is_loopback_authority(authority: str) -> bool:
    """Whether a Host header (`host`, `host:port`, `[ipv6]:port`) names this machine."""
    parts = _AUTHORITY.fullmatch(authority)
    return parts is not None and is_loopback_host(parts["ipv6"] or parts["name"])


_SIMULATED_WRITES = frozenset({"Trd_PlaceOrder", "Trd_ModifyOrder"})
"""The trade writes that name an environment. Unlocking does not, it is for real orders alone."""


def require_scope(principal: Principal, route: Route) -> None:
    """Raises `Forbidden` unless the caller has the route's scope, or the part of it that may be enough."""
    if route.scope in principal.scopes:
        return
    if route.protocol.name in _SIMULATED_WRITES and Scope.TRADE_SIMULATE in principal.scopes:
        return
    raise Forbidden("the caller lacks the scope that this endpoint needs")


def require_environment(principal: Principal, route: Route, request: WireMessage) -> None:
    """Raises `Forbidden` for a trade write in an environment that the caller's scopes do not cover."""
    if route.kind is not Kind.WRITE or Scope.TRADE_REAL in principal.scopes:
        return
    if request.c2s.header.trdEnv != SIMULATE:
        raise Forbidden("the caller lacks the scope that this environment needs")
