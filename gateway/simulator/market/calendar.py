"""When markets trade: time zones, days, sessions and `Qot_Common.QotMarketState`.

With `Hours.ALWAYS` a trading day is a whole local calendar day, every day of the week. With
`Hours.EXCHANGE` it is the exchange's regular session on weekdays; holidays are not known.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum, IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.simulator.model import Instrument, QotMarket, SecurityType

MINUTE_S = 60
_DAY = timedelta(days=1)
_SATURDAY = 5


class Hours(Enum):
    """Which trading hours the simulated markets keep."""

    ALWAYS = "always"
    EXCHANGE = "exchange"


class MarketState(IntEnum):
    """The values of `Qot_Common.QotMarketState` that the simulated markets go through."""

    NONE = 0
    AUCTION = 1
    WAITING_OPEN = 2
    MORNING = 3
    REST = 4
    AFTERNOON = 5
    CLOSED = 6
    PRE_MARKET_BEGIN = 8
    AFTER_HOURS_BEGIN = 10
    AFTER_HOURS_END = 11
    FUTURE_DAY_OPEN = 15
    FUTURE_DAY_BREAK = 16
    FUTURE_DAY_CLOSE = 17
    FUTURE_DAY_WAIT_FOR_OPEN = 18
    HK_CAS = 19


Schedule = tuple[tuple[int, int], ...]
"""Sessions as (first minute, end minute) of the local day."""

StateTable = tuple[tuple[int, MarketState], ...]
"""From which minute of the local day each state holds; the first entry is for minute 0."""


@dataclass(frozen=True, slots=True)
class Venue:
    """A market with its own hours: sessions and states on a trading day of the exchange."""

    zone: ZoneInfo
    sessions: Schedule
    states: StateTable
    always_states: StateTable


def _at(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _states(*rows: tuple[str, MarketState]) -> StateTable:
    return tuple((_at(text), state) for text, state in rows)


_S = MarketState
_HALF_DAYS = _states(("00:00", _S.MORNING), ("12:00", _S.AFTERNOON))
_HONG_KONG = Venue(
    ZoneInfo("Asia/Hong_Kong"),
    ((_at("09:30"), _at("12:00")), (_at("13:00"), _at("16:00"))),
    _states(
        ("00:00", _S.CLOSED), ("08:55", _S.NONE), ("09:00", _S.AUCTION), ("09:20", _S.WAITING_OPEN),
        ("09:30", _S.MORNING), ("12:00", _S.REST), ("13:00", _S.AFTERNOON), ("16:00", _S.HK_CAS),
        ("16:08", _S.CLOSED),
    ),
    _HALF_DAYS,
)  # fmt: skip
_HONG_KONG_FUTURES = Venue(
    ZoneInfo("Asia/Hong_Kong"),
    ((_at("09:15"), _at("12:00")), (_at("13:00"), _at("16:30"))),
    _states(
        ("00:00", _S.FUTURE_DAY_CLOSE), ("08:45", _S.FUTURE_DAY_WAIT_FOR_OPEN), ("09:15", _S.FUTURE_DAY_OPEN),
        ("12:00", _S.FUTURE_DAY_BREAK), ("13:00", _S.FUTURE_DAY_OPEN), ("16:30", _S.FUTURE_DAY_CLOSE),
    ),
    _states(("00:00", _S.FUTURE_DAY_OPEN)),
)  # fmt: skip
_UNITED_STATES = Venue(
    ZoneInfo("America/New_York"),
    ((_at("09:30"), _at("16:00")),),
    _states(
        ("00:00", _S.AFTER_HOURS_END), ("04:00", _S.PRE_MARKET_BEGIN), ("09:30", _S.AFTERNOON),
        ("16:00", _S.AFTER_HOURS_BEGIN), ("20:00", _S.AFTER_HOURS_END),
    ),
    _states(("00:00", _S.AFTERNOON)),
)  # fmt: skip
_MAINLAND = Venue(
    ZoneInfo("Asia/Shanghai"),
    ((_at("09:30"), _at("11:30")), (_at("13:00"), _at("15:00"))),
    _states(
        ("00:00", _S.CLOSED), ("09:15", _S.AUCTION), ("09:25", _S.WAITING_OPEN), ("09:30", _S.MORNING),
        ("11:30", _S.REST), ("13:00", _S.AFTERNOON), ("15:00", _S.CLOSED),
    ),
    _HALF_DAYS,
)  # fmt: skip

_VENUES = {
    QotMarket.HK: _HONG_KONG,
    QotMarket.HK_FUTURE: _HONG_KONG_FUTURES,
    QotMarket.US: _UNITED_STATES,
    QotMarket.SH: _MAINLAND,
    QotMarket.SZ: _MAINLAND,
}


def venue_market(instrument: Instrument) -> QotMarket:
    """The market whose hours an instrument keeps: Hong Kong futures have their own."""
    if instrument.security_type == SecurityType.FUTURE:
        return QotMarket.HK_FUTURE
    return QotMarket(instrument.key.market)


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One trading day: its sessions in seconds since the epoch, and how many minutes they hold."""

    day: date
    sessions: tuple[tuple[int, int], ...]
    minute_count: int

    @property
    def opens_s(self) -> int:
        """When its first minute begins."""
        return self.sessions[0][0]

    def minute_start(self, minute: int) -> int:
        """When trading minute `minute`, counted from 0, begins."""
        for start, end in self.sessions:
            count = (end - start) // MINUTE_S
            if minute < count:
                return start + minute * MINUTE_S
            minute -= count
        raise IndexError(minute)

    def minute_at(self, moment_s: float) -> int:
        """The trading minute at a moment, or the last one before it; -1 before the first."""
        passed = 0
        for start, end in self.sessions:
            if moment_s < start:
                break
            passed += (int(min(moment_s, end - 1)) - start) // MINUTE_S + 1
        return passed - 1


