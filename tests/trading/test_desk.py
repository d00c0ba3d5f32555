import math
import os
from decimal import Decimal

import gevent
import pytest
from fix_trading import (
    ACC_ID,
    ACCEPTED,
    HEADER,
    MODIFY,
    NOON,
    OPTION,
    ORDER_ID,
    PLACE,
    TIMEOUT_S,
    UNLOCK,
    global_state,
    modify_request,
    order_list,
    order_row,
    position_list,
    principal,
    snapshot,
    static_info,
)

from gateway.audit import AuditUnavailable, verify
from gateway.clock import ManualClock
from gateway.clock_watch import ClockWatch
from gateway.ledger.base import (
    CLOCK_TOLERANCE_S,
    IntentState,
    LedgerUnavailable,
    Resolution,
    Step,
    TradingState,
)
from gateway.ledger.lease import Lease
from gateway.opend.client import CallKind
from gateway.opend.errors import (
    BadSha1,
    ConnectionLost,
    NotEncodable,
    NotSent,
    OpenDFailed,
    OpenDLimited,
    OpenDRefused,
    OpenDUnavailable,
    OutcomeUnknown,
)
from gateway.policy.model import Caps
from gateway.policy.reasons import DenyReason
from gateway.schema.errors import FieldError
from gateway.trading.account import OrderNotFound
from gateway.trading.context import DryRun, IntentNotOpen
from gateway.trading.desk import Desk, OrderDenied
from gateway.trading.reconcile import Reconciler
from gateway.trading.settlement import Settlements

SELL = 2
DAILY = principal(max_daily_value=Caps(Decimal(50_000)))
CAPPED = principal(max_order_value=Caps(Decimal(50_000)))
PASSWORD_MD5 = "e10adc3949ba59abbe56e057f20f883e"


@pytest.fixture
def opend(floor):
    floor.opend.script("Qot_GetStaticInfo", static_info())
    floor.opend.script("Qot_GetSecuritySnapshot", snapshot())
    floor.opend.script("Trd_GetOrderList", order_list(order_row()))
    return floor.opend


def reason_of(denied):
    return denied.value.denied.reason


