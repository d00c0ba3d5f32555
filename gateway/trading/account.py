"""What OpenD lists for an account: its orders and its positions, from its cache, which has no rate limit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from gateway.errors import GatewayError
from gateway.opend.client import CallKind, Client
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.schema.text import text_of
from gateway.schema.trade import PositionSide
from gateway.trading.amount import known
from gateway.trading.intent import intent_of
from gateway.trading.wire import FINAL_STATUSES, SIDES

ORDER_LIST = protocol_named("Trd_GetOrderList")
HISTORY_ORDER_LIST = protocol_named("Trd_GetHistoryOrderList")
POSITION_LIST = protocol_named("Trd_GetPositionList")


class OrderNotFound(GatewayError):
    """The order that a request is about is not among those that OpenD lists. Nothing was sent."""

    status: ClassVar[int] = 400
    retry_safe: ClassVar[bool] = True


def orders(
    client: Client, header: WireMessage | Mapping[str, Any], timeout_s: float | None = None, **conditions: Any
) -> list[WireMessage]:
    """Open orders and those of today (`Trd_Common.Order`), oldest first; `conditions` narrow the list.

    Raises what a read raises; `timeout_s` None is the client's own.
    """
    c2s = {"header": header, **({"filterConditions": conditions} if conditions else {})}
    request = ORDER_LIST.request(c2s=c2s)
    response = client.call(ORDER_LIST, request, kind=CallKind.READ, timeout_s=timeout_s)
    return list(response.s2c.orderList)


def find_order(client: Client, c2s: WireMessage) -> WireMessage:
    """The order that a `Trd_ModifyOrder.C2S` is about. Raises OrderNotFound, and what a read raises.

    Named by both its numbers, it has to have both.
    """
    numbers: dict[str, Any] = {"idList": [c2s.orderID]} if c2s.orderID else {"orderIDExList": [c2s.orderIDEx]}
    found = [
        order
        for order in orders(client, c2s.header, **numbers)
        if c2s.orderID in (0, order.orderID) and c2s.orderIDEx in ("", order.orderIDEx)
    ]
    if len(found) != 1:
        name = c2s.orderID or c2s.orderIDEx
        raise OrderNotFound(f"order not found: OpenD lists {len(found) or 'no'} order {name} in this account")
    return found[0]


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of a security on one side, and the orders in it that OpenD lists.

    `closable` is how much an order may trade before it opens a position on the other side; what other
    open orders will sell or buy back is not counted again.
    """

    closable: Decimal
    order_ids: frozenset[int]
    intent_ids: frozenset[str]


def position_to_close(
    client: Client, header: WireMessage, code: str, sec_market: int, *, is_buy: bool, except_order_id: int = 0
) -> Position:
    """What an order may sell (`is_buy`: buy back). Raises what a read raises.

    Orders are asked for before positions, so that what fills in between counts twice and not never.
    """
    listed = [
        order
        for order in orders(client, header, codeList=[code])
        if (order.code, order.secMarket) == (code, sec_market)
    ]
    request = POSITION_LIST.request(c2s={"header": header})
    positions = client.call(POSITION_LIST, request, kind=CallKind.READ).s2c.positionList
    side = PositionSide.SHORT if is_buy else PositionSide.LONG
    held = _sum(
        abs(position.qty)
        for position in positions
        if (position.code, position.secMarket, position.positionSide) == (code, sec_market, side)
    )
    claimed = _sum(
        order.qty - order.fillQty
        for order in listed
        if _buys(order) is is_buy
        and order.orderStatus not in FINAL_STATUSES
        and order.orderID != except_order_id
    )
    return Position(
        max(held - claimed, Decimal(0)),
        frozenset(order.orderID for order in listed),
        frozenset(filter(None, (intent_of(text_of(order.remark)) for order in listed))),
    )


def _buys(order: WireMessage) -> bool:
    side = SIDES.get(order.trdSide)
    return side is not None and side.is_buy


def _sum(quantities: Iterable[float]) -> Decimal:
    return sum(filter(None, map(known, quantities)), start=Decimal(0))
