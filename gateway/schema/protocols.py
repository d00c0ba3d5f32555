"""Which protocol number carries which messages.

A protocol's name is its .proto package: `Qot_Sub` has the messages `Qot_Sub.Request` (with `C2S`)
and `Qot_Sub.Response` (with `S2C`); a push has a `Response` alone.
"""

from dataclasses import dataclass
from functools import cache

from gateway.schema.descriptors import WireMessage, message_class


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol of OpenD: its number, its .proto package, and whether OpenD sends it unasked."""

    proto_id: int
    name: str
    is_push: bool = False

    @property
    def request(self) -> type[WireMessage]:
        """The class of its `Request`. Raises KeyError for a push."""
        return message_class(f"{self.name}.Request")

    @property
    def response(self) -> type[WireMessage]:
        """The class of its `Response`."""
        return message_class(f"{self.name}.Response")


_REQUESTS = {
    1001: "InitConnect",
    1002: "GetGlobalState",
    1004: "KeepAlive",
    1005: "GetUserInfo",
    1007: "GetDelayStatistics",
    2001: "Trd_GetAccList",
    2005: "Trd_UnlockTrade",
    2008: "Trd_SubAccPush",
    2101: "Trd_GetFunds",
    2102: "Trd_GetPositionList",
    2111: "Trd_GetMaxTrdQtys",
    2201: "Trd_GetOrderList",
    2202: "Trd_PlaceOrder",
    2205: "Trd_ModifyOrder",
    2211: "Trd_GetOrderFillList",
    2221: "Trd_GetHistoryOrderList",
    2222: "Trd_GetHistoryOrderFillList",
    2223: "Trd_GetMarginRatio",
    2225: "Trd_GetOrderFee",
    3001: "Qot_Sub",
    3002: "Qot_RegQotPush",
    3003: "Qot_GetSubInfo",
    3004: "Qot_GetBasicQot",
    3006: "Qot_GetKL",
    3008: "Qot_GetRT",
    3010: "Qot_GetTicker",
    3012: "Qot_GetOrderBook",
    3014: "Qot_GetBroker",
    3103: "Qot_RequestHistoryKL",
    3202: "Qot_GetStaticInfo",
    3203: "Qot_GetSecuritySnapshot",
    3204: "Qot_GetPlateSet",
    3205: "Qot_GetPlateSecurity",
    3206: "Qot_GetReference",
    3207: "Qot_GetOwnerPlate",
    3209: "Qot_GetOptionChain",
    3210: "Qot_GetWarrant",
    3211: "Qot_GetCapitalFlow",
    3212: "Qot_GetCapitalDistribution",
    3213: "Qot_GetUserSecurity",
    3215: "Qot_StockFilter",
    3217: "Qot_GetIpoList",
    3218: "Qot_GetFutureInfo",
    3223: "Qot_GetMarketState",
}

_PUSHES = {
    1003: "Notify",
    2208: "Trd_UpdateOrder",
    2218: "Trd_UpdateOrderFill",
    3005: "Qot_UpdateBasicQot",
    3007: "Qot_UpdateKL",
    3009: "Qot_UpdateRT",
    3011: "Qot_UpdateTicker",
    3013: "Qot_UpdateOrderBook",
    3015: "Qot_UpdateBroker",
    3019: "Qot_UpdatePriceReminder",
}

PROTOCOLS: dict[int, Protocol] = {
    **{number: Protocol(number, name) for number, name in _REQUESTS.items()},
    **{number: Protocol(number, name, is_push=True) for number, name in _PUSHES.items()},
}
"""Every protocol that the gateway or its simulator speaks, by number."""


@cache
def protocol_named(name: str) -> Protocol:
    """The protocol whose .proto package is `name`. Raises KeyError if there is none."""
    for protocol in PROTOCOLS.values():
        if protocol.name == name:
            return protocol
    raise KeyError(name)
