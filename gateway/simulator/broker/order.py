"""An order, its fills, and the table of its life."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from gateway.schema.trade import OrderStatus, OrderType, TrdEnv, TrdSide
from gateway.simulator.broker import refusals
from gateway.simulator.broker.enums import TimeInForce
from gateway.simulator.broker.number import ZERO
from gateway.simulator.broker.rules import HAS_LIMIT, MarketRules
from gateway.simulator.model import Instrument, Refusal, SecurityKey

_S = OrderStatus

TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = MappingProxyType(
    {
        _S.UNSUBMITTED: frozenset({_S.WAITING_SUBMIT, _S.SUBMITTING}),
        _S.WAITING_SUBMIT: frozenset({_S.SUBMITTING, _S.CANCELLING_ALL, _S.CANCELLED_ALL, _S.DISABLED}),
        _S.SUBMITTING: frozenset(
            {_S.SUBMITTED, _S.SUBMIT_FAILED, _S.FAILED, _S.CANCELLING_ALL, _S.CANCELLED_ALL}
        ),
        _S.SUBMITTED: frozenset(
            {_S.FILLED_PART, _S.FILLED_ALL, _S.CANCELLING_ALL, _S.CANCELLED_ALL, _S.DISABLED}
        ),
        _S.FILLED_PART: frozenset({_S.FILLED_PART, _S.FILLED_ALL, _S.CANCELLING_PART, _S.CANCELLED_PART}),
        _S.CANCELLING_PART: frozenset({_S.CANCELLED_PART}),
        _S.CANCELLING_ALL: frozenset({_S.CANCELLED_ALL}),
        _S.DISABLED: frozenset({_S.WAITING_SUBMIT, _S.SUBMITTING, _S.DELETED}),
        _S.SUBMIT_FAILED: frozenset({_S.DELETED}),
        _S.FAILED: frozenset({_S.DELETED}),
        _S.CANCELLED_ALL: frozenset({_S.DELETED}),
        _S.FILLED_ALL: frozenset(),
        _S.CANCELLED_PART: frozenset(),
        _S.DELETED: frozenset(),
    }
)
"""Every step that an order's status may take. Only orders without a fill can be disabled or deleted."""

FINAL = frozenset(
    {
        _S.SUBMIT_FAILED,
        _S.FILLED_ALL,
        _S.CANCELLED_PART,
        _S.CANCELLED_ALL,
        _S.FAILED,
        _S.DELETED,
    }
)
"""States in which an order neither trades nor holds money; a disabled order may come back from its own."""

MODIFIABLE = frozenset({_S.WAITING_SUBMIT, _S.SUBMITTING, _S.SUBMITTED, _S.FILLED_PART})
"""States in which price and quantity may be changed and the order be cancelled."""

HOLDING = MODIFIABLE | {_S.CANCELLING_PART, _S.CANCELLING_ALL}
"""States in which an order holds money or shares back."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that traded, at `time` (seconds since the epoch)."""

    fill_id: int
    fill_id_ex: str
    qty: Decimal
    price: Decimal
    time: float


@dataclass(slots=True, eq=False)
class Order:
    """An order that the broker accepted. Times are seconds since the epoch.

    `limit` is the worst price at which it may fill. Orders at the market have one too, a collar around the
    last price, so that the money they hold back always covers them. `price` is what the caller gave.
    `active_since` is when the order first met an open market, from which a day order's day counts.
    """

    order_id: int
    order_id_ex: str
    acc_id: int
    env: TrdEnv
    instrument: Instrument
    rules: MarketRules
    side: TrdSide
    order_type: OrderType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal | None
    limit: Decimal
    trigger: Decimal | None
    remark: str
    create_time: float
    update_time: float
    fill_outside_rth: bool = False
    session: int = 0
    status: OrderStatus = OrderStatus.UNSUBMITTED
    is_triggered: bool = False
    is_resting: bool = False
    due_time: float = 0.0
    active_since: float | None = None
    reject_reason: str | None = None
    last_error: str = ""
    fills: list[Fill] = field(default_factory=list)
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    charged_fee: Decimal = ZERO

    @property
    def key(self) -> SecurityKey:
        """The security."""
        return self.instrument.key

    @property
    def remaining_qty(self) -> Decimal:
        """What has not been filled."""
        return self.qty - self.filled_qty

    @property
    def has_limit(self) -> bool:
        """Whether the caller's price bounds the order."""
        return self.order_type in HAS_LIMIT

    @property
    def is_waiting_for_trigger(self) -> bool:
        """Whether it rests at the broker until the last price touches its trigger."""
        return self.trigger is not None and not self.is_triggered

    @property
    def average_price(self) -> Decimal:
        """The average price of the fills per share; zero without one."""
        return self.filled_value / self.filled_qty if self.filled_qty else ZERO

    def held_qty(self) -> Decimal:
        """The quantity for which the order holds money or shares back."""
        return self.remaining_qty if self.status in HOLDING else ZERO

    def move(self, status: OrderStatus, now: float) -> None:
        """Take a step of the life cycle. Raises `Refusal` for a step that the table does not have."""
        if status not in TRANSITIONS[self.status]:
            raise Refusal(refusals.WRONG_STATE)
        self.status = status
        self.update_time = now

    def add_fill(self, fill: Fill) -> None:
        """Book a fill and move to the state it leads to."""
        self.fills.append(fill)
        self.filled_qty += fill.qty
        self.filled_value += fill.qty * fill.price
        is_done = self.filled_qty == self.qty
        self.move(OrderStatus.FILLED_ALL if is_done else OrderStatus.FILLED_PART, fill.time)
