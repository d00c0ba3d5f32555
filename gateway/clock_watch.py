"""Notices when the wall clock is set, by the monotonic one, for those who measure windows by wall time."""

import math
from collections import deque

from gateway.clock import Clock

KEEP_S = 3600.0
"""How long it is remembered what the wall clock said; a longer window counts its steps of this time."""

SAMPLE_S = 1.0
TOLERANCE_S = 0.05
"""What a clock that is only being corrected gains in a minute, and more than reading it takes."""


class ClockWatch:
    """How far the wall clock was set ahead lately. Whoever shares it looks often, so that it knows when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque()
        self.look()

    def look(self) -> None:
        """Note what the clocks say now."""
        self._sample()

    def stretch_s(self, window_s: float) -> int:
        """By how many whole seconds a window of wall time that ends now has to be longer.

        That is how far the wall clock has gained on the monotonic one in the window: without them, what
        happened in it would be taken for older than it is.
        """
        now_s, least_ahead_s = self._sample()
        lowest_s = math.inf
        for at_s, most_ahead_s in reversed(self._samples):
            lowest_s = min(lowest_s, most_ahead_s)
            if at_s < now_s - window_s:
                break
        return max(0, math.ceil(least_ahead_s - lowest_s - TOLERANCE_S))

    def _sample(self) -> tuple[float, float]:
        """Monotonic time, and the least that the wall clock is ahead of it; the most is remembered.

        The two differ where this process was held up between its looks at the clocks.
        """
        before_s = self._clock.monotonic_s()
        wall_s = self._clock.wall_s()
        after_s = self._clock.monotonic_s()
        self._remember(before_s, wall_s - before_s)
        return after_s, wall_s - after_s

    def _remember(self, at_s: float, most_ahead_s: float) -> None:
        samples = self._samples
        if samples and at_s - samples[-1][0] < SAMPLE_S:
            latest_s, known_s = samples[-1]
            samples[-1] = (latest_s, min(known_s, most_ahead_s))
            return
        samples.append((at_s, most_ahead_s))
        while at_s - samples[0][0] > KEEP_S:
            samples.popleft()
