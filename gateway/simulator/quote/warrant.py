"""Warrants and CBBCs, filtered, sorted and paged: 3210."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.model import Call, Handler, Instrument, QotMarket, Refusal
from gateway.simulator.quote.fields import (
    Fields,
    amount,
    midnight_s,
    page,
    parse_day,
    per_cent,
    price,
    security,
    security_key,
    volume,
    within,
)
from gateway.simulator.quote.figures import warrant_figures
from gateway.simulator.quote.snapshot import inline_fields
from gateway.simulator.universe.terms import WarrantTerms, WarrantType, warrant_terms

_MOST_ROWS = 200
_STATUS_NORMAL = 1
_OUT_OF_THE_MONEY, _IN_THE_MONEY = 1, 2
_VANILLA = (WarrantType.CALL, WarrantType.PUT)
_CALLABLE = (WarrantType.BULL, WarrantType.BEAR)

_BOUNDS = {
    "curPrice": "curPrice",
    "strikePrice": "strikePrice",
    "street": "streetRate",
    "conversion": "conversionRatio",
    "vol": "volume",
    "premium": "premium",
    "leverageRatio": "leverage",
    "delta": "delta",
    "implied": "impliedVolatility",
    "recoveryPrice": "recoveryPrice",
    "priceRecoveryRatio": "priceRecoveryRatio",
}
"""The row's field that each pair of bounds in the request is about. A row without it does not pass."""

_SORT_FIELDS = {
    1: "code", 2: "curPrice", 3: "priceChangeVal", 4: "changeRate", 5: "status", 6: "bidPrice",
    7: "askPrice", 8: "bidVol", 9: "askVol", 10: "volume", 11: "turnover", 12: "score", 13: "premium",
    14: "effectiveLeverage", 15: "delta", 16: "impliedVolatility", 17: "type", 18: "strikePrice",
    19: "breakEvenPoint", 20: "maturityTime", 21: "listTime", 22: "lastTradeTime", 23: "leverage",
    24: "ipop", 25: "recoveryPrice", 26: "conversionPrice", 27: "conversionRatio", 28: "streetRate",
    29: "streetVol", 30: "amplitude", 31: "name", 32: "issuer", 33: "lotSize", 34: "issueSize",
    45: "upperStrikePrice", 46: "lowerStrikePrice", 47: "inLinePriceStatus",
}  # fmt: skip
"""The row's field for each `Qot_Common.SortField` of warrants."""

_IPO_PERIODS: Mapping[int, tuple[int, int]] = {1: (0, 0), 2: (1, 1), 3: (1, 7), 4: (-7, -1), 5: (-30, -1)}
"""`Qot_Common.IpoPeriod` as first and last day of listing, counted from today."""


