"""Measures how long a worker's event loop stands still: a greenlet sleeps, and looks how late it wakes."""

import gevent

from gateway.clock import Clock
from gateway.metrics.table import HUB_LATENESS_SECONDS

INTERVAL_S = 0.05
"""How long it sleeps: stalls that are longer are always seen, shorter ones now and then."""


class HubWatch:
    """Measures from `open` to `close`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def open(self) -> None:
        """Measure in the background."""
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """Measure no longer."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        while True:
            slept_from_s = self._clock.monotonic_s()
            gevent.sleep(INTERVAL_S)
            slept_s = self._clock.monotonic_s() - slept_from_s
            HUB_LATENESS_SECONDS.observe(max(0.0, slept_s - INTERVAL_S))
