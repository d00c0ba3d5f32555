"""Stock screening: 3215."""

from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any

from gateway.simulator.market.kline import KL_60_MINUTES, KL_DAY, KL_MONTH, KL_WEEK
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.model import Call, Handler, QotMarket, Refusal, SecurityType, Work
from gateway.simulator.quote.fields import Fields, heading, page, security_key, within
from gateway.simulator.quote.indicator import INDICATORS, Bars, Series
from gateway.simulator.quote.pattern import PATTERNS, crosses
from gateway.simulator.quote.screen_field import (
    ACCUMULATED,
    FINANCIAL,
    QUARTERS,
    TEXT_FIELDS,
    BaseFields,
    accumulated,
    financial,
)

_MOST_ROWS = 200
_MOST_FILTERS = 250
_CHART_BARS = 320
_ASCENDING, _DESCENDING = 1, 2
_PLAIN_VALUE = 17
_MORE, _LESS, _CROSS_UP, _CROSS_DOWN = 1, 2, 3, 4
_NO_BOUNDS = "没有给需要筛选的字段进行区间赋值"
_KL_TYPES = (KL_60_MINUTES, KL_DAY, KL_WEEK, KL_MONTH)
"""The only periods that the documentation allows for patterns and indicators."""

_MARKETS = {
    QotMarket.HK: (QotMarket.HK,),
    QotMarket.US: (QotMarket.US,),
    QotMarket.SH: (QotMarket.SH, QotMarket.SZ),
    QotMarket.SZ: (QotMarket.SH, QotMarket.SZ),
}
"""Which markets' stocks each market number asks for; the mainland's are one list."""


def _known(number: int, table: Iterable[int], what: str) -> None:
    if number not in table:
        raise Refusal(f"不支持的{what} {number}")


def _is_filtering(condition: Any) -> bool:
    """A condition only shows its figure unless isNoFilter is given as false."""
    return condition.HasField("isNoFilter") and not condition.isNoFilter


class Screen:
    """One request's conditions, applied to one security after the other."""

    def __init__(self, market: Market, base: BaseFields, c2s: Any) -> None:
        self._market = market
        self._base = base
        self._c2s = c2s
        self._check()

    def _check(self) -> None:
        c2s = self._c2s
        ranged = (*c2s.baseFilterList, *c2s.accumulateFilterList, *c2s.financialFilterList)
        others = (*c2s.patternFilterList, *c2s.customIndicatorFilterList)
        if len(ranged) + len(others) > _MOST_FILTERS:
            raise Refusal("请求个数超过限制")
        for condition in ranged:
            bounded = condition.HasField("filterMin") or condition.HasField("filterMax")
            if _is_filtering(condition) and not bounded:
                raise Refusal(_NO_BOUNDS)
        for condition in c2s.baseFilterList:
            _known(condition.fieldName, (*TEXT_FIELDS, *self._base.table), "筛选字段")
        for condition in c2s.accumulateFilterList:
            _known(condition.fieldName, ACCUMULATED, "筛选字段")
            if condition.days <= 0:
                raise Refusal("参数错误: days必须大于0")
        for condition in c2s.financialFilterList:
            _known(condition.fieldName, FINANCIAL, "筛选字段")
            _known(condition.quarter, QUARTERS, "财报周期")
        for condition in c2s.patternFilterList:
            _known(condition.fieldName, PATTERNS, "筛选字段")
            _known(condition.klType, _KL_TYPES, "K线类型")
        for condition in c2s.customIndicatorFilterList:
            _known(condition.firstFieldName, INDICATORS, "筛选字段")
            _known(condition.secondFieldName, (*INDICATORS, _PLAIN_VALUE), "筛选字段")
            _known(condition.klType, _KL_TYPES, "K线类型")
            _known(condition.relativePosition, (_MORE, _LESS, _CROSS_UP, _CROSS_DOWN), "相对位置")

    def apply(self, moment: Moment) -> Fields | None:
        """The security's row; None when it fails a condition."""
        row = {
            **heading(moment),
            "baseDataList": self._base_data(moment),
            "accumulateDataList": self._accumulate_data(moment),
            "financialDataList": self._financial_data(moment),
        }
        if None in row.values() or not self._has_patterns(moment):
            return None
        indicators = self._indicator_data(moment)
        return None if indicators is None else {**row, "customIndicatorDataList": indicators}

    def _base_data(self, moment: Moment) -> list[Fields] | None:
        conditions = [row for row in self._c2s.baseFilterList if row.fieldName not in TEXT_FIELDS]
        return _checked(conditions, lambda row: self._base.table[row.fieldName](moment), ())

    def _accumulate_data(self, moment: Moment) -> list[Fields] | None:
        return _checked(
            self._c2s.accumulateFilterList,
            lambda row: accumulated(self._market, moment, row.fieldName, row.days),
            ("days",),
        )

    def _financial_data(self, moment: Moment) -> list[Fields] | None:
        return _checked(
            self._c2s.financialFilterList,
            lambda row: financial(self._market, moment, row.fieldName, row.quarter),
            ("quarter",),
        )

    def _bars(self, moment: Moment, kl_type: int) -> Bars:
        def build(now: Moment) -> Bars:
            bars = self._market.chart.latest(now, kl_type, _CHART_BARS)
            return Bars(
                [bar.close / PRICE_SCALE for bar in bars],
                [bar.high / PRICE_SCALE for bar in bars],
                [bar.low / PRICE_SCALE for bar in bars],
            )

        return self._market.large_memo.get(f"chart {kl_type}", moment, build)

    def _has_patterns(self, moment: Moment) -> bool:
        return all(
            _holds(PATTERNS[row.fieldName](self._bars(moment, row.klType)), row.consecutivePeriod)
            for row in self._c2s.patternFilterList
            if _is_filtering(row)
        )

    def _indicator_data(self, moment: Moment) -> list[Fields] | None:
        """The first indicator of each condition; None when one of them fails."""
        data = []
        for row in self._c2s.customIndicatorFilterList:
            bars = self._bars(moment, row.klType)
            first, parameters = _indicator(bars, row.firstFieldName, row.firstFieldParaList)
            if _is_filtering(row) and not _holds(_related(bars, first, row), row.consecutivePeriod):
                return None
            if isnan(first[-1]):
                continue  # the history is too short for the indicator to have a value
            data.append(
                {
                    "fieldName": row.firstFieldName,
                    "value": round(first[-1], 4),
                    "klType": row.klType,
                    "fieldParaList": parameters,
                }
            )
        return data


