"""What a worker does again and again in the background."""

import logging
from collections.abc import Callable

import gevent

_log = logging.getLogger(__name__)


class Repetition:
    """Does `act` in a greenlet of its own, from `open` to `close`, with a pause after each time.

    `pause_s` tells how long. A defect is logged as what failed, `name`, and does not end it.
    """

    def __init__(self, name: str, act: Callable[[], None], pause_s: Callable[[], float]) -> None:
        self._name = name
        self._act = act
        self._pause_s = pause_s
        self._greenlet: gevent.Greenlet[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is between `open` and `close`."""
        return self._greenlet is not None

    def open(self) -> None:
        """Begin, at once, in the process that shall do it."""
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """End, also in the middle of what is being done; without `open`, nothing."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def _run(self) -> None:
        while True:
            try:
                self._act()
            except Exception:  # noqa: BLE001 - whatever it is, it has to be done again
                _log.exception("%s failed", self._name)
            gevent.sleep(self._pause_s())
