from datetime import UTC, datetime
from math import sin
from typing import Any

import pytest
from fix_quote import Desk, key, security

from gateway.simulator.model import Refusal
from gateway.simulator.quote.indicator import (
    Bars,
    bollinger,
    exponential_average,
    kdj,
    macd,
    moving_average,
    relative_strength,
)
from gateway.simulator.quote.pattern import PATTERNS, crosses

DESK = Desk()
TENCENT = security("HK.00700")
DECEMBER = {"owner": security("US.AAPL"), "beginTime": "2026-12-01", "endTime": "2026-12-31"}


def warrants(**asked: Any) -> Any:
    defaults = {"begin": 0, "num": 200, "sortField": 1, "ascend": True, "owner": TENCENT}
    return DESK.ask(3210, **{**defaults, **asked})


def screened(**asked: Any) -> Any:
    return DESK.ask(3215, **{"begin": 0, "num": 200, "market": 1, **asked})


def legs(chain: Any) -> list[Any]:
    return [
        getattr(item, side)
        for expiry in chain.optionChain
        for item in expiry.option
        for side in ("call", "put")
        if item.HasField(side)
    ]


def test_a_chain_has_call_and_put_at_each_strike_of_each_expiry() -> None:
    chain = DESK.ask(3209, **DECEMBER).optionChain

    assert [row.strikeTime for row in chain] == ["2026-12-04", "2026-12-11", "2026-12-18", "2026-12-25"]
    for row in chain:
        strikes = [item.call.optionExData.strikePrice for item in row.option]
        assert strikes == sorted(set(strikes))
        assert strikes == [item.put.optionExData.strikePrice for item in row.option]


def test_every_option_of_a_chain_has_a_quote() -> None:
    codes = [leg.basic.security for leg in legs(DESK.ask(3209, **DECEMBER))][::7]
    quotes = DESK.ask(3004, securityList=codes).basicQotList

    assert all(quote.curPrice > 0 and quote.HasField("optionExData") for quote in quotes)


@pytest.mark.parametrize(("kind", "condition"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_a_chain_is_restricted_to_a_type_and_to_in_or_out_of_the_money(kind: int, condition: int) -> None:
    spot = DESK.ask(3004, securityList=[security("US.AAPL")]).basicQotList[0].curPrice
    options = legs(DESK.ask(3209, **DECEMBER, type=kind, condition=condition))

    assert options
    for option in options:
        strike = option.optionExData.strikePrice
        inside = strike < spot if kind == 1 else strike > spot
        assert option.optionExData.type == kind
        assert inside == (condition == 1)


def test_a_chain_is_restricted_by_figures_of_the_options() -> None:
    options = legs(DESK.ask(3209, **DECEMBER, dataFilter={"deltaMin": 0.3, "deltaMax": 0.7, "volMin": 1}))
    quotes = DESK.ask(3004, securityList=[option.basic.security for option in options]).basicQotList

    assert options
    assert all(0.3 <= quote.optionExData.delta <= 0.7 for quote in quotes)


def test_calls_lose_and_puts_gain_with_the_strike() -> None:
    (row,) = DESK.ask(3209, **{**DECEMBER, "beginTime": "2026-12-18", "endTime": "2026-12-18"}).optionChain
    calls, puts = (
        [DESK.market.moment(key(f"US.{getattr(item, side).basic.security.code}")).last for item in row.option]
        for side in ("call", "put")
    )

    assert calls == sorted(calls, reverse=True)
    assert puts == sorted(puts)


def test_warrants_are_paged() -> None:
    whole = warrants()
    first, second = warrants(num=10), warrants(begin=10, num=10)

    assert [*first.warrantDataList, *second.warrantDataList] == list(whole.warrantDataList)
    assert (first.lastPage, second.lastPage, whole.lastPage) == (False, True, True)
    assert first.allCount == whole.allCount == 14


@pytest.mark.parametrize(
    "asked",
    [{"num": 201}, {"begin": -1}, {"sortField": 66}, {"ipoPeriod": 9}, {"owner": security("HK.99999")}],
)
def test_wrong_warrant_requests_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        warrants(**asked)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"typeList": [1, 3]}, lambda row: row.type in (1, 3)),
        ({"issuerList": [8]}, lambda row: row.issuer == 8),
        ({"curPriceMax": 0.2}, lambda row: row.curPrice <= 0.2),
        ({"strikePriceMin": 500}, lambda row: row.strikePrice >= 500),
        ({"deltaMin": 0.0, "deltaMax": 1.0}, lambda row: row.HasField("delta") and row.delta >= 0),
        ({"recoveryPriceMin": 1}, lambda row: row.type in (3, 4)),
        ({"priceType": 1}, lambda row: row.ipop <= 0),
        ({"maturityTimeMax": "2027-07-01"}, lambda row: row.maturityTime <= "2027-07-01"),
        ({"streetMin": 20}, lambda row: row.streetRate >= 20),
    ],
)
def test_warrants_pass_each_filter(asked: dict[str, Any], holds: Any) -> None:
    everything, passed = warrants().warrantDataList, warrants(**asked).warrantDataList

    assert 0 < len(passed) < len(everything)
    assert list(passed) == [row for row in everything if holds(row)]


