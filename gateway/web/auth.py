"""Who calls, and what that caller may do (decisions D5)."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.feed.audience import FindPrincipal
from gateway.policy.model import Policy, Principal
from gateway.policy.reasons import DenyReason
from gateway.policy.token import hash_token
from gateway.routes import Kind, OwnRoute, Route
from gateway.schema.descriptors import WireMessage, enum
from gateway.schema.errors import FieldError
from gateway.schema.trade_header import TRADE_HEADER
from gateway.scope import Scope
from gateway.settings import is_loopback_host
from gateway.web.exchange import Environ, Exchange

SIMULATE: int = enum("Trd_Common.TrdEnv").values_by_name["TrdEnv_Simulate"].number

LOCAL_KEY_ID = "local"
"""Names the one caller of the mode without keys, in the ledger and in the audit."""


class Refused(GatewayError):
    """A request that its caller may not make. `reason` is for the audit, and not for the caller."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class Unauthorized(Refused):
    """No token that lets anybody in. Its text is the same, whatever is wrong with the token."""

    status: ClassVar[int] = 401

    def __init__(self, reason: str) -> None:
        super().__init__("a valid token is needed: Authorization: Bearer fc_...", reason)

    def headers(self) -> Mapping[str, str]:
        """The scheme that is expected."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(Refused):
    """The caller is known, or needs not be, and may not do this."""

    status: ClassVar[int] = 403


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may open a socket, and how to ask later whether that still holds."""

    principal: Principal
    find_principal: FindPrincipal


class Guard(Protocol):
    """One mode of authentication."""

    def principal(self, environ: Environ) -> Principal:
        """Whose request this is. Raises `Unauthorized` or `Forbidden` when nobody may come in with it."""
        ...

    def admit(self, environ: Environ, query_token: str | None) -> Admission:
        """Who opens a socket; browsers can send a token in the query alone.

        Raises `Unauthorized` or `Forbidden`, and FieldError when header and query differ.
        """
        ...


class PolicySource(Protocol):
    """Where the policy in force is found."""

    @property
    def policy(self) -> Policy:
        """The policy in force now."""
        ...


_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


class KeysGuard:
    """The mode with keys: whoever has the token of a key that the policy knows and whose time is not over.

    Web pages that may open a socket are the gateway's own and those of `allowed_origins`.
    """

    def __init__(self, source: PolicySource, clock: Clock, allowed_origins: Collection[str] = ()) -> None:
        self._source = source
        self._clock = clock
        self._allowed_origins = frozenset(allowed_origins)

    def principal(self, environ: Environ) -> Principal:
        """The key that the token belongs to. Raises `Unauthorized`."""
        return self._principal(environ, _bearer_token(environ))

    def admit(self, environ: Environ, query_token: str | None) -> Admission:
        """The key that the token belongs to, which header or query may carry."""
        token = query_token
        if "HTTP_AUTHORIZATION" in environ:
            token = _bearer_token(environ)
            if query_token is not None and query_token != token:
                raise FieldError("token", "is another one than that of the Authorization header")
        principal = self._principal(environ, token)
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not self._may_come_from(origin, environ.get("HTTP_HOST", "")):
            Exchange.of(environ).key_id = principal.key_id
            raise Forbidden("a web page of this origin may not open a socket (ws.allowed_origins)", "origin")
        digest = hash_token(token or "")
        return Admission(principal, lambda: self._living(self._source.policy.find_by_digest(digest)))

    def _principal(self, environ: Environ, token: str | None) -> Principal:
        if token is None:
            raise Unauthorized("no_token")
        principal = self._source.policy.find_principal(token)
        if principal is None:
            raise Unauthorized("unknown_token")
        if self._living(principal) is None:
            Exchange.of(environ).key_id = principal.key_id
            raise Unauthorized("expired")
        return principal

    def _living(self, principal: Principal | None) -> Principal | None:
        return None if principal is None or principal.is_expired(self._clock.wall_s()) else principal

    def _may_come_from(self, origin: str, host: str) -> bool:
        own = (f"http://{host.lower()}", f"https://{host.lower()}")
        return origin in self._allowed_origins or origin.lower() in own


