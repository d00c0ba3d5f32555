"""The header of trade calls, whose fields may also stand flat beside it (decisions D3)."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from gateway.schema.descriptors import WireMessage, message
from gateway.schema.mismatch import Mismatch
from gateway.schema.spelling import check_single_spellings, fields_by_spelling
from gateway.schema.value import Check

TRADE_HEADER = "Trd_Common.TrdHeader"
FLAT_FIELDS = ("trdEnv", "accID", "trdMarket")
"""The protocol's names of the header's fields that may stand flat; all three have to be given."""

_Decode = Callable[[WireMessage, Any], None]


def flat_header_decoder(
    descriptor: Descriptor,
    *,
    decode_whole: _Decode,
    decode_open: _Decode,
    checks: Mapping[str, Check],
    missing: Callable[[str], Mismatch],
) -> _Decode:
    """A decoder of a trade call that takes the header's fields flat too.

    `decode_whole` decodes a body whose header is complete, `decode_open` one whose header may lack
    fields or be absent. `checks` and `missing` are by the protocol's names of the header's fields.

    A field that is missing is named beside those that were given: flat, unless there is a header.

    A field given in both places has to be the same in both. In Trd_ModifyOrder a flat `trd_market` is
    the message's own field; it fills the header's where the header has none, and when the two differ
    both are sent as they are.
    """
    own = fields_by_spelling(descriptor)
    flat_names = {
        name: field.name
        for name, field in fields_by_spelling(message(TRADE_HEADER)).items()
        if field.name in FLAT_FIELDS and name not in own
    }
    has_own_market = "trdMarket" in descriptor.fields_by_name
    own_market_names = {name for name, field in own.items() if field.name == "trdMarket"}
    may_fill_header = frozenset(flat_names) | own_market_names

    def decode(target: WireMessage, body: Any) -> None:
        if type(body) is not dict or may_fill_header.isdisjoint(body):
            decode_whole(target, body)
            return
        flat = {name: value for name, value in body.items() if name in flat_names}
        decode_open(target, {name: value for name, value in body.items() if name not in flat})
        header = target.header
        check_single_spellings(flat, flat_names)
        for name, value in flat.items():
            _put_flat(header, name, flat_names, value, checks[flat_names[name]])
        if has_own_market and target.trdMarket and "trdMarket" not in header:
            header.trdMarket = target.trdMarket
        for field_name in FLAT_FIELDS:
            if field_name not in header:
                mismatch = missing(field_name)
                raise mismatch if flat and "header" not in body else mismatch.within("header")

    return decode


def _put_flat(
    header: WireMessage, name: str, flat_names: Mapping[str, str], value: Any, check: Check
) -> None:
    field_name = flat_names[name]
    try:
        wire = check(value)
    except Mismatch as mismatch:
        raise mismatch.within(name) from None
    if field_name in header and getattr(header, field_name) != wire:
        raise Mismatch("given here and in header, and the two differ", name)
    setattr(header, field_name, wire)