@pytest.mark.parametrize(
    ("sort_field", "name"),
    [(2, "curPrice"), (10, "volume"), (13, "premium"), (18, "strikePrice"), (23, "leverage")],
)
def test_warrants_are_sorted_both_ways(sort_field: int, name: str) -> None:
    rising, falling = (
        [getattr(row, name) for row in warrants(sortField=sort_field, ascend=ascend).warrantDataList]
        for ascend in (True, False)
    )

    assert rising == sorted(rising)
    assert falling == rising[::-1]


def test_a_screen_without_conditions_lists_the_markets_stocks() -> None:
    answer = screened()

    assert answer.lastPage
    assert answer.allCount == len(answer.dataList) > 10
    assert {row.security.market for row in screened(market=21).dataList} == {21, 22}


def test_a_base_filter_keeps_what_is_in_its_range_and_sorts() -> None:
    condition = {"fieldName": 3, "filterMin": 40, "filterMax": 150, "isNoFilter": False, "sortDir": 2}
    rows = screened(baseFilterList=[condition]).dataList
    values = [row.baseDataList[0].value for row in rows]
    prices = {
        row.security.code: DESK.ask(3004, securityList=[row.security]).basicQotList[0].curPrice
        for row in screened().dataList
    }

    assert values == sorted((price for price in prices.values() if 40 <= price <= 150), reverse=True)
    assert 0 < len(values) < len(prices)


@pytest.mark.parametrize("days", [1, 5, 20])
def test_an_accumulated_change_is_that_of_the_klines(days: int) -> None:
    rows = screened(accumulateFilterList=[{"fieldName": 1, "days": days}]).dataList
    for row in rows:
        bars = DESK.ask(3006, security=row.security, rehabType=0, klType=2, reqNum=days).klList
        change = (bars[-1].closePrice / bars[0].lastClosePrice - 1) * 100
        assert row.accumulateDataList[0].value == pytest.approx(change, abs=0.001)


def test_every_field_of_every_kind_has_a_figure() -> None:
    row = screened(
        baseFilterList=[{"fieldName": n} for n in range(1, 22)],
        accumulateFilterList=[{"fieldName": n, "days": 5} for n in range(1, 6)],
        financialFilterList=[{"fieldName": n, "quarter": 1} for n in range(1, 47)],
        customIndicatorFilterList=[
            {"firstFieldName": n, "secondFieldName": 17, "fieldValue": 1, "relativePosition": 1, "klType": 2}
            for n in (*range(1, 17), 30, 40, 50, 51, 52, 60, 61, 62, 70, 71, 72)
        ],
    ).dataList[0]

    assert [data.fieldName for data in row.baseDataList] == list(range(3, 22))
    assert len(row.accumulateDataList) == 5
    assert len(row.financialDataList) == 46
    assert len(row.customIndicatorDataList) == 27


def test_an_indicator_filter_keeps_what_stands_as_asked() -> None:
    condition = {"firstFieldName": 2, "secondFieldName": 5, "klType": 2, "isNoFilter": False}
    above = {
        row.security.code
        for row in screened(customIndicatorFilterList=[{**condition, "relativePosition": 1}]).dataList
    }
    below = {
        row.security.code
        for row in screened(customIndicatorFilterList=[{**condition, "relativePosition": 2}]).dataList
    }

    assert above
    assert below
    assert not above & below
    assert len(above | below) == screened().allCount


