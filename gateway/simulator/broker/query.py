"""Filters of the trade queries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gateway.simulator.broker import refusals
from gateway.simulator.broker.account import Account
from gateway.simulator.broker.order import FINAL, Fill, Order
from gateway.simulator.broker.stamp import local_time, read_time
from gateway.simulator.model import Refusal, SecurityKey


class Filter:
    """What a `TrdFilterConditions` lets through; an absent or empty condition lets all through.

    Times are read on the clocks of each order's own market. Raises `Refusal` for times that are malformed,
    reversed, or missing where `needs_times`.
    """

    def __init__(self, conditions: Any, *, needs_times: bool = False) -> None:
        if needs_times:
            _need_times(conditions)
        self._codes = frozenset(conditions.codeList)
        self._ids = frozenset(conditions.idList)
        self._ids_ex = frozenset(conditions.orderIDExList)
        self._market = conditions.filterMarket
        self._begin = read_time(conditions.beginTime) if conditions.beginTime else datetime.min
        self._end = read_time(conditions.endTime) if conditions.endTime else datetime.max
        if self._begin > self._end:
            raise Refusal(refusals.WRONG_TIME_RANGE)

    def takes(self, order: Order, time_s: float, number: int) -> bool:
        """Whether something of `order` that happened at `time_s` and has the id `number` is asked for."""
        return (
            self.takes_security(order.key, order.rules.trd_market(order.env), number)
            and (not self._ids_ex or order.order_id_ex in self._ids_ex)
            and self._takes_time(order.key, time_s)
        )

    def _takes_time(self, key: SecurityKey, time_s: float) -> bool:
        if self._begin == datetime.min and self._end == datetime.max:
            return True
        return self._begin <= local_time(key, time_s).replace(tzinfo=None) <= self._end

    def takes_security(self, key: SecurityKey, trd_market: int, number: int) -> bool:
        """Whether the code, the market (0 is every market) and the id are asked for."""
        return (
            (not self._codes or key.code in self._codes)
            and self._market in (0, trd_market)
            and (not self._ids or number in self._ids)
        )


def current_orders(account: Account, conditions: Any, statuses: Any, now: float) -> list[Order]:
    """Open orders and those of today, on each market's own date, oldest first."""
    condition = Filter(conditions)
    wanted = frozenset(statuses)
    return [
        order
        for order in account.orders.values()
        if condition.takes(order, order.create_time, order.order_id)
        and (not wanted or order.status in wanted)
        and (order.status not in FINAL or _is_today(order, order.update_time, now))
    ]


def past_orders(account: Account, conditions: Any, statuses: Any) -> list[Order]:
    """Orders that are final and were created within the times, newest first."""
    condition = Filter(conditions, needs_times=True)
    wanted = frozenset(statuses)
    found = [
        order
        for order in account.orders.values()
        if order.status in FINAL
        and condition.takes(order, order.create_time, order.order_id)
        and (not wanted or order.status in wanted)
    ]
    return sorted(found, key=lambda order: (order.create_time, order.order_id), reverse=True)


def current_fills(account: Account, conditions: Any, now: float) -> list[tuple[Order, Fill]]:
    """Today's fills, oldest first."""
    condition = Filter(conditions)
    return _in_time_order(
        (order, fill)
        for order in account.orders.values()
        for fill in order.fills
        if _is_today(order, fill.time, now) and condition.takes(order, fill.time, fill.fill_id)
    )


def past_fills(account: Account, conditions: Any) -> list[tuple[Order, Fill]]:
    """Fills within the times, newest first."""
    condition = Filter(conditions, needs_times=True)
    found = _in_time_order(
        (order, fill)
        for order in account.orders.values()
        for fill in order.fills
        if condition.takes(order, fill.time, fill.fill_id)
    )
    return found[::-1]


def _in_time_order(pairs: Iterable[tuple[Order, Fill]]) -> list[tuple[Order, Fill]]:
    return sorted(pairs, key=lambda pair: (pair[1].time, pair[1].fill_id))


def _is_today(order: Order, time_s: float, now: float) -> bool:
    return local_time(order.key, time_s).date() == local_time(order.key, now).date()


def _need_times(conditions: Any) -> None:
    for name in ("beginTime", "endTime"):
        if not getattr(conditions, name):
            raise refusals.missing(name)
