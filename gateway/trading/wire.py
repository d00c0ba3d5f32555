"""Numbers of `Trd_Common` and `Qot_Common` on which the way of an order depends.

Names are the protocol's without their prefix, in the spelling of Python's constants.
"""

from enum import IntEnum

from gateway.order import Environment, Side
from gateway.schema.descriptors import enum


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


class ModifyOrderOp(IntEnum):
    """`Trd_Common.ModifyOrderOp`."""

    NORMAL = 1
    CANCEL = 2
    DISABLE = 3
    ENABLE = 4
    DELETE = 5


class OrderStatus(IntEnum):
    """`Trd_Common.OrderStatus`: those that the gateway tells apart."""

    SUBMIT_FAILED = 3
    FAILED = 21
    DISABLED = 22


FINAL_STATUSES = frozenset({3, 11, 14, 15, 21, 23, 24})
"""`Trd_Common.OrderStatus` of orders that trade no more."""


class PositionSide(IntEnum):
    """`Trd_Common.PositionSide`."""

    LONG = 0
    SHORT = 1


class SecurityType(IntEnum):
    """`Qot_Common.SecurityType`."""

    BOND = 1
    BWRT = 2
    EQTY = 3
    TRUST = 4
    WARRANT = 5
    DRVT = 8
    FUTURE = 10
    CRYPTO = 12


SIDES = {1: Side.BUY, 2: Side.SELL, 3: Side.SELL_SHORT, 4: Side.BUY_BACK}
"""`Trd_Common.TrdSide`."""

BUYS = frozenset({Side.BUY, Side.BUY_BACK})
"""Sides whose fills add to what is held."""

ENVIRONMENTS = {0: Environment.SIMULATE, 1: Environment.REAL}
"""`Trd_Common.TrdEnv`, as OpenD numbers it."""

ENVIRONMENT_NUMBERS = {environment: number for number, environment in ENVIRONMENTS.items()}

MARKETS = {
    value.number: value.name.removeprefix("TrdMarket_").upper()
    for value in enum("Trd_Common.TrdMarket").values
    if value.number
}
"""`Trd_Common.TrdMarket` by number, as `gateway.order.TRD_MARKETS` names them."""

MARKET_NUMBERS = {name: number for number, name in MARKETS.items()}