def test_a_pattern_filter_agrees_with_the_averages() -> None:
    pattern = {"fieldName": 1, "klType": 2, "isNoFilter": False}
    found = {row.security.code for row in screened(patternFilterList=[pattern]).dataList}
    averages = [
        {
            "firstFieldName": first,
            "secondFieldName": second,
            "relativePosition": 1,
            "klType": 2,
            "isNoFilter": False,
        }
        for first, second in ((2, 3), (3, 4), (4, 6))
    ]

    assert found == {row.security.code for row in screened(customIndicatorFilterList=averages).dataList}


def test_a_screen_is_restricted_to_a_plate_and_paged() -> None:
    assert {row.security.code for row in screened(plate=security("HK.BK1001")).dataList} == {"02319", "06186"}
    page = screened(begin=3, num=4)
    assert list(page.dataList) == list(screened().dataList[3:7])
    assert not page.lastPage


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"baseFilterList": [{"fieldName": 3, "isNoFilter": False}]}, "没有给需要筛选的字段进行区间赋值"),
        ({"baseFilterList": [{"fieldName": 3}] * 251}, "请求个数超过限制"),
        ({"num": 201}, "请求个数超过限制"),
        ({"market": 31}, "不支持的市场"),
        ({"plate": security("HK.00700")}, "未知板块"),
        ({"baseFilterList": [{"fieldName": 99}]}, "不支持的筛选字段"),
        ({"accumulateFilterList": [{"fieldName": 1, "days": 0}]}, "days"),
        ({"patternFilterList": [{"fieldName": 1, "klType": 99}]}, "K线类型"),
        ({"patternFilterList": [{"fieldName": 1, "klType": 15}]}, "K线类型"),
    ],
)  # fmt: skip
def test_wrong_screens_are_refused(asked: dict[str, Any], text: str) -> None:
    with pytest.raises(Refusal, match=text):
        screened(**asked)


def test_indicators_give_known_values() -> None:
    closes = [1.0, 2.0, 3.0, 4.0, 5.0]
    bars = Bars(closes, [close + 1 for close in closes], [close - 1 for close in closes])

    assert moving_average(closes, 2)[1:] == [1.5, 2.5, 3.5, 4.5]
    assert exponential_average([1.0, 2.0], 3) == [1.0, 1.5]
    assert relative_strength([1.0, 2.0, 1.0], 2)[1:] == [100.0, pytest.approx(100 / 3)]
    assert [line[-1] for line in bollinger([1.0, 3.0], 2, 2)] == [4.0, 2.0, 0.0]
    k, d, j = kdj(bars, 9, 3, 3)
    assert j == [pytest.approx(3 * a - 2 * b) for a, b in zip(k, d, strict=True)]
    diff, dea, histogram = macd(closes, 12, 26, 9)
    assert histogram == [pytest.approx(2 * (a - b)) for a, b in zip(diff, dea, strict=True)]


def test_a_crossing_stands_where_one_line_gets_above_the_other() -> None:
    assert crosses([1.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0]) == [False, True, False, False]


@pytest.mark.parametrize("number", sorted(PATTERNS))
def test_patterns_mark_each_bar_of_a_wave(number: int) -> None:
    closes = [100 + 20 * sin(n / 9) + 6 * sin(n / 2.3) + n * 0.01 for n in range(1200)]
    bars = Bars(closes, [close + 1 for close in closes], [close - 1 for close in closes])
    marks = PATTERNS[number](bars)

    assert len(marks) == len(closes)
    assert 0 < sum(marks) < len(marks)


def test_stocks_without_history_are_not_screened() -> None:
    desk = Desk()
    desk.clock.wall = datetime(2019, 12, 2, tzinfo=UTC).timestamp()
    row = {"fieldName": 1, "days": 3}
    codes = {
        found.security.code
        for found in desk.ask(3215, begin=0, num=200, market=1, accumulateFilterList=[row]).dataList
    }

    assert "09988" in codes
    assert "06998" not in codes
