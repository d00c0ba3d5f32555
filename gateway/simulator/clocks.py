"""The simulator's time: the machine's, a frozen moment, or a chosen start that runs at a chosen speed."""

from datetime import UTC, datetime

from gateway.clock import Clock, ManualClock, SystemClock


class RunningClock:
    """Wall time from a chosen start, `speed` times as fast as `base`.

    Monotonic time is `base`'s own: heartbeats and frequency limits stay in real seconds however fast
    the market's day passes.
    """

    def __init__(self, start_s: float, speed: float, base: Clock) -> None:
        if speed <= 0:
            raise ValueError(f"the clock's speed must be above zero, not {speed}")
        self._start_s = start_s
        self._speed = speed
        self._base = base
        self._base_start_s = base.monotonic_s()

    def wall_s(self) -> float:
        """Seconds since the Unix epoch in the simulated day."""
        return self._start_s + (self._base.monotonic_s() - self._base_start_s) * self._speed

    def monotonic_s(self) -> float:
        """Real seconds."""
        return self._base.monotonic_s()


def parse_clock(text: str, base: Clock | None = None) -> Clock:
    """The clock that `text` names: `real`, `2026-03-02T10:00:00+08:00` or the same with `@2.5`.

    A time without `@speed` stands still until it is moved. A time without a zone is UTC. Raises
    ValueError for anything else.
    """
    real = base or SystemClock()
    if text == "real":
        return real
    moment, _, speed = text.partition("@")
    start = datetime.fromisoformat(moment)
    start_s = (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()
    if not speed:
        return ManualClock(wall=start_s)
    return RunningClock(start_s, float(speed), real)
