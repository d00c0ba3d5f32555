"""OpenD's frequency limits: a table, and sliding windows over the requests that were let through."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulator.model import Refusal

WINDOW_S = 30.0
_WARRANT_REFERENCES = 1


def _always(c2s: Any) -> bool:
    return True


def _refreshes_the_cache(c2s: Any) -> bool:
    return bool(c2s.refreshCache)


def _is_first_page(c2s: Any) -> bool:
    return not c2s.nextReqKey


def _asks_beyond_warrants(c2s: Any) -> bool:
    return bool(c2s.referenceType != _WARRANT_REFERENCES)


@dataclass(frozen=True, slots=True)
class FrequencyLimit:
    """At most `count` requests in 30 s, and at least `min_gap_s` between two of them.

    A limit `per_account` counts for each `header.accID` alone, else for all connections together:
    the documentation says that the limits protect Futu's servers, which know the login only.
    """

    name: str
    count: int
    per_account: bool = False
    min_gap_s: float = 0.0
    applies: Callable[[Any], bool] = _always


FREQUENCY_LIMITS: Mapping[int, FrequencyLimit] = {
    2005: FrequencyLimit("解锁交易", 10),
    2101: FrequencyLimit("获取账户资金", 10, per_account=True, applies=_refreshes_the_cache),
    2102: FrequencyLimit("获取账户持仓", 10, per_account=True, applies=_refreshes_the_cache),
    2111: FrequencyLimit("获取最大交易数量", 10, per_account=True),
    2201: FrequencyLimit("获取订单列表", 10, per_account=True, applies=_refreshes_the_cache),
    2202: FrequencyLimit("下单", 15, per_account=True, min_gap_s=0.02),
    2205: FrequencyLimit("改单", 20, per_account=True, min_gap_s=0.04),
    2211: FrequencyLimit("获取成交列表", 10, per_account=True, applies=_refreshes_the_cache),
    2221: FrequencyLimit("获取历史订单列表", 10, per_account=True),
    2222: FrequencyLimit("获取历史成交列表", 10, per_account=True),
    2223: FrequencyLimit("获取融资融券数据", 10),
    2225: FrequencyLimit("获取订单费用", 10, per_account=True),
    3103: FrequencyLimit("获取历史K线", 60, applies=_is_first_page),
    3203: FrequencyLimit("获取市场快照", 60),
    3204: FrequencyLimit("获取板块列表", 10),
    3205: FrequencyLimit("获取板块内股票列表", 10),
    3206: FrequencyLimit("获取关联股票列表", 10, applies=_asks_beyond_warrants),
    3207: FrequencyLimit("获取所属板块", 10),
    3209: FrequencyLimit("获取期权链", 10),
    3210: FrequencyLimit("获取窝轮", 60),
    3211: FrequencyLimit("获取资金流向", 30),
    3212: FrequencyLimit("获取资金分布", 30),
    3213: FrequencyLimit("获取自选股列表", 10),
    3215: FrequencyLimit("条件选股", 10),
    3217: FrequencyLimit("获取IPO列表", 10),
    3218: FrequencyLimit("获取期货资料", 30),
    3223: FrequencyLimit("获取市场状态", 10),
}
"""By proto id; a protocol that is not here has no documented limit."""


class FrequencyLimiter:
    """Counts requests that it let through. A refused request uses up nothing."""

    def __init__(self, limits: Mapping[int, FrequencyLimit] = FREQUENCY_LIMITS) -> None:
        self._limits = limits
        self._accepted: defaultdict[tuple[int, int], deque[float]] = defaultdict(deque)

    def check(self, proto_id: int, c2s: Any, now_s: float) -> None:
        """Count a request, or raise `Refusal` in OpenD's words. `now_s` is monotonic."""
        limit = self._limits.get(proto_id)
        if limit is None or not limit.applies(c2s):
            return
        accepted = self._accepted[proto_id, c2s.header.accID if limit.per_account else 0]
        # The first and the (n+1)th request must be more than the window apart.
        while accepted and now_s - accepted[0] > WINDOW_S:
            accepted.popleft()
        if len(accepted) >= limit.count:
            raise Refusal(f"{limit.name}频率太高，请求失败，每30秒最多{limit.count}次。")
        if accepted and now_s - accepted[-1] < limit.min_gap_s:
            # The gap is documented, its text is not: it begins as its neighbour does.
            raise Refusal(f"{limit.name}频率太高，请求失败，两次请求至少间隔{limit.min_gap_s}秒。")
        accepted.append(now_s)

    def reply_delay_s(self, proto_id: int) -> float:
        """How long a reply takes at least.

        The way to Futu's servers and back is longer than the gap between two orders, so a client that
        waits for each reply keeps the gap without knowing of it, and only one that does not wait fails.
        """
        limit = self._limits.get(proto_id)
        return limit.min_gap_s if limit else 0.0

    def clear(self) -> None:
        """Forget all requests, as a restarted OpenD does."""
        self._accepted.clear()
