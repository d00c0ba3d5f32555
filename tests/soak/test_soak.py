"""The proof in its short form: every harm once, some with the ledger in SQLite, the others in Redis."""

import pytest
from soak.report import render
from soak.run import soak
from soak.table import HARMS

ORDERS = 150
SEEDS = {"sqlite": 1, "redis": 2}


def dealt(store):
    """The harms of a store: those that only it can have, every second of the others, and the kill switch."""
    own = [each.name for each in HARMS if each.stores == {store}]
    shared = [each.name for each in HARMS if len(each.stores) > 1]
    return frozenset(["kill switch", *own, *shared[list(SEEDS).index(store) :: len(SEEDS)]])


@pytest.mark.parametrize("store", SEEDS)
def test_the_gateway_keeps_its_word_while_all_around_it_breaks(store):
    report = soak(SEEDS[store], store, ORDERS, clients=2, only=dealt(store))
    assert report.is_good, render(report)
    assert {done.harm.name for done in report.evidence.done} == dealt(store)
    assert all(verdict.trials for verdict in report.verdicts.values()), render(report)


def test_every_harm_is_dealt_to_a_store():
    assert dealt("sqlite") | dealt("redis") == {each.name for each in HARMS}
