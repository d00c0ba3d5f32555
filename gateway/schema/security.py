"""Securities written as one string, `HK.00700`, by the official SDK's rules."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.schema.descriptors import WireMessage
from gateway.schema.enums import SDK_CONSTANTS
from gateway.schema.mismatch import found

SECURITY = "Qot_Common.Security"

PREFIXES: Mapping[str, int] = {**SDK_CONSTANTS["Qot_Common.QotMarket"], "HK_FUTURE": 2}
"""What stands before the first dot -> `QotMarket`. A future of Hong Kong has the prefix `HK` like a
stock (`HK.HSImain`); `HK_FUTURE` is the SDK's too."""

_ACCEPTED = (
    'accepted is {"market": 1, "code": "00700"} or "HK.00700", '
    f"with one of the prefixes {', '.join(PREFIXES)}"
)


def split_security(text: str) -> tuple[int, str]:
    """`HK.00700` -> (1, "00700"). The code may hold dots itself: `US..DJI`. Raises Mismatch."""
    prefix, _, code = text.partition(".")
    market = PREFIXES.get(prefix.upper()) if prefix.isascii() else None
    if market is None or not code:
        raise found(text, _ACCEPTED)
    return market, code


def security_decoder(
    decode_object: Callable[[WireMessage, Any], None],
) -> Callable[[WireMessage, Any], None]:
    """A decoder that takes a security as a string, and anything else as `decode_object` does."""

    def decode(message: WireMessage, value: Any) -> None:
        if type(value) is str:
            market, code = split_security(value)
            decode_object(message, {"market": market, "code": code})
        elif type(value) is dict:
            decode_object(message, value)
        else:
            raise found(value, _ACCEPTED)

    return decode
