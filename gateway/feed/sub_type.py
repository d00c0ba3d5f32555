"""Which `SubType` a K-line period and a kind of order book belong to."""

from collections.abc import Mapping

from gateway.schema.descriptors import enum

SUB_TYPE: Mapping[str, int] = {
    value.name.removeprefix("SubType_"): value.number for value in enum("Qot_Common.SubType").values
}
"""`Basic`, `KL_Day` and the others -> the number of the protocol."""

_KLINE_TYPE: Mapping[int, str] = {
    value.number: value.name.removeprefix("KLType_") for value in enum("Qot_Common.KLType").values
}
_ODD_LOTS: int = enum("Qot_Common.OrderBookType").values_by_name["OrderBookType_Odd"].number


def kline_sub_type(kl_type: int) -> int | None:
    """The sub type of a `KLType` number; None where nothing can be subscribed for it."""
    name = _KLINE_TYPE.get(kl_type, "Unknown")
    return SUB_TYPE.get(f"KL_{'Qurater' if name == 'Quarter' else name}")  # the protocol's own spelling


def order_book_sub_type(order_book_type: int) -> int:
    """The sub type of an `OrderBookType` number; whatever is not odd lots is board lots."""
    return SUB_TYPE["OrderBook_Odd" if order_book_type == _ODD_LOTS else "OrderBook"]