def _bearer_token(environ: Environ) -> str | None:
    """The token of the header; None without a header, and an empty one, which no key has, in a wrong one."""
    header = environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    bearer = _BEARER.fullmatch(header.strip())
    return bearer[1] if bearer else ""


class LocalGuard:
    """The mode without keys: whoever calls from this machine, and nothing that came from elsewhere.

    A proxy's header, a Host that is not loopback (DNS rebinding) and a foreign Origin (a web page in
    the user's browser) all mean that the request came from elsewhere.
    """

    def __init__(self, *, embedded: bool) -> None:
        real_money = frozenset() if embedded else frozenset({Scope.TRADE_REAL})
        self._principal = Principal(key_id=LOCAL_KEY_ID, scopes=frozenset(Scope) - real_money)

    def principal(self, environ: Environ) -> Principal:
        """The one local caller. Raises `Forbidden` with what shows that the request is not local."""
        if not is_loopback_host(environ.get("REMOTE_ADDR", "")):
            raise Forbidden("auth.mode local serves this machine alone", "not_local")
        if any(name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED")) for name in environ):
            raise Forbidden("auth.mode local does not serve what a proxy forwards", "forwarded")
        host = environ.get("HTTP_HOST", "")
        if not _is_loopback_authority(host):
            raise Forbidden("auth.mode local serves a loopback Host alone, such as localhost", "host")
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise Forbidden("a web page of another origin may not call this gateway", "origin")
        return self._principal

    def admit(self, environ: Environ, query_token: str | None) -> Admission:
        """The one local caller, whom no token is asked for."""
        principal = self.principal(environ)
        return Admission(principal, lambda: principal)


_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]+)?")


@lru_cache(maxsize=256)
def _is_loopback_authority(authority: str) -> bool:
    """Whether a Host header (`host`, `host:port`, `[ipv6]:port`) names this machine."""
    parts = _AUTHORITY.fullmatch(authority)
    return parts is not None and is_loopback_host(parts["ipv6"] or parts["name"])


_SIMULATED_WRITES = frozenset({"order", "modify-order"})
"""The trade writes that name an environment. Unlocking does not, it is for real orders alone."""


def require_scope(principal: Principal, route: Route | OwnRoute) -> None:
    """Raises `Forbidden` unless the caller has the route's scope, or the part of it that may be enough."""
    if route.scope in principal.scopes:
        return
    if route.name in _SIMULATED_WRITES and Scope.TRADE_SIMULATE in principal.scopes:
        return
    raise Forbidden("the caller lacks the scope that this endpoint needs", "scope")


def require_environment(principal: Principal, route: Route, request: WireMessage) -> None:
    """Raises `Forbidden` for a trade write in an environment that the caller's scopes do not cover."""
    if route.kind is not Kind.WRITE or Scope.TRADE_REAL in principal.scopes:
        return
    if request.c2s.header.trdEnv != SIMULATE:
        raise Forbidden("the caller lacks the scope that this environment needs", "environment")


def require_accounts(principal: Principal, request: WireMessage) -> None:
    """Raises `Forbidden` when a read names an account that is not the caller's.

    The text is that of an order on such an account, which the desk denies, and does not tell whether
    the account exists.
    """
    if not all(map(principal.may_use_account, _accounts_named(request.c2s))):
        raise Forbidden(str(DenyReason.ACCOUNT.value.template), DenyReason.ACCOUNT.label)


def _accounts_named(c2s: WireMessage) -> Iterator[int]:
    fields = c2s.DESCRIPTOR.fields_by_name
    if "header" in fields and fields["header"].message_type.full_name == TRADE_HEADER:
        yield c2s.header.accID
    if "accIDList" in fields:
        yield from c2s.accIDList


def hide_accounts(principal: Principal, answer: WireMessage) -> None:
    """Take out of a list of accounts those that are not the caller's."""
    if "accList" not in answer.s2c.DESCRIPTOR.fields_by_name:
        return
    accounts = answer.s2c.accList
    for index in reversed(range(len(accounts))):
        if not principal.may_use_account(accounts[index].accID):
            del accounts[index]
