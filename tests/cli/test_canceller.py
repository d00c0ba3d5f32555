import pytest
from scripted_client import ScriptedClient

from gateway.cli.cancel import GAP_S, LIMIT_WAITS, LOOK_PAUSE_S, LOOKS, Canceller
from gateway.cli.open_order import Result
from gateway.opend.client import CallKind
from gateway.opend.errors import NotSent, OpenDFailed, OpenDLimited, OpenDRefused, OutcomeUnknown

ACCOUNTS, ORDERS, MODIFY = "Trd_GetAccList", "Trd_GetOrderList", "Trd_ModifyOrder"
SIMULATE, REAL = 0, 1
SUBMITTED, FILLED, CANCELLING, CANCELLED, FAILED, DISABLED = 5, 11, 13, 15, 21, 22
CANCEL = 2
LIMITED = OpenDLimited(-1, "此协议请求频率太高，触发了频率限制，请稍后再试，每30秒最多20次")


def account(acc_id, env=SIMULATE, **fields):
    return {"trdEnv": env, "accID": acc_id, "trdMarketAuthList": [1], **fields}


def order(order_id, status=SUBMITTED, **fields):
    given = {"trdSide": 1, "orderType": 1, "orderStatus": status, "orderID": order_id}
    given |= {"orderIDEx": f"x{order_id}", "code": "00700", "name": "T", "qty": 100}
    return {**given, "createTime": "t", "updateTime": "t", **fields}


def listing(*orders):
    header = {"trdEnv": SIMULATE, "accID": 1, "trdMarket": 1}
    return {"s2c": {"header": header, "orderList": list(orders)}}


@pytest.fixture
def client():
    client = ScriptedClient()
    client.script(ACCOUNTS, {"s2c": {"accList": [account(1)]}})
    return client


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def canceller(client, pauses):
    return Canceller(client, pauses.append)


def results(report):
    return [(each.order.order_id, each.result) for each in report.orders]


def cancels(client):
    return [call.c2s for call in client.calls if call.name == MODIFY]


def test_each_open_order_of_a_paper_account_is_cancelled_once(client, canceller):
    before = [order(1), order(2, FILLED), order(3, CANCELLED), order(4, DISABLED)]
    client.script(ORDERS, listing(*before), listing(order(1, CANCELLED), order(4, CANCELLED)))
    report = canceller.cancel_open()
    assert results(report) == [(1, Result.CANCELLED), (4, Result.CANCELLED)]
    assert report.is_complete
    sent = cancels(client)
    assert [(each.orderID, each.orderIDEx, each.modifyOrderOp, each.forAll) for each in sent] == [
        (1, "x1", CANCEL, False),
        (4, "x4", CANCEL, False),
    ]
    assert (sent[0].header.trdEnv, sent[0].header.accID) == (SIMULATE, 1)
    assert all(call.kind is CallKind.WRITE for call in client.calls if call.name == MODIFY)


def test_nothing_open_sends_nothing(client, canceller):
    client.script(ORDERS, listing(order(1, FILLED)))
    report = canceller.cancel_open()
    assert (report.orders, report.is_complete) == ((), True)
    assert client.names() == [ACCOUNTS, ORDERS]


def test_first_look_asks_the_server_and_not_opends_cache(client, canceller):
    client.script(ORDERS, listing(order(1)), listing(order(1, CANCELLED)))
    canceller.cancel_open()
    first, *_ = [call.c2s for call in client.calls if call.name == ORDERS]
    assert first.refreshCache


def test_real_account_is_cancelled_all_at_once(client, canceller):
    client.script(ACCOUNTS, {"s2c": {"accList": [account(9, REAL)]}})
    gone = listing(order(1, CANCELLED), order(2, CANCELLED))
    client.script(ORDERS, listing(order(1), order(2)), listing(order(1, CANCELLING), order(2)), gone)
    assert canceller.cancel_open().is_complete
    (sent,) = cancels(client)
    assert (sent.forAll, sent.orderID, sent.trdMarket, sent.modifyOrderOp) == (True, 0, 0, CANCEL)
    assert (sent.header.trdEnv, sent.header.accID) == (REAL, 9)


def test_what_cancel_all_leaves_or_refuses_is_cancelled_one_by_one(client, canceller):
    client.script(ACCOUNTS, {"s2c": {"accList": [account(9, REAL)]}})
    client.script(MODIFY, OpenDRefused(-1, "not for this account"), {})
    client.script(ORDERS, listing(order(1)), listing(order(1, CANCELLED)))
    assert canceller.cancel_open().is_complete
    assert [each.forAll for each in cancels(client)] == [True, False]


