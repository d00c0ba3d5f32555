"""Which events a socket asks for: types and symbols, by a query or by a message."""

from collections.abc import Iterable

from gateway.feed.audience import EVENT_TYPES
from gateway.feed.event import Security
from gateway.feed.message import MessageType
from gateway.policy.model import Principal
from gateway.schema.errors import FieldError
from gateway.schema.mismatch import Mismatch
from gateway.schema.security import split_security
from gateway.scope import Scope
from gateway.web.auth import Forbidden

_TYPES = {each.value: each for each in EVENT_TYPES}


def types_for(principal: Principal, names: Iterable[object] | None) -> frozenset[MessageType] | None:
    """The types of events that are asked for by name; None is all that the caller may see.

    Raises FieldError for a name that is none, and Forbidden for trade events without `acc:read`.
    """
    if names is None:
        return None
    chosen = frozenset(_type(name) for name in names)
    if MessageType.TRADE in chosen and Scope.ACCOUNT_READ not in principal.scopes:
        raise Forbidden("the caller lacks the scope that trade events need", "scope")
    return chosen


def symbol_keys(texts: Iterable[object] | None) -> frozenset[str] | None:
    """The `sec_key` of each security; None is all of them. Raises FieldError, which repeats no text."""
    return None if texts is None else frozenset(map(_sec_key, texts))


def _type(name: object) -> MessageType:
    if not isinstance(name, str) or name not in _TYPES:
        raise FieldError("types", f"may have {', '.join(_TYPES)}")
    return _TYPES[name]


def _sec_key(text: object) -> str:
    try:
        if isinstance(text, str):
            return Security(*split_security(text)).sec_key
    except Mismatch:
        pass
    raise FieldError("symbols", "has to have securities such as HK.00700 or US.AAPL")