def _checked(
    conditions: Iterable[Any], figure: Callable[[Any], float], copied: tuple[str, ...]
) -> list[Fields] | None:
    """Each condition's figure with the fields that tell it; None when one is out of its bounds."""
    data = []
    for row in conditions:
        value = figure(row)
        if _is_filtering(row) and not within(value, row, "filterMin", "filterMax"):
            return None
        told = {name: getattr(row, name) for name in copied}
        data.append({"fieldName": row.fieldName, "value": value, **told})
    return data


def _holds(marks: list[bool], periods: int) -> bool:
    """Whether a mark stands at each of the last bars, at least at the last one."""
    return all(marks[-max(periods, 1) :])


def _indicator(bars: Bars, field: int, parameters: Iterable[int]) -> tuple[Series, list[int]]:
    indicator = INDICATORS[field]
    used = list(parameters) or list(indicator.defaults)
    if len(used) != len(indicator.defaults) or any(number <= 0 for number in used):
        raise Refusal("参数错误: 指标参数无效")
    return indicator.compute(bars, used), used


def _related(bars: Bars, first: Series, row: Any) -> list[bool]:
    """Where the first indicator stands to the second, or to a value, as asked."""
    if row.secondFieldName == _PLAIN_VALUE:
        if not row.HasField("fieldValue"):
            raise Refusal(_NO_BOUNDS)
        second = [row.fieldValue] * len(first)
    else:
        second, _ = _indicator(bars, row.secondFieldName, row.secondFieldParaList)
    if row.relativePosition in (_CROSS_UP, _CROSS_DOWN):
        rising = row.relativePosition == _CROSS_UP
        return crosses(first, second) if rising else crosses(second, first)
    above = row.relativePosition == _MORE
    return [a > b if above else a < b for a, b in zip(first, second, strict=True)]


_RANGED_LISTS = {
    "baseFilterList": "baseDataList",
    "accumulateFilterList": "accumulateDataList",
    "financialFilterList": "financialDataList",
}


def _sort(rows: list[Fields], c2s: Any) -> list[Fields]:
    """By the first condition that asks for an order, else by code."""
    ordered = sorted(rows, key=lambda row: (row["security"]["market"], row["security"]["code"]))
    for filters, data in _RANGED_LISTS.items():
        shown = [
            row for row in getattr(c2s, filters) if data != "baseDataList" or row.fieldName not in TEXT_FIELDS
        ]
        for place, condition in enumerate(shown):
            if condition.sortDir in (_ASCENDING, _DESCENDING):
                descending = condition.sortDir == _DESCENDING
                return sorted(ordered, key=_value_at(data, place), reverse=descending)
    return ordered


def _value_at(data: str, place: int) -> Callable[[Fields], float]:
    return lambda row: float(row[data][place]["value"])


class StockFilterHandlers:
    """Answers with the stocks that meet all conditions."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._base = BaseFields(market)

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3215: self.stock_filter}

    def stock_filter(self, call: Call) -> Work[Fields]:
        """A page of the matching stocks."""
        c2s = call.c2s
        screen = Screen(self._market, self._base, c2s)
        rows = []
        for moment in self._candidates(c2s):
            yield
            row = screen.apply(moment)
            if row is not None:
                rows.append(row)
        shown = page(_sort(rows, c2s), c2s.begin, c2s.num, _MOST_ROWS)
        last = c2s.begin + len(shown) >= len(rows)
        return {"lastPage": last, "allCount": len(rows), "dataList": shown}

    def _candidates(self, c2s: Any) -> Iterable[Moment]:
        if c2s.market not in _MARKETS:
            raise Refusal(f"不支持的市场 {c2s.market}")
        markets = _MARKETS[QotMarket(c2s.market)]
        keys = [
            row.key
            for row in self._market.universe.stocks()
            if row.key.market in markets and row.security_type == SecurityType.EQUITY
        ]
        if c2s.HasField("plate"):
            members = self._market.universe.members(security_key(c2s.plate))
            if members is None:
                raise Refusal("未知板块")
            keys = [key for key in keys if key in members]
        moments = map(self._market.moment, keys)
        return (moment for moment in moments if self._has_history(moment))

    def _has_history(self, moment: Moment) -> bool:
        return self._market.history_start(moment.instrument) <= moment.trading_day.day