class TestPlace:
    def test_an_accepted_order_is_on_record_everywhere(self, floor):
        answer = floor.place()
        assert answer.s2c.orderID == ORDER_ID
        record = floor.record
        assert (record.state, record.order_id, record.order_id_ex) == ("accepted", ORDER_ID, "17418")
        assert (record.intent.symbol, record.intent.price, record.intent.request_id) == (
            "HK.00700",
            300,
            "r-1",
        )
        (call,) = floor.opend.calls
        assert (call.name, call.kind) == (PLACE.name, CallKind.WRITE)
        assert call.c2s.remark == record.intent.remark == f"gw-{record.intent.intent_id}"
        assert floor.outcomes() == ["sending allowed", "outcome accepted"]
        sending, outcome = floor.lines()
        assert (
            sending.items()
            >= {
                "request_id": "r-1",
                "key_id": "bot",
                "route": "/api/order",
                "acc_id": ACC_ID,
                "environment": "simulate",
                "market": "HK",
                "code": "HK.00700",
                "side": "BUY",
                "quantity": "100.0",
                "price": "300.0",
                "currency": "HKD",
                "intent_id": record.intent.intent_id,
                "latency_ms": 0.0,
            }.items()
        )
        assert outcome["order_id"] == ORDER_ID
        assert verify(floor.audit_file).is_intact

    def test_the_audit_is_on_disk_before_the_order_goes_out(self, floor, monkeypatch):
        floor.place()
        sent_at_sync = []
        monkeypatch.setattr(os, "fsync", lambda file: sent_at_sync.append(len(floor.writes)))
        floor.place()
        assert (sent_at_sync, len(floor.writes)) == ([1], 2)

    @pytest.mark.parametrize("is_live_again", [False, True])
    def test_no_order_goes_out_whose_worker_was_taken_for_dead(self, floor, opend, is_live_again):
        """It stands still after SENT; others give the order up as soon as its lease has ended."""
        lease, others = Lease(floor.ledger, floor.clock), Lease(floor.ledger, floor.clock)
        lease.open(), others.open()
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=lease)
        opend.script("GetGlobalState", global_state(NOON))
        opend.script("Trd_GetOrderList", order_list())
        call = floor.opend.call

        def stand_still(*arguments, **named):
            if arguments[0] is PLACE and not found:
                for _ in range(20):
                    floor.clock.advance(0.25)
                    others.renew()
                    floor.reconciler.step()
                found.append((floor.record.state, floor.record.resolution))
                if is_live_again:
                    lease.renew()
            return call(*arguments, **named)

        found = []
        floor.opend.call = stand_still
        with pytest.raises(NotSent, match="could not say in the ledger that it lives"):
            floor.place()
        assert found == [(IntentState.RESOLVED, Resolution.ABSENT)]
        assert floor.writes == []
        floor.place()
        assert floor.writes == [PLACE.name]
        lease.close(), others.close()

    def test_a_machine_whose_clock_is_ahead_gives_no_order_up_that_may_still_go_out(self, floor, opend):
        """It waits for a place at OpenD, nearly until its deadline."""
        lease = Lease(floor.ledger, floor.clock)
        lease.open()
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=lease)
        ahead = ManualClock(wall=floor.clock.wall + CLOCK_TOLERANCE_S - 0.1)
        elsewhere = Reconciler(
            floor.line,
            floor.ledger,
            floor.audit,
            ahead,
            settlements=Settlements(floor.ledger, ahead),
            clock_watch=ClockWatch(ahead),
            timeout_s=TIMEOUT_S,
        )
        opend.script("GetGlobalState", global_state(NOON))
        opend.script("Trd_GetOrderList", order_list())
        call = floor.opend.call

        def wait_long(*arguments, **named):
            for _ in range(4 * 9 if arguments[0] is PLACE else 0):
                floor.clock.advance(0.25), ahead.advance(0.25)
                lease.renew()
                elsewhere.step()
            return call(*arguments, **named)

        floor.opend.call = wait_long
        floor.place()
        assert floor.writes == [PLACE.name]
        assert floor.record.state is IntentState.ACCEPTED
        lease.close()

    def test_without_its_lease_a_worker_takes_no_order(self, floor):
        lease = Lease(floor.ledger, floor.clock)
        lease.open()
        floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, lease=lease)
        floor.ledger.fault("before", "renew_lease", LedgerUnavailable("away"))
        with pytest.raises(
            OrderDenied, match="the ledger cannot be asked: this worker could not say"
        ) as denied:
            floor.place()
        assert denied.value.status == 500
        assert floor.writes == []
        assert floor.ledger.intents_since(0) == []
        lease.close()

    def test_an_intent_names_the_lease_of_its_worker(self, floor):
        lease = Lease(floor.ledger, floor.clock)
        lease.open()
        floor.desk = Desk(floor.opend, floor.ledger, floor.audit, floor.clock, lease=lease)
        floor.place()
        assert floor.record.intent.lease_id == lease.lease_id is not None
        lease.close()

    def test_a_callers_remark_is_left_alone(self, floor):
        floor.place(remark="mine")
        assert floor.record.intent.remark == floor.opend.calls[0].c2s.remark == "mine"

    def test_a_remark_that_names_another_intent_is_refused(self, floor):
        """As that of a listed order has it which is placed again: it would be taken for that one."""
        floor.place()
        remark = floor.record.intent.remark
        with pytest.raises(FieldError, match=f"remark: names another order of the gateway's, {remark[3:]}"):
            floor.place(remark=remark)
        assert floor.writes == [PLACE.name]
        assert floor.outcomes()[-1] == "decision denied"

    def test_the_local_caller_goes_the_same_way(self, floor):
        """It has no limits, and still every order is on record."""
        floor.place(principal())
        assert floor.record.state is IntentState.ACCEPTED
        assert floor.opend.names() == [PLACE.name]

    @pytest.mark.parametrize("error", [OpenDRefused(-1, "账户购买力不足"), OpenDLimited(-1, "频率太高")])
    def test_a_rejection_gives_the_days_value_back(self, floor, opend, error):
        opend.script(PLACE.name, error, ACCEPTED)
        with pytest.raises(type(error)):
            floor.place(DAILY)
        assert (floor.record.state, floor.record.debit.was_returned) == ("rejected", True)
        assert floor.outcomes() == ["sending allowed", "outcome rejected"]
        floor.place(DAILY)

    @pytest.mark.parametrize("error", [NotSent("late"), OpenDUnavailable("no OpenD")])
    def test_an_order_that_was_not_sent_is_absent_and_keeps_its_charge(self, floor, opend, error):
        opend.script(PLACE.name, error)
        with pytest.raises(type(error)):
            floor.place(DAILY)
        record = floor.record
        assert (record.state, record.resolution) == ("resolved", Resolution.ABSENT)
        assert not record.debit.was_returned
        assert floor.outcomes() == ["sending allowed", "outcome not_sent"]

    def test_an_order_without_an_answer_is_unknown(self, floor, opend):
        opend.script(PLACE.name, OutcomeUnknown("may have taken effect", ConnectionLost("gone")))
        with pytest.raises(OutcomeUnknown):
            floor.place(DAILY)
        assert (floor.record.state, floor.record.detail) == ("unknown", "may have taken effect")
        assert not floor.record.debit.was_returned
        assert floor.outcomes() == ["sending allowed", "outcome unknown"]

    def test_the_reply_has_what_time_is_left(self, floor, monkeypatch):
        left = []
        call = floor.opend.call
        monkeypatch.setattr(
            floor.opend, "call", lambda *a, **named: (left.append(named), call(*a, **named))[1]
        )
        write, advance = floor.audit.write, floor.ledger.advance
        monkeypatch.setattr(
            floor.audit,
            "write",
            lambda *a, **named: (floor.clock.advance(2), write(*a, **named)),
            raising=False,
        )
        monkeypatch.setattr(
            floor.ledger, "advance", lambda *a: (floor.clock.advance(1), advance(*a))[1], raising=False
        )
        started_s = floor.clock.monotonic_s()
        floor.place()
        assert [named["deadline_s"] for named in left] == [started_s + TIMEOUT_S]

    def test_an_order_whose_time_is_over_is_not_sent(self, floor, monkeypatch):
        advance = floor.ledger.advance
        monkeypatch.setattr(
            floor.ledger,
            "advance",
            lambda *a: (floor.clock.advance(TIMEOUT_S), advance(*a))[1],
            raising=False,
        )
        with pytest.raises(NotSent, match="the time for this order was over"):
            floor.place()
        assert floor.writes == []
        assert floor.record.resolution is Resolution.ABSENT

    def test_an_order_that_was_given_up_meanwhile_is_not_sent(self, floor, monkeypatch):
        write = floor.audit.write

        def stall(*arguments, **named):
            write(*arguments, **named)
            floor.clock.advance(60)
            floor.reconciler.step()

        monkeypatch.setattr(floor.audit, "write", stall, raising=False)
        with pytest.raises(IntentNotOpen):
            floor.place()
        assert floor.writes == []
        assert floor.record.state is IntentState.ABANDONED

    def test_one_intent_is_sent_by_one_request(self, floor):
        floor.place()
        context = floor.context(intent_id=floor.record.intent.intent_id)
        with pytest.raises(OutcomeUnknown, match="being sent by an earlier request"):
            floor.desk.submit(PLACE, PLACE.request(c2s=floor.opend.calls[0].c2s), context)
        assert floor.writes == [PLACE.name]


