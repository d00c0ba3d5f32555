"""Orders and OpenD's own frequency limits: denied before anything is sent, and cancels never held back."""

import pytest
from fix_store import connect
from fix_trading import (
    ACC_ID,
    MODIFY,
    NOON,
    PLACE,
    UNLOCK,
    order_list,
    order_row,
    principal,
    snapshot,
    static_info,
)

from gateway.frequency import Frequency
from gateway.ledger.base import CallCharge, Check, LedgerUnavailable
from gateway.opend.errors import OpenDLimited
from gateway.policy.reasons import DenyReason
from gateway.schema.frequency import FREQUENCY_LIMITS
from gateway.schema.trade import ModifyOrderOp
from gateway.trading.desk import Desk, OrderDenied

LOGIN = 7
ORDERS, CHANGES, UNLOCKS = 15, 20, 10
PASSWORD_MD5 = "e10adc3949ba59abbe56e057f20f883e"


def window(proto_id, account=ACC_ID):
    limit = FREQUENCY_LIMITS[proto_id]
    return CallCharge(f"{LOGIN}:{proto_id}:{account}", limit.count, 30, limit.min_gap_s)


@pytest.fixture
def floor(floor):
    frequency = Frequency(floor.ledger, floor.clock, lambda: LOGIN)
    floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock, frequency=frequency)
    floor.opend.script("Qot_GetStaticInfo", static_info())
    floor.opend.script("Qot_GetSecuritySnapshot", snapshot())
    floor.opend.script("Trd_GetOrderList", order_list(order_row()))
    return floor


def place(floor, **changes):
    floor.clock.advance(1)
    return floor.place(**changes)


def change(floor, operation):
    floor.clock.advance(0.1)
    return floor.modify(modifyOrderOp=operation)


def unlock(floor, *, is_on=True):
    floor.clock.advance(1)
    request = UNLOCK.request(c2s={"unlock": is_on, "pwdMD5": PASSWORD_MD5, "securityFirm": 1})
    return floor.desk.submit(UNLOCK, request, floor.context())


def test_the_order_that_opend_would_refuse_is_denied_and_leaves_no_trace_but_its_line(floor):
    for _ in range(ORDERS):
        place(floor)
    sent, recorded = len(floor.writes), floor.ledger.intents_since(0)
    with pytest.raises(OrderDenied) as denied:
        place(floor, key=principal(max_orders_per_minute=ORDERS + 1))
    assert denied.value.denied.reason is DenyReason.FREQUENCY
    assert denied.value.status == 429
    assert denied.value.headers() == {"Retry-After": "16"}
    assert str(denied.value) == (
        "limit check failed: OpenD's frequency limit exceeded: 15 calls in the last 30s (cap 15, 0.02s apart)"
    )
    assert len(floor.writes) == sent == ORDERS
    assert floor.ledger.intents_since(0) == recorded
    assert floor.outcomes()[-1] == "decision denied"
    assert floor.lines()[-1]["reason"] == "frequency"


def test_a_denied_order_charges_nothing(floor):
    key = principal(max_orders_per_minute=1)
    floor.ledger.fill_calls(window(2202), NOON)
    with pytest.raises(OrderDenied):
        place(floor, key=key)
    floor.clock.advance(31)
    assert place(floor, key=key).retType == 0


def test_after_retry_after_the_order_passes(floor):
    for _ in range(ORDERS):
        place(floor)
    with pytest.raises(OrderDenied) as denied:
        place(floor)
    floor.clock.advance(int(denied.value.headers()["Retry-After"]))
    assert place(floor).retType == 0


def test_each_account_has_a_window_of_its_own(floor):
    floor.ledger.fill_calls(window(2202), NOON)
    header = {"trdEnv": 0, "accID": ACC_ID + 1, "trdMarket": 1}
    assert place(floor, header=header).retType == 0


def test_two_orders_in_the_same_moment_are_too_near(floor):
    floor.place()
    floor.clock.advance(0.019)
    with pytest.raises(OrderDenied) as denied:
        floor.place()
    assert denied.value.headers() == {"Retry-After": "1"}
    floor.clock.advance(0.001)
    assert floor.place().retType == 0


def test_changes_are_denied_and_cancels_are_not(floor):
    floor.ledger.fill_calls(window(2205), NOON)
    with pytest.raises(OrderDenied) as denied:
        change(floor, ModifyOrderOp.NORMAL)
    assert denied.value.denied.reason is DenyReason.FREQUENCY
    for operation in (ModifyOrderOp.CANCEL, ModifyOrderOp.DISABLE, ModifyOrderOp.DELETE):
        assert change(floor, operation).retType == 0
    assert floor.writes == [MODIFY.name] * 3


def test_cancels_are_counted_so_that_changes_know_of_them(floor):
    for _ in range(CHANGES):
        change(floor, ModifyOrderOp.CANCEL)
    with pytest.raises(OrderDenied):
        change(floor, ModifyOrderOp.NORMAL)


def test_a_cancel_goes_out_before_it_is_counted_and_when_it_cannot_be(floor):
    floor.ledger.fault("before", "count_call", LedgerUnavailable("away"))
    assert change(floor, ModifyOrderOp.CANCEL).retType == 0
    assert floor.writes == [MODIFY.name]


def test_unlocking_is_denied_and_locking_is_not(floor):
    floor.opend.script(UNLOCK.name, {"s2c": {}})
    for _ in range(UNLOCKS):
        unlock(floor)
    with pytest.raises(OrderDenied) as denied:
        unlock(floor)
    assert denied.value.denied.reason is DenyReason.FREQUENCY
    assert floor.lines()[-1]["reason"] == "frequency"
    assert unlock(floor, is_on=False).retType == 0
    assert floor.writes == [UNLOCK.name] * (UNLOCKS + 1)


def test_unlocking_needs_no_ledger(floor):
    floor.opend.script(UNLOCK.name, {"s2c": {}})
    floor.ledger.fault("before", "count_call", LedgerUnavailable("away"))
    assert unlock(floor).retType == 0


def test_a_dry_run_is_told_and_takes_no_place(floor):
    for _ in range(ORDERS + 5):
        place(floor, is_dry_run=True)
    assert floor.ledger.count_call(window(2202), floor.clock.wall_s()) is None
    floor.ledger.fill_calls(window(2202), floor.clock.wall_s())
    with pytest.raises(OrderDenied):
        place(floor, is_dry_run=True)


def test_what_opend_refuses_nevertheless_is_rejected_as_before(floor):
    text = "下单频率太高，请求失败，每30秒最多15次。"
    floor.opend.script(PLACE.name, {"retType": -1, "retMsg": text})
    with pytest.raises(OpenDLimited):
        place(floor)
    assert floor.record.state == "rejected"


def test_without_known_limits_opend_is_asked(tmp_path, floor):
    floor.desk = Desk(floor.line, floor.ledger, floor.audit, floor.clock)
    floor.ledger.fill_calls(window(2202), NOON)
    assert place(floor).retType == 0


def test_the_window_is_that_of_the_file_for_all_processes(floor, tmp_path):
    for _ in range(ORDERS):
        place(floor)
    other = connect(f"sqlite:{tmp_path / 'ledger.db'}")
    exceeded = other.count_call(window(2202), floor.clock.wall_s())
    other.close()
    assert exceeded is not None
    assert exceeded.check is Check.FREQUENCY
