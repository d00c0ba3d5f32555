"""The figures to reach, as data. Each is made of readings, round by round, and has one limit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bench.reading import BARE_SOCKET, EMPTY, FLASK_SOCK, GATEWAY, JSON_FORMAT, SDK, Readings

Values: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """`values` gives one value a round; their median has to be at least, or at most, the limit.

    `by_cpu` gives the same ratio in processor time of the workers, which a busy machine hardly moves; it is
    shown beside, and judges nothing. Both raise KeyError when what they are made of was not measured.
    """

    work: str
    what: str
    values: Callable[[Readings], Values]
    limit: float
    is_at_least: bool
    unit: str = "times"
    by_cpu: Callable[[Readings], Values] | None = None

    def is_reached(self, median: float) -> bool:
        return median >= self.limit if self.is_at_least else median <= self.limit


def _ratio(work: str, quantity: str, over: str, under: str) -> Callable[[Readings], Values]:
    def values(readings: Readings) -> Values:
        pairs = zip(
            readings.values(work, over, quantity), readings.values(work, under, quantity), strict=True
        )
        return tuple(each / other for each, other in pairs)

    return values


def _throughput(work: str, of: str, whose: str, limit: float) -> Figure:
    """The gateway's requests a second against a baseline's, measured in the same rounds."""
    return Figure(
        work,
        f"requests/s, of {whose}",
        _ratio(work, "throughput", GATEWAY, of),
        limit,
        is_at_least=True,
        by_cpu=_ratio(work, "worker cpu", of, GATEWAY),
    )


def _own(work: str, quantity: str) -> Callable[[Readings], Values]:
    return lambda readings: readings.values(work, GATEWAY, quantity)


def _added(readings: Readings) -> Values:
    """What the gateway adds to an empty view and a bare round trip."""
    work = "quote, one client"
    ours, empty, bare = (readings.values(work, each, "p50") for each in (GATEWAY, EMPTY, BARE_SOCKET))
    return tuple(p50 - one - other for p50, one, other in zip(ours, empty, bare, strict=True))


def _tail(readings: Readings) -> Values:
    work = "quote, one client"
    pairs = zip(*(readings.values(work, GATEWAY, each) for each in ("p99", "p50")), strict=True)
    return tuple(p99 / p50 for p99, p50 in pairs)


FIGURES = (
    _throughput("quote", EMPTY, "(a)'s", 0.60),
    _throughput("quote", SDK, "(b)'s", 6),
    Figure("quote, one client", "p50 beyond (a) + (c)", _added, 0.3, False, "ms"),
    Figure("quote, one client", "p99, of p50", _tail, 3, False),
    _throughput("history K-line", SDK, "(b)'s", 8),
    _throughput("snapshot of 20", SDK, "(b)'s", 5),
    Figure("encode", "(d)'s time, of the codec's", _ratio("encode", "time", JSON_FORMAT, GATEWAY), 6, True),
    Figure("decode", "(d)'s time, of the codec's", _ratio("decode", "time", JSON_FORMAT, GATEWAY), 6, True),
    _throughput("order", EMPTY, "(a)'s", 0.15),
    Figure("order", "p50 of checks, ledger and audit", _own("order", "added p50"), 2, False, "ms"),
    Figure("fan-out", "messages/s, of (e)'s", _ratio("fan-out", "throughput", GATEWAY, FLASK_SOCK), 4, True),
    Figure("fan-out", "p99 at half of the peak", _own("fan-out", "p99"), 50, False, "ms"),
    Figure("memory", "resident, idle", _own("memory", "idle"), 85, False, "MB"),
    Figure("memory", "resident, after the load", _own("memory", "after the load"), 85, False, "MB"),
    Figure("memory", "growth from minute 2 to 10", _own("memory", "growth"), 1, False, "MB"),
    Figure("start", "a worker to its first answer", _own("start", "first answer"), 1.5, False, "s"),
)