class TestLateAnswer:
    """OpenD's answer comes when the request has told its caller that nobody knows."""

    @pytest.fixture
    def late(self, floor, opend):
        opend.script(PLACE.name, OutcomeUnknown("who knows", ConnectionLost("gone")))
        with pytest.raises(OutcomeUnknown):
            floor.place(DAILY)
        return opend.on_late

    def response(self):
        return PLACE.response(retType=0, **ACCEPTED)

    def test_that_it_was_accepted_settles_it_at_once(self, floor, late):
        late(self.response())
        record = floor.record
        assert (record.state, record.resolution) == (IntentState.RESOLVED, Resolution.ACCEPTED)
        assert (record.order_id, record.order_id_ex) == (ORDER_ID, "17418")
        line = floor.lines()[-1]
        assert (line["outcome"], line["order_id"], line["intent_id"]) == (
            "accepted",
            ORDER_ID,
            record.intent.intent_id,
        )
        assert "came late" in line["detail"]

    def test_that_it_was_refused_settles_it_and_gives_the_days_value_back(self, floor, late):
        late(OpenDRefused(-1, "no money"))
        assert floor.record.resolution is Resolution.REJECTED
        assert floor.record.debit.was_returned
        assert floor.outcomes()[-1] == "outcome rejected"

    @pytest.mark.parametrize("answer", [OpenDFailed(-100, "timeout"), BadSha1("torn")])
    def test_one_that_tells_nothing_changes_nothing(self, floor, late, answer):
        late(answer)
        assert floor.record.state is IntentState.UNKNOWN
        assert floor.outcomes()[-1] == "outcome unknown"

    def test_what_the_search_has_found_out_is_not_told_twice(self, floor, late):
        step = Step(state=IntentState.RESOLVED, resolution=Resolution.ACCEPTED, order_id=ORDER_ID)
        floor.ledger.advance(floor.record.intent.intent_id, step, NOON)
        before, lines = floor.record, floor.lines()
        late(self.response())
        assert (floor.record, floor.lines()) == (before, lines)

    def test_one_that_contradicts_the_search_is_told_loudly_and_is_in_the_audit(self, floor, late, caplog):
        step = Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT)
        floor.ledger.advance(floor.record.intent.intent_id, step, NOON)
        late(self.response())
        assert floor.record.resolution is Resolution.ABSENT
        assert "accepted in truth, not absent" in caplog.text
        assert floor.outcomes()[-1] == "outcome accepted"

    def test_while_the_ledger_is_away_it_is_kept(self, floor, late):
        floor.ledger.fault("before", "advance-accepted", LedgerUnavailable("away"))
        floor.ledger.fault("before", "find_intent", LedgerUnavailable("away"))
        late(self.response())
        floor.ledger.heal()
        floor.desk.settlements.retry()
        assert floor.record.resolution is Resolution.ACCEPTED

    def test_it_waits_for_the_requests_own_outcome(self, floor, opend, monkeypatch):
        call, answering = opend.call, []

        def time_out_and_answer(protocol, request, **options):
            if protocol is PLACE:
                answering.append(gevent.spawn(options["on_late"], self.response()))
                gevent.sleep(0)
                assert floor.record.state is IntentState.SENT
            return call(protocol, request, **options)

        opend.script(PLACE.name, OutcomeUnknown("who knows", ConnectionLost("gone")))
        monkeypatch.setattr(opend, "call", time_out_and_answer)
        with pytest.raises(OutcomeUnknown):
            floor.place()
        gevent.joinall(answering, timeout=10, raise_error=True)
        assert floor.outcomes() == ["sending allowed", "outcome unknown", "outcome accepted"]
        assert floor.record.resolution is Resolution.ACCEPTED


