from decimal import Decimal

import pytest

from gateway.ledger.base import Charge, IntentState, LedgerUnavailable, Resolution, Step, TradingState
from gateway.metrics.table import REGISTRY
from gateway.opend.client import ClientStatus
from gateway.opend.pool import ConnectionStatus, PoolCounters
from gateway.opend.protocol import SessionState
from gateway.order import Environment, Intent, IntentKind, Side
from gateway.web.sampler import Sampler


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


def status(*states, in_flight=0, queued=0, **counters):
    connections = tuple(
        ConnectionStatus(index == 0, state, None, None, None, 0) for index, state in enumerate(states)
    )
    return ClientStatus(connections, in_flight, queued, PoolCounters(**counters), {}, False)


def unknown_order(ledger, name):
    intent = Intent(
        intent_id=name,
        key_id="k",
        request_id="r",
        kind=IntentKind.PLACE,
        environment=Environment.SIMULATE,
        acc_id=1,
        market="HK",
        symbol="HK.00700",
        side=Side.BUY,
        quantity=Decimal(100),
        price=Decimal(300),
        remark="",
    )
    ledger.reserve(intent, Charge(), 1.0)
    ledger.advance(name, Step(state=IntentState.SENT), 1.0)
    ledger.advance(name, Step(state=IntentState.UNKNOWN), 1.0)


def sampler_of(gateway, ledger=None, policy_watch=None, **options):
    following, hub = gateway.parts.subscriptions.following, gateway.parts.hub
    return Sampler(gateway.opend, ledger or gateway.parts.ledger, following, hub, policy_watch, **options)


@pytest.fixture
def sampler(gateway):
    return sampler_of(gateway)


def test_connections_count_by_state(gateway, sampler):
    gateway.opend.status = lambda: status(SessionState.READY, SessionState.CONNECTING, in_flight=7, queued=2)
    sampler.look()
    assert value("gateway_opend_connections", state="ready") == 1
    assert value("gateway_opend_connections", state="connecting") == 1
    assert value("gateway_opend_in_flight") == 7
    assert value("gateway_opend_queued") == 2
    gateway.opend.status = lambda: status(SessionState.READY, SessionState.READY)
    sampler.look()
    assert value("gateway_opend_connections", state="ready") == 2
    assert value("gateway_opend_connections", state="connecting") == 0


def test_what_the_pool_counted_is_added_once(gateway, sampler):
    counted = {"connects": 1, "connect_failures": 2, "drops": 3, "refused_full": 4}
    names = [f"gateway_opend_{name}_total" for name in counted]
    before = [value(name) for name in names]
    gateway.opend.status = lambda: status(**counted)
    sampler.look()
    sampler.look()
    assert [value(name) - was for name, was in zip(names, before, strict=True)] == [1, 2, 3, 4]
    gateway.opend.status = lambda: status(**{**counted, "drops": 5})
    sampler.look()
    assert [value(name) - was for name, was in zip(names, before, strict=True)] == [1, 2, 5, 4]


def test_orders_stay_open_until_they_are_resolved(gateway, sampler):
    ledger = gateway.parts.ledger
    unknown_order(ledger, "one")
    unknown_order(ledger, "two")
    sampler.look()
    assert value("gateway_orders_unknown_open") == 2
    ledger.advance("one", Step(state=IntentState.RESOLVED, resolution=Resolution.REJECTED), 2.0)
    sampler.look()
    assert value("gateway_orders_unknown_open") == 1


def test_what_a_ledger_that_is_away_does_not_tell_stays_as_it_was(gateway, sampler):
    unknown_order(gateway.parts.ledger, "one")
    sampler.look()

    class Away:
        def open_intents(self, *_, **__):
            raise LedgerUnavailable("away")

    sampler_of(gateway, Away()).look()
    assert value("gateway_orders_unknown_open") == 1


def test_kill_switches_count_by_what_they_are_set_to(gateway, sampler):
    ledger = gateway.parts.ledger
    ledger.set_trading(TradingState.HALTED, 1.0)
    ledger.set_trading(TradingState.HALTED, 1.0, "a")
    ledger.set_trading(TradingState.REDUCING, 1.0, "b")
    ledger.set_trading(TradingState.HALTED, 1.0, "c")
    sampler.look()
    expected = {("all", "halted"): 1, ("all", "reducing"): 0, ("key", "halted"): 2, ("key", "reducing"): 1}
    assert {each: value("gateway_trading_switches", scope=each[0], state=each[1]) for each in expected} == (
        expected
    )
    ledger.set_trading(TradingState.ACTIVE, 2.0)
    sampler.look()
    assert value("gateway_trading_switches", scope="all", state="halted") == 0


def test_settings_that_the_file_does_not_have_any_more_show(gateway):
    for is_stale in (True, False):
        sampler = sampler_of(gateway, are_settings_stale=is_stale)
        sampler.open()
        sampler.close()
        assert value("gateway_settings_are_stale") == is_stale


def test_a_policy_file_that_is_wrong_shows_until_it_is_right(gateway_with):
    gateway = gateway_with(keys=[{"id": "a"}])
    watch = gateway.parts.policy_watch
    sampler = sampler_of(gateway, policy_watch=watch)
    file = gateway.directory / "policy.yaml"
    good = file.read_text()
    for text, expected in [(good, 0), ("keys: [", 1), (good, 0)]:
        file.write_text(text)
        watch.look()
        sampler.look()
        assert value("gateway_policy_is_stale") == expected


def test_it_begins_with_what_runs(sampler):
    sampler.open()
    sampler.close()
    assert value("gateway_workers") == 1
    assert [
        sample.value
        for family in REGISTRY.collect()
        if family.name == "gateway_build_info"
        for sample in family.samples
    ] == [1]
