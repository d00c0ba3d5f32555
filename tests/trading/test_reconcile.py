import gevent
import pytest
from fix_trading import (
    ACCEPTED,
    HEADER,
    MODIFY,
    NOON,
    ORDER_ID,
    PLACE,
    TIMEOUT_S,
    global_state,
    order_list,
    order_row,
)

from gateway.ledger.base import IntentState, LedgerUnavailable, Resolution
from gateway.ledger.lease import LEASE_S, Lease
from gateway.ledger.watched_time import WATCH_GAP_S
from gateway.opend.errors import ConnectionLost, OpenDLimited, OpenDRefused, OpenDUnavailable, OutcomeUnknown
from gateway.trading import reconcile
from gateway.trading.desk import Desk
from gateway.trading.reconcile import HISTORY_AFTER_S, LOOK_AFTER_S

STATE, ORDERS, HISTORY = "GetGlobalState", "Trd_GetOrderList", "Trd_GetHistoryOrderList"
UNKNOWN = OutcomeUnknown("may have taken effect", ConnectionLost("gone"))
HOUR_S = 3600.0


def become_unknown(floor, act="place", **changes):
    """An order whose answer never came; OpenD lists nothing yet."""
    floor.opend.script(PLACE.name, UNKNOWN)
    floor.opend.script(MODIFY.name, UNKNOWN)
    with pytest.raises(OutcomeUnknown):
        getattr(floor, act)(**changes)
    lists(floor)


def lists(floor, *rows):
    floor.opend.script(ORDERS, order_list(*rows))


def pass_time(floor, *seconds, ahead_s=0.0, trade_logined=True):
    """One step after each of some spans of time."""
    for span in seconds:
        floor.clock.advance(span)
        now_s = floor.clock.wall_s() + ahead_s
        floor.opend.script(STATE, global_state(now_s, trade_logined=trade_logined))
        floor.reconciler.step()


def signed(floor, **changes):
    """The unknown order as OpenD lists it."""
    return order_row(remark=floor.record.intent.remark, **changes)


def fate(floor):
    record = floor.record
    return record.resolution or record.state