class TestDefect:
    """Something in the gateway fails after an order is on record as sent."""

    def test_an_order_that_cannot_be_encoded_was_not_sent(self, floor, opend):
        opend.script(PLACE.name, NotEncodable("lacks a field"))
        with pytest.raises(NotEncodable):
            floor.place()
        assert floor.record.resolution is Resolution.ABSENT
        assert floor.outcomes()[-1] == "outcome not_sent"

    def test_an_order_is_unknown_at_once(self, floor):
        floor.line.fault("after", f"call-{PLACE.name}", ZeroDivisionError("a defect"))
        with pytest.raises(ZeroDivisionError):
            floor.place()
        assert floor.record.state is IntentState.UNKNOWN
        assert "a defect" in floor.record.detail
        assert floor.outcomes() == ["sending allowed", "outcome unknown"]


class TestDenied:
    def test_nothing_is_sent_and_the_audit_says_why(self, floor, opend):
        with pytest.raises(OrderDenied, match="order value exceeded: 60000 HKD") as denied:
            floor.place(CAPPED, qty=200.0)
        assert denied.value.status == 429
        assert denied.value.valued.value == 60_000
        assert floor.writes == []
        assert floor.ledger.intents_since(0) == []
        (line,) = floor.lines()
        assert (line["kind"], line["decision"], line["reason"]) == ("decision", "denied", "order_value")
        assert (line["value"], line["currency"]) == ("60000.00", "HKD")

    def test_a_limit_that_time_heals_says_when(self, floor):
        key = principal(max_orders_per_minute=1)
        floor.place(key)
        with pytest.raises(OrderDenied, match="rate limit exceeded: 1 orders in the last 60s") as denied:
            floor.place(key)
        assert denied.value.headers() == {"Retry-After": "60"}

    @pytest.mark.parametrize("step_s", [60, 3600, 0.9])
    def test_a_clock_that_is_set_ahead_frees_no_window_early(self, floor, step_s):
        key = principal(max_orders_per_minute=1, duplicate_window_s=30)
        floor.place(key)
        floor.clock.wall += step_s
        floor.reconciler.step()
        with pytest.raises(OrderDenied, match="duplicate order"):
            floor.place(key)
        for _ in range(59):
            floor.clock.advance(1)
            with pytest.raises(OrderDenied, match="rate limit exceeded: 1 orders in the last"):
                floor.place(key, is_meant=True)
        floor.clock.advance(2)
        floor.reconciler.step()
        floor.clock.advance(61)
        floor.place(key)

    def test_a_repetition_that_is_meant_passes(self, floor):
        key = principal(duplicate_window_s=10)
        floor.place(key)
        with pytest.raises(OrderDenied) as denied:
            floor.place(key)
        assert reason_of(denied) is DenyReason.DUPLICATE
        floor.place(key, is_meant=True)

    @pytest.mark.parametrize("act", ["place", "modify"])
    def test_while_trading_is_halted_opend_is_asked_nothing(self, floor, act):
        floor.ledger.set_trading(TradingState.HALTED, NOON)
        with pytest.raises(OrderDenied, match="trading is halted"):
            getattr(floor, act)(CAPPED)
        assert floor.opend.calls == []

    @pytest.mark.parametrize("act", ["place", "modify"])
    def test_of_another_account_opend_is_asked_nothing(self, floor, act):
        with pytest.raises(OrderDenied) as denied:
            getattr(floor, act)(principal(allowed_acc_ids=frozenset({1})))
        assert (reason_of(denied), denied.value.status) == (DenyReason.ACCOUNT, 403)
        assert floor.opend.calls == []

    def test_while_trading_is_reducing_only_what_reduces_passes(self, floor, opend):
        floor.ledger.set_trading(TradingState.REDUCING, NOON, "bot")
        opend.script("Trd_GetPositionList", position_list({}))
        opend.script("Trd_GetOrderList", order_list())
        with pytest.raises(OrderDenied) as denied:
            floor.place()
        assert reason_of(denied) is DenyReason.REDUCING
        floor.place(trdSide=SELL)
        assert floor.writes == [PLACE.name]

    def test_of_two_sales_at_once_only_what_is_held_passes_while_trading_is_reducing(self, floor, opend):
        """Both are judged by the same list of OpenD, in which neither shows yet."""
        floor.ledger.set_trading(TradingState.REDUCING, NOON, "bot")
        opend.script("Trd_GetPositionList", position_list({}))
        opend.script("Trd_GetOrderList", order_list())
        floor.place(trdSide=SELL, qty=60.0)
        with pytest.raises(OrderDenied) as denied:
            floor.place(trdSide=SELL, qty=60.0)
        assert reason_of(denied) is DenyReason.REDUCING
        floor.place(trdSide=SELL, qty=40.0)
        assert floor.writes == [PLACE.name] * 2

    def test_what_cannot_be_judged_is_in_the_audit_too(self, floor):
        with pytest.raises(FieldError, match="sec_market: missing"):
            floor.place(code="600519", secMarket=None, header={**HEADER, "trdMarket": 3})
        (line,) = floor.lines()
        assert (line["decision"], line["reason"], line["code"]) == ("denied", "not_judged", "600519")
        assert "sec_market: missing" in line["detail"]


