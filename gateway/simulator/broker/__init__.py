"""The trade side of the simulator: accounts, orders, matching, funds and their queries."""

from gateway.simulator.broker.broker import Broker
from gateway.simulator.broker.handlers import trade_handlers

__all__ = ["Broker", "trade_handlers"]
