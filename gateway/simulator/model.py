"""What the simulator's parts say to each other: instruments, market data, calls and refusals.

`universe` makes instruments, `market` makes data from them, `broker` trades against the market,
`server` carries calls. Each knows only these types of the others.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from gateway.clock import Clock


class QotMarket(IntEnum):
    """`Qot_Common.QotMarket`, the markets of the simulated universe."""

    HK = 1
    HK_FUTURE = 2
    US = 11
    SH = 21
    SZ = 22


class SecurityType(IntEnum):
    """`Qot_Common.SecurityType`."""

    BOND = 1
    EQUITY = 3
    TRUST = 4
    WARRANT = 5
    INDEX = 6
    PLATE = 7
    OPTION = 8
    FUTURE = 10


class SecurityKey(NamedTuple):
    """A security as the wire names it: `QotMarket` number and code."""

    market: int
    code: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """A security of the simulated universe. Money is in `currency`, sizes in shares or contracts."""

    key: SecurityKey
    stock_id: int
    name: str
    security_type: SecurityType
    lot_size: int
    currency: str
    list_date: date
    exchange: int
    base_price: Decimal
    owner: SecurityKey | None = None
    contract_multiplier: Decimal = Decimal(1)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """The basic quote of a security at a moment. `time` carries the market's time zone."""

    last: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    previous_close: Decimal
    volume: int
    turnover: Decimal
    time: datetime


class Level(NamedTuple):
    """One price level of an order book."""

    price: Decimal
    volume: int
    order_count: int


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Bids best (highest) first, asks best (lowest) first; never crossed."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time: datetime


class MarketView(Protocol):
    """What the broker and the server ask of the market. Unknown securities raise `Refusal`."""

    def find(self, key: SecurityKey) -> Instrument:
        """The instrument. Raises `Refusal` as OpenD words an unknown code."""
        ...

    def quote(self, key: SecurityKey) -> Quote:
        """The quote now."""
        ...

    def order_book(self, key: SecurityKey) -> OrderBook:
        """The book now; its best levels enclose or touch the last price."""
        ...

    def price_tick(self, key: SecurityKey, price: Decimal) -> Decimal:
        """The smallest price step at `price`, by the rules of the security's market."""
        ...

    def is_trading(self, key: SecurityKey) -> bool:
        """Whether the security's market matches orders at this moment."""
        ...


class Refusal(Exception):
    """OpenD says no: `ret_type` below zero, a text, and rarely an error code."""

    def __init__(self, ret_msg: str, ret_type: int = -1, err_code: int = 0) -> None:
        super().__init__(ret_msg)
        self.ret_msg = ret_msg
        self.ret_type = ret_type
        self.err_code = err_code


class ConnectionView(Protocol):
    """What a handler may know of the connection that asks."""

    @property
    def conn_id(self) -> int:
        """The connection id that InitConnect gave out."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it: the parsed C2S, who asks, and the time."""

    proto_id: int
    c2s: Any
    connection: ConnectionView
    clock: Clock


@dataclass(frozen=True, slots=True)
class Answer:
    """A success with a text beside it, as OpenD gives for a needless unlock."""

    s2c: Mapping[str, Any]
    ret_msg: str


Outcome: TypeAlias = Mapping[str, Any] | Answer
"""The fields of a call's S2C by their protocol names."""

T_co = TypeVar("T_co", covariant=True)
Work: TypeAlias = Generator[None, None, T_co]
"""Returns a `T_co`, and yields wherever other connections may have their turn before it goes on."""

Handler: TypeAlias = Callable[[Call], Outcome | Work[Outcome]]
"""Answers a call at once, or in steps when it takes long; raises `Refusal`."""


class PushSink(Protocol):
    """Where the broker puts pushes; the server delivers them to the connections that asked."""

    def account_push(self, acc_id: int, proto_id: int, s2c: Mapping[str, Any]) -> None:
        """Send to every connection whose `Trd_SubAccPush` list has `acc_id`."""
        ...
