"""Orders at OpenD as the command that cancels them sees them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.order import Environment, Side
from gateway.schema.text import text_of
from gateway.trading.wire import ENVIRONMENT_NUMBERS, FINAL_STATUSES, SIDES

_CANCELLED = frozenset({14, 15, 23})
_CANCELLING = frozenset({12, 13})
_FILLED = 11
"""`Trd_Common.OrderStatus`."""


class Result(StrEnum):
    """What became of an order that was to be cancelled."""

    CANCELLED = "cancelled"
    FILLED = "filled"
    """It had been filled before the cancel came."""
    ENDED = "ended"
    """It came to its end in another way, such as by a rejection."""
    CANCELLING = "cancelling"
    """The cancel was taken, and the exchange has not confirmed it yet."""
    OPEN = "open"
    NOT_LISTED = "not listed"
    """OpenD does not list it any more; nothing is known."""


DONE = frozenset({Result.CANCELLED, Result.FILLED, Result.ENDED})
"""The results of orders that are not open any more."""


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """An account of OpenD's user; `market` is one that it may trade in, by OpenD's number."""

    acc_id: int
    environment: Environment
    market: int

    @property
    def header(self) -> dict[str, int]:
        """A `TrdHeader`."""
        environment = ENVIRONMENT_NUMBERS[self.environment]
        return {"trdEnv": environment, "accID": self.acc_id, "trdMarket": self.market}


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order on an account; `code` is without its market, as OpenD lists it."""

    account: TradingAccount
    order_id: int
    order_id_ex: str
    code: str
    side: Side | None
    quantity: Decimal
    filled: Decimal
    remark: str
    status: int

    @classmethod
    def of(cls, account: TradingAccount, order: Any) -> "OpenOrder":
        """From a `Trd_Common.Order`."""
        return cls(
            account=account,
            order_id=order.orderID,
            order_id_ex=text_of(order.orderIDEx),
            code=text_of(order.code),
            side=SIDES.get(order.trdSide),
            quantity=Decimal(str(order.qty)).normalize(),
            filled=Decimal(str(order.fillQty)).normalize(),
            remark=text_of(order.remark),
            status=order.orderStatus,
        )

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status not in FINAL_STATUSES

    @property
    def result(self) -> Result:
        """What its state says of a cancel."""
        if self.status in _CANCELLED:
            return Result.CANCELLED
        if self.status in _CANCELLING:
            return Result.CANCELLING
        if self.status == _FILLED:
            return Result.FILLED
        return Result.OPEN if self.is_open else Result.ENDED


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order that was to be cancelled, and what became of it; `detail` is why it may still be open."""

    order: OpenOrder
    result: Result
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An account whose orders could not be read; whether any is open is not known."""

    account: TradingAccount
    detail: str


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What was done. `left` counts the open orders that were not to be cancelled."""

    orders: tuple[Cancelled, ...]
    unreadable: tuple[Unreadable, ...]
    left: int

    @property
    def is_complete(self) -> bool:
        """Whether nothing that was to be cancelled may still be open."""
        return not self.unreadable and all(each.result in DONE for each in self.orders)