class TestPlaced:
    def test_an_order_with_our_remark_is_found_wherever_its_price_went(self, floor):
        become_unknown(floor)
        lists(floor, order_row(orderID=1, remark="gw-other"), signed(floor, price=299.0, code="00701"))
        pass_time(floor, 1.0)
        assert (fate(floor), floor.record.state) == (Resolution.ACCEPTED, IntentState.RESOLVED)
        assert (floor.record.order_id, floor.record.order_id_ex) == (ORDER_ID, "17418")
        line = floor.lines()[-1]
        assert (line["outcome"], line["request_id"], line["order_id"]) == ("accepted", "r-1", ORDER_ID)

    @pytest.mark.parametrize("status", [3, 21])
    def test_an_order_that_failed_was_rejected(self, floor, status):
        become_unknown(floor)
        lists(floor, signed(floor, orderStatus=status, lastErrMsg="no money"))
        pass_time(floor, 1.0)
        assert (fate(floor), floor.record.detail) == (Resolution.REJECTED, "no money")

    def test_an_order_that_failed_after_a_fill_was_accepted(self, floor):
        become_unknown(floor)
        lists(floor, signed(floor, orderStatus=21, fillQty=10.0))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_an_order_is_absent_after_two_answers_a_second_apart(self, floor):
        become_unknown(floor)
        pass_time(floor, 0.5)
        assert floor.opend.names() == [PLACE.name]
        pass_time(floor, 0.5, 0.5, 0.4)
        assert fate(floor) is IntentState.UNKNOWN
        pass_time(floor, 0.2)
        assert fate(floor) is Resolution.ABSENT
        assert floor.lines()[-1]["outcome"] == "absent"

    def test_an_order_that_appears_late_is_found(self, floor):
        become_unknown(floor)
        pass_time(floor, 1.0)
        lists(floor, signed(floor))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_absence_has_to_be_seen_twice_by_one_session_of_opend(self, floor):
        become_unknown(floor)
        pass_time(floor, 1.0)
        floor.opend.script(ORDERS, OpenDUnavailable("away"))
        with pytest.raises(OpenDUnavailable):
            pass_time(floor, 1.0)
        lists(floor)
        pass_time(floor, 1.0)
        assert fate(floor) is IntentState.UNKNOWN
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ABSENT

    def test_an_opend_that_is_not_logged_in_shows_no_absence(self, floor):
        become_unknown(floor)
        pass_time(floor, *[1.0] * 10, trade_logined=False)
        assert fate(floor) is IntentState.UNKNOWN
        lists(floor, signed(floor))
        pass_time(floor, 1.0, trade_logined=False)
        assert fate(floor) is Resolution.ACCEPTED

    def test_a_remark_that_two_orders_have_is_left_to_a_person(self, floor, caplog):
        become_unknown(floor)
        lists(floor, signed(floor), signed(floor, orderID=2))
        pass_time(floor, *[1.0] * 100)
        assert fate(floor) is IntentState.UNKNOWN
        assert caplog.text.count("A person has to tell") == 1
        assert 3 <= floor.opend.names().count(ORDERS) <= 5

    def test_an_account_that_opend_refuses_holds_up_no_other(self, floor):
        become_unknown(floor)
        become_unknown(floor, header={**HEADER, "accID": 1})
        second = max(floor.ledger.intents_since(0), key=lambda record: record.intent.acc_id)
        refused, listed = OpenDRefused(-1, "AccID does not exist."), order_row(remark=second.intent.remark)
        floor.opend.script(ORDERS, refused, order_list(listed), refused)
        with pytest.raises(OpenDRefused, match="AccID does not exist"):
            pass_time(floor, 1.0)
        by_account = {record.intent.acc_id: record for record in floor.ledger.intents_since(0)}
        assert by_account[1].state is IntentState.UNKNOWN
        assert by_account[second.intent.acc_id].resolution is Resolution.ACCEPTED

    def test_lists_are_asked_for_once_an_account(self, floor):
        for _ in range(3):
            become_unknown(floor)
        pass_time(floor, 1.0)
        assert floor.opend.names().count(ORDERS) == floor.opend.names().count(STATE) == 1
        (call,) = (call for call in floor.opend.calls if call.name == ORDERS)
        assert not call.c2s.refreshCache
        header = call.c2s.header
        assert {"trdEnv": header.trdEnv, "accID": header.accID, "trdMarket": header.trdMarket} == HEADER


