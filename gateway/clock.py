"""Time, injected: nothing in the gateway reads a clock but through one of these."""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people and OpenD see, monotonic time for deadlines."""

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC; may step when the machine's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never steps back, and goes on while the process is stopped."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; goes on while the machine sleeps, where the system can tell."""
        return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Elsewhere orders of this machine may have been given up while it slept: their deadlines pass as well."""


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told: time can be repeated, and nobody has to wait for it."""

    wall: float
    monotonic: float = 0.0

    def wall_s(self) -> float:
        """The wall time last set."""
        return self.wall

    def monotonic_s(self) -> float:
        """The monotonic time last reached."""
        return self.monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward together. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError("a clock that is advanced cannot go back; set `wall` to step it")
        self.wall += seconds
        self.monotonic += seconds