class WarrantHandlers:
    """Answers with the warrants on one owner, or on all."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3210: self.warrants}

    def warrants(self, call: Call) -> Fields:
        """A page of the warrants that pass all filters."""
        c2s = call.c2s
        if c2s.sortField not in _SORT_FIELDS:
            raise Refusal(f"不支持的排序字段 {c2s.sortField}")
        today = self._market.today(QotMarket.HK)
        passing = self._filter(c2s, today)
        rows = [self._row(instrument) for instrument in self._candidates(c2s, today)]
        kept = sorted(filter(passing, rows), key=_sort_key(c2s.sortField), reverse=not c2s.ascend)
        shown = page(kept, c2s.begin, c2s.num, _MOST_ROWS)
        last = c2s.begin + len(shown) >= len(kept)
        return {"lastPage": last, "allCount": len(kept), "warrantDataList": shown}

    def _candidates(self, c2s: Any, today: date) -> list[Instrument]:
        if not c2s.HasField("owner"):
            return self._market.universe.warrants(today)
        owner = self._market.find(security_key(c2s.owner))
        return self._market.universe.warrants(today, owner.key)

    def _filter(self, c2s: Any, today: date) -> Callable[[Fields], bool]:
        earliest = parse_day(c2s.maturityTimeMin) if c2s.maturityTimeMin else date.min
        latest = parse_day(c2s.maturityTimeMax) if c2s.maturityTimeMax else date.max

        def passing(row: Fields) -> bool:
            return (
                (not c2s.typeList or row["type"] in c2s.typeList)
                and (not c2s.issuerList or row["issuer"] in c2s.issuerList)
                and c2s.status in (0, row["status"])
                and earliest <= date.fromisoformat(row["maturityTime"]) <= latest
                and _listed_within(row, c2s.ipoPeriod, today)
                and c2s.priceType in (0, _IN_THE_MONEY if row["ipop"] > 0 else _OUT_OF_THE_MONEY)
                and all(_passes(row, c2s, name, field) for name, field in _BOUNDS.items())
            )

        return passing

    def _row(self, instrument: Instrument) -> Fields:
        moment = self._market.moment(instrument.key)
        return self._market.small_memo.get("warrant", moment, self._make_row)

    def _make_row(self, moment: Moment) -> Fields:
        instrument = moment.instrument
        terms = warrant_terms(instrument)
        if terms is None or instrument.owner is None:
            raise TypeError(f"{instrument.key} is no warrant")
        book, last = self._market.order_book(instrument.key), moment.last / PRICE_SCALE
        figures = warrant_figures(self._market, moment)
        change = moment.last - moment.previous_close
        row: Fields = {
            "stock": security(instrument.key),
            "owner": security(instrument.owner),
            **_terms_fields(moment, terms),
            "lastClosePrice": price(moment.previous_close),
            "name": instrument.name,
            "curPrice": last,
            "priceChangeVal": price(change),
            "changeRate": per_cent(change, moment.previous_close),
            "status": _STATUS_NORMAL,
            "bidPrice": float(book.bids[0].price) if book.bids else 0.0,
            "askPrice": float(book.asks[0].price),
            "bidVol": book.bids[0].volume if book.bids else 0,
            "askVol": book.asks[0].volume,
            "volume": volume(instrument, moment.lots),
            "turnover": amount(instrument, moment.turnover),
            "score": figures.score,
            "premium": figures.premium_pct,
            "breakEvenPoint": figures.break_even,
            "leverage": figures.leverage,
            "ipop": figures.in_the_money_pct,
            "conversionPrice": round(last * terms.conversion_ratio, 3),
            "streetRate": figures.street_pct,
            "streetVol": figures.street_volume,
            "amplitude": per_cent(moment.high - moment.low, moment.previous_close),
            "issueSize": terms.issue_size,
            "highPrice": price(moment.high),
            "lowPrice": price(moment.low),
            "effectiveLeverage": figures.effective_leverage,
            **inline_fields(terms, figures.in_the_money_pct),
        }
        if terms.warrant_type in _VANILLA:
            row |= {"impliedVolatility": figures.volatility_pct, "delta": figures.delta}
        if terms.warrant_type in _CALLABLE:
            row["priceRecoveryRatio"] = figures.price_recovery_pct
        return row


def _terms_fields(moment: Moment, terms: WarrantTerms) -> Fields:
    instrument, zone = moment.instrument, moment.source.calendar.zone
    fields: Fields = {
        "type": int(terms.warrant_type),
        "issuer": terms.issuer,
        "maturityTime": f"{terms.maturity}",
        "maturityTimestamp": midnight_s(terms.maturity, zone),
        "listTime": f"{instrument.list_date}",
        "listTimestamp": midnight_s(instrument.list_date, zone),
        "lastTradeTime": f"{terms.last_trade}",
        "lastTradeTimestamp": midnight_s(terms.last_trade, zone),
        "conversionRatio": float(terms.conversion_ratio),
        "lotSize": instrument.lot_size,
        "strikePrice": float(terms.strike),
    }
    if terms.recovery_price is not None:
        fields["recoveryPrice"] = float(terms.recovery_price)
    return fields


def _sort_key(sort_field: int) -> Callable[[Fields], Any]:
    """Rows without the field come first."""
    name = _SORT_FIELDS[sort_field]
    if name == "code":
        return lambda row: row["stock"]["code"]
    return lambda row: (name in row, row.get(name), row["stock"]["code"])


def _passes(row: Fields, c2s: Any, name: str, field: str) -> bool:
    low, high = f"{name}Min", f"{name}Max"
    if not (c2s.HasField(low) or c2s.HasField(high)):
        return True
    return field in row and within(row[field], c2s, low, high)


def _listed_within(row: Fields, period: int, today: date) -> bool:
    if not period:
        return True
    if period not in _IPO_PERIODS:
        raise Refusal(f"不支持的上市日期类型 {period}")
    first, last = (today + timedelta(days=days) for days in _IPO_PERIODS[period])
    return first <= date.fromisoformat(row["listTime"]) <= last
