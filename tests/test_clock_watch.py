"""What is told of a wall clock that is set, for windows of wall time."""

import pytest

from gateway.clock import ManualClock
from gateway.clock_watch import KEEP_S, ClockWatch


@pytest.fixture
def clock():
    return ManualClock(wall=1_700_000_000.0, monotonic=50.0)


@pytest.fixture
def watch(clock):
    return ClockWatch(clock)


def pass_time(clock, watch, seconds, look_s=0.25):
    for _ in range(round(seconds / look_s)):
        clock.advance(look_s)
        watch.look()


def test_time_that_passes_stretches_nothing(clock, watch):
    pass_time(clock, watch, 100)
    assert watch.stretch_s(60) == 0


@pytest.mark.parametrize(("step_s", "stretch_s"), [(0.04, 0), (0.9, 1), (60.0, 60), (-60.0, 0)])
@pytest.mark.parametrize("before_s", [0, 100])
def test_a_step_stretches_a_window_until_it_is_older(clock, watch, step_s, stretch_s, before_s):
    pass_time(clock, watch, before_s)
    clock.wall += step_s
    assert watch.stretch_s(60) == stretch_s
    pass_time(clock, watch, 59)
    assert watch.stretch_s(60) == stretch_s
    pass_time(clock, watch, 3)
    assert watch.stretch_s(60) == 0
    assert watch.stretch_s(120) == stretch_s


def test_many_small_steps_are_one_large_one(clock, watch):
    for _ in range(40):
        clock.wall += 0.5
        pass_time(clock, watch, 0.25)
    assert watch.stretch_s(60) == 20


def test_a_step_counts_from_when_it_is_seen(clock, watch):
    """It may have happened at any time since the last look."""
    clock.advance(1000)
    clock.wall += 30
    assert watch.stretch_s(60) == 30


def test_a_clock_that_is_set_back_and_right_again_stretches_by_what_it_was_set_right(clock, watch):
    clock.wall -= 30
    pass_time(clock, watch, 10)
    clock.wall += 30
    assert watch.stretch_s(60) == 30


def test_a_process_that_was_held_up_between_two_looks_at_the_clocks_saw_no_step(clock, watch):
    read, held = clock.wall_s, []

    class Held:
        monotonic_s = clock.monotonic_s

        def wall_s(self):
            wall_s = read()
            clock.advance(held.pop() if held else 0)
            return wall_s

    watch = ClockWatch(Held())
    held.append(5.0)
    assert watch.stretch_s(60) == 0
    assert watch.stretch_s(60) == 0


def test_what_is_remembered_is_bounded(clock, watch):
    pass_time(clock, watch, 2 * KEEP_S, look_s=10)
    assert len(watch._samples) <= KEEP_S / 10 + 2