def test_some_orders_alone_are_never_cancelled_by_cancel_all(client, canceller):
    client.script(ACCOUNTS, {"s2c": {"accList": [account(9, REAL)]}})
    client.script(ORDERS, listing(order(1), order(2)), listing(order(1), order(2, CANCELLED)))
    report = canceller.cancel_open(lambda each: each.order_id == 2)
    assert (results(report), report.left, report.is_complete) == ([(2, Result.CANCELLED)], 1, True)
    assert [(each.forAll, each.orderID) for each in cancels(client)] == [(False, 2)]


def test_refused_cancel_is_told_in_opends_words_and_not_waited_for(client, canceller, pauses):
    client.script(MODIFY, OpenDRefused(-1, "locked"))
    client.script(ORDERS, listing(order(1)))
    report = canceller.cancel_open()
    (each,) = report.orders
    assert (each.result, each.detail) == (Result.OPEN, "OpenD refused the request: locked")
    assert not report.is_complete
    assert pauses == [GAP_S]


def test_order_that_was_filled_meanwhile_is_no_failure(client, canceller):
    client.script(MODIFY, OpenDRefused(-1, "wrong state"))
    client.script(ORDERS, listing(order(1), order(2)), listing(order(1, FILLED), order(2, FAILED)))
    report = canceller.cancel_open()
    assert [(each.result, each.detail) for each in report.orders] == [
        (Result.FILLED, None),
        (Result.ENDED, None),
    ]
    assert report.is_complete


@pytest.mark.parametrize(
    "unknown", [OutcomeUnknown("no answer"), OutcomeUnknown("it failed", OpenDFailed(-100, "timeout"))]
)
def test_cancel_without_an_answer_is_not_repeated_and_the_list_decides(client, canceller, unknown):
    client.script(MODIFY, unknown)
    client.script(ORDERS, listing(order(1)), listing(order(1)), listing(order(1, CANCELLED)))
    assert canceller.cancel_open().is_complete
    assert len(cancels(client)) == 1


def test_cancel_that_is_never_confirmed_ends_as_it_stands(client, canceller, pauses):
    client.script(ORDERS, listing(order(1), order(2)), listing(order(1, CANCELLING)))
    report = canceller.cancel_open()
    assert results(report) == [(1, Result.CANCELLING), (2, Result.NOT_LISTED)]
    assert not report.is_complete
    assert pauses.count(LOOK_PAUSE_S) == LOOKS


def test_order_that_is_being_cancelled_already_is_only_waited_for(client, canceller):
    client.script(ORDERS, listing(order(1, CANCELLING)), listing(order(1, CANCELLED)))
    assert canceller.cancel_open().is_complete
    assert cancels(client) == []


def test_frequency_limit_is_waited_for(client, canceller, pauses):
    client.script(MODIFY, LIMITED, {})
    client.script(ORDERS, listing(order(1)), listing(order(1, CANCELLED)))
    assert canceller.cancel_open().is_complete
    assert pauses == [GAP_S, 30.0]
    assert len(cancels(client)) == 2


def test_frequency_limit_that_does_not_end_is_told(client, canceller, pauses):
    client.script(MODIFY, LIMITED)
    client.script(ORDERS, listing(order(1)))
    report = canceller.cancel_open()
    assert not report.is_complete
    assert "limit check failed" in report.orders[0].detail
    assert pauses == [GAP_S, *[30.0] * LIMIT_WAITS]


def test_account_that_cannot_be_read_does_not_keep_the_others_back(client, canceller):
    accounts = [account(1), account(2, accStatus=1), account(3, trdMarketAuthList=[]), account(4)]
    client.script(ACCOUNTS, {"s2c": {"accList": accounts}})
    client.script(ORDERS, NotSent("gone"), listing(order(5)), listing(order(5, CANCELLED)))
    report = canceller.cancel_open()
    assert [(each.account.acc_id, each.detail) for each in report.unreadable] == [(1, "gone")]
    assert results(report) == [(5, Result.CANCELLED)]
    assert report.orders[0].order.account.acc_id == 4
    assert not report.is_complete


def test_look_that_fails_is_looked_again(client, canceller):
    client.script(ORDERS, listing(order(1)), NotSent("gone"), listing(order(1, CANCELLED)))
    assert canceller.cancel_open().is_complete
