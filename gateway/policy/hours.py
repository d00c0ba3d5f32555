"""Times of day in a zone: the windows in which a key may trade, and the moment its day begins.

All of it is the zone's own wall clock. Where a zone leaves out an hour in spring, a window inside
that hour does not open on that day; where it repeats one in autumn, the window opens twice.
"""

import re
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache

DEFAULT_ZONE = "UTC"

_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_WINDOW = re.compile(rf"(?P<start>{_TIME})-(?P<end>{_TIME}|24:00)(?: (?P<zone>\S+))?")
_RESET = re.compile(rf"(?P<at>{_TIME})(?: (?P<zone>\S+))?")
_DAY = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1, 9999
"""Parts of these two lie, seen from another zone, outside of what a date can be."""
_SEARCH_DAYS = 8
"""A window that does not open within so many days is taken for one that never does."""


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _zone(name: str | None) -> zoneinfo.ZoneInfo:
    if name is not None and name not in _zone_names():
        raise ValueError(f"{name} is no time zone; write one such as Asia/Hong_Kong, or leave it out for UTC")
    return zoneinfo.ZoneInfo(name or DEFAULT_ZONE)


@dataclass(frozen=True, slots=True)
class HoursWindow:
    """A part of every day, from `start` up to but not including `end`; `end` None is midnight.

    A window whose end is before its start crosses midnight.
    """

    start: time
    end: time | None
    zone: zoneinfo.ZoneInfo

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{format(self.end, '%H:%M') if self.end else '24:00'} {self.zone.key}"

    def is_open(self, now_s: float) -> bool:
        """Whether wall time `now_s` lies in the window."""
        local = datetime.fromtimestamp(now_s, self.zone).time()
        if self.end is None:
            return self.start <= local
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def next_opening_s(self, now_s: float) -> float | None:
        """When the window opens next after `now_s`; None if it does not within a week."""
        moments = (moment for moment in _moments(self.start, self.zone, now_s) if moment > now_s)
        return min(filter(self.is_open, moments), default=None)


def _moments(at: time, zone: zoneinfo.ZoneInfo, now_s: float) -> Iterator[float]:
    """The moments near `now_s` at which a zone's clock shows `at`; in autumn one day has two."""
    today = datetime.fromtimestamp(now_s, zone).date()
    for day in range(-1, _SEARCH_DAYS + 1):
        for fold in (0, 1):
            yield datetime.combine(today + day * _DAY, at.replace(fold=fold), zone).timestamp()


def parse_window(text: str) -> HoursWindow:
    """Read `09:30-16:00 Asia/Hong_Kong`; without a zone it is UTC. Raises ValueError with a sentence."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("must be a window such as 09:30-16:00 Asia/Hong_Kong, with two digits everywhere")
    end = None if match["end"] == "24:00" else time.fromisoformat(match["end"])
    window = HoursWindow(time.fromisoformat(match["start"]), end, _zone(match["zone"]))
    if window.start == window.end:
        raise ValueError("begins and ends at the same time; a whole day is 00:00-24:00")
    return window


def is_any_open(windows: Iterable[HoursWindow], now_s: float) -> bool:
    """Whether one of the windows is open; of none, none is."""
    return any(window.is_open(now_s) for window in windows)


def next_opening_s(windows: Iterable[HoursWindow], now_s: float) -> float | None:
    """When the first of the windows opens next."""
    openings = (window.next_opening_s(now_s) for window in windows)
    return min((opening for opening in openings if opening is not None), default=None)


@dataclass(frozen=True, slots=True)
class DailyReset:
    """The time of day at which a key's daily sums begin again."""

    at: time = time(0)
    zone: zoneinfo.ZoneInfo = zoneinfo.ZoneInfo(DEFAULT_ZONE)  # noqa: RUF009 - immutable, and cached by its name

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.zone.key}"

    def day_s(self, now_s: float) -> tuple[float, float]:
        """The day that `now_s` lies in: its start, and the start of the next."""
        today = datetime.fromtimestamp(now_s, self.zone).date()
        starts = [
            datetime.combine(today + shift * _DAY, self.at, self.zone).timestamp() for shift in (-1, 0, 1, 2)
        ]
        return max(start for start in starts if start <= now_s), min(
            start for start in starts if start > now_s
        )


def parse_reset(text: str) -> DailyReset:
    """Read `00:00 Asia/Hong_Kong`; without a zone it is UTC. Raises ValueError with a sentence."""
    match = _RESET.fullmatch(text)
    if match is None:
        raise ValueError("must be a time such as 00:00 Asia/Hong_Kong, with two digits everywhere")
    return DailyReset(time.fromisoformat(match["at"]), _zone(match["zone"]))


def parse_moment(text: str) -> float:
    """Read a moment such as `2027-01-01T00:00:00Z` as wall seconds. Raises ValueError with a sentence."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise ValueError("must be a moment with its zone, such as 2027-01-01T00:00:00Z")
    return moment.timestamp()


def format_moment(moment_s: float) -> str:
    """A moment as `parse_moment` reads it, in UTC, to the second."""
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
