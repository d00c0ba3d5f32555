"""Which real-time data each type of security has."""

from gateway.simulator.model import Instrument, QotMarket, SecurityType

BASIC, ORDER_BOOK, TICKER, RT, BROKER = 1, 2, 4, 5, 14

KLINE_TYPES = {
    6: 2, 7: 6, 8: 7, 9: 8, 10: 9, 11: 1, 12: 3, 13: 4, 15: 11, 16: 5, 17: 10, 18: 12, 19: 13, 20: 14, 21: 15,
}  # fmt: skip
"""The `Qot_Common.KLType` of each K-line `Qot_Common.SubType`."""

_EVERY = frozenset({BASIC, RT, *KLINE_TYPES})
_TRADED = _EVERY | {ORDER_BOOK, TICKER}
_QUEUED = _TRADED | {BROKER}

_BY_TYPE = {SecurityType.INDEX: _EVERY, SecurityType.PLATE: _EVERY}
_QUEUED_TYPES = (SecurityType.EQUITY, SecurityType.TRUST, SecurityType.WARRANT)


def sub_types(instrument: Instrument) -> frozenset[int]:
    """The `Qot_Common.SubType`s that a security can be subscribed to.

    Indices and plates are not traded, so they have no book, ticks or brokers. Only Hong Kong publishes
    broker queues, and not for its derivatives.
    """
    if instrument.key.market == QotMarket.HK and instrument.security_type in _QUEUED_TYPES:
        return _QUEUED
    return _BY_TYPE.get(instrument.security_type, _TRADED)
