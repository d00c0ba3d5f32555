"""Which subscriptions each real-time read needs."""

from collections.abc import Callable, Iterable, Mapping

from gateway.claim import Subscription
from gateway.feed.sub_type import SUB_TYPE, kline_sub_type, order_book_sub_type
from gateway.schema.descriptors import WireMessage

_SUB_TYPE_OF: Mapping[str, Callable[[WireMessage], int | None]] = {
    "Qot_GetBasicQot": lambda c2s: SUB_TYPE["Basic"],
    "Qot_GetKL": lambda c2s: kline_sub_type(c2s.klType),
    "Qot_GetRT": lambda c2s: SUB_TYPE["RT"],
    "Qot_GetTicker": lambda c2s: SUB_TYPE["Ticker"],
    "Qot_GetOrderBook": lambda c2s: order_book_sub_type(c2s.orderBookType),
    "Qot_GetBroker": lambda c2s: SUB_TYPE["Broker"],
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
