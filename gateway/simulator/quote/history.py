"""Historical K-lines with paging: 3103."""

import hashlib
import struct
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Any

from gateway.simulator.market.kline import Bar
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.model import Call, Handler, Refusal
from gateway.simulator.quote.fields import Fields, heading, parse_time, security_key
from gateway.simulator.quote.live import kline_rows
from gateway.simulator.quote.realtime import check_kline_kind

_FIELD_FLAGS = {
    1: ("highPrice",),
    2: ("openPrice",),
    4: ("lowPrice",),
    8: ("closePrice",),
    16: ("lastClosePrice",),
    32: ("volume", "hpVolume"),
    64: ("turnover",),
    128: ("turnoverRate",),
    256: ("pe",),
    512: ("changeRate",),
}
"""`Qot_Common.KLFields`. A row's time and blankness are always there."""

LONGEST_PAGE = 10_000
"""Bars in one answer at most, whatever is asked; the rest follows with the page key. OpenD states no
such number, but years of minutes in one piece would keep every other client waiting."""

_PAGE_KEY = struct.Struct("<q8s")
_LAST_SECOND = timedelta(days=1, seconds=-1)


class HistoryHandlers:
    """Answers from the whole history of a security."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3103: self.history_klines}

    def history_klines(self, call: Call) -> Fields:
        """The bars between two times, or a page of them with the key of the next."""
        c2s = call.c2s
        check_kline_kind(c2s.klType, c2s.rehabType)
        moment = self._market.moment(security_key(c2s.security))
        begin_s, end_s = _period(moment, c2s.beginTime, c2s.endTime)
        if c2s.nextReqKey:
            begin_s = _page_start(c2s)
        bars = self._market.chart.between(moment, c2s.klType, begin_s, end_s)
        rows, following = _first_page(bars, c2s.maxAckKLNum)
        fields = kline_rows(self._market, moment, c2s.klType, c2s.rehabType, rows)
        answer = {**heading(moment), "klList": _selected(fields, c2s.needKLFieldsFlag)}
        if following is not None:
            answer["nextReqKey"] = _PAGE_KEY.pack(following.label_s, _fingerprint(c2s))
        return answer


def _first_page(bars: Any, most: int) -> tuple[list[Bar], Bar | None]:
    """Up to `most` bars, a longest page when that is 0, and the first one that is left over."""
    length = min(most, LONGEST_PAGE) if most > 0 else LONGEST_PAGE
    return list(islice(bars, length)), next(bars, None)


def _period(moment: Moment, begin: str, end: str) -> tuple[float, float]:
    """The asked period in seconds since the epoch; a bare end date means that whole day."""
    begin_at, end_at = parse_time(begin), parse_time(end)
    if len(end.strip()) <= len("2026-11-23") and end_at.time() == time():
        end_at += _LAST_SECOND
    if begin_at > end_at:
        raise Refusal("参数错误: 开始时间晚于结束时间")
    return _timestamp(moment, begin_at), _timestamp(moment, end_at)


def _timestamp(moment: Moment, local: datetime) -> float:
    return local.replace(tzinfo=moment.source.calendar.zone).timestamp()


def _fingerprint(c2s: Any) -> bytes:
    """What ties a page key to the request that it continues."""
    asked = (c2s.security.market, c2s.security.code, c2s.klType, c2s.rehabType, c2s.beginTime, c2s.endTime)
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).digest()


def _page_start(c2s: Any) -> float:
    """The label of the bar that a page key points to. Raises `Refusal` for a foreign key."""
    if len(c2s.nextReqKey) != _PAGE_KEY.size:
        raise Refusal("参数错误: nextReqKey无效")
    label_s, fingerprint = _PAGE_KEY.unpack(c2s.nextReqKey)
    if fingerprint != _fingerprint(c2s):
        raise Refusal("参数错误: nextReqKey无效")
    return float(label_s)


def _selected(rows: list[Fields], flags: int) -> list[Fields]:
    """The rows with the wanted fields only; all of them when no flag is set."""
    if not flags:
        return rows
    dropped = [name for flag, names in _FIELD_FLAGS.items() if not flags & flag for name in names]
    for row in rows:
        for name in dropped:
            del row[name]
    return rows
