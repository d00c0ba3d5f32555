"""What GetDelayStatistics shows: how long this simulator took for replies, pushes and orders."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gateway.schema.frequency import FREQUENCY_LIMITS

QOT_PUSH, REQ_REPLY, PLACE_ORDER = 1, 2, 3
"""`GetDelayStatistics.DelayStatisticsType`."""

_PUSH_TYPES = {3005: 1, 3011: 2, 3013: 3, 3015: 4}
"""Push proto id to `GetDelayStatistics.QotPushType`."""

UNBOUNDED = -1
DEFAULT_SEGMENTS_MS = (*range(0, 101, 2), 500, 1000, 2000, UNBOUNDED)
"""Bounds that OpenD uses when a request names none: steps of 2 ms up to 100, then wider ones."""

_KEPT_PUSHES = 10_000
_KEPT_ORDERS = 1_000


@dataclass(slots=True)
class _Replies:
    count: int = 0
    total_ms: float = 0.0


@dataclass(slots=True)
class _Order:
    placed_s: float
    cost_ms: float
    update_ms: float | None = None


@dataclass
class Delays:
    """Collects delays since the start; of pushes and orders, the latest ones."""

    _replies: dict[int, _Replies] = field(default_factory=dict)
    _pushes_ms: dict[int, deque[float]] = field(
        default_factory=lambda: {push_type: deque(maxlen=_KEPT_PUSHES) for push_type in _PUSH_TYPES.values()}
    )
    _orders: dict[int, _Order] = field(default_factory=dict)

    def add_reply(self, proto_id: int, cost_s: float) -> None:
        """A request of this protocol took `cost_s` to answer."""
        replies = self._replies.setdefault(proto_id, _Replies())
        replies.count += 1
        replies.total_ms += cost_s * 1000

    def add_push(self, proto_id: int, cost_s: float) -> None:
        """A push left `cost_s` after its data were due; kinds without statistics are passed over."""
        if proto_id in _PUSH_TYPES:
            self._pushes_ms[_PUSH_TYPES[proto_id]].append(cost_s * 1000)

    def add_order(self, order_id: int, cost_s: float, now_s: float) -> None:
        """An order took `cost_s` to place."""
        self._orders[order_id] = _Order(now_s, cost_s * 1000)
        if len(self._orders) > _KEPT_ORDERS:
            del self._orders[next(iter(self._orders))]

    def add_order_update(self, order_id: int, now_s: float) -> None:
        """An order was pushed; its first push after placing counts."""
        order = self._orders.get(order_id)
        if order and order.update_ms is None:
            order.update_ms = (now_s - order.placed_s) * 1000

    def report(self, types: Sequence[int], segments_ms: Sequence[int]) -> Mapping[str, Any]:
        """GetDelayStatistics' S2C for these types, pushes counted between these bounds."""
        bounds = segments_ms or DEFAULT_SEGMENTS_MS
        report: dict[str, Any] = {}
        if QOT_PUSH in types:
            report["qotPushStatisticsList"] = [
                _push_statistics(push_type, delays_ms, bounds)
                for push_type, delays_ms in self._pushes_ms.items()
            ]
        if REQ_REPLY in types:
            report["reqReplyStatisticsList"] = [
                _reply_statistics(proto_id, replies) for proto_id, replies in sorted(self._replies.items())
            ]
        if PLACE_ORDER in types:
            report["placeOrderStatisticsList"] = [
                _order_statistics(order_id, order) for order_id, order in self._orders.items()
            ]
        return report


def _push_statistics(push_type: int, delays_ms: Sequence[float], bounds: Sequence[int]) -> dict[str, Any]:
    items, cumulative = [], 0
    for begin, end in pairwise(bounds):
        count = sum(begin <= delay_ms and (delay_ms < end or end == UNBOUNDED) for delay_ms in delays_ms)
        cumulative += count
        items.append(
            {
                "begin": begin,
                "end": end,
                "count": count,
                "proportion": _percent(count, len(delays_ms)),
                "cumulativeRatio": _percent(cumulative, len(delays_ms)),
            }
        )
    return {
        "qotPushType": push_type,
        "itemList": items,
        "delayAvg": sum(delays_ms) / len(delays_ms) if delays_ms else 0.0,
        "count": len(delays_ms),
    }


def _reply_statistics(proto_id: int, replies: _Replies) -> dict[str, Any]:
    average_ms = replies.total_ms / replies.count
    return {
        "protoID": proto_id,
        "count": replies.count,
        "totalCostAvg": average_ms,
        "openDCostAvg": average_ms,
        "netDelayAvg": 0.0,
        # What has a frequency limit is what OpenD passes on to Futu's servers.
        "isLocalReply": proto_id not in FREQUENCY_LIMITS,
    }


def _order_statistics(order_id: int, order: _Order) -> dict[str, Any]:
    return {
        "orderID": str(order_id),
        "totalCost": order.cost_ms,
        "openDCost": order.cost_ms,
        "netDelay": 0.0,
        "updateCost": order.update_ms or 0.0,
    }


def _percent(count: int, total: int) -> float:
    return 100 * count / total if total else 0.0
