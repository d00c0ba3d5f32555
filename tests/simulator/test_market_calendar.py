from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.simulator.market.calendar import Calendar, Hours, MarketState
from gateway.simulator.model import QotMarket

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("clock_time", "state"),
    [
        ("08:00", MarketState.CLOSED),
        ("08:55", MarketState.NONE),
        ("09:00", MarketState.AUCTION),
        ("09:20", MarketState.WAITING_OPEN),
        ("09:30", MarketState.MORNING),
        ("12:00", MarketState.REST),
        ("13:00", MarketState.AFTERNOON),
        ("16:00", MarketState.HK_CAS),
        ("16:08", MarketState.CLOSED),
    ],
)
def test_hong_kong_states_follow_the_local_clock(clock_time: str, state: MarketState) -> None:
    calendar = Calendar(QotMarket.HK, Hours.EXCHANGE)

    assert calendar.state(at(f"2026-11-23 {clock_time}", HONG_KONG)) == state


@pytest.mark.parametrize(
    ("clock_time", "state"),
    [
        ("03:59", MarketState.AFTER_HOURS_END),
        ("04:00", MarketState.PRE_MARKET_BEGIN),
        ("09:30", MarketState.AFTERNOON),
        ("16:00", MarketState.AFTER_HOURS_BEGIN),
        ("20:00", MarketState.AFTER_HOURS_END),
    ],
)
def test_us_states_follow_the_local_clock_in_winter_and_summer(clock_time: str, state: MarketState) -> None:
    calendar = Calendar(QotMarket.US, Hours.EXCHANGE)

    for day in ("2026-01-12", "2026-07-13"):
        assert calendar.state(at(f"{day} {clock_time}", NEW_YORK)) == state


@pytest.mark.parametrize("market", list(QotMarket))
def test_exchange_hours_are_closed_on_sunday_and_always_hours_are_open(market: QotMarket) -> None:
    sunday = at("2026-11-22 11:00", HONG_KONG)

    assert not Calendar(market, Hours.EXCHANGE).is_open(sunday)
    assert Calendar(market, Hours.ALWAYS).is_open(sunday)


@pytest.mark.parametrize(
    ("clock_time", "is_open"),
    [("09:29", False), ("09:30", True), ("11:59", True), ("12:30", False), ("15:59", True), ("16:00", False)],
)
def test_hong_kong_trades_in_its_sessions_only(clock_time: str, is_open: bool) -> None:
    calendar = Calendar(QotMarket.HK, Hours.EXCHANGE)

    assert calendar.is_open(at(f"2026-11-23 {clock_time}", HONG_KONG)) is is_open


def test_before_the_open_the_current_day_is_the_last_one_that_opened() -> None:
    calendar = Calendar(QotMarket.HK, Hours.EXCHANGE)

    assert calendar.current_day(at("2026-11-23 09:29", HONG_KONG)).day == date(2026, 11, 20)
    assert calendar.current_day(at("2026-11-23 09:30", HONG_KONG)).day == date(2026, 11, 23)


def test_minutes_count_on_after_the_lunch_break() -> None:
    day = Calendar(QotMarket.HK, Hours.EXCHANGE).trading_day(date(2026, 11, 23))

    assert day.minute_count == 330
    assert day.minute_at(at("2026-11-23 11:59:59", HONG_KONG)) == 149
    assert day.minute_at(at("2026-11-23 12:30", HONG_KONG)) == 149
    assert day.minute_at(at("2026-11-23 13:00", HONG_KONG)) == 150
    assert day.minute_start(150) == at("2026-11-23 13:00", HONG_KONG)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 7, 1), 24)]
)
def test_an_always_open_day_is_as_long_as_the_local_day(day: date, hours: int) -> None:
    trading_day = Calendar(QotMarket.US, Hours.ALWAYS).trading_day(day)

    assert trading_day.minute_count == hours * 60
    assert [trading_day.minute_at(trading_day.minute_start(n)) for n in (0, 100, hours * 60 - 1)] == [
        0, 100, hours * 60 - 1,
    ]  # fmt: skip