class TestHugeOrders:
    """What would pass a cap if it were valued carelessly."""

    OPTION_CODE = "TCH261230C300000"

    @pytest.mark.parametrize(
        "changes",
        [
            {"orderType": 2, "qty": 1e12},
            {"orderType": 2, "qty": 1e12, "price": 1e-9},
            {"orderType": 6, "qty": 1e6, "price": 0.0},
            {"trdSide": SELL, "qty": 1e6, "price": 1e-9},
            {"trdSide": 3, "qty": 1e6, "price": 0.001},
            {"orderType": 10, "auxPrice": 0.001, "qty": 1e6},
            {"orderType": 14, "trailType": 2, "trailValue": 0.001, "qty": 1e6},
            {"qty": 1.0, "price": 1.0, "amount": 1e9},
            {"qty": 100.0, "price": 300.0, "adjustPrice": True, "adjustSideAndLimit": 1.0},
        ],
    )
    @pytest.mark.parametrize("limit", ["max_order_value", "max_daily_value"])
    def test_no_order_passes_a_value_cap(self, floor, opend, limit, changes):
        reason = {"max_order_value": DenyReason.ORDER_VALUE, "max_daily_value": DenyReason.DAILY_VALUE}
        with pytest.raises(OrderDenied) as denied:
            floor.place(principal(**{limit: Caps(Decimal(50_000))}), **changes)
        assert reason_of(denied) is reason[limit]
        assert floor.writes == []

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -100.0, 0.0, 1e13, 1e300])
    @pytest.mark.parametrize("field", ["qty", "price"])
    @pytest.mark.parametrize("key", [principal(), CAPPED])
    def test_what_is_no_amount_is_never_sent(self, floor, opend, key, field, number):
        with pytest.raises(FieldError):
            floor.place(key, **{field: number})
        with pytest.raises(FieldError):
            floor.modify(key, **{field: number})
        assert floor.writes == []

    def test_no_change_passes_a_value_cap(self, floor, opend):
        with pytest.raises(OrderDenied) as denied:
            floor.modify(CAPPED, qty=200.0, price=300.0)
        assert reason_of(denied) is DenyReason.ORDER_VALUE
        floor.modify(CAPPED, qty=160.0, price=300.0)
        assert floor.writes == [MODIFY.name]

    def test_changes_are_charged_by_their_increase(self, floor, opend):
        """50,000 a day: 20,000 more twice, and no more."""
        for quantity in (166.0, 166.0):
            floor.modify(DAILY, qty=quantity, price=300.0)
        with pytest.raises(OrderDenied, match="daily value exceeded: 59400 HKD today"):
            floor.modify(DAILY, qty=166.0, price=300.0)

    def test_a_change_without_quantity_or_price_is_never_sent(self, floor, opend):
        for field in ("qty", "price"):
            with pytest.raises(FieldError, match=f"{field}: missing"):
                floor.modify(**{field: None})
        assert floor.writes == []

    @pytest.mark.parametrize("order_type", [1, 2])
    def test_an_option_is_valued_by_its_contracts_or_denied(self, floor, opend, order_type):
        opend.script("Qot_GetStaticInfo", static_info(OPTION, self.OPTION_CODE))
        terms = {"code": self.OPTION_CODE, "qty": 101.0, "price": 5.0, "orderType": order_type}
        for option, reason in (
            ({"contractSize": 100}, DenyReason.ORDER_VALUE),
            ({}, DenyReason.VALUE_UNKNOWN),
        ):
            opend.script(
                "Qot_GetSecuritySnapshot",
                snapshot(5.0, OPTION, self.OPTION_CODE, option=option, lotSize=0),
            )
            floor.desk._valuer._instruments._kept.clear()
            with pytest.raises(OrderDenied) as denied:
                floor.place(CAPPED, **terms)
            assert reason_of(denied) is reason
        assert floor.writes == []

    def test_a_market_order_without_a_quote_is_denied_where_a_cap_holds(self, floor, opend):
        opend.script("Qot_GetSecuritySnapshot", OpenDUnavailable("away"))
        with pytest.raises(OrderDenied, match=r"no usable quote for HK\.00700"):
            floor.place(CAPPED, orderType=2)
        floor.place(principal(), orderType=2)


