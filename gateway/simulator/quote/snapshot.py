"""Market snapshots: 3203."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.source import PriceSource
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.model import Call, Handler, Instrument, SecurityType, Work
from gateway.simulator.quote.basic import extended_sessions, option_fields, outstanding_shares, prices
from gateway.simulator.quote.fields import (
    Fields,
    at_most,
    heading,
    keys_of,
    midnight_s,
    per_cent,
    price,
    required,
    security,
    shown_lot_size,
)
from gateway.simulator.quote.figures import future_position, warrant_figures
from gateway.simulator.universe.terms import (
    WarrantTerms,
    WarrantType,
    fundamentals_of,
    future_terms,
    option_terms,
    warrant_terms,
)

MOST_CODES = 400
WEEKS_52 = timedelta(weeks=52)
_ONE_DAY = timedelta(days=1)
_FIVE_MINUTES = 5
_RATIO_DAYS = timedelta(days=7)
_STOCK_ASSETS = 1
_OUT_OF_RANGE, _IN_RANGE = 1, 2

_MARGIN_TYPES = (SecurityType.EQUITY, SecurityType.TRUST)
_MARGIN = {
    "enableMargin": True,
    "mortgageRatio": 70.0,
    "longMarginInitialRatio": 30.0,
    "enableShortSell": True,
    "shortSellRate": 3.5,
    "shortAvailableVolume": 1_200_000,
    "shortMarginInitialRatio": 60.0,
}
_NO_MARGIN = {"enableMargin": False, "enableShortSell": False}


@dataclass(frozen=True, slots=True)
class Extremes:
    """The highest and lowest scaled prices over some days."""

    high: int
    low: int


class ExtremeFinder:
    """Looks for the extremes of a security, through the days before today once a day."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._before = lru_cache(maxsize=4096)(self._search)

    def over(self, moment: Moment, span: timedelta | None) -> Extremes:
        """The extremes over `span` up to the moment, or over the whole history when that is None."""
        today = moment.trading_day.day
        first = self._market.history_start(moment.instrument)
        if span is not None:
            first = max(first, today - span)
        before = self._before(moment.source, first, today)
        if before is None:
            return Extremes(moment.high, moment.low)
        return Extremes(max(moment.high, before.high), min(moment.low, before.low))

    def _search(self, source: PriceSource, first: date, today: date) -> Extremes | None:
        """The extremes of the days from `first` until before `today`; None when there are none."""
        days = source.calendar.days(first, today - _ONE_DAY)
        return Extremes(*source.extremes(days)) if days else None


def volume_ratio(moment: Moment) -> float:
    """The day's volume a minute against that of the trading days of the past week."""
    source, today = moment.source, moment.trading_day.day
    days = source.calendar.days(today - _RATIO_DAYS, source.calendar.previous_day(today))
    usual = sum(source.day_bar(day).lots for day in days) / len(days) / moment.trading_day.minute_count
    return round(moment.lots / (moment.minute + 1) / usual, 3)


def price_minutes_ago(moment: Moment, minutes: int) -> int:
    """The scaled close of an earlier minute of the day; the last close before the day was that old."""
    minute = moment.minute - minutes
    if minute < 0:
        return moment.previous_close
    return moment.source.path(moment.trading_day.day).minute(minute).close


def bid_ask_ratio(bid_volume: int, ask_volume: int) -> float:
    """By how much bids outweigh asks, per cent of both together."""
    return per_cent(bid_volume - ask_volume, bid_volume + ask_volume)


