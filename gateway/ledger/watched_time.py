"""The time that leases are measured in: it passes only while workers watch it.

A wall clock may be set, a machine may sleep, and the clocks of several machines differ. None of
this may end the lease of a worker that lives, or keep that of a dead one for ever. So a lease does not end
at a wall time. Its worker renews it every half second, and so do the others; the ledger adds up the
wall time between one renewal, by whomever, and the next, and a lease has ended once it was not
renewed for its length of that sum.

- Between two renewals at most `WATCH_GAP_S` can pass; a longer step forward, whether the clock was
  set, the machine slept or no worker ran, counts as nothing. Workers that live renew meanwhile.
- A step back of the clock counts as nothing, and the sum goes on from there.
- Of machines whose clocks differ by less than `CLOCK_TOLERANCE_S` the one ahead makes the time.
  Where they differ by more little or no time is watched: ended workers count as living for longer.

What holds: of two renewals less than a lease's length apart, by a clock that nobody sets, the second
finds the lease alive, and while any worker renews in time, a dead worker's lease ends
after its length and `WATCH_GAP_S` at the most. While no worker runs, leases stay as they are.
"""

from dataclasses import dataclass

from gateway.ledger.base import CLOCK_TOLERANCE_S, MICROS

WATCH_GAP_S = 0.75
"""The longest time between two renewals that is taken as having passed. A lease is this much longer
than its worker was told, since a small step of the clock cannot be told from time."""

LEASE_KEEP_S = 10
"""How much longer a lease that has ended is kept, and its claims: a worker that was only late finds
them again when it renews."""

WATCH_GAP_US = round(WATCH_GAP_S * MICROS)
LEASE_KEEP_US = LEASE_KEEP_S * MICROS
CLOCK_TOLERANCE_US = CLOCK_TOLERANCE_S * MICROS


@dataclass(frozen=True, slots=True)
class WatchedTime:
    """`watched_us` is the sum at the latest renewal, which was at the wall time `last_us`."""

    last_us: int = 0
    watched_us: int = 0

    def at_us(self, now_us: int) -> int:
        """The sum at a wall time."""
        passed_us = now_us - self.last_us
        return self.watched_us + (passed_us if 0 < passed_us <= WATCH_GAP_US else 0)

    def renewed(self, now_us: int) -> "WatchedTime":
        """The time after a renewal at a wall time."""
        if -CLOCK_TOLERANCE_US <= now_us - self.last_us <= 0:
            return self
        return WatchedTime(now_us, self.at_us(now_us))