class Calendar:
    """The days, sessions and states of one venue."""

    def __init__(self, market: QotMarket, hours: Hours) -> None:
        self._venue = _VENUES[market]
        self._hours = hours
        self.zone = self._venue.zone
        self.trading_day = lru_cache(maxsize=8192)(self._trading_day)

    @property
    def regular_sessions(self) -> Schedule:
        """The exchange's sessions in minutes of the local day, whatever hours the simulation keeps."""
        return self._venue.sessions

    def is_trading_day(self, day: date) -> bool:
        """Whether there is trading on a local calendar day."""
        return self._hours is Hours.ALWAYS or day.weekday() < _SATURDAY

    def previous_day(self, day: date) -> date:
        """The trading day before `day`."""
        day -= _DAY
        while not self.is_trading_day(day):
            day -= _DAY
        return day

    def days(self, first: date, last: date) -> list[date]:
        """The trading days from `first` to `last`, both included."""
        days = map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
        return list(days) if self._hours is Hours.ALWAYS else list(filter(self.is_trading_day, days))

    def local(self, moment_s: float) -> datetime:
        """A moment in local time."""
        return datetime.fromtimestamp(moment_s, self.zone)

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), self.zone).timestamp())

    def _trading_day(self, day: date) -> TradingDay:
        """The sessions of a trading day."""
        midnight = self._midnight(day)
        if self._hours is Hours.ALWAYS:
            sessions: tuple[tuple[int, int], ...] = ((midnight, self._midnight(day + _DAY)),)
        else:
            sessions = tuple(
                (self._local_minute(day, first), self._local_minute(day, end))
                for first, end in self._venue.sessions
            )
        return TradingDay(day, sessions, sum(end - start for start, end in sessions) // MINUTE_S)

    def _local_minute(self, day: date, minute: int) -> int:
        return int(datetime.combine(day, time(*divmod(minute, 60)), self.zone).timestamp())

    def current_day(self, moment_s: float) -> TradingDay:
        """The trading day that has begun last: before the open it is still the previous one."""
        day = self.local(moment_s).date()
        if self.is_trading_day(day) and self.trading_day(day).opens_s <= moment_s:
            return self.trading_day(day)
        return self.trading_day(self.previous_day(day))

    def is_open(self, moment_s: float) -> bool:
        """Whether a session is on."""
        day = self.current_day(moment_s)
        return any(start <= moment_s < end for start, end in day.sessions)

    def state(self, moment_s: float) -> MarketState:
        """The market's state. On a day without trading it is the one of the night."""
        local = self.local(moment_s)
        table = self._venue.states
        if self._hours is Hours.ALWAYS:
            table = self._venue.always_states
        elif not self.is_trading_day(local.date()):
            return table[0][1]
        minute = local.hour * 60 + local.minute
        return table[bisect_right(table, minute, key=lambda row: row[0]) - 1][1]
