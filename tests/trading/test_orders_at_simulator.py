"""The desk and the reconciler against the simulated OpenD, over real connections."""

import time
from decimal import Decimal

import gevent
import pytest
from fix_store import connect
from fix_trading import HEADER, PLACE, Floor, principal

from gateway.audit import AuditLog, verify
from gateway.clock import SystemClock
from gateway.ledger.base import IntentState, Resolution, TradingState
from gateway.opend.client import CallKind, Client, ClientSettings, Endpoint
from gateway.opend.errors import OpenDRefused, OutcomeUnknown
from gateway.policy.model import Caps
from gateway.schema.protocols import protocol_named
from gateway.trading.desk import Desk, OrderDenied
from gateway.trading.reconcile import Reconciler

TIMEOUT_S = 2.0
PROMISE_S = 5.0
CAPPED = principal(max_order_value=Caps(Decimal(30_000)))
CHEAP = {"price": 200.0, "qty": 100.0}


@pytest.fixture
def live(start_simulator, tmp_path):
    """A floor whose OpenD is a simulator's process; `live.simulator` controls it."""
    simulator = start_simulator("--frequency-limits", "off")
    clock, ledger = SystemClock(), connect(f"sqlite:{tmp_path / 'ledger.db'}")
    audit = AuditLog(tmp_path / "audit.jsonl", clock)
    client = Client(
        ClientSettings((Endpoint("127.0.0.1", simulator.port),), timeout_s=TIMEOUT_S), clock=clock
    )
    client.open()
    assert client.wait_ready(10)
    desk = Desk(client, ledger, audit, clock, timeout_s=TIMEOUT_S)
    reconciler = Reconciler(
        client,
        ledger,
        audit,
        clock,
        settlements=desk.settlements,
        clock_watch=desk.clock_watch,
        timeout_s=TIMEOUT_S,
    )
    reconciler.open()
    yield Live(
        client, client, ledger, audit, clock, desk, reconciler, tmp_path / "audit.jsonl", CAPPED, simulator
    )
    reconciler.close()
    client.close()
    audit.close()
    ledger.close()


class Live(Floor):
    def __init__(self, *parts):
        *of_floor, self.simulator = parts
        super().__init__(*of_floor)

    def journal(self, event="placed"):
        """What OpenD executed."""
        return [each for each in self.simulator.admin("journal")["entries"] if each["event"] == event]

    def wait_resolved(self):
        """Wait as long as is promised until no order is open."""
        give_up_s = time.monotonic() + PROMISE_S
        while self.ledger.open_intents():
            assert time.monotonic() < give_up_s, self.ledger.open_intents()
            gevent.sleep(0.02)


def test_an_order_is_placed_changed_and_cancelled_within_its_limits(live):
    order_id = live.place(**CHEAP).s2c.orderID
    named = {"orderID": order_id, "qty": 100.0, "price": 210.0}
    live.modify(**named)
    with pytest.raises(OrderDenied, match="order value exceeded: 42000 HKD"):
        live.modify(**{**named, "qty": 200.0})
    live.ledger.set_trading(TradingState.HALTED, live.clock.wall_s())
    with pytest.raises(OrderDenied, match="trading is halted"):
        live.place(**CHEAP)
    live.modify(orderID=order_id, modifyOrderOp=2, qty=0.0, price=0.0)
    events = [entry["event"] for entry in live.simulator.admin("journal")["entries"]]
    assert events == ["placed", "modified", "cancelled"]
    states = [record.state for record in live.ledger.intents_since(0)]
    assert states == [IntentState.ACCEPTED, IntentState.ACCEPTED]
    assert verify(live.audit_file).is_intact


def test_what_opend_refuses_is_rejected(live):
    with pytest.raises(OpenDRefused):
        live.place(qty=1.0)
    assert live.record.state is IntentState.REJECTED
    assert live.journal() == []


@pytest.mark.parametrize("changes", [{"orderType": 2, "price": None}, {"trdSide": 2, "price": 0.01}])
def test_orders_at_the_market_are_valued_by_its_quote(live, changes):
    live.place(**CHEAP)
    with pytest.raises(OrderDenied, match="order value exceeded") as denied:
        live.place(qty=1000.0, **changes)
    assert denied.value.valued.value > 1000 * 200
    assert len(live.journal()) == 1


def test_an_option_is_valued_with_its_multiplier(live):
    chains = protocol_named("Qot_GetOptionChain")
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() + shift * 86400)) for shift in (1, 29)]
    request = chains.request(
        c2s={"owner": {"market": 11, "code": "AAPL"}, "beginTime": days[0], "endTime": days[1]}
    )
    chain = live.opend.call(chains, request, kind=CallKind.READ).s2c.optionChain
    code = chain[0].option[0].call.basic.security.code
    order = {"code": code, "secMarket": 2, "header": {**HEADER, "trdMarket": 2}}
    answer = live.place(is_dry_run=True, qty=3.0, price=2.0, **order)
    assert (answer.valued.value, answer.valued.currency) == (600, "USD")


@pytest.mark.parametrize("fault", ["drop-after", "mute", "bad-body"])
def test_an_unknown_order_that_was_executed_is_found(live, fault):
    live.simulator.fault(fault, proto=PLACE.proto_id)
    with pytest.raises(OutcomeUnknown):
        live.place(**CHEAP)
    live.wait_resolved()
    (entry,) = live.journal()
    assert entry["remark"] == live.record.intent.remark
    assert entry["order_id"] == live.record.order_id
    assert "accepted" in (live.record.state, live.record.resolution)


@pytest.mark.parametrize("fault", ["drop-before", "hang"])
def test_an_unknown_order_that_never_arrived_is_absent(live, fault):
    live.simulator.fault(fault, proto=PLACE.proto_id)
    with pytest.raises(OutcomeUnknown):
        live.place(**CHEAP)
    live.wait_resolved()
    assert live.journal() == []
    assert live.record.resolution is Resolution.ABSENT


def test_an_unknown_change_is_resolved_by_what_the_order_is_now(live):
    order_id = live.place(**CHEAP, remark="mine").s2c.orderID
    live.simulator.fault("drop-after", proto=2205)
    live.simulator.fault("drop-before", proto=2205)
    for price in (210.0, 220.0):
        with pytest.raises(OutcomeUnknown):
            live.modify(orderID=order_id, qty=100.0, price=price)
    live.wait_resolved()
    _, accepted, absent = live.ledger.intents_since(0)
    assert (accepted.resolution, absent.resolution) == (Resolution.ACCEPTED, Resolution.ABSENT)
    assert [entry["price"] for entry in live.journal("modified")] == [210.0]


def test_an_unknown_order_with_a_callers_remark_is_found(live):
    live.place(**CHEAP, remark="mine")
    live.simulator.fault("drop-after", proto=PLACE.proto_id)
    with pytest.raises(OutcomeUnknown):
        live.place(**CHEAP, remark="mine")
    live.wait_resolved()
    first, second = live.ledger.intents_since(0)
    assert [first.order_id, second.order_id] == [entry["order_id"] for entry in live.journal()]