class TestCallersRemark:
    def test_an_order_is_recognised_by_all_that_it_asked_for(self, floor):
        become_unknown(floor, remark="mine")
        lists(floor, signed(floor))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    @pytest.mark.parametrize(
        "other",
        [
            {"remark": "yours"},
            {"code": "00701"},
            {"secMarket": 2},
            {"trdSide": 2},
            {"qty": 99.0},
            {"price": 300.001},
            {"price": None},
            {"createTimestamp": NOON - 11},
            {"createTimestamp": NOON + 125},
        ],
    )
    def test_an_order_that_differs_is_another_one(self, floor, other):
        become_unknown(floor, remark="mine")
        lists(floor, order_row(**{"remark": "mine", **other}))
        pass_time(floor, 1.0, 1.0)
        assert fate(floor) is Resolution.ABSENT

    def test_digits_that_opend_drops_make_no_difference(self, floor):
        become_unknown(floor, remark="mine", qty=100.7, price=300.0009)
        lists(floor, signed(floor))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_an_adjusted_price_makes_no_difference(self, floor):
        become_unknown(floor, remark="mine", adjustPrice=True, adjustSideAndLimit=0.01, price=300.03)
        lists(floor, signed(floor, price=300.2))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_times_are_read_on_opends_own_clock(self, floor):
        become_unknown(floor, remark="mine")
        lists(floor, signed(floor, createTimestamp=NOON + 30 * HOUR_S))
        pass_time(floor, 1.0, ahead_s=30 * HOUR_S)
        assert fate(floor) is Resolution.ACCEPTED

    @pytest.mark.parametrize("wrong_s", [-HOUR_S, HOUR_S])
    def test_a_clock_that_is_set_right_hides_no_order(self, floor, wrong_s):
        floor.clock.wall += wrong_s
        become_unknown(floor, remark="mine")
        pass_time(floor, 0.0, ahead_s=-wrong_s)
        floor.clock.wall -= wrong_s
        floor.opend.script(HISTORY, order_list())
        lists(floor, order_row(remark="mine", createTimestamp=NOON))
        pass_time(floor, *[1.0] * 20)
        assert fate(floor) is Resolution.ACCEPTED

    def test_an_order_without_a_time_may_be_the_one(self, floor):
        become_unknown(floor, remark="mine")
        lists(floor, signed(floor, createTimestamp=None))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_an_order_that_belongs_to_another_intent_is_not_taken(self, floor):
        floor.place(remark="mine")
        first = floor.record
        floor.clock.advance(0.001)
        become_unknown(floor, remark="mine")
        lists(floor, order_row(remark="mine"))
        pass_time(floor, 1.0, 1.0)
        _, second = floor.ledger.intents_since(0)
        assert (first.order_id, second.resolution) == (ORDER_ID, Resolution.ABSENT)

    def test_two_orders_that_fit_are_left_to_a_person(self, floor):
        become_unknown(floor, remark="mine")
        lists(floor, signed(floor), signed(floor, orderID=2))
        pass_time(floor, *[1.0] * 5)
        assert fate(floor) is IntentState.UNKNOWN

    def test_an_order_that_two_intents_may_have_become_is_left_to_a_person(self, floor, caplog):
        for _ in range(2):
            become_unknown(floor, remark="mine")
        become_unknown(floor, remark="mine", price=301.0)
        lists(floor, order_row(remark="mine"))
        pass_time(floor, *[1.0] * 40)
        states = [record.resolution or record.state for record in floor.ledger.intents_since(0)]
        assert sorted(states) == [Resolution.ABSENT, IntentState.UNKNOWN, IntentState.UNKNOWN]
        assert caplog.text.count("A person has to tell") == 2

    def test_two_intents_are_absent_when_there_is_no_order(self, floor):
        for _ in range(2):
            become_unknown(floor, remark="mine")
        pass_time(floor, 1.0, 1.0)
        assert {each.resolution for each in floor.ledger.intents_since(0)} == {Resolution.ABSENT}

    def test_an_order_that_may_be_one_on_its_way_waits_for_the_answer_to_that(self, floor, caplog):
        become_unknown(floor, remark="mine")
        lost = floor.record.intent.intent_id
        floor.clock.advance(1.0)

        call = floor.opend.call

        def answer(protocol, request, **options):
            """OpenD has the second order before its answer is here."""
            if protocol is PLACE:
                lists(floor, order_row(remark="mine"))
                pass_time(floor, 0.0, 0.0)
            return call(protocol, request, **options)

        floor.opend.script(PLACE.name, ACCEPTED)
        floor.opend.call = answer
        floor.place(remark="mine")
        assert floor.ledger.find_intent(lost).state is IntentState.UNKNOWN
        assert "A person has to tell" not in caplog.text
        pass_time(floor, 1.0, 1.0)
        assert floor.ledger.find_intent(lost).resolution is Resolution.ABSENT

    def test_a_change_of_an_order_does_not_take_it_from_the_intent_that_placed_it(self, floor):
        become_unknown(floor, remark="mine")
        placed = floor.record.intent.intent_id
        lists(floor, order_row(remark="mine"))
        floor.opend.script(MODIFY.name, ACCEPTED)
        floor.modify(qty=100.0, price=300.0)
        pass_time(floor, 1.0)
        assert floor.ledger.find_intent(placed).resolution is Resolution.ACCEPTED

    def test_an_order_of_another_account_takes_none(self, floor):
        floor.place(remark="mine", header={**HEADER, "accID": 1})
        floor.clock.advance(0.001)
        become_unknown(floor, remark="mine")
        lists(floor, order_row(remark="mine"))
        pass_time(floor, 1.0)
        assert floor.ledger.intents_since(0)[1].resolution is Resolution.ACCEPTED

    def test_an_old_order_of_another_intent_is_not_taken_when_times_cannot_be_told(self, floor):
        floor.place(remark="mine")
        floor.clock.advance(2 * HISTORY_AFTER_S)
        become_unknown(floor, remark="mine")
        lists(floor, order_row(remark="mine", createTimestamp=None))
        pass_time(floor, 1.0, 1.0)
        assert floor.ledger.intents_since(NOON + 1)[0].resolution is Resolution.ABSENT


