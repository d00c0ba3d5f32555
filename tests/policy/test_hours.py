import pytest
from fix_policy import at

from gateway.policy.hours import (
    DailyReset,
    format_moment,
    is_any_open,
    next_opening_s,
    parse_moment,
    parse_reset,
    parse_window,
)

HK, NY = "Asia/Hong_Kong", "America/New_York"


@pytest.mark.parametrize(
    ("window", "now", "zone", "expected"),
    [
        (f"09:30-12:00 {HK}", "2026-01-05T09:29:59.999", HK, False),
        (f"09:30-12:00 {HK}", "2026-01-05T09:30", HK, True),
        (f"09:30-12:00 {HK}", "2026-01-05T11:59:59.999", HK, True),
        (f"09:30-12:00 {HK}", "2026-01-05T12:00", HK, False),
        (f"09:30-12:00 {HK}", "2026-01-05T01:30", "UTC", True),
        ("09:30-12:00", "2026-01-05T09:30", "UTC", True),
        ("00:00-24:00", "2026-01-05T00:00", "UTC", True),
        ("00:00-24:00", "2026-01-05T23:59:59.999", "UTC", True),
        ("20:00-24:00", "2026-01-05T23:59:59.999", "UTC", True),
        ("20:00-24:00", "2026-01-05T00:00", "UTC", False),
        # crossing midnight
        (f"21:30-05:00 {HK}", "2026-01-05T21:29", HK, False),
        (f"21:30-05:00 {HK}", "2026-01-05T21:30", HK, True),
        (f"21:30-05:00 {HK}", "2026-01-06T00:00", HK, True),
        (f"21:30-05:00 {HK}", "2026-01-06T04:59", HK, True),
        (f"21:30-05:00 {HK}", "2026-01-06T05:00", HK, False),
        ("23:00-00:00", "2026-01-05T23:59", "UTC", True),
        ("23:00-00:00", "2026-01-06T00:00", "UTC", False),
        # summer and winter time keep the wall clock's opening
        (f"09:30-16:00 {NY}", "2026-01-05T14:30", "UTC", True),
        (f"09:30-16:00 {NY}", "2026-01-05T14:29", "UTC", False),
        (f"09:30-16:00 {NY}", "2026-07-06T13:30", "UTC", True),
        (f"09:30-16:00 {NY}", "2026-07-06T13:29", "UTC", False),
        # 2026-03-08: 02:00 to 03:00 does not exist
        (f"02:15-02:45 {NY}", "2026-03-08T06:59:59", "UTC", False),
        (f"02:15-02:45 {NY}", "2026-03-08T07:30", "UTC", False),
        (f"02:15-04:00 {NY}", "2026-03-08T07:00", "UTC", True),
        # 2026-11-01: 01:00 to 02:00 comes twice
        (f"01:15-01:45 {NY}", "2026-11-01T05:15", "UTC", True),
        (f"01:15-01:45 {NY}", "2026-11-01T05:50", "UTC", False),
        (f"01:15-01:45 {NY}", "2026-11-01T06:15", "UTC", True),
        (f"01:15-01:45 {NY}", "2026-11-01T06:45", "UTC", False),
    ],
)
def test_window(window: str, now: str, zone: str, expected: bool) -> None:
    assert parse_window(window).is_open(at(now, zone)) is expected


@pytest.mark.parametrize(
    ("windows", "now", "opening"),
    [
        (["09:30-12:00", "13:00-16:00"], "2026-01-05T12:00", "2026-01-05T13:00"),
        (["09:30-12:00", "13:00-16:00"], "2026-01-05T16:00", "2026-01-06T09:30"),
        ([f"09:30-16:00 {NY}"], "2026-01-05T22:00", "2026-01-06T14:30"),
        ([f"09:30-16:00 {NY}"], "2026-03-07T22:00", "2026-03-08T13:30"),
        ([f"02:15-02:45 {NY}"], "2026-03-08T06:59", "2026-03-09T06:15"),
        ([f"01:15-01:45 {NY}"], "2026-11-01T05:50", "2026-11-01T06:15"),
        (["21:30-05:00"], "2026-01-05T05:00", "2026-01-05T21:30"),
    ],
)
def test_next_opening(windows: list[str], now: str, opening: str) -> None:
    parsed = [parse_window(window) for window in windows]
    assert not is_any_open(parsed, at(now))
    assert next_opening_s(parsed, at(now)) == at(opening)


def test_no_window_is_never_open() -> None:
    assert not is_any_open([], at("2026-01-05T12:00"))
    assert next_opening_s([], at("2026-01-05T12:00")) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "09:30", "9:30-12:00", "09:30-24:01", "25:00-26:00", "09:60-10:00", "24:00-01:00", "0930-1200"),
        *(
            "09:30-12:00  UTC",
            "09:30 - 12:00",
            "09:30-12:00 Hong Kong",
            "09:30-12:00 America",
            "\u0660\u0669:30-12:00",
        ),
        *("09:30-12:00 ../etc", "09:30-12:00 hkt", "09:30-09:30", "00:00-00:00"),
    ],
)
def test_window_that_could_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window such as|no time zone|same time"):
        parse_window(text)


@pytest.mark.parametrize(
    ("reset", "now", "start", "end"),
    [
        ("00:00", "2026-01-05T00:00", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("00:00", "2026-01-05T23:59:59.9", "2026-01-05T00:00", "2026-01-06T00:00"),
        (f"00:00 {HK}", "2026-01-05T15:59:59", "2026-01-04T16:00", "2026-01-05T16:00"),
        (f"00:00 {HK}", "2026-01-05T16:00", "2026-01-05T16:00", "2026-01-06T16:00"),
        (f"17:00 {NY}", "2026-03-08T20:59", "2026-03-07T22:00", "2026-03-08T21:00"),
        (f"17:00 {NY}", "2026-11-01T21:59", "2026-10-31T21:00", "2026-11-01T22:00"),
        (f"02:30 {NY}", "2026-03-08T07:29", "2026-03-07T07:30", "2026-03-08T07:30"),
        (f"02:30 {NY}", "2026-03-08T07:30", "2026-03-08T07:30", "2026-03-09T06:30"),
        (f"01:30 {NY}", "2026-11-01T06:30", "2026-11-01T05:30", "2026-11-02T06:30"),
    ],
)
def test_day_begins_at_the_reset(reset: str, now: str, start: str, end: str) -> None:
    assert parse_reset(reset).day_s(at(now)) == (at(start), at(end))


def test_default_reset_is_midnight_utc() -> None:
    assert DailyReset() == parse_reset("00:00 UTC") == parse_reset("00:00")
    assert str(DailyReset()) == "00:00 UTC"


@pytest.mark.parametrize("text", ["24:00", "0:00", "00:00:00", "00:00 Mars/Olympus", "midnight"])
def test_reset_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time such as|no time zone"):
        parse_reset(text)


def test_moment_needs_its_zone() -> None:
    assert parse_moment("2027-01-01T08:00:00+08:00") == at("2027-01-01T00:00")
    assert format_moment(parse_moment("2027-01-01T00:00:00Z")) == "2027-01-01T00:00:00Z"
    for text in ("2027-01-01", "2027-01-01T00:00:00", "1798761600", "soon"):
        with pytest.raises(ValueError, match="moment with its zone"):
            parse_moment(text)
