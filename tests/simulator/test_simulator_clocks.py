import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.simulator.clocks import RunningClock, parse_clock

TEN_IN_HONG_KONG = "2026-03-02T10:00:00+08:00"
TEN_IN_HONG_KONG_S = 1772416800.0


def test_real_is_the_machines_own_clock():
    assert isinstance(parse_clock("real"), SystemClock)


def test_a_time_alone_stands_still_until_it_is_moved():
    clock = parse_clock(TEN_IN_HONG_KONG)
    assert isinstance(clock, ManualClock)
    assert clock.wall_s() == TEN_IN_HONG_KONG_S
    clock.advance(60)
    assert clock.wall_s() == TEN_IN_HONG_KONG_S + 60


def test_a_time_without_a_zone_is_utc():
    assert parse_clock("2026-03-02T02:00:00").wall_s() == TEN_IN_HONG_KONG_S


def test_a_speed_moves_the_wall_time_and_leaves_real_seconds_alone():
    base = ManualClock(wall=0, monotonic=100)
    clock = parse_clock(f"{TEN_IN_HONG_KONG}@60", base)
    base.advance(2)
    assert clock.wall_s() == TEN_IN_HONG_KONG_S + 120
    assert clock.monotonic_s() == 102


@pytest.mark.parametrize("text", ["", "noon", f"{TEN_IN_HONG_KONG}@fast", f"{TEN_IN_HONG_KONG}@0"])
def test_anything_else_is_an_error(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_clock(text)


def test_a_clock_does_not_run_backwards():
    with pytest.raises(ValueError, match="speed"):
        RunningClock(0, -1, ManualClock(wall=0))
