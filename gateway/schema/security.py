"""Securities written as one string, `HK.00700`, by the official SDK's rules."""

from collections.abc import Mapping
from typing import Any

from gateway.schema.enums import SDK_CONSTANTS
from gateway.schema.mismatch import found

SECURITY = "Qot_Common.Security"

PREFIXES: Mapping[str, int] = {**SDK_CONSTANTS["Qot_Common.QotMarket"], "HK_FUTURE": 2}
"""What stands before the first dot -> `QotMarket`. A future of Hong Kong has the prefix `HK` like a
stock (`HK.HSImain`); `HK_FUTURE` is the SDK's too."""

_PREFIX_OF: Mapping[int, str] = {
    market: "HK" if prefix == "HK_FUTURE" else prefix for prefix, market in PREFIXES.items()
}

ACCEPTED = (
    'accepted is {"market": 1, "code": "00700"} or "HK.00700", '
    f"with one of the prefixes {', '.join(PREFIXES)}"
)


def split_security(text: str) -> tuple[int, str]:
    """`HK.00700` -> (1, "00700"). The code may hold dots itself: `US..DJI`. Raises Mismatch."""
    prefix, _, code = text.partition(".")
    market = PREFIXES.get(prefix.upper()) if prefix.isascii() else None
    if market is None or not code:
        raise found(text, ACCEPTED)
    return market, code


def security_text(market: int, code: str) -> str:
    """(1, "00700") -> `HK.00700`. A market that has no prefix stands there by its number."""
    return f"{_PREFIX_OF.get(market, market)}.{code}"


def security_object(value: Any) -> dict[str, Any]:
    """The object that says the same as a security's string. Raises Mismatch for any other value."""
    if type(value) is not str:
        raise found(value, ACCEPTED)
    market, code = split_security(value)
    return {"market": market, "code": code}
