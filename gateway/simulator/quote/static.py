"""Static information of securities, and who belongs to whom: 3202, 3206, 3213."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.simulator.market.market import Market
from gateway.simulator.model import Call, Handler, Instrument, QotMarket, Refusal, SecurityKey, SecurityType
from gateway.simulator.quote.fields import (
    Fields,
    at_most,
    listed_on,
    midnight_s,
    security,
    security_key,
    shown_lot_size,
)
from gateway.simulator.universe.expiry import is_monthly
from gateway.simulator.universe.terms import future_terms, option_terms, warrant_terms

_MOST_CODES = 400
_UNKNOWN_NAME = "未知股票"
_REFERENCE_WARRANT, _REFERENCE_FUTURE = 1, 2
_CYCLE_WEEK, _CYCLE_MONTH = 1, 2
_STANDARD_OPTION = 1
_SETTLED_AT_CLOSE = 2
_NORMAL_INDEX_OPTION = 1

_OPTION_MARKET_NAMES = {QotMarket.HK: "SEHK", QotMarket.US: "US"}


def static_info(market: Market, instrument: Instrument) -> Fields:
    """A `Qot_Common.SecurityStaticInfo`."""
    zone = market.calendar(instrument).zone
    info: Fields = {
        "basic": {
            "security": security(instrument.key),
            "id": instrument.stock_id,
            "lotSize": shown_lot_size(instrument),
            "secType": int(instrument.security_type),
            "name": instrument.name,
            **listed_on(instrument, zone),
            "delisting": False,
            "exchType": int(instrument.exchange),
        }
    }
    for field, fields in (
        ("warrantExData", _warrant_part(instrument)),
        ("optionExData", _option_part(market, instrument)),
        ("futureExData", _future_part(market, instrument)),
    ):
        if fields is not None:
            info[field] = fields
    return info


def _warrant_part(instrument: Instrument) -> Fields | None:
    terms = warrant_terms(instrument)
    if terms is None or instrument.owner is None:
        return None
    return {"type": int(terms.warrant_type), "owner": security(instrument.owner)}


def _option_part(market: Market, instrument: Instrument) -> Fields | None:
    terms = option_terms(instrument)
    if terms is None or instrument.owner is None:
        return None
    part: Fields = {
        "type": int(terms.option_type),
        "owner": security(instrument.owner),
        "strikeTime": f"{terms.expiry}",
        "strikePrice": float(terms.strike),
        "suspend": False,
        "market": _OPTION_MARKET_NAMES[QotMarket(instrument.key.market)],
        "strikeTimestamp": midnight_s(terms.expiry, market.calendar(instrument).zone),
        "expirationCycle": _CYCLE_MONTH if is_monthly(terms.expiry) else _CYCLE_WEEK,
        "optionStandardType": _STANDARD_OPTION,
        "optionSettlementMode": _SETTLED_AT_CLOSE,
    }
    if market.find(instrument.owner).security_type == SecurityType.INDEX:
        part["indexOptionType"] = _NORMAL_INDEX_OPTION
    return part


def _future_part(market: Market, instrument: Instrument) -> Fields | None:
    terms = future_terms(instrument)
    if terms is None:
        return None
    part: Fields = {"lastTradeTime": "", "isMainContract": instrument.key.code.endswith("main")}
    if not terms.is_continuous:
        part["lastTradeTime"] = f"{terms.last_trade}"
        part["lastTradeTimestamp"] = midnight_s(terms.last_trade, market.calendar(instrument).zone)
    return part


def _unknown(key: SecurityKey) -> Fields:
    """What OpenD answers for a code that it does not know: a delisted security without figures."""
    return {
        "basic": {
            "security": security(key),
            "id": 0,
            "lotSize": 0,
            "secType": 0,
            "name": _UNKNOWN_NAME,
            "listTime": "",
            "delisting": True,
            "listTimestamp": 0.0,
            "exchType": 0,
        }
    }


class StaticHandlers:
    """Answers from the universe alone."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3202: self.static_info, 3206: self.reference, 3213: self.user_security}

    def _infos(self, instruments: Iterable[Instrument]) -> Fields:
        return {"staticInfoList": [static_info(self._market, row) for row in instruments]}

    def static_info(self, call: Call) -> Fields:
        """Codes if any are given, else a whole market or one type of it."""
        c2s = call.c2s
        if c2s.securityList:
            at_most(c2s.securityList, _MOST_CODES)
            return {"staticInfoList": [self._info_or_unknown(message) for message in c2s.securityList]}
        if not c2s.HasField("market"):
            raise Refusal("缺少必要的参数: market")
        today = self._market.today(c2s.market)
        return self._infos(self._market.universe.of_type(c2s.market, c2s.secType, today))

    def _info_or_unknown(self, message: Any) -> Fields:
        key = security_key(message)
        instrument = self._market.lookup(key)
        return _unknown(key) if instrument is None else static_info(self._market, instrument)

    def reference(self, call: Call) -> Fields:
        """The warrants on a security, or the futures that go with it.

        The documentation asks for futures by a main contract (`HK.A50main`); an index is taken too.
        """
        owner = self._market.find(security_key(call.c2s.security))
        today, universe = self._market.today(owner.key.market), self._market.universe
        if call.c2s.referenceType == _REFERENCE_WARRANT:
            return self._infos(universe.warrants(today, owner.key))
        if call.c2s.referenceType == _REFERENCE_FUTURE:
            return self._infos(universe.related_futures(owner, today))
        raise Refusal(f"不支持的关联数据类型 {call.c2s.referenceType}")

    def user_security(self, call: Call) -> Fields:
        """A watchlist group."""
        members = self._market.universe.watchlist(call.c2s.groupName, self._market.today(QotMarket.HK))
        if members is None:
            raise Refusal("未知自选股分组")
        return self._infos(members)
