"""Which subscriptions each real-time read needs."""

from collections.abc import Callable, Iterable, Mapping

from gateway.claim import Subscription
from gateway.schema.descriptors import WireMessage, enum

_SUB_TYPE: Mapping[str, int] = {
    value.name.removeprefix("SubType_"): value.number for value in enum("Qot_Common.SubType").values
}
_KLINE_TYPE: Mapping[int, str] = {
    value.number: value.name.removeprefix("KLType_") for value in enum("Qot_Common.KLType").values
}
_ODD_LOTS: int = enum("Qot_Common.OrderBookType").values_by_name["OrderBookType_Odd"].number


def _kline(c2s: WireMessage) -> int | None:
    name = _KLINE_TYPE.get(c2s.klType, "Unknown")
    return _SUB_TYPE.get(f"KL_{'Qurater' if name == 'Quarter' else name}")  # the protocol's own spelling


def _order_book(c2s: WireMessage) -> int | None:
    return _SUB_TYPE["OrderBook_Odd" if c2s.orderBookType == _ODD_LOTS else "OrderBook"]


_SUB_TYPE_OF: Mapping[str, Callable[[WireMessage], int | None]] = {
    "Qot_GetBasicQot": lambda c2s: _SUB_TYPE["Basic"],
    "Qot_GetKL": _kline,
    "Qot_GetRT": lambda c2s: _SUB_TYPE["RT"],
    "Qot_GetTicker": lambda c2s: _SUB_TYPE["Ticker"],
    "Qot_GetOrderBook": _order_book,
    "Qot_GetBroker": lambda c2s: _SUB_TYPE["Broker"],
}


def needs(protocol_name: str, request: WireMessage) -> tuple[Subscription, ...]:
    """The subscriptions that OpenD wants before it answers this real-time read.

    Empty for a K-line type that nothing can be subscribed for; OpenD's own refusal then stands.
    Raises KeyError for a protocol that is not a real-time read.
    """
    sub_type = _SUB_TYPE_OF[protocol_name](request.c2s)
    return () if sub_type is None else product(_securities(protocol_name, request), (sub_type,))


def product(securities: Iterable[WireMessage], sub_types: Iterable[int]) -> tuple[Subscription, ...]:
    """Each security with each sub type once, as OpenD reads the two lists of a `Qot_Sub`.

    Lists that repeat themselves cost no more than they say: the product is of what is distinct.
    """
    distinct_securities = dict.fromkeys((security.market, security.code) for security in securities)
    distinct_sub_types = tuple(dict.fromkeys(sub_types))
    return tuple(
        Subscription(market, code, sub_type)
        for market, code in distinct_securities
        for sub_type in distinct_sub_types
    )


def _securities(protocol_name: str, request: WireMessage) -> tuple[WireMessage, ...]:
    if protocol_name == "Qot_GetBasicQot":
        return tuple(request.c2s.securityList)
    return (request.c2s.security,)
