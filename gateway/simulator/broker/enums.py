"""Numbers of `Trd_Common` that the broker decides on. Names are the protocol's without their prefix."""

from enum import IntEnum


class TrdEnv(IntEnum):
    """`TrdEnv`: a paper account or one with real money."""

    SIMULATE = 0
    REAL = 1


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


class TrdSecMarket(IntEnum):
    """`TrdSecMarket`, where a security of those markets is listed."""

    UNKNOWN = 0
    HK = 1
    US = 2
    CN_SH = 31
    CN_SZ = 32


class TrdSide(IntEnum):
    """`TrdSide`."""

    BUY = 1
    SELL = 2
    SELL_SHORT = 3
    BUY_BACK = 4

    @property
    def is_buy(self) -> bool:
        """Whether a fill adds to the position."""
        return self in (TrdSide.BUY, TrdSide.BUY_BACK)


class OrderType(IntEnum):
    """`OrderType`."""

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


class OrderStatus(IntEnum):
    """`OrderStatus`."""

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


class ModifyOrderOp(IntEnum):
    """`ModifyOrderOp`."""

    NORMAL = 1
    CANCEL = 2
    DISABLE = 3
    ENABLE = 4
    DELETE = 5


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


class PositionSide(IntEnum):
    """`PositionSide`."""

    LONG = 0
    SHORT = 1


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
