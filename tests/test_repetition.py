"""Work in the background goes on until it is told to end."""

import gevent
import pytest

from gateway.repetition import Repetition


@pytest.fixture
def repeat():
    """Makes a repetition that is closed at the end."""
    made = []

    def make(act):
        made.append(Repetition("the watch", act, lambda: 0.0))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_it_goes_on_after_a_defect_and_ends_when_told(repeat, caplog):
    done, enough = [], gevent.event.Event()

    def act():
        done.append(len(done))
        if len(done) == 3:
            enough.set()
        if len(done) == 1:
            raise ZeroDivisionError

    repetition = repeat(act)
    assert not repetition.is_open
    repetition.open()
    assert repetition.is_open
    assert enough.wait(10)
    repetition.close()
    count = len(done)
    gevent.sleep(0.01)
    assert len(done) == count
    assert not repetition.is_open
    assert caplog.text.count("the watch failed") == 1
    assert "ZeroDivisionError" in caplog.text


def test_closing_ends_what_is_being_done(repeat):
    begun, ended = gevent.event.Event(), []

    def act():
        begun.set()
        gevent.sleep(3600)
        ended.append(True)

    repetition = repeat(act)
    repetition.close()
    repetition.open()
    assert begun.wait(10)
    repetition.close()
    assert not ended
