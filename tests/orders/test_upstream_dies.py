"""An order through nginx whose gateway dies after it has read the request is executed at most once."""

import pytest
from fix_pair import Pair

KEYS = {"trader": {}}
BOTH_STAY_IN_USE = "max_fails=0"
SENT = ("wire:after", "advance-accepted:before", "answer:before")
NOT_SENT = ("reserve:before", "wire:before")
HARMFUL = {"proxy_next_upstream off;": "proxy_next_upstream error timeout non_idempotent;"}


def order_whose_gateway_dies(pair: Pair, point: str):
    """What the caller is told, and how many orders OpenD executed."""
    before = len(pair.journal)
    pair.trap.kill_at(point)
    told = pair.order("trader")
    pair.trap.wait_sprung()
    pair.wait_other()
    pair.assert_resolved()
    return told, len([entry for entry in pair.journal[before:] if entry["event"] == "placed"])


@pytest.fixture(scope="module")
def pair(open_pair):
    return open_pair(KEYS, words=BOTH_STAY_IN_USE)


@pytest.mark.parametrize("point", SENT + NOT_SENT)
def test_it_is_executed_at_most_once_and_called_unknown(pair, point):
    told, placed = order_whose_gateway_dies(pair, point)
    assert (told.status, told.outcome) == (500, "unknown")
    assert "may have been executed" in told.error
    assert placed == (1 if point in SENT else 0)
    pair.assert_agreement()


def test_a_second_execution_would_be_seen_here(pair):
    """Last, since its order is one that the records disagree on."""
    pair.put_nginx(HARMFUL)
    told, placed = order_whose_gateway_dies(pair, "wire:after")
    assert (told.status, placed) == (200, 2)
