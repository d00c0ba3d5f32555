"""Reads of subscribed data: 3004, 3006, 3008, 3010, 3012, 3014. The subscription is checked elsewhere."""

from collections.abc import Mapping
from itertools import islice

from gateway.simulator.market.kline import KL_TYPES
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.rehab import REHAB_TYPES
from gateway.simulator.model import Call, Handler, Refusal
from gateway.simulator.quote import live
from gateway.simulator.quote.basic import basic_quote
from gateway.simulator.quote.fields import Fields, keys_of, required, security_key
from gateway.simulator.quote.subscribable import BROKER, ORDER_BOOK, TICKER, sub_types

MOST_ROWS = 1000


def check_kline_kind(kl_type: int, rehab_type: int) -> None:
    """Raise `Refusal` for a period or an adjustment that does not exist."""
    if kl_type not in KL_TYPES:
        raise Refusal(f"不支持的K线类型 {kl_type}")
    if rehab_type not in REHAB_TYPES:
        raise Refusal(f"不支持的复权类型 {rehab_type}")


def _check_count(count: int) -> None:
    if not 0 < count <= MOST_ROWS:
        raise Refusal(f"请求个数超过限制，最多{MOST_ROWS}个")


class RealtimeHandlers:
    """Answers from the security's market at this moment."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {
            3004: self.basic_quotes,
            3006: self.klines,
            3008: self.time_shares,
            3010: self.ticks,
            3012: self.order_book,
            3014: self.brokers,
        }

    def _moment(self, call: Call, sub_type: int | None = None) -> Moment:
        """The moment of the security asked for. Raises `Refusal` when it has no such data."""
        moment = self._market.moment(security_key(call.c2s.security))
        if sub_type is not None and sub_type not in sub_types(moment.instrument):
            raise Refusal("该证券不支持此类数据")
        return moment

    def basic_quotes(self, call: Call) -> Fields:
        """Basic quotes of several securities."""
        required(call.c2s.securityList, "securityList")
        moments = [self._market.moment(key) for key in keys_of(call.c2s.securityList)]
        return {"basicQotList": [basic_quote(self._market, moment) for moment in moments]}

    def klines(self, call: Call) -> Fields:
        """The latest K-lines of a period."""
        c2s = call.c2s
        check_kline_kind(c2s.klType, c2s.rehabType)
        _check_count(c2s.reqNum)
        return live.latest_klines(self._market, self._moment(call), c2s.klType, c2s.rehabType, c2s.reqNum)

    def time_shares(self, call: Call) -> Fields:
        """The day so far, minute by minute."""
        moment = self._moment(call)
        return self._market.large_memo.get(
            "time shares", moment, lambda now: live.time_shares(self._market, now)
        )

    def ticks(self, call: Call) -> Fields:
        """The latest ticks, earliest first."""
        _check_count(call.c2s.maxRetNum)
        moment = self._moment(call, TICKER)
        rows = list(islice(self._market.ticks_before(moment), call.c2s.maxRetNum))
        return live.ticks(moment, reversed(rows), live.FROM_REALTIME)

    def order_book(self, call: Call) -> Fields:
        """The order book, no deeper than the market publishes it."""
        if call.c2s.num <= 0:
            raise Refusal("参数错误: num必须大于0")
        moment = self._moment(call, ORDER_BOOK)
        depth = min(call.c2s.num, live.published_depth(moment.instrument))
        return self._market.small_memo.get(
            f"order book {depth}", moment, lambda now: live.order_book(now, depth)
        )

    def brokers(self, call: Call) -> Fields:
        """The broker queues."""
        return self._market.small_memo.get("brokers", self._moment(call, BROKER), live.brokers)
