"""How long to wait before OpenD is tried again: exponential, with full jitter."""

from collections.abc import Callable

FIRST_CEILING_S = 0.5
LAST_CEILING_S = 10.0


class Backoff:
    """Delays between tries: the first below 0.5 s, the ceiling doubling, none above 10 s.

    Full jitter (any length from 0 to the ceiling) keeps the workers of a host from trying in step.
    `jitter` gives a number from 0 to 1, as `random.random` does.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._ceiling_s = FIRST_CEILING_S

    def next_delay_s(self) -> float:
        """The delay before the next try; each call counts as a try that failed."""
        delay_s = self._jitter() * self._ceiling_s
        self._ceiling_s = min(2 * self._ceiling_s, LAST_CEILING_S)
        return delay_s

    def reset(self) -> None:
        """Begin again with the first ceiling, after a success."""
        self._ceiling_s = FIRST_CEILING_S
