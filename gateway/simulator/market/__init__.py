"""The deterministic market: seed and clock in, prices, books and histories out."""

from gateway.simulator.market.calendar import Hours
from gateway.simulator.market.market import Market

__all__ = ["Hours", "Market"]
