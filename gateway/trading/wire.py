"""What the protocol's numbers mean in the gateway's own words, where the way of an order depends on it."""

from collections.abc import Mapping
from enum import IntEnum

from gateway.order import Environment, Side
from gateway.schema.descriptors import enum
from gateway.schema.trade import OrderStatus, TrdEnv, TrdSide

FINAL_STATUSES = frozenset(
    {
        OrderStatus.SUBMIT_FAILED,
        OrderStatus.FILLED_ALL,
        OrderStatus.CANCELLED_PART,
        OrderStatus.CANCELLED_ALL,
        OrderStatus.FAILED,
        OrderStatus.DELETED,
        OrderStatus.FILL_CANCELLED,
    }
)
"""Orders that trade no more."""


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


SIDES: Mapping[int, Side] = {each: Side[each.name] for each in TrdSide}
"""By the number of `Trd_Common.TrdSide`."""

ENVIRONMENTS: Mapping[int, Environment] = {each: Environment[each.name] for each in TrdEnv}
"""By the number of `Trd_Common.TrdEnv`, as OpenD numbers it."""

ENVIRONMENT_NUMBERS = {environment: number for number, environment in ENVIRONMENTS.items()}

MARKETS = {
    value.number: value.name.removeprefix("TrdMarket_").upper()
    for value in enum("Trd_Common.TrdMarket").values
    if value.number
}
"""`Trd_Common.TrdMarket` by number, as `gateway.order.TRD_MARKETS` names them."""

MARKET_NUMBERS = {name: number for number, name in MARKETS.items()}
