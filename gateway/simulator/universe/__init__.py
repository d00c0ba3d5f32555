"""The simulated universe: some fifty securities, their derivatives, plates and watchlists."""

from gateway.simulator.universe.universe import Universe, key_from_text

__all__ = ["Universe", "key_from_text"]
