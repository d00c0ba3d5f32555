"""What a client asks for over its socket: JSON messages, each answered by one reply."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gateway.errors import GatewayError
from gateway.feed.audience import Filter, Listener
from gateway.feed.hub import Hub
from gateway.feed.message import Message, MessageType
from gateway.feed.requirement import product
from gateway.schema.codec import Codec
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.schema.json_text import parse_object
from gateway.schema.mismatch import shown
from gateway.schema.protocols import protocol_named
from gateway.schema.spelling import fields_by_spelling
from gateway.scope import Scope
from gateway.web.auth import Forbidden, Refused, require_accounts
from gateway.web.selection import symbol_keys, types_for
from gateway.web.socket_claims import SocketClaims

SUBSCRIBE = protocol_named("Qot_Sub")
PUSH_ACCOUNTS = protocol_named("Trd_SubAccPush")

_SUBSCRIBE_FIELDS = fields_by_spelling(SUBSCRIBE.request.DESCRIPTOR.fields_by_name["c2s"].message_type)
_ACCOUNT_FIELDS = fields_by_spelling(PUSH_ACCOUNTS.request.DESCRIPTOR.fields_by_name["c2s"].message_type)
_NOT_TAKEN = frozenset({"isSubOrUnSub", "isRegOrUnRegPush", "isUnsubAll", "header"})
"""Fields of a `Qot_Sub` that the operation itself says, or that callers cannot have each their own way."""

_NUMBERS = range(-(2**63), 2**64)
"""What a reply can repeat."""

_log = logging.getLogger(__name__)


Fields: TypeAlias = dict[str, Any]


class Operations:
    """The operations of one socket, and what it has claimed.

    `on_refusal` is told what the caller was not allowed.
    """

    def __init__(
        self,
        listener: Listener,
        hub: Hub,
        codec: Codec,
        claims: SocketClaims,
        on_refusal: Callable[[Refused], None],
    ) -> None:
        self._listener = listener
        self._hub = hub
        self._codec = codec
        self._claims = claims
        self._on_refusal = on_refusal
        self._acc_ids: frozenset[int] = frozenset()
        self._has_claimed = False
        self._operations: Mapping[str, Callable[[Fields], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "filter": self._filter,
            "ping": _take_nothing,
        }

    def answer(self, text: str) -> Message:
        """Carry out one message, and tell what came of it."""
        named: Fields = {}
        try:
            fields = parse_object(text.encode())
            named = _take_names(fields)
            self._find(named)(fields)
        except Refused as refused:
            self._on_refusal(refused)
            return _reply(named, ok=False, error=str(refused), **refused.details())
        except GatewayError as error:
            return _reply(named, ok=False, error=str(error), **error.details())
        except Exception:  # noqa: BLE001 - a defect ends an operation, not the socket
            _log.exception("defect in an operation of a socket")
            return _reply(named, ok=False, error="internal error")
        return _reply(named, ok=True)

    def end(self) -> None:
        """Drop what the socket has claimed."""
        if self._has_claimed:
            self._claims.end(self._listener.holder)

    def _find(self, named: Fields) -> Callable[[Fields], None]:
        name = named.get("op")
        if not isinstance(name, str) or name not in self._operations:
            named.pop("op", None)
            raise FieldError("op", f"has to be one of {', '.join(self._operations)}")
        return self._operations[name]

    def _subscribe(self, fields: Fields) -> None:
        """Securities, accounts, or both: both are claimed, or neither."""
        acc_ids = self._take_accounts(fields)
        if not acc_ids and not fields:
            raise FieldError("security_list", "is needed, with sub_type_list; or acc_id_list")
        c2s = self._decode(fields, is_subscribing=True) if fields else None
        before = self._acc_ids
        self._claim_accounts(before | acc_ids)
        if c2s is None:
            return
        self._has_claimed = True
        try:
            self._claims.claim(self._listener.holder, c2s)
        except GatewayError:
            self._claim_accounts(before)
            raise

    def _unsubscribe(self, fields: Fields) -> None:
        """What was not subscribed is passed over."""
        if "all" in fields:
            if fields != {"all": True}:
                raise FieldError("all", "has to be true, with nothing beside it")
            self._claims.drop(self._listener.holder, None)
            self._acc_ids = frozenset()
            return
        acc_ids = self._take_accounts(fields)
        if not acc_ids and not fields:
            raise FieldError("security_list", "is needed, with sub_type_list; or acc_id_list, or all")
        if fields:
            c2s = self._decode(fields, is_subscribing=False)
            self._claims.drop(self._listener.holder, product(c2s.securityList, c2s.subTypeList))
        self._claim_accounts(self._acc_ids - acc_ids)

    def _filter(self, fields: Fields) -> None:
        """What is not named stays as it was; null is everything."""
        chosen = self._listener.filter
        types, symbols = chosen.types, chosen.symbols
        if "types" in fields:
            types = types_for(self._listener.principal, _take_list(fields, "types"))
        if "symbols" in fields:
            symbols = symbol_keys(_take_list(fields, "symbols"))
        _take_nothing(fields)
        self._hub.set_filter(self._listener, Filter(symbols, types))

    def _take_accounts(self, fields: Fields) -> frozenset[int]:
        written = [name for name in fields if name in _ACCOUNT_FIELDS]
        if not written:
            return frozenset()
        principal = self._listener.principal
        if Scope.ACCOUNT_READ not in principal.scopes:
            raise Forbidden("the caller lacks the scope that trade events need", "scope")
        request = self._codec.decode_request(PUSH_ACCOUNTS, {name: fields.pop(name) for name in written})
        require_accounts(principal, request)
        return frozenset(request.c2s.accIDList)

    def _claim_accounts(self, acc_ids: frozenset[int]) -> None:
        if acc_ids == self._acc_ids:
            return
        self._has_claimed = True
        self._claims.claim_accounts(self._listener.holder, acc_ids)
        self._acc_ids = acc_ids

    def _decode(self, fields: Fields, *, is_subscribing: bool) -> WireMessage:
        """The `Qot_Sub.C2S` that an operation means. Raises FieldError."""
        for name in fields:
            if name in _SUBSCRIBE_FIELDS and _SUBSCRIBE_FIELDS[name].name in _NOT_TAKEN:
                raise FieldError(name, "is not taken here")
        said = {"is_sub_or_un_sub": is_subscribing}
        if is_subscribing:
            said["is_reg_or_un_reg_push"] = True
        c2s = self._codec.decode_request(SUBSCRIBE, {**fields, **said}).c2s
        for name, listed in (("security_list", c2s.securityList), ("sub_type_list", c2s.subTypeList)):
            if not listed:
                raise FieldError(name, "is needed")
        return c2s


def _take_names(fields: Fields) -> Fields:
    """Remove what names a message: its operation, and the caller's own mark, which the reply repeats."""
    named: Fields = {name: fields.pop(name) for name in ("op", "id") if name in fields}
    if isinstance(named.get("id"), dict | list):
        named.clear()
        raise FieldError("id", "has to be a string, a number, a boolean or null")
    if isinstance(named.get("id"), int) and named["id"] not in _NUMBERS:
        named.clear()
        raise FieldError("id", "has to fit 64 bits, or be a string")
    return named


def _take_list(fields: Fields, name: str) -> list[object] | None:
    value = fields.pop(name)
    if value is not None and not isinstance(value, list):
        raise FieldError(name, f"found {shown(value)}, accepted is a list or null")
    return value


def _take_nothing(fields: Fields) -> None:
    if fields:
        raise FieldError(next(iter(fields)), "is not a field of this operation")


def _reply(named: Fields, *, ok: bool, **more: Any) -> Message:
    return Message(MessageType.REPLY, {**named, "ok": ok, **more})
