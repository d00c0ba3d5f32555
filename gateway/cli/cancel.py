"""Cancels what is open at OpenD, on all accounts, and tells what became of each order.

Each cancel is sent once. What became of an order is then read from OpenD's list of orders, not from
the answer to the cancel: a real order is gone only when the exchange has said so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.cli.open_order import (
    DONE,
    Cancelled,
    CancelReport,
    OpenOrder,
    Result,
    TradingAccount,
    Unreadable,
)
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDError, OpenDLimited, OutcomeUnknown
from gateway.order import Environment
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.schema.trade import ModifyOrderOp
from gateway.trading.wire import ENVIRONMENTS

LIMIT_WAITS = 2
"""How often a call waits until OpenD's own frequency limit lets it through."""

LIMIT_WINDOW_S = 30.0
"""How long such a wait is where OpenD's text does not say it."""

GAP_S = 0.05
"""Between two cancels on an account; OpenD asks for 0.04 s."""

LOOKS = 20
LOOK_PAUSE_S = 0.5
"""How often, and how far apart, orders are looked at until all have come to an end."""

_DISABLED_ACCOUNT = 1

_Listed = Mapping[int, OpenOrder]


def _choose_all(order: OpenOrder) -> bool:
    return True


class Canceller:
    """Cancels orders through one client. `pause` waits so many seconds."""

    def __init__(self, client: Client, pause: Callable[[float], None]) -> None:
        self._client = client
        self._pause = pause

    def cancel_open(self, is_chosen: Callable[[OpenOrder], bool] = _choose_all) -> CancelReport:
        """Cancel every open order on every account, or those that are chosen.

        Raises OpenDError when the accounts cannot be read.
        """
        orders: list[Cancelled] = []
        unreadable: list[Unreadable] = []
        left = 0
        for account in self._accounts():
            try:
                listed = self._orders(account, is_fresh=True)
            except OpenDError as error:
                unreadable.append(Unreadable(account, str(error)))
                continue
            open_orders = [order for order in listed.values() if order.is_open]
            chosen = list(filter(is_chosen, open_orders))
            left += len(open_orders) - len(chosen)
            orders += self._cancel(account, chosen, is_all=is_chosen is _choose_all)
        return CancelReport(tuple(orders), tuple(unreadable), left)

    def _accounts(self) -> Iterator[TradingAccount]:
        response = self._ask("Trd_GetAccList", {"userID": 0, "needGeneralSecAccount": True})
        for account in response.s2c.accList:
            if account.accStatus != _DISABLED_ACCOUNT and account.trdMarketAuthList:
                environment = ENVIRONMENTS[account.trdEnv]
                yield TradingAccount(account.accID, environment, account.trdMarketAuthList[0])

    def _orders(self, account: TradingAccount, *, is_fresh: bool) -> _Listed:
        response = self._ask("Trd_GetOrderList", {"header": account.header, "refreshCache": is_fresh})
        orders = (OpenOrder.of(account, order) for order in response.s2c.orderList)
        return {order.order_id: order for order in orders}

    def _cancel(
        self, account: TradingAccount, orders: Sequence[OpenOrder], *, is_all: bool
    ) -> list[Cancelled]:
        """Cancel all at once where that can be done, then one by one what that has left."""
        if not orders:
            return []
        listed: _Listed = {order.order_id: order for order in orders}
        # OpenD refuses to cancel all on a paper account.
        if is_all and account.environment is Environment.REAL and not self._cancel_all(account):
            listed = self._look(account, listed, lambda each: each.result is not Result.OPEN)
        refusals = {
            order.order_id: self._cancel_one(order)
            for order in orders
            if listed.get(order.order_id, order).result is Result.OPEN
        }
        listed = self._look(account, listed, lambda each: each.result in DONE or refusals.get(each.order_id))
        return [_cancelled(order, listed, refusals.get(order.order_id)) for order in orders]

    def _cancel_all(self, account: TradingAccount) -> str | None:
        return self._send_cancel({"header": account.header, "orderID": 0, "forAll": True, "trdMarket": 0})

    def _cancel_one(self, order: OpenOrder) -> str | None:
        self._pause(GAP_S)
        name = {"orderID": order.order_id, "orderIDEx": order.order_id_ex}
        return self._send_cancel({"header": order.account.header, **name})

    def _send_cancel(self, fields: dict[str, Any]) -> str | None:
        """Send a cancel; why it was not taken, or None for one that was or may have been."""
        packet_id = {"connID": 0, "serialNo": 0}
        request = {"packetID": packet_id, "modifyOrderOp": ModifyOrderOp.CANCEL, **fields}
        try:
            self._ask("Trd_ModifyOrder", request, CallKind.WRITE)
        except OutcomeUnknown:
            return None
        except OpenDError as error:
            return str(error)
        return None

    def _look(
        self, account: TradingAccount, before: _Listed, is_settled: Callable[[OpenOrder], object]
    ) -> _Listed:
        """The orders of `before` as OpenD lists them, once all are settled or it has been long enough."""
        listed = before
        for _ in range(LOOKS):
            try:
                now = self._orders(account, is_fresh=False)
            except OpenDError:
                now = listed
            listed = {order_id: now[order_id] for order_id in before if order_id in now}
            if all(map(is_settled, listed.values())):
                break
            self._pause(LOOK_PAUSE_S)
        return listed

    def _ask(self, name: str, fields: dict[str, Any], kind: CallKind = CallKind.READ) -> WireMessage:
        """One call. OpenD's own frequency limit lets nothing happen, and is waited for."""
        protocol = protocol_named(name)
        request = protocol.request(c2s=fields)
        for _ in range(LIMIT_WAITS):
            try:
                return self._client.call(protocol, request, kind=kind)
            except OpenDLimited as error:
                self._pause(float(error.headers().get("Retry-After", LIMIT_WINDOW_S)))
        return self._client.call(protocol, request, kind=kind)


def _cancelled(order: OpenOrder, listed: _Listed, refusal: str | None) -> Cancelled:
    last = listed.get(order.order_id)
    result = last.result if last else Result.NOT_LISTED
    return Cancelled(last or order, result, None if result in DONE else refusal)
