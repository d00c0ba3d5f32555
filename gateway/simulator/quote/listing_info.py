"""Coming IPOs, futures contracts and market states: 3217, 3218, 3223."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from gateway.simulator.market.market import Market
from gateway.simulator.market.tick_table import PRICE_SCALE, step_at
from gateway.simulator.model import Call, Handler, Instrument, QotMarket, Refusal, SecurityKey
from gateway.simulator.quote.fields import Fields, at_most, keys_of, midnight_s, required, security
from gateway.simulator.universe.ipo import Offering, offerings
from gateway.simulator.universe.terms import FutureTerms, future_terms

_MOST_FUTURES = 200
_MOST_STATES = 400
_EXCHANGE_URL = "https://www.hkex.com.hk/Products/Listed-Derivatives/Equity-Index"


def _on_days(fields: Mapping[str, date], zone: ZoneInfo) -> Fields:
    """Each day as a text under its name with `Time`, and as a timestamp under it with `Timestamp`."""
    result: Fields = {}
    for name, day in fields.items():
        result[f"{name}Time"] = f"{day}"
        result[f"{name}Timestamp"] = midnight_s(day, zone)
    return result


def _mainland_part(offering: Offering, today: date, zone: ZoneInfo) -> Fields:
    online = offering.issue_size * 2 // 5
    most = online // 1000 // offering.lot_size * offering.lot_size
    part: Fields = {
        "applyCode": offering.code.replace("688", "787", 1),
        "issueSize": offering.issue_size,
        "onlineIssueSize": online,
        "applyUpperLimit": most,
        "applyLimitMarketValue": most * 10,
        "isEstimateIpoPrice": False,
        "ipoPrice": float(offering.price_max),
        "industryPeRate": 35.2,
        "isEstimateWinningRatio": True,
        "winningRatio": 0.035,
        "issuePeRate": 42.8,
        "isHasWon": False,
    }
    days = {
        "apply": today + timedelta(days=offering.apply_in_days),
        "winning": today + timedelta(days=offering.draw_in_days),
    }
    return {"cnExData": part | _on_days(days, zone)}


def _hong_kong_part(offering: Offering, today: date, zone: ZoneInfo) -> Fields:
    apply_end = today + timedelta(days=offering.apply_in_days)
    part: Fields = {
        "ipoPriceMin": float(offering.price_min),
        "ipoPriceMax": float(offering.price_max),
        "listPrice": 0.0,
        "lotSize": offering.lot_size,
        "entrancePrice": float(offering.price_max * offering.lot_size),
        "isSubscribeStatus": True,
        "applyEndTime": f"{apply_end}",
        "applyEndTimestamp": midnight_s(apply_end, zone),
    }
    return {"hkExData": part}


def _us_part(offering: Offering, _today: date, _zone: ZoneInfo) -> Fields:
    part = {
        "ipoPriceMin": float(offering.price_min),
        "ipoPriceMax": float(offering.price_max),
        "issueSize": offering.issue_size,
    }
    return {"usExData": part}


_IPO_PARTS: Mapping[QotMarket, Callable[[Offering, date, ZoneInfo], Fields]] = {
    QotMarket.HK: _hong_kong_part,
    QotMarket.US: _us_part,
    QotMarket.SH: _mainland_part,
    QotMarket.SZ: _mainland_part,
}


class ListingHandlers:
    """Answers about what is or will be listed, and when it trades."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3217: self.ipo_list, 3218: self.future_info, 3223: self.market_state}

    def ipo_list(self, call: Call) -> Fields:
        """The coming IPOs of a market."""
        if call.c2s.market not in _IPO_PARTS:
            raise Refusal(f"不支持的市场 {call.c2s.market}")
        return {"ipoList": [self._ipo(offering) for offering in offerings(QotMarket(call.c2s.market))]}

    def _ipo(self, offering: Offering) -> Fields:
        today = self._market.today(offering.market)
        zone = self._market.market_calendar(offering.market).zone
        listed = {"list": today + timedelta(days=offering.list_in_days)}
        basic = {
            "security": security(SecurityKey(offering.market, offering.code)),
            "name": offering.name,
            **_on_days(listed, zone),
        }
        return {"basic": basic, **_IPO_PARTS[offering.market](offering, today, zone)}

    def future_info(self, call: Call) -> Fields:
        """The terms of futures contracts."""
        required(call.c2s.securityList, "securityList")
        at_most(call.c2s.securityList, _MOST_FUTURES)
        return {"futureInfoList": [self._future(key) for key in keys_of(call.c2s.securityList)]}

    def _future(self, key: SecurityKey) -> Fields:
        instrument = self._market.find(key)
        terms = future_terms(instrument)
        if terms is None:
            raise Refusal("该证券不是期货")
        calendar = self._market.calendar(instrument)
        info: Fields = {
            "name": instrument.name,
            "security": security(key),
            "lastTradeTime": "",
            **_contract(instrument, terms),
            "tradeTime": [
                {"begin": float(begin), "end": float(end)} for begin, end in calendar.regular_sessions
            ],
            "timeZone": "CCT",
            "exchangeFormatUrl": _EXCHANGE_URL,
        }
        if terms.is_continuous:
            info["origin"] = security(SecurityKey(key.market, terms.origin_code))
        else:
            info["lastTradeTime"] = f"{terms.last_trade}"
            info["lastTradeTimestamp"] = midnight_s(terms.last_trade, calendar.zone)
        return info

    def market_state(self, call: Call) -> Fields:
        """The state of each security's market."""
        required(call.c2s.securityList, "securityList")
        at_most(call.c2s.securityList, _MOST_STATES)
        return {"marketInfoList": [self._state(key) for key in keys_of(call.c2s.securityList)]}

    def _state(self, key: SecurityKey) -> Fields:
        instrument = self._market.find(key)
        state = self._market.calendar(instrument).state(self._market.now_s())
        return {"security": security(key), "name": instrument.name, "marketState": int(state)}


def _contract(instrument: Instrument, terms: FutureTerms) -> Fields:
    """Size and units. An index as owner goes by its name, as in OpenD's answers."""
    return {
        "ownerOther": terms.owner_name,
        "exchange": "港交所",
        "contractType": "股指期货",
        "contractSize": float(instrument.contract_multiplier),
        "contractSizeUnit": "指数点×港元",
        "quoteCurrency": "港元",
        "minVar": step_at(instrument, int(instrument.base_price) * PRICE_SCALE) / PRICE_SCALE,
        "minVarUnit": "",
        "quoteUnit": "指数点",
    }