class TestChangesThatOnlyTakeAway:
    OPERATIONS = (2, 3, 5)

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_they_pass_whatever_the_limits_and_the_kill_switch_say(self, floor, operation):
        floor.ledger.set_trading(TradingState.HALTED, NOON)
        key = principal(max_orders_per_minute=0, allowed_markets=frozenset(), hours_window=())
        floor.modify(key, modifyOrderOp=operation, qty=0.0, price=0.0)
        assert floor.opend.names() == [MODIFY.name]
        assert floor.ledger.intents_since(0) == []
        assert floor.outcomes() == ["sending allowed", "outcome accepted"]
        assert floor.lines()[0]["order_id"] == ORDER_ID

    def test_all_orders_may_be_cancelled_and_nothing_else_done_to_all(self, floor):
        floor.modify(orderID=0, forAll=True, modifyOrderOp=2)
        assert floor.lines()[0]["detail"] == "cancel, all orders"
        for operation in (1, 3, 4, 5):
            with pytest.raises(FieldError, match="for_all"):
                floor.modify(orderID=0, forAll=True, modifyOrderOp=operation)
        assert floor.writes == [MODIFY.name]

    @pytest.mark.parametrize("operation", [0, 6])
    def test_an_operation_that_is_none_is_never_sent(self, floor, operation):
        with pytest.raises(FieldError, match=f"modify_order_op: found {operation}"):
            floor.modify(modifyOrderOp=operation)
        assert floor.writes == []

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_they_go_on_without_ledger_and_audit(self, floor, caplog, operation):
        for name in ("trading_state", "reserve", "advance-sent", "write-sending", "write-outcome"):
            error = AuditUnavailable("full") if name.startswith("write") else LedgerUnavailable("away")
            (floor.audit if name.startswith("write") else floor.ledger).fault("before", name, error)
        floor.modify(modifyOrderOp=operation)
        assert floor.writes == [MODIFY.name]
        assert caplog.text.count("NOT IN THE AUDIT") == 2

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (OpenDRefused(-1, "此订单号不存在"), "rejected"),
            (NotSent("late"), "not_sent"),
            (OutcomeUnknown("who knows"), "unknown"),
        ],
    )
    def test_what_became_of_them_is_in_the_audit(self, floor, error, outcome):
        floor.opend.script(MODIFY.name, error)
        with pytest.raises(type(error)):
            floor.modify(modifyOrderOp=2)
        assert floor.outcomes() == ["sending allowed", f"outcome {outcome}"]

    def test_the_account_has_to_be_the_keys(self, floor):
        with pytest.raises(OrderDenied) as denied:
            floor.modify(principal(allowed_acc_ids=frozenset({1})), modifyOrderOp=2)
        assert reason_of(denied) is DenyReason.ACCOUNT
        assert floor.writes == []

    def test_enabling_is_trading(self, floor, opend):
        floor.modify(modifyOrderOp=4, qty=None, price=None)
        assert floor.record.state is IntentState.ACCEPTED
        floor.ledger.set_trading(TradingState.HALTED, NOON)
        with pytest.raises(OrderDenied, match="trading is halted"):
            floor.modify(modifyOrderOp=4, qty=None, price=None)
        assert floor.writes == [MODIFY.name]

    def test_an_order_that_is_not_there_is_not_changed(self, floor, opend):
        opend.script("Trd_GetOrderList", order_list())
        with pytest.raises(OrderNotFound) as refused:
            floor.modify()
        assert refused.value.status == 400
        assert floor.writes == []


