"""A push of OpenD as events for clients, each encoded once for each format that anybody asked for.

A push is decoded once. A push of basic quotes holds several securities; it becomes an event for each.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError

from gateway.feed.message import Message, MessageType, Stream
from gateway.feed.sub_type import SUB_TYPE, kline_sub_type, order_book_sub_type
from gateway.schema.codec import Codec, Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.schema.encoder import base64_text
from gateway.schema.protocols import PROTOCOLS, Protocol
from gateway.schema.security import security_text
from gateway.schema.text import text_of

BASIC_QUOTES, PRICE_REMINDER, NOTIFY = 3005, 3019, 1003


class Body(StrEnum):
    """What carries a push's contents: `data`, decoded, or `body_b64`, OpenD's own bytes."""

    JSON = "json"
    BASE64 = "base64"


class Format(NamedTuple):
    """How a client wants its events."""

    body: Body = Body.JSON
    int64: Int64Format = Int64Format.NUMBER


class Security(NamedTuple):
    """A security by its `QotMarket` number and code."""

    market: int
    code: str

    @property
    def sec_key(self) -> str:
        """Its text, such as `HK.00700`."""
        return security_text(self.market, self.code)


class QuoteTarget(NamedTuple):
    """What a quote event is about. `sub_type` is None for a price reminder, which nobody subscribes.

    `rehab_type` is a `RehabType` number for K-lines, None for all others.
    """

    security: Security
    sub_type: int | None = None
    rehab_type: int | None = None

    def fields(self) -> dict[str, Any]:
        """As events show it."""
        shown = {"sec_key": self.security.sec_key, "sub_type": self.sub_type, "rehab_type": self.rehab_type}
        return {name: value for name, value in shown.items() if value is not None}


class TradeTarget(NamedTuple):
    """The account that a trade event is about."""

    acc_id: int


class NotifyTarget(NamedTuple):
    """Everybody: an event about OpenD itself."""


class LostTarget(NamedTuple):
    """What a push was about that nobody could read: something of this type.

    A quote was of one of `sub_types`; without any it was a price reminder.
    """

    type: MessageType
    sub_types: frozenset[int] = frozenset()


Target: TypeAlias = QuoteTarget | TradeTarget | NotifyTarget | LostTarget


class UnusablePush(Exception):
    """A push that is not what its protocol says; the text tells what is wrong with it.

    `target` is what it was about, as far as that can be told.
    """

    def __init__(self, text: str, target: Target) -> None:
        super().__init__(text)
        self.target = target


class Event:
    """One event: whom it concerns, and its message in every format that was asked for."""

    __slots__ = ("_body", "_messages", "_response", "proto_id", "target", "type")

    def __init__(
        self, message_type: MessageType, proto_id: int, target: Target, response: WireMessage, body: bytes
    ) -> None:
        self.type = message_type
        self.proto_id = proto_id
        self.target = target
        self._response = response
        self._body = body
        self._messages: dict[Format, Message] = {}

    def message(self, codec: Codec, wanted: Format) -> Message:
        """The event in a format; encoded when it is first asked for."""
        message = self._messages.get(wanted)
        if message is None:
            message = self._messages[wanted] = Message(self.type, self._fields(codec, wanted), self._stream())
        return message

    def _fields(self, codec: Codec, wanted: Format) -> dict[str, Any]:
        fields = {"proto_id": self.proto_id, **self._target_fields(codec, wanted.int64)}
        if wanted.body is Body.BASE64:
            return {**fields, "body_b64": base64_text(self._body)}
        return {**fields, "data": codec.encode(self._response.s2c, wanted.int64)}

    def _target_fields(self, codec: Codec, int64: Int64Format) -> dict[str, Any]:
        if isinstance(self.target, QuoteTarget):
            return self.target.fields()
        if isinstance(self.target, TradeTarget):
            header = codec.encode(self._response.s2c.header, int64)
            return {"acc_id": header["acc_id"], "trd_market": header["trd_market"]}
        return {}

    def _stream(self) -> Stream | None:
        """A price reminder fires once, so that no other can stand for it."""
        target = self.target
        if isinstance(target, QuoteTarget) and target.sub_type is not None:
            return Stream(self.proto_id, target.security.sec_key, target.sub_type, target.rehab_type)
        return None


def events_of(proto_id: int, body: bytes) -> tuple[Event, ...]:
    """The events of a push, from the plain body of its `Response`; none for a protocol that is not known.

    Raises UnusablePush for a body that is not the protocol's, lacks a required field, or has a
    `retType` other than 0.
    """
    kind = _KINDS.get(proto_id)
    if kind is None:
        return ()
    protocol = PROTOCOLS[proto_id]
    try:
        response = protocol.response.FromString(body)
    except DecodeError as error:
        raise UnusablePush(f"a push {protocol.name} cannot be read: {error}", kind.lost) from error
    if not response.IsInitialized() or response.retType != 0 or not response.HasField("s2c"):
        text = f"a push {protocol.name} lacks what it has to have"
        raise UnusablePush(text, _account_of(response) or kind.lost)
    return tuple(kind.split(protocol, response, body))


def lost_target(proto_id: int) -> LostTarget | None:
    """What a push of a protocol was about of which nothing can be read; None where it is no event."""
    kind = _KINDS.get(proto_id)
    return kind.lost if kind else None


def _account_of(response: WireMessage) -> TradeTarget | None:
    """The account of a trade push that lacks something else."""
    s2c = response.s2c
    if "header" in s2c.DESCRIPTOR.fields_by_name and s2c.header.HasField("accID"):
        return TradeTarget(s2c.header.accID)
    return None


_Split: TypeAlias = Callable[[Protocol, WireMessage, bytes], Iterator[Event]]


def _security(message: WireMessage) -> Security:
    return Security(message.market, text_of(message.code))


def _basic_quotes(protocol: Protocol, response: WireMessage, body: bytes) -> Iterator[Event]:
    quotes = response.s2c.basicQotList
    for quote in quotes:
        target = QuoteTarget(_security(quote.security), SUB_TYPE["Basic"])
        part, part_body = response, body
        if len(quotes) > 1:
            part = protocol.response(retType=0, s2c={"basicQotList": [quote]})
            part_body = part.SerializeToString()
        yield Event(MessageType.QUOTE, protocol.proto_id, target, part, part_body)


def _kline(protocol: Protocol, response: WireMessage, body: bytes) -> Iterator[Event]:
    kl_type = response.s2c.klType
    if kline_sub_type(kl_type) is None:
        text = f"a push {protocol.name} has K-lines of a type that is not known: {kl_type}"
        raise UnusablePush(text, _KINDS[protocol.proto_id].lost)
    yield from _quote(lambda s2c: kline_sub_type(kl_type), protocol, response, body)


def _quote(
    sub_type: Callable[[WireMessage], int | None], protocol: Protocol, response: WireMessage, body: bytes
) -> Iterator[Event]:
    s2c = response.s2c
    rehab_type = s2c.rehabType if "rehabType" in s2c.DESCRIPTOR.fields_by_name else None
    target = QuoteTarget(_security(s2c.security), sub_type(s2c), rehab_type)
    yield Event(MessageType.QUOTE, protocol.proto_id, target, response, body)


def _trade(protocol: Protocol, response: WireMessage, body: bytes) -> Iterator[Event]:
    target = TradeTarget(response.s2c.header.accID)
    yield Event(MessageType.TRADE, protocol.proto_id, target, response, body)


def _notify(protocol: Protocol, response: WireMessage, body: bytes) -> Iterator[Event]:
    yield Event(MessageType.NOTIFY, protocol.proto_id, NotifyTarget(), response, body)


class _Kind(NamedTuple):
    """What becomes of a push, and what is known of one that cannot be read."""

    split: _Split
    lost: LostTarget


def _trades() -> _Kind:
    return _Kind(_trade, LostTarget(MessageType.TRADE))


def _quotes(split: _Split, *sub_types: str) -> _Kind:
    return _Kind(split, LostTarget(MessageType.QUOTE, frozenset(SUB_TYPE[name] for name in sub_types)))


def _quotes_of(name: str) -> _Kind:
    return _quotes(partial(_quote, lambda s2c: SUB_TYPE[name]), name)


_KLINES = tuple(name for name in SUB_TYPE if name.startswith("KL_"))
_order_book = partial(_quote, lambda s2c: order_book_sub_type(s2c.orderBookType))
_price_reminder = partial(_quote, lambda s2c: None)

_KINDS: Mapping[int, _Kind] = {
    NOTIFY: _Kind(_notify, LostTarget(MessageType.NOTIFY)),
    2208: _trades(),
    2218: _trades(),
    BASIC_QUOTES: _quotes(_basic_quotes, "Basic"),
    3007: _quotes(_kline, *_KLINES),
    3009: _quotes_of("RT"),
    3011: _quotes_of("Ticker"),
    3013: _quotes(_order_book, "OrderBook", "OrderBook_Odd"),
    3015: _quotes_of("Broker"),
    PRICE_REMINDER: _quotes(_price_reminder),
}
"""Of each push."""


def own_event(name: str, data: Mapping[str, Any]) -> Message:
    """An event of the gateway itself: a notify whose `proto_id`, 0, is none of OpenD's."""
    return Message(MessageType.NOTIFY, {"proto_id": 0, "event": name, "data": data})
