"""Orders, fills and positions as the protocol shows them: floats and local times."""

from collections.abc import Mapping
from typing import Any

from gateway.schema.trade import OrderStatus, OrderType, PositionSide, TrdEnv
from gateway.simulator.broker.enums import TrdMarket
from gateway.simulator.broker.order import Fill, Order
from gateway.simulator.broker.power import Holding
from gateway.simulator.broker.rules import rules_of
from gateway.simulator.broker.stamp import millisecond_stamp, millisecond_text, second_text
from gateway.simulator.model import MarketView

_NOT_YET_ACCEPTED = frozenset({OrderStatus.UNSUBMITTED, OrderStatus.WAITING_SUBMIT, OrderStatus.SUBMITTING})

_HK_COUNTER_BROKER = 5
"""`counterBrokerID` of the samples; other markets do not tell it."""


def order_fields(order: Order) -> dict[str, Any]:
    """`Trd_Common.Order`."""
    is_accepted = order.status not in _NOT_YET_ACCEPTED
    text = millisecond_text if is_accepted else second_text
    fields = {
        "trdSide": int(order.side),
        "orderType": int(_shown_type(order, is_accepted=is_accepted)),
        "orderStatus": int(order.status),
        "orderID": order.order_id,
        "orderIDEx": order.order_id_ex,
        "code": order.key.code,
        "name": order.instrument.name,
        "qty": float(order.qty),
        "price": float(order.price or 0),
        "createTime": text(order.key, order.create_time),
        "updateTime": text(order.key, order.update_time),
        "fillQty": float(order.filled_qty),
        "fillAvgPrice": float(order.average_price),
        "lastErrMsg": order.last_error,
        "secMarket": int(order.rules.sec_market),
        "createTimestamp": millisecond_stamp(order.create_time),
        "updateTimestamp": millisecond_stamp(order.update_time),
        "remark": order.remark,
        "timeInForce": int(order.time_in_force),
        "currency": int(order.rules.currency),
        "trdMarket": int(order.rules.trd_market(order.env)),
    }
    if order.trigger is not None:
        fields["auxPrice"] = float(order.trigger)
    if order.rules.real_market is TrdMarket.US:
        fields["fillOutsideRTH"] = order.fill_outside_rth
        fields["session"] = order.session
    return fields


def fill_fields(order: Order, fill: Fill) -> dict[str, Any]:
    """`Trd_Common.OrderFill`."""
    fields = {
        "trdSide": int(order.side),
        "fillID": fill.fill_id,
        "fillIDEx": fill.fill_id_ex,
        "orderID": order.order_id,
        "orderIDEx": order.order_id_ex,
        "code": order.key.code,
        "name": order.instrument.name,
        "qty": float(fill.qty),
        "price": float(fill.price),
        "createTime": millisecond_text(order.key, fill.time),
        "secMarket": int(order.rules.sec_market),
        "createTimestamp": millisecond_stamp(fill.time),
        "updateTimestamp": millisecond_stamp(fill.time),
        "status": 0,
        "trdMarket": int(order.rules.trd_market(order.env)),
    }
    if order.rules.real_market is TrdMarket.HK:
        fields["counterBrokerID"] = _HK_COUNTER_BROKER
        fields["counterBrokerName"] = ""
    return fields


def position_fields(holding: Holding, can_sell_qty: float, env: TrdEnv, market: MarketView) -> dict[str, Any]:
    """`Trd_Common.Position`. Ratios are fractions: 0.2 is 20 %."""
    position, today = holding.position, holding.position.today
    key = position.instrument.key
    size = position.qty * position.instrument.contract_multiplier
    diluted_cost = position.invested / size if size else None
    profit = holding.value - position.invested
    average_value = position.average_cost * size
    rules = rules_of(key)
    fields = {
        "positionID": position.position_id,
        "positionSide": int(PositionSide.SHORT if position.qty < 0 else PositionSide.LONG),
        "code": key.code,
        "name": position.instrument.name,
        "qty": float(position.qty),
        "canSellQty": can_sell_qty,
        "price": float(holding.price),
        "val": float(holding.value),
        "plVal": float(profit),
        "secMarket": int(rules.sec_market),
        "td_plVal": float(position.day_profit(holding.price, market.quote(key).previous_close)),
        "td_trdVal": float(today.buy_value + today.sell_value),
        "td_buyVal": float(today.buy_value),
        "td_buyQty": float(today.buy_qty),
        "td_sellVal": float(today.sell_value),
        "td_sellQty": float(today.sell_qty),
        "unrealizedPL": float(position.unrealized(holding.price)),
        "realizedPL": float(position.realized),
        "currency": int(rules.currency),
        "trdMarket": int(rules.trd_market(env)),
    }
    if diluted_cost is not None:
        fields["costPrice"] = fields["dilutedCostPrice"] = float(diluted_cost)
        fields["averageCostPrice"] = float(position.average_cost)
    if position.invested:
        fields["plRatio"] = float(profit / abs(position.invested))
    if average_value:
        fields["averagePlRatio"] = float(position.unrealized(holding.price) / abs(average_value))
    return fields


def journal_fields(order: Order) -> Mapping[str, Any]:
    """What every journal entry tells of its order, with numbers as the wire has them."""
    return {
        "acc_id": order.acc_id,
        "env": int(order.env),
        "order_id": order.order_id,
        "order_id_ex": order.order_id_ex,
        "trd_market": int(order.rules.trd_market(order.env)),
        "sec_market": int(order.rules.sec_market),
        "code": order.key.code,
        "side": int(order.side),
        "order_type": int(order.order_type),
        "time_in_force": int(order.time_in_force),
        "qty": float(order.qty),
        "price": float(order.price) if order.price is not None else None,
        "filled_qty": float(order.filled_qty),
        "remark": order.remark,
    }


def _shown_type(order: Order, *, is_accepted: bool) -> OrderType:
    """Once accepted, a paper limit order in HK shows as AbsoluteLimit, as OpenD shows it."""
    is_paper_hk = order.env is TrdEnv.SIMULATE and order.rules.real_market is TrdMarket.HK
    if is_paper_hk and is_accepted and order.order_type is OrderType.NORMAL:
        return OrderType.ABSOLUTE_LIMIT
    return order.order_type