class TestModified:
    def become_unknown(self, floor, **changes):
        lists(floor, order_row())
        floor.opend.script(MODIFY.name, UNKNOWN)
        with pytest.raises(OutcomeUnknown):
            floor.modify(**changes)

    def test_a_change_that_shows_was_accepted(self, floor):
        self.become_unknown(floor)
        lists(floor, order_row(qty=200.0, price=310.0))
        pass_time(floor, 1.0)
        assert (fate(floor), floor.record.order_id) == (Resolution.ACCEPTED, ORDER_ID)

    @pytest.mark.parametrize(
        "row", [{}, {"qty": 200.0}, {"price": 310.0}, {"orderID": 1, "qty": 200.0, "price": 310.0}]
    )
    def test_a_change_that_does_not_show_is_absent(self, floor, row):
        self.become_unknown(floor)
        lists(floor, order_row(**row))
        pass_time(floor, 1.0)
        assert fate(floor) is IntentState.UNKNOWN
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ABSENT

    def test_a_price_that_may_have_been_adjusted_is_left_to_a_person(self, floor):
        self.become_unknown(floor, adjustPrice=True, adjustSideAndLimit=0.01)
        lists(floor, order_row(qty=200.0, price=310.2))
        pass_time(floor, *[1.0] * 5)
        assert fate(floor) is IntentState.UNKNOWN

    @pytest.mark.parametrize(("status", "resolution"), [(22, Resolution.ABSENT), (5, Resolution.ACCEPTED)])
    def test_enabling_shows_in_the_state_of_the_order(self, floor, status, resolution):
        self.become_unknown(floor, modifyOrderOp=4, qty=None, price=None)
        lists(floor, order_row(orderStatus=status))
        pass_time(floor, 1.0, 1.0)
        assert fate(floor) is resolution


def test_an_opend_that_lists_slowly_is_left_alone_for_a_while(floor, monkeypatch):
    """At a look that takes 0.4 s, of all the time that passes at most a third is spent on looking."""
    become_unknown(floor)
    pass_time(floor, LOOK_AFTER_S)
    answer = floor.opend.call

    def slow_call(protocol, *arguments, **named):
        if protocol.name == ORDERS:
            floor.clock.advance(0.4)
        return answer(protocol, *arguments, **named)

    monkeypatch.setattr(floor.opend, "call", slow_call)
    begun_s, before = floor.clock.monotonic_s(), floor.opend.names().count(ORDERS)
    while fate(floor) is IntentState.UNKNOWN:
        pass_time(floor, 0.25)
    looks, took_s = floor.opend.names().count(ORDERS) - before, floor.clock.monotonic_s() - begun_s
    assert fate(floor) is Resolution.ABSENT
    assert looks <= 2
    assert took_s <= 2.5


