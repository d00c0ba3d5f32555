"""The two numberings of `trd_env` and `trd_market` (decisions D1 and D2).

The documentation page counts the environments 1 (simulate) and 2 (real), the protocol 0 and 1. A
body sent on unchanged would turn the page's paper order into a real one, so the page's numbering
is the default and never lets 1 become real.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

TRD_ENV = "Trd_Common.TrdEnv"
TRD_MARKET = "Trd_Common.TrdMarket"
_SIMULATE, _REAL = 0, 1
_CRYPTO, _JP, _PAGE_JP = 7, 15, 7


class Numbering(StrEnum):
    """Which numbers callers use for `trd_env` and `trd_market`: the page's or the protocol's."""

    DOCUMENTED = "documented"
    OFFICIAL = "official"


class ShownNumbers(dict[int, int | str]):
    """Number of the protocol -> what an answer shows for it."""


class _ShownEnvironments(ShownNumbers):
    def __missing__(self, number: int) -> str:
        """A text, since each number near it already means another environment."""
        return f"UNKNOWN_{number}"


class _ShownMarkets(ShownNumbers):
    def __missing__(self, number: int) -> int:
        """The number itself. Kept for the next time: OpenD has few of them."""
        self[number] = number
        return number


@dataclass(frozen=True, slots=True)
class Renumbering:
    """How numbers of one enumeration differ from the protocol's.

    `to_wire` holds the numbers that change on the way to OpenD, `shown` what answers carry. The
    protocol's other numbers pass as they are.
    """

    to_wire: Mapping[int, int]
    shown: ShownNumbers


RENUMBERED: Mapping[str, Renumbering] = {
    TRD_ENV: Renumbering(
        {0: _SIMULATE, 1: _SIMULATE, 2: _REAL}, _ShownEnvironments({_SIMULATE: 1, _REAL: 2})
    ),
    TRD_MARKET: Renumbering({_PAGE_JP: _JP}, _ShownMarkets({_JP: _PAGE_JP, _CRYPTO: "CRYPTO"})),
}
"""The enumerations that `Numbering.DOCUMENTED` changes. An answer shows the crypto market by name,
since its number 7 means JP there; the name is accepted in requests too."""

ENVIRONMENTS_ACCEPTED: Mapping[Numbering, str] = {
    Numbering.DOCUMENTED: 'accepted are "simulate", "real", 0, 1 (simulate), 2 (real)',
    Numbering.OFFICIAL: 'accepted are "simulate", "real", 0 (simulate), 1 (real)',
}
"""For the text of an error."""


def renumbering(enum_name: str, numbering: Numbering) -> Renumbering | None:
    """How the enumeration is renumbered, or None when its numbers pass as they are."""
    return RENUMBERED.get(enum_name) if numbering is Numbering.DOCUMENTED else None