def test_an_unlock_is_in_the_audit_without_its_password(floor):
    floor.opend.script(UNLOCK.name, {"s2c": {}})
    request = UNLOCK.request(c2s={"unlock": True, "pwdMD5": PASSWORD_MD5, "securityFirm": 1})
    floor.ledger.set_trading(TradingState.HALTED, NOON)
    floor.desk.submit(UNLOCK, request, floor.context())
    assert floor.outcomes() == ["sending allowed", "outcome accepted"]
    assert [line["detail"] for line in floor.lines()] == ["unlock", "unlock"]
    assert PASSWORD_MD5 not in floor.audit_file.read_text()


class TestDryRun:
    def test_it_tells_what_would_be_sent_and_sends_and_charges_nothing(self, floor, opend):
        key = principal(max_orders_per_minute=1, max_daily_value=Caps(Decimal(30_000)))
        for _ in range(3):
            answer = floor.place(key, is_dry_run=True)
        assert isinstance(answer, DryRun)
        assert answer.body() == {
            "dry_run": True,
            "allowed": True,
            "kind": "place",
            "trd_env": "simulate",
            "acc_id": ACC_ID,
            "trd_market": "HK",
            "security": "HK.00700",
            "trd_side": "BUY",
            "qty": 100.0,
            "price": 300.0,
            "currency": "HKD",
            "value": 30000.0,
            "increase": 30000.0,
            "last_price": None,
        }
        assert floor.writes == []
        assert floor.ledger.intents_since(0) == []
        assert {(line["decision"], line["detail"]) for line in floor.lines()} == {("allowed", "dry run")}
        floor.place(key)

    def test_it_is_denied_as_the_order_would_be(self, floor, opend):
        with pytest.raises(OrderDenied, match="order value exceeded"):
            floor.place(CAPPED, qty=200.0, is_dry_run=True)
        floor.ledger.set_trading(TradingState.HALTED, NOON)
        with pytest.raises(OrderDenied, match="trading is halted"):
            floor.place(is_dry_run=True)
        assert all(line["detail"].startswith("dry run: ") for line in floor.lines())

    def test_of_a_cancel_there_is_nothing_to_tell(self, floor):
        context = floor.context(is_dry_run=True)
        answer = floor.desk.submit(MODIFY, modify_request(modifyOrderOp=2), context)
        assert answer.body() == {"dry_run": True, "allowed": True}
        assert floor.writes == []


def test_opend_accepting_without_numbers_is_accepted(floor):
    floor.opend.script(PLACE.name, {"s2c": {"header": HEADER}})
    floor.place()
    assert (floor.record.state, floor.record.order_id) == ("accepted", None)