class SnapshotHandlers:
    """Answers with everything that is known of a security at this moment."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._extremes = ExtremeFinder(market)
        self._parts: Mapping[SecurityType, tuple[str, Callable[[Moment], Fields]]] = {
            SecurityType.EQUITY: ("equityExData", _equity_part),
            SecurityType.TRUST: ("trustExData", _trust_part),
            SecurityType.WARRANT: ("warrantExData", self._warrant_part),
            SecurityType.OPTION: ("optionExData", self._option_part),
            SecurityType.FUTURE: ("futureExData", self._future_part),
            SecurityType.INDEX: ("indexExData", self._members_part),
            SecurityType.PLATE: ("plateExData", self._members_part),
        }

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3203: self.snapshots}

    def snapshots(self, call: Call) -> Work[Fields]:
        """Snapshots of several securities; one unknown code refuses them all."""
        required(call.c2s.securityList, "securityList")
        at_most(call.c2s.securityList, MOST_CODES)
        keys = keys_of(call.c2s.securityList)
        for key in keys:
            self._market.find(key)
        rows = []
        for key in keys:
            if not self._market.is_fresh(key):
                yield
            rows.append(self._market.small_memo.get("snapshot", self._market.moment(key), self._snapshot))
        return {"snapshotList": rows}

    def _snapshot(self, moment: Moment) -> Fields:
        name, part = self._parts[moment.instrument.security_type]
        return {"basic": self._basic(moment), name: part(moment)}

    def _basic(self, moment: Moment) -> Fields:
        instrument = moment.instrument
        year, history = self._extremes.over(moment, WEEKS_52), self._extremes.over(moment, None)
        return {
            **heading(moment),
            "type": int(instrument.security_type),
            "isSuspend": False,
            "lotSize": shown_lot_size(instrument),
            **prices(moment),
            **self._best_levels(moment),
            **(_MARGIN if instrument.security_type in _MARGIN_TYPES else _NO_MARGIN),
            "avgPrice": round(moment.turnover / moment.lots / PRICE_SCALE, 3),
            "volumeRatio": volume_ratio(moment),
            "highest52WeeksPrice": price(year.high),
            "lowest52WeeksPrice": price(year.low),
            "highestHistoryPrice": price(history.high),
            "lowestHistoryPrice": price(history.low),
            **extended_sessions(self._market, moment),
            "closePrice5Minute": price(price_minutes_ago(moment, _FIVE_MINUTES)),
        }

    def _best_levels(self, moment: Moment) -> Fields:
        if moment.instrument.security_type in _UNTRADED_TYPES:
            return {}
        book = self._market.order_book(moment.instrument.key)
        bid, ask = book.bids[0] if book.bids else None, book.asks[0]
        bid_volume = sum(level.volume for level in book.bids)
        fields: Fields = {
            "askPrice": float(ask.price),
            "askVol": ask.volume,
            "hpAskVol": float(ask.volume),
            "bidAskRatio": bid_ask_ratio(bid_volume, sum(level.volume for level in book.asks)),
        }
        if bid is not None:
            fields |= {"bidPrice": float(bid.price), "bidVol": bid.volume, "hpBidVol": float(bid.volume)}
        return fields

    def _warrant_part(self, moment: Moment) -> Fields:
        instrument = moment.instrument
        terms = warrant_terms(instrument)
        if terms is None or instrument.owner is None:
            raise TypeError(f"{instrument.key} is no warrant")
        figures, zone = warrant_figures(self._market, moment), moment.source.calendar.zone
        part: Fields = {
            "conversionRate": float(terms.conversion_ratio),
            "warrantType": int(terms.warrant_type),
            "strikePrice": float(terms.strike),
            "maturityTime": f"{terms.maturity}",
            "endTradeTime": f"{terms.last_trade}",
            "owner": security(instrument.owner),
            "recoveryPrice": float(terms.recovery_price or 0),
            "streetVolumn": figures.street_volume,
            "issueVolumn": terms.issue_size,
            "streetRate": figures.street_pct,
            "delta": figures.delta,
            "impliedVolatility": figures.volatility_pct,
            "premium": figures.premium_pct,
            "maturityTimestamp": midnight_s(terms.maturity, zone),
            "endTradeTimestamp": midnight_s(terms.last_trade, zone),
            "leverage": figures.leverage,
            "ipop": figures.in_the_money_pct,
            "breakEvenPoint": figures.break_even,
            "conversionPrice": round(moment.last / PRICE_SCALE * terms.conversion_ratio, 3),
            "priceRecoveryRatio": figures.price_recovery_pct,
            "score": figures.score,
            "issuerCode": terms.issuer_code,
        }
        return part | inline_fields(terms, figures.in_the_money_pct)

    def _option_part(self, moment: Moment) -> Fields:
        instrument = moment.instrument
        terms = option_terms(instrument)
        if terms is None or instrument.owner is None:
            raise TypeError(f"{instrument.key} is no option")
        return {
            "type": int(terms.option_type),
            "owner": security(instrument.owner),
            "strikeTime": f"{terms.expiry}",
            "strikeTimestamp": midnight_s(terms.expiry, moment.source.calendar.zone),
            **option_fields(self._market, moment),
        }

    def _future_part(self, moment: Moment) -> Fields:
        terms = future_terms(moment.instrument)
        if terms is None:
            raise TypeError(f"{moment.instrument.key} is no future")
        position, change = future_position(self._market, moment.instrument)
        part: Fields = {
            "lastSettlePrice": price(moment.previous_close),
            "position": position,
            "positionChange": change,
            "lastTradeTime": "",
            "isMainContract": moment.instrument.key.code.endswith("main"),
        }
        if not terms.is_continuous:
            part["lastTradeTime"] = f"{terms.last_trade}"
            part["lastTradeTimestamp"] = midnight_s(terms.last_trade, moment.source.calendar.zone)
        return part

    def _members_part(self, moment: Moment) -> Fields:
        members = self._market.universe.members(moment.instrument.key) or []
        changes = [_change(self._market.moment(key)) for key in members]
        return {
            "raiseCount": sum(change > 0 for change in changes),
            "fallCount": sum(change < 0 for change in changes),
            "equalCount": sum(change == 0 for change in changes),
        }


_UNTRADED_TYPES = (SecurityType.INDEX, SecurityType.PLATE)


def _change(moment: Moment) -> int:
    return moment.last - moment.previous_close


def inline_fields(terms: WarrantTerms, in_range_pct: float) -> Fields:
    """The bounds of an inline warrant and whether its owner is inside; nothing for the others."""
    if terms.warrant_type != WarrantType.INLINE or terms.lower_bound is None or terms.upper_bound is None:
        return {}
    return {
        "upperStrikePrice": float(terms.upper_bound),
        "lowerStrikePrice": float(terms.lower_bound),
        "inLinePriceStatus": _IN_RANGE if in_range_pct > 0 else _OUT_OF_RANGE,
    }


def market_value(instrument: Instrument, last: float) -> float:
    """The value of all issued shares; 0 for what has no shares."""
    fundamentals = fundamentals_of(instrument)
    return fundamentals.issued_shares * last if fundamentals else 0.0


def _equity_part(moment: Moment) -> Fields:
    fundamentals = fundamentals_of(moment.instrument)
    if fundamentals is None:
        raise TypeError(f"{moment.instrument.key} has no fundamentals")
    last = moment.last / PRICE_SCALE
    earnings, book_value = fundamentals.earnings_per_share, fundamentals.net_asset_per_share
    dividend, shares = fundamentals.dividend_per_share, fundamentals.issued_shares
    outstanding = outstanding_shares(moment.instrument)
    price_earnings = round(last / earnings, 3) if earnings else 0.0
    return {
        "issuedShares": shares,
        "issuedMarketVal": round(shares * last, 3),
        "netAsset": round(shares * book_value, 3),
        "netProfit": round(shares * earnings, 3),
        "earningsPershare": earnings,
        "outstandingShares": outstanding,
        "outstandingMarketVal": round(outstanding * last, 3),
        "netAssetPershare": book_value,
        "eyRate": per_cent(earnings, last),
        "peRate": price_earnings,
        "pbRate": round(last / book_value, 3),
        "peTTMRate": price_earnings,
        "dividendTTM": dividend,
        "dividendRatioTTM": per_cent(dividend, last),
        "dividendLFY": dividend,
        "dividendLFYRatio": per_cent(dividend, last),
    }


def _trust_part(moment: Moment) -> Fields:
    fundamentals = fundamentals_of(moment.instrument)
    if fundamentals is None:
        raise TypeError(f"{moment.instrument.key} has no fundamentals")
    last = moment.last / PRICE_SCALE
    asset_value = round(last * 0.999, 4)
    return {
        "dividendYield": per_cent(fundamentals.dividend_per_share, last),
        "aum": round(fundamentals.issued_shares * asset_value, 3),
        "outstandingUnits": fundamentals.issued_shares,
        "netAssetValue": asset_value,
        "premium": per_cent(last - asset_value, asset_value),
        "assetClass": _STOCK_ASSETS,
    }
