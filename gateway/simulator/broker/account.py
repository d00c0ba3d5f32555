"""An account: what it is, its cash, positions and orders."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.schema.trade import TrdEnv, TrdSide
from gateway.simulator.broker import refusals
from gateway.simulator.broker.enums import Currency, SecurityFirm, SimAccType, TrdAccType, TrdMarket
from gateway.simulator.broker.fee import fee_of
from gateway.simulator.broker.number import ZERO
from gateway.simulator.broker.order import FINAL, Fill, Order
from gateway.simulator.broker.position import DayTrades, Position
from gateway.simulator.broker.rules import MarketRules
from gateway.simulator.broker.stamp import local_time
from gateway.simulator.model import Instrument, Refusal, SecurityKey


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """What `Trd_GetAccList` tells of an account, and its base currency."""

    acc_id: int
    env: TrdEnv
    markets: tuple[TrdMarket, ...]
    acc_type: TrdAccType
    currency: Currency
    card_num: str
    firm: SecurityFirm | None = None
    sim_acc_type: SimAccType | None = None
    uni_card_num: str | None = None

    @property
    def is_universal(self) -> bool:
        """Whether it holds several currencies and is asked for its funds in one of them."""
        return self.uni_card_num is not None

    @property
    def is_margin(self) -> bool:
        """Whether it may borrow and sell short."""
        return self.acc_type is TrdAccType.MARGIN


@dataclass(slots=True, eq=False)
class Account:
    """The state of an account. Orders are kept in the order in which they were placed."""

    profile: AccountProfile
    cash: dict[Currency, Decimal]
    positions: dict[SecurityKey, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    _by_id_ex: dict[str, Order] = field(default_factory=dict)
    _open: dict[int, Order] = field(default_factory=dict)

    def add_order(self, order: Order) -> None:
        """Take in an order, open or (for history) final."""
        self.orders[order.order_id] = order
        self._by_id_ex[order.order_id_ex] = order
        if order.status not in FINAL:
            self._open[order.order_id] = order

    def find_order(self, order_id: int, order_id_ex: str) -> Order:
        """The order by its text id if there is one, else by its number. Raises `Refusal`."""
        order = self._by_id_ex.get(order_id_ex) if order_id_ex else self.orders.get(order_id)
        if order is None or (order_id and order.order_id != order_id):
            raise Refusal(refusals.NO_SUCH_ORDER)
        return order

    def open_orders(self, key: SecurityKey | None = None) -> Iterator[Order]:
        """The orders that are not final, oldest first, of one security or of all."""
        for order in list(self._open.values()):
            if order.status in FINAL:
                del self._open[order.order_id]
            elif key is None or order.key == key:
                yield order

    def held_qty(self, key: SecurityKey) -> Decimal:
        """The position's quantity, below zero for a short one."""
        position = self.positions.get(key)
        return position.qty if position else ZERO

    def open_qty(self, key: SecurityKey, *, is_buy: bool, without: Order | None = None) -> Decimal:
        """What open orders of one direction may still trade."""
        return sum(
            (
                order.held_qty()
                for order in self.open_orders(key)
                if order.side.is_buy is is_buy and order is not without
            ),
            start=ZERO,
        )

    def reserve(self, order: Order, qty: Decimal, limit: Decimal) -> Decimal:
        """The cash that a buy order of `qty` in all needs: its rest at `limit`, and the fee still to come."""
        rest_value = (qty - order.filled_qty) * limit * order.instrument.contract_multiplier
        whole_fee = self.fee(order.rules, order.side, qty, self._value(order) + rest_value)
        return rest_value + whole_fee - order.charged_fee

    def reserved(self, order: Order) -> Decimal:
        """The cash that an order holds back; nothing unless it is an open buy order."""
        if not order.side.is_buy or not order.held_qty():
            return ZERO
        return self.reserve(order, order.qty, order.limit)

    def frozen_cash(self, currency: Currency, without: Order | None = None) -> Decimal:
        """The cash in `currency` that open buy orders hold back."""
        return sum(
            (
                self.reserved(order)
                for order in self.open_orders()
                if order.rules.currency is currency and order is not without
            ),
            start=ZERO,
        )

    def settle(self, order: Order, fill: Fill) -> None:
        """Move cash, fee and position for a fill that was added to `order`."""
        signed_qty = fill.qty if order.side.is_buy else -fill.qty
        value = signed_qty * fill.price * order.instrument.contract_multiplier
        fee = self.fee(order.rules, order.side, order.filled_qty, self._value(order)) - order.charged_fee
        order.charged_fee += fee
        self.cash[order.rules.currency] -= value + fee
        position = self.position(order.instrument, fill.time)
        position.apply(signed_qty, fill.price, local_time(order.key, fill.time).date())

    def roll_day(self, now: float) -> list[SecurityKey]:
        """Start the day's figures of positions anew where the local date has changed; name those."""
        return [key for key, position in self.positions.items() if position.roll(local_time(key, now).date())]

    def position(self, instrument: Instrument, now: float) -> Position:
        """The position in a security, opened empty where there is none."""
        position = self.positions.get(instrument.key)
        if position is None:
            day = local_time(instrument.key, now).date()
            position = Position(self._position_id(instrument), instrument, DayTrades(day))
            self.positions[instrument.key] = position
        return position

    def fee(self, rules: MarketRules, side: TrdSide, qty: Decimal, value: Decimal) -> Decimal:
        """The fee of an order of which `qty` filled for `value` in all; paper accounts pay none."""
        if self.profile.env is TrdEnv.SIMULATE:
            return ZERO
        return fee_of(rules.real_market, side, qty, value)

    def _value(self, order: Order) -> Decimal:
        return order.filled_value * order.instrument.contract_multiplier

    def _position_id(self, instrument: Instrument) -> int:
        return (self.profile.acc_id << 32 | instrument.stock_id & 0xFFFFFFFF) & (1 << 63) - 1
