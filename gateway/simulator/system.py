"""The system protocols: KeepAlive, GetGlobalState, GetUserInfo, GetDelayStatistics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.simulator.delays import Delays
from gateway.simulator.model import Call, Handler, QotMarket, Refusal
from gateway.simulator.session import LOGIN_USER_ID, SERVER_VERSION
from gateway.simulator.subscriptions import Quota

SERVER_BUILD_NO = 7108
_PROGRAM_STATUS_READY = 10
_MARKET_CLOSED = 6
_FUTURE_CLOSED = 26


class MarketStates(Protocol):
    """What GetGlobalState asks of the market."""

    def state(self, market: QotMarket) -> int:
        """The `Qot_Common.QotMarketState` of a `QotMarket` now."""
        ...


_OWN_MARKETS = {
    "marketHK": QotMarket.HK,
    "marketUS": QotMarket.US,
    "marketSH": QotMarket.SH,
    "marketSZ": QotMarket.SZ,
    "marketHKFuture": QotMarket.HK_FUTURE,
}
_ABSENT_MARKETS = {
    "marketUSFuture": _FUTURE_CLOSED,
    "marketSGFuture": _FUTURE_CLOSED,
    "marketJPFuture": _FUTURE_CLOSED,
    "marketSG": _MARKET_CLOSED,
    "marketMY": _MARKET_CLOSED,
    "marketJP": _MARKET_CLOSED,
}
"""Markets that OpenD reports and this simulator does not have."""

_LEVEL1, _LEVEL2, _NO_RIGHT = 2, 3, 5
QUOTE_RIGHTS: Mapping[str, Any] = {
    "hkQotRight": _LEVEL2,
    "usQotRight": _LEVEL2,
    "cnQotRight": _LEVEL1,
    "hkOptionQotRight": _LEVEL2,
    "hasUSOptionQotRight": True,
    "hkFutureQotRight": _LEVEL2,
    "usFutureQotRight": _NO_RIGHT,
    "usOptionQotRight": _LEVEL1,
    "usIndexQotRight": _LEVEL1,
    "usOtcQotRight": _NO_RIGHT,
    "usCMEFutureQotRight": _NO_RIGHT,
    "usCBOTFutureQotRight": _NO_RIGHT,
    "usNYMEXFutureQotRight": _NO_RIGHT,
    "usCOMEXFutureQotRight": _NO_RIGHT,
    "usCBOEFutureQotRight": _NO_RIGHT,
    "sgFutureQotRight": _NO_RIGHT,
    "jpFutureQotRight": _NO_RIGHT,
    "shQotRight": _LEVEL1,
    "szQotRight": _LEVEL1,
    "ccQotRight": _NO_RIGHT,
    "sgStockQotRight": _NO_RIGHT,
    "myStockQotRight": _NO_RIGHT,
    "jpStockQotRight": _NO_RIGHT,
    "ecQotRight": _NO_RIGHT,
}
"""The login's `Qot_Common.QotRight` by market, as user info and notifications carry them."""


def _user_info(quota: Quota) -> dict[int, Mapping[str, Any]]:
    """The fields of GetUserInfo's S2C by `UserInfoField` bit."""
    return {
        1: {
            "nickName": "simulated",
            "avatarUrl": "",
            "userID": LOGIN_USER_ID,
            "userAttribution": 1,
            "isAppNNOrMM": True,
        },
        2: {
            "apiLevel": "simulated",
            "subQuota": quota.securities,
            "historyKLQuota": 1000,
        },
        4: QUOTE_RIGHTS,
        8: {"isNeedAgreeDisclaimer": False},
        16: {"updateType": 0, "updateWhatsNew": ""},
        2048: {"webKey": "", "webJumpUrlHead": ""},
    }


@dataclass(slots=True)
class Logins:
    """Whether OpenD is logged in to Futu's quote and trade servers. The simulator answers in any case."""

    quote: bool = True
    trade: bool = True

    def fields(self) -> dict[str, bool]:
        """As GetGlobalState and the notification about OpenD's connections carry them."""
        return {"qotLogined": self.quote, "trdLogined": self.trade}


class SystemHandlers:
    """Answers the system protocols."""

    def __init__(self, market: MarketStates, delays: Delays, quota: Quota, logins: Logins) -> None:
        self._market = market
        self._delays = delays
        self._logins = logins
        self._user_info = _user_info(quota)

    def table(self) -> dict[int, Handler]:
        """The handlers by proto id."""
        return {
            1002: self.global_state,
            1004: self.keep_alive,
            1005: self.user_info,
            1007: self.delay_statistics,
        }

    def global_state(self, call: Call) -> Mapping[str, Any]:
        """GetGlobalState."""
        now_s = call.clock.wall_s()
        return {
            **{field: self._market.state(market) for field, market in _OWN_MARKETS.items()},
            **_ABSENT_MARKETS,
            **self._logins.fields(),
            "serverVer": SERVER_VERSION,
            "serverBuildNo": SERVER_BUILD_NO,
            "time": int(now_s),
            "localTime": now_s,
            "programStatus": {"type": _PROGRAM_STATUS_READY},
            "qotSvrIpAddr": "127.0.0.1",
            "trdSvrIpAddr": "127.0.0.1",
            "connID": call.connection.conn_id,
        }

    def keep_alive(self, call: Call) -> Mapping[str, Any]:
        """KeepAlive."""
        return {"time": int(call.clock.wall_s())}

    def user_info(self, call: Call) -> Mapping[str, Any]:
        """GetUserInfo: the parts whose bits `flag` has; unset or 0 means all."""
        flag = call.c2s.flag
        return {
            name: value
            for bit, fields in self._user_info.items()
            if not flag or flag & bit
            for name, value in fields.items()
        }

    def delay_statistics(self, call: Call) -> Mapping[str, Any]:
        """GetDelayStatistics. Some releases of OpenD refuse an empty type list; so does this."""
        if not call.c2s.typeList:
            raise Refusal("缺少必要的参数: typeList")
        return self._delays.report(tuple(call.c2s.typeList), tuple(call.c2s.segmentList))
