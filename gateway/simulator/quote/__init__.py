"""The quote side of the simulated OpenD: handlers for reads, and the contents of pushes."""

from gateway.simulator.market.market import Market
from gateway.simulator.model import Handler
from gateway.simulator.quote.realtime import RealtimeHandlers
from gateway.simulator.quote.static import StaticHandlers

__all__ = ["quote_handlers"]

_FAMILIES = (RealtimeHandlers, StaticHandlers)


def quote_handlers(market: Market) -> dict[int, Handler]:
    """The handlers of all quote reads by protocol number.

    They check neither subscriptions nor frequency limits.
    """
    return {proto_id: handler for family in _FAMILIES for proto_id, handler in family(market).table().items()}
