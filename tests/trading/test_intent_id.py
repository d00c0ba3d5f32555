import pytest

from gateway.clock import ManualClock
from gateway.schema.protocols import protocol_named
from gateway.trading.intent import is_intent_id, made_s, new_intent_id, sign_order

NEWEST_S = (2**48 - 1) / 1000


def test_an_id_is_a_ulid():
    """The time part is the example of the ULID specification: 1469918176385 is 01ARYZ6S41."""
    clock = ManualClock(wall=1469918176.385)
    assert new_intent_id(clock, lambda count: bytes(count)) == "01ARYZ6S41" + "0" * 16
    assert new_intent_id(clock, lambda count: b"\xff" * count) == "01ARYZ6S41" + "Z" * 16


def test_ids_sort_by_the_time_they_were_made():
    clock, ids = ManualClock(wall=0.0), []
    for _ in range(100):
        ids.append(new_intent_id(clock))
        clock.advance(0.001)
    clock.wall = NEWEST_S
    ids.append(new_intent_id(clock))
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {26}


def test_ids_of_one_moment_differ():
    clock = ManualClock(wall=1.0)
    assert len({new_intent_id(clock) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(("given", "kept"), [(None, "gw-ID"), ("", "gw-ID"), ("mine", "mine")])
def test_only_an_order_without_remark_is_signed(given, kept):
    request = protocol_named("Trd_PlaceOrder").request()
    if given is not None:
        request.c2s.remark = given
    sign_order(request, "ID")
    assert request.c2s.remark == kept


@pytest.mark.parametrize("moment_s", [0.0, 1469918176.385, NEWEST_S])
def test_an_id_tells_when_it_was_made(moment_s):
    assert made_s(new_intent_id(ManualClock(wall=moment_s))) == pytest.approx(moment_s, abs=0.001)


@pytest.mark.parametrize("text", ["", "0" * 25, "0" * 27, "I" * 26, "0" * 25 + "a", "0" * 25 + "\0"])
def test_another_text_is_no_id(text):
    assert is_intent_id("01ARYZ6S41" + "Z" * 16)
    assert not is_intent_id(text)
