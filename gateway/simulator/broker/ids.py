"""Identifiers in OpenD's forms. Each grows, and a later start begins above an earlier one's."""

import base64
import hashlib
from datetime import datetime

_SEQUENCE_BITS = 22
_MAX_U63 = (1 << 63) - 1


class IdSequence:
    """Hands out order and fill ids; `start_s` is the time of the start, seconds since the epoch."""

    def __init__(self, start_s: float) -> None:
        self._last = int(start_s * 1000) << _SEQUENCE_BITS & _MAX_U63
        self._last_paper = int(start_s)

    def next_number(self) -> int:
        """A number of 19 digits, for `orderID` and `fillID`."""
        self._last += 1
        return self._last

    def next_paper_id_ex(self) -> str:
        """The text id of a paper order: digits alone."""
        self._last_paper += 1
        return str(self._last_paper)


def real_id_ex(order_id: int, created: datetime) -> str:
    """The text id of a real order, as `v3_20240314_12345678_MTc4...`."""
    digest = hashlib.sha256(str(order_id).encode()).digest()
    token = base64.b64encode(digest[:21]).decode()
    return f"v3_{created:%Y%m%d}_{order_id % 100_000_000:08d}_{token}"


def fill_id_ex(order_id_ex: str, count: int) -> str:
    """The text id of an order's `count`-th fill."""
    return f"{order_id_ex}_{count}.2"
