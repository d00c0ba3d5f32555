"""Changes to an order that was placed: which are allowed, and a new price and quantity."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from gateway.schema.trade import ModifyOrderOp, OrderStatus
from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.number import qty_from_wire
from gateway.simulator.broker.order import MODIFIABLE, Order
from gateway.simulator.broker.placing import check_size
from gateway.simulator.broker.power import check_power
from gateway.simulator.broker.pricing import collar_price, limit_price, trigger_price
from gateway.simulator.model import MarketView, Refusal

_S = OrderStatus

ALLOWED_STATES: Mapping[ModifyOrderOp, frozenset[OrderStatus]] = MappingProxyType(
    {
        ModifyOrderOp.NORMAL: MODIFIABLE,
        ModifyOrderOp.CANCEL: MODIFIABLE,
        ModifyOrderOp.DISABLE: frozenset({_S.WAITING_SUBMIT, _S.SUBMITTED}),
        ModifyOrderOp.ENABLE: frozenset({_S.DISABLED}),
        ModifyOrderOp.DELETE: frozenset({_S.DISABLED, _S.SUBMIT_FAILED, _S.FAILED, _S.CANCELLED_ALL}),
    }
)
"""The states of an order in which each change may be asked for."""


@dataclass(frozen=True, slots=True)
class NewTerms:
    """What a change makes of an order: its total quantity and its prices."""

    qty: Decimal
    price: Decimal | None
    limit: Decimal
    trigger: Decimal | None


def operation(number: int) -> ModifyOrderOp:
    """The operation of a call. Raises `Refusal` for an unknown one."""
    try:
        return ModifyOrderOp(number)
    except ValueError:
        raise Refusal(refusals.NO_SUCH_OPERATION) from None


def check_operation(order: Order, op: ModifyOrderOp) -> None:
    """Whether the order's market and state allow `op`. Raises `Refusal`."""
    if op not in order.rules.changes(order.env):
        raise Refusal(refusals.NO_SUCH_OPERATION)
    if order.status not in ALLOWED_STATES[op]:
        raise Refusal(refusals.WRONG_STATE)


def new_terms(account: Account, order: Order, c2s: Any, market: MarketView) -> NewTerms:
    """The terms that a call asks for, checked as at placing. Raises `Refusal`.

    `qty` is the total that the order shall have, what is filled included.
    """
    if not c2s.HasField("qty"):
        raise refusals.missing("qty")
    qty = qty_from_wire(c2s.qty)
    if qty <= order.filled_qty:
        raise Refusal(refusals.QTY_BELOW_FILLED)
    price, limit, trigger = order.price, order.limit, order.trigger
    if trigger is not None and c2s.HasField("auxPrice"):
        trigger = trigger_price(c2s, order.key)
        limit = collar_price(trigger, is_buy=order.side.is_buy)
    if order.has_limit:
        price = limit = limit_price(c2s, market, order.key)
    check_size(account, order, qty, limit)
    check_power(account, market, order, qty, limit)
    return NewTerms(qty, price, limit, trigger)
