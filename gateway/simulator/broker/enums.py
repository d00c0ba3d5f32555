"""Numbers of `Trd_Common` that the broker alone decides on; see also `gateway.schema.trade`.

Names are the protocol's without their prefix.
"""

from enum import IntEnum


class TrdCategory(IntEnum):
    """`TrdCategory`."""

    UNKNOWN = 0
    SECURITY = 1
    FUTURE = 2
    CRYPTO = 3


class TrdMarket(IntEnum):
    """`TrdMarket`, the markets that the simulator's accounts may hold."""

    UNKNOWN = 0
    HK = 1
    US = 2
    CN = 3
    HKCC = 4


class TimeInForce(IntEnum):
    """`TimeInForce`."""

    DAY = 0
    GTC = 1
    IOC = 2
    GTD = 3


class TrdAccType(IntEnum):
    """`TrdAccType`."""

    CASH = 1
    MARGIN = 2


class SimAccType(IntEnum):
    """`SimAccType`."""

    STOCK = 1
    STOCK_AND_OPTION = 4


class TrdAccRole(IntEnum):
    """`TrdAccRole`."""

    NORMAL = 1


class TrdAccStatus(IntEnum):
    """`TrdAccStatus`."""

    ACTIVE = 0


class SecurityFirm(IntEnum):
    """`SecurityFirm`."""

    FUTU_SECURITIES = 1


class Currency(IntEnum):
    """`Currency`, those in which the simulator's accounts hold cash."""

    HKD = 1
    USD = 2
    CNH = 3


class CltRiskLevel(IntEnum):
    """`CltRiskLevel`."""

    SAFE = 0
    WARNING = 1
    DANGER = 2


class CltRiskStatus(IntEnum):
    """`CltRiskStatus`: level 1 is the safest of nine."""

    LEVEL1 = 1
    LEVEL4 = 4
    LEVEL7 = 7
