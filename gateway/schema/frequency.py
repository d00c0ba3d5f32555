"""OpenD's frequency limits, by its documentation: how many calls of a protocol it takes in 30 seconds.

The gateway counts by this table before it asks OpenD, the simulator when it is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WINDOW_S = 30
"""Of all limits. The first and the (n+1)th request must be more than this apart."""

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
    """At most `count` requests in `WINDOW_S`, and at least `min_gap_s` between two of them.

    A limit `per_account` counts for each `header.accID` alone, else for all connections together:
    the documentation says that the limits protect Futu's servers, which know the login only.
    `name` is what OpenD calls it in its refusals.
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


def limit_on(proto_id: int, c2s: Any) -> FrequencyLimit | None:
    """The limit that a request counts for; None where OpenD takes any number of such requests."""
    limit = FREQUENCY_LIMITS.get(proto_id)
    return limit if limit is not None and limit.applies(c2s) else None


def counted_account(limit: FrequencyLimit, c2s: Any) -> int:
    """The account that a request counts for; 0 where all count together."""
    return int(c2s.header.accID) if limit.per_account else 0
