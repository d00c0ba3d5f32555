"""Enumerations of `Trd_Common` by which the gateway's orders and the simulator's broker decide.

Names are the protocol's without their prefix, in the spelling of Python's constants.
"""

from collections.abc import Mapping
from enum import IntEnum


class TrdEnv(IntEnum):
    """`Trd_Common.TrdEnv`: a paper account or one with real money."""

    SIMULATE = 0
    REAL = 1


class TrdSecMarket(IntEnum):
    """`Trd_Common.TrdSecMarket`: where a security is listed."""

    HK = 1
    US = 2
    CN_SH = 31
    CN_SZ = 32
    SG = 41
    JP = 51
    AU = 61
    MY = 71
    CA = 81
    FX = 91
    CC = 101
    EC = 111


PREFIXES: Mapping[str, TrdSecMarket] = {
    {TrdSecMarket.CN_SH: "SH", TrdSecMarket.CN_SZ: "SZ"}.get(each, each.name): each for each in TrdSecMarket
}
"""What stands before the first dot of a security's text, `HK.00700`, and where it is listed."""


class TrdSide(IntEnum):
    """`Trd_Common.TrdSide`."""

    BUY = 1
    SELL = 2
    SELL_SHORT = 3
    BUY_BACK = 4

    @property
    def is_buy(self) -> bool:
        """Whether a fill adds to the position."""
        return self in (TrdSide.BUY, TrdSide.BUY_BACK)


class OrderType(IntEnum):
    """`Trd_Common.OrderType`."""

    NORMAL = 1
    MARKET = 2
    ABSOLUTE_LIMIT = 5
    AUCTION = 6
    AUCTION_LIMIT = 7
    SPECIAL_LIMIT = 8
    SPECIAL_LIMIT_ALL = 9
    STOP = 10
    STOP_LIMIT = 11
    MARKET_IF_TOUCHED = 12
    LIMIT_IF_TOUCHED = 13
    TRAILING_STOP = 14
    TRAILING_STOP_LIMIT = 15
    TWAP_MARKET = 16
    TWAP_LIMIT = 17
    VWAP_MARKET = 18
    VWAP_LIMIT = 19


class TrailType(IntEnum):
    """`Trd_Common.TrailType`: per cent of the price, or an amount."""

    RATIO = 1
    AMOUNT = 2


class OrderStatus(IntEnum):
    """`Trd_Common.OrderStatus`."""

    UNSUBMITTED = 0
    WAITING_SUBMIT = 1
    SUBMITTING = 2
    SUBMIT_FAILED = 3
    SUBMITTED = 5
    FILLED_PART = 10
    FILLED_ALL = 11
    CANCELLING_PART = 12
    CANCELLING_ALL = 13
    CANCELLED_PART = 14
    CANCELLED_ALL = 15
    FAILED = 21
    DISABLED = 22
    DELETED = 23
    FILL_CANCELLED = 24


class ModifyOrderOp(IntEnum):
    """`Trd_Common.ModifyOrderOp`."""

    NORMAL = 1
    CANCEL = 2
    DISABLE = 3
    ENABLE = 4
    DELETE = 5


class PositionSide(IntEnum):
    """`Trd_Common.PositionSide`."""

    LONG = 0
    SHORT = 1
