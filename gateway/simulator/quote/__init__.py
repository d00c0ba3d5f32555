"""The quote side of the simulated OpenD: handlers for reads, and the contents of pushes."""

from gateway.simulator.market.market import Market
from gateway.simulator.model import Handler
from gateway.simulator.quote.capital import CapitalHandlers
from gateway.simulator.quote.history import HistoryHandlers
from gateway.simulator.quote.listing_info import ListingHandlers
from gateway.simulator.quote.option_chain import OptionChainHandlers
from gateway.simulator.quote.plates import PlateHandlers
from gateway.simulator.quote.realtime import RealtimeHandlers
from gateway.simulator.quote.snapshot import SnapshotHandlers
from gateway.simulator.quote.static import StaticHandlers
from gateway.simulator.quote.stock_filter import StockFilterHandlers
from gateway.simulator.quote.warrant import WarrantHandlers

__all__ = ["quote_handlers"]

_FAMILIES = (
    RealtimeHandlers,
    HistoryHandlers,
    SnapshotHandlers,
    StaticHandlers,
    PlateHandlers,
    OptionChainHandlers,
    WarrantHandlers,
    CapitalHandlers,
    StockFilterHandlers,
    ListingHandlers,
)


def quote_handlers(market: Market) -> dict[int, Handler]:
    """The handlers of all quote reads by protocol number.

    They check neither subscriptions nor frequency limits.
    """
    return {proto_id: handler for family in _FAMILIES for proto_id, handler in family(market).table().items()}
