"""JSON to protobuf and back, as decisions D1 to D4 say. The package's face to the web layer."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.schema.decoder import Decode, DecoderFactory, checked_list
from gateway.schema.descriptors import WireMessage, enum
from gateway.schema.encoder import Encoders, Int64Format
from gateway.schema.errors import FieldError
from gateway.schema.mismatch import Mismatch, path_text
from gateway.schema.numbering import Numbering
from gateway.schema.protocols import Protocol
from gateway.schema.query import query_body
from gateway.schema.rules import fields_to_give
from gateway.schema.value import enum_value

__all__ = ["Codec", "Int64Format", "Numbering"]

WRAPPER = "c2s"
_STRING = Int64Format.STRING


class _Request(NamedTuple):
    """How requests of a protocol are made; `may_be_empty` says that no field of the C2S has to be given."""

    request_class: type[WireMessage]
    decode: Decode
    may_be_empty: bool


class Codec:
    """Decodes requests and encodes answers and pushes in one numbering of `trd_env` and `trd_market`.

    Decoders and encoders are built when a message is first seen, and kept.
    """

    def __init__(self, numbering: Numbering) -> None:
        self.numbering = numbering
        self._decoders = DecoderFactory(numbering)
        self._number_encoders = Encoders(numbering, Int64Format.NUMBER)
        self._string_encoders = Encoders(numbering, Int64Format.STRING)
        self._requests: dict[int, _Request] = {}

    def decode_request(self, protocol: Protocol, body: Mapping[str, Any]) -> WireMessage:
        """The filled `Request` of a protocol, every required field set.

        `body` is the C2S itself or `{"c2s": {...}}` with nothing beside it. A `packetID` is always 0
        and 0 here: whoever sends the message sets it. Raises FieldError.
        """
        if type(body) is not dict:
            body = dict(body)
        is_wrapped = WRAPPER in body
        try:
            return self._filled(protocol, _unwrapped(body) if is_wrapped else body)
        except Mismatch as mismatch:
            raise (mismatch.within(WRAPPER) if is_wrapped else mismatch).field_error() from None

    def decode_query(self, protocol: Protocol, query: Iterable[tuple[str, str]]) -> WireMessage:
        """The filled `Request` of a protocol from query parameters, one for each scalar field.

        A bool is `true` or `false`; a list is a repeated key or has commas. Raises FieldError.
        """
        descriptor = protocol.request.DESCRIPTOR.fields_by_name[WRAPPER].message_type
        try:
            return self._filled(protocol, query_body(descriptor, query))
        except Mismatch as mismatch:
            raise mismatch.field_error() from None

    def decode_enum_list(self, value: Any, enum_name: str, path: str) -> list[int]:
        """The protocol's numbers for a JSON list of one enumeration's numbers or names.

        `enum_name` is full, such as `Qot_Common.SubType`; `path` is what errors call the list. Raises
        FieldError.
        """
        check = enum_value(enum(enum_name), self.numbering, refuse_unknown=True).check
        try:
            return checked_list(value, check)
        except Mismatch as mismatch:
            raise mismatch.within(path).field_error() from None

    def encode(self, message: WireMessage, int64: Int64Format) -> dict[str, Any]:
        """A message as dicts and lists for orjson, under snake_case names.

        Required and repeated fields are always there (a list may be empty), unset optional ones are
        not. Enumerations are numbers, bytes are base64. A double that is not finite stays one, and
        orjson writes it as null: the field was set, to no number.

        In documented numbering `trd_env` and `trd_market` follow decisions D1 and D2; the crypto
        market is the text "CRYPTO", an environment that is neither of the two "UNKNOWN_<number>".
        """
        encoders = self._string_encoders if int64 is _STRING else self._number_encoders
        return encoders[type(message)](message)

    def _filled(self, protocol: Protocol, content: Any) -> WireMessage:
        request_class, decode, may_be_empty = self._requests.get(protocol.proto_id) or self._begin(protocol)
        request = request_class()
        c2s = request.c2s
        decode(c2s, content)
        if may_be_empty:
            c2s.SetInParent()
        return request

    def _begin(self, protocol: Protocol) -> _Request:
        """What requests of this protocol are decoded with, from now on."""
        c2s = protocol.request.DESCRIPTOR.fields_by_name[WRAPPER].message_type
        begun = _Request(protocol.request, self._decoders.decoder(c2s), not fields_to_give(c2s))
        self._requests[protocol.proto_id] = begun
        return begun


def _unwrapped(body: Mapping[str, Any]) -> Any:
    if len(body) > 1:
        beside = next(name for name in body if name != WRAPPER)
        raise FieldError(path_text(beside), f"nothing may stand beside {WRAPPER}")
    return body[WRAPPER]