class TestDeadWorker:
    """Intents of a worker that is no more: nothing in this one knows of them."""

    def leave(self, floor, step, **changes):
        class Killed(BaseException):
            pass

        floor.line.fault("before", f"call-{PLACE.name}", Killed())
        floor.audit.fault("before" if step == "reserved" else "after", "write-sending", Killed())
        if step == "sent":
            floor.audit.heal()
        with pytest.raises(Killed):
            floor.place(**changes)
        floor.audit.heal()
        floor.line.heal()
        lists(floor)

    def test_what_was_not_sent_is_abandoned_after_the_time_of_a_call(self, floor):
        self.leave(floor, "reserved")
        pass_time(floor, TIMEOUT_S)
        assert fate(floor) is IntentState.RESERVED
        pass_time(floor, 0.5)
        assert fate(floor) is IntentState.ABANDONED
        assert floor.lines()[-1]["outcome"] == "abandoned"
        assert floor.opend.names() == []

    def test_what_was_sent_and_is_there_is_found_at_once(self, floor):
        self.leave(floor, "sent")
        lists(floor, signed(floor))
        pass_time(floor, 1.0)
        assert (floor.record.state, floor.record.order_id) == (IntentState.ACCEPTED, ORDER_ID)

    def test_what_was_sent_and_is_not_there_is_absent_after_the_time_of_a_call(self, floor):
        self.leave(floor, "sent")
        pass_time(floor, *[1.0] * 10)
        assert fate(floor) is IntentState.SENT
        pass_time(floor, 0.5)
        assert fate(floor) is IntentState.UNKNOWN
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ABSENT
        outcomes = [line["outcome"] for line in floor.lines() if "outcome" in line]
        assert outcomes == ["unknown", "absent"]

    @pytest.mark.parametrize("step", ["reserved", "sent"])
    def test_the_end_of_its_lease_gives_an_order_up_at_once(self, floor, step):
        """That of another worker, which had begun to look for it before, ends nothing."""
        own, other = Lease(floor.ledger, floor.clock), Lease(floor.ledger, floor.clock)
        own.lease_id, other.lease_id = "own", "other"  # nothing renews them in the background
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=own)
        self.leave(floor, step)
        for _ in range(6):
            own.renew(), other.renew()
            pass_time(floor, 0.5)
        assert fate(floor) == step
        begun_s = floor.clock.monotonic_s()
        while fate(floor) == step:
            other.renew()
            pass_time(floor, 0.25)
        assert floor.clock.monotonic_s() - begun_s <= LEASE_S + 2 * WATCH_GAP_S
        if step == "sent":
            pass_time(floor, *[0.25] * 4)
        assert fate(floor) == ("abandoned" if step == "reserved" else Resolution.ABSENT)
        own.close(), other.close()

    def test_a_worker_that_began_after_the_leases_were_read_is_not_taken_for_dead(self, floor, monkeypatch):
        lease = Lease(floor.ledger, floor.clock)
        lease.open()
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=lease)
        live_leases = floor.ledger.live_leases

        def begin_meanwhile(now_s):
            live = live_leases(now_s)
            if not floor.ledger.intents_since(0):
                self.leave(floor, "reserved")
            return live

        monkeypatch.setattr(floor.ledger, "live_leases", begin_meanwhile, raising=False)
        pass_time(floor, 0.0, 0.5)
        floor.ledger.live_leases(floor.clock.wall_s())
        assert fate(floor) is IntentState.RESERVED
        lease.close()

    def test_while_its_worker_may_live_only_our_remark_is_proof(self, floor):
        self.leave(floor, "sent", remark="mine")
        lists(floor, signed(floor))
        pass_time(floor, *[1.0] * 10)
        assert fate(floor) is IntentState.SENT
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    @pytest.mark.parametrize("wrong_s", [-HOUR_S, HOUR_S])
    def test_a_clock_that_was_set_before_this_worker_began_hides_no_order(self, floor, wrong_s):
        """Another worker sent it by a wrong clock, and nothing here knows that it was one."""
        other = Lease(floor.ledger, floor.clock)
        other.open()
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=other)
        floor.clock.wall += wrong_s
        self.leave(floor, "sent", remark="mine")
        other.close()
        floor.clock.wall -= wrong_s
        floor.opend.script(HISTORY, order_list())
        lists(floor, order_row(remark="mine", createTimestamp=NOON))
        pass_time(floor, *[1.0] * 20)
        assert fate(floor) is IntentState.UNKNOWN
        lists(floor, order_row(remark="another"))
        pass_time(floor, *[1.0] * 60)
        assert fate(floor) is Resolution.ABSENT

    def test_a_clock_that_is_set_forward_gives_nobody_up(self, floor):
        pass_time(floor, 0.0)
        self.leave(floor, "reserved")
        floor.clock.wall += HOUR_S
        pass_time(floor, 0.0, *[1.0] * 10)
        assert fate(floor) is IntentState.RESERVED
        pass_time(floor, 0.5)
        assert fate(floor) is IntentState.ABANDONED


class TestOldOrders:
    def become_old(self, floor):
        become_unknown(floor)
        floor.clock.advance(HISTORY_AFTER_S)

    def test_the_history_shows_orders_of_earlier_days(self, floor):
        self.become_old(floor)
        floor.opend.script(HISTORY, order_list(signed(floor, orderStatus=11)))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED
        (call,) = (call for call in floor.opend.calls if call.name == HISTORY)
        period = call.c2s.filterConditions
        assert (period.beginTime, period.endTime) == ("2025-12-31 12:00:00", "2026-01-02 13:00:01")

    def test_an_order_in_both_lists_is_one(self, floor):
        self.become_old(floor)
        floor.opend.script(HISTORY, order_list(signed(floor, orderStatus=5)))
        lists(floor, signed(floor, orderStatus=21))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.REJECTED

    def test_a_history_that_opend_refuses_proves_nothing_and_hides_nothing(self, floor):
        self.become_old(floor)
        floor.opend.script(HISTORY, OpenDLimited(-1, "频率太高"))
        pass_time(floor, *[1.0] * 20)
        assert fate(floor) is IntentState.UNKNOWN
        lists(floor, signed(floor))
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ACCEPTED

    def test_absence_needs_two_answers_of_the_history_within_its_rate(self, floor):
        self.become_old(floor)
        floor.opend.script(HISTORY, order_list())
        pass_time(floor, *[1.0] * 5)
        assert fate(floor) is IntentState.UNKNOWN
        assert floor.opend.names().count(HISTORY) == 1
        pass_time(floor, 1.0)
        assert fate(floor) is Resolution.ABSENT


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_orders_that_wait_for_a_person_hide_no_newer_one(floor, monkeypatch, caplog, page):
    monkeypatch.setattr(reconcile, "PAGE", page)
    for _ in range(3):
        become_unknown(floor)
        floor.clock.advance(0.001)
    waiting = [record.intent.remark for record in floor.ledger.intents_since(0)]
    become_unknown(floor)
    newest = floor.ledger.intents_since(0)[-1].intent
    twice = [order_row(remark=remark, orderID=number) for number, remark in enumerate(waiting * 2, 1)]
    lists(floor, *twice, order_row(remark=newest.remark))
    pass_time(floor, *[1.0] * 8)
    states = [record.resolution or record.state for record in floor.ledger.intents_since(0)]
    assert states == [IntentState.UNKNOWN] * 3 + [Resolution.ACCEPTED]
    assert caplog.text.count("A person has to tell") == 3


def test_without_the_ledger_nothing_is_done(floor):
    floor.ledger.fault("before", "open_intents", LedgerUnavailable("away"))
    with pytest.raises(LedgerUnavailable):
        floor.reconciler.step()


def test_without_open_intents_opend_is_asked_nothing(floor):
    floor.place()
    pass_time(floor, 60.0)
    assert floor.opend.names() == [PLACE.name]


class TestGreenlet:
    @pytest.fixture
    def steps(self, floor, monkeypatch):
        """What the next steps do: return None or raise; `seen` counts them."""
        monkeypatch.setattr("gateway.trading.reconcile.INTERVAL_S", 0.0)
        outcomes, seen, enough = [], [], gevent.event.Event()

        def step():
            seen.append(len(seen))
            outcome = outcomes.pop(0) if outcomes else enough.set()
            if outcome is not None:
                raise outcome

        monkeypatch.setattr(floor.reconciler, "step", step)
        return outcomes, seen, enough

    def test_it_goes_on_after_trouble_and_after_a_defect(self, floor, steps, caplog):
        outcomes, seen, enough = steps
        outcomes += [LedgerUnavailable("away"), LedgerUnavailable("away"), RuntimeError("a defect"), None]
        floor.reconciler.open()
        assert enough.wait(10)
        floor.reconciler.close()
        count = len(seen)
        gevent.sleep(0)
        assert len(seen) == count >= 5
        assert caplog.text.count("unknown orders cannot be looked for: away") == 1
        assert caplog.text.count("RuntimeError: a defect") == 1

    def test_it_begins_at_once(self, floor, steps, monkeypatch):
        """A worker that does not live for long has looked once."""
        _, _, enough = steps
        monkeypatch.setattr(reconcile, "INTERVAL_S", 3600)
        floor.reconciler.open()
        assert enough.wait(10)
        floor.reconciler.close()

    def test_it_may_be_closed_without_having_been_opened(self, floor):
        floor.reconciler.close()
