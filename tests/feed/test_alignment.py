"""One connection brought in line, with a clock that moves when told, against OpenD's rules or a script."""

import pytest
from fix_feed import BASIC, KL_DAY, ORDER_BOOK, TICKER

from gateway.claim import Options, Subscription
from gateway.feed.alignment import (
    CHECK_INTERVAL_S,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    RENEW_INTERVAL_S,
    Quota,
)
from gateway.opend.client import CallKind
from gateway.opend.errors import ConnectionLost, NotSent, OpenDTimeout, answer_error

TENCENT = Subscription(1, "00700", BASIC)
CHEUNG_KONG = Subscription(1, "00001", BASIC)
APPLE = Subscription(11, "AAPL", BASIC)
UNKNOWN = Subscription(1, "99999", BASIC)
KLINE = Subscription(1, "00700", KL_DAY)
BOOK = Subscription(1, "00700", ORDER_BOOK)
TRADES = Subscription(1, "00700", TICKER)
PULLED, PUSHED = Options(), Options(is_pushed=True)
FORWARD, BACKWARD, NONE = 1, 2, 0


def pushed(*rehab_types):
    return Options(is_pushed=True, rehab_types=frozenset(rehab_types))


@pytest.fixture
def connection(worker):
    return worker.opend


@pytest.fixture
def alignment(worker):
    return worker.alignment


@pytest.fixture
def want(alignment):
    """Wants exactly these, and takes the steps that are due."""

    def want(*pulled, acc_ids=(), **more):
        alignment.want({**dict.fromkeys(pulled, PULLED), **more.get("options", {})}, frozenset(acc_ids))
        alignment.align()

    return want


def test_what_is_wanted_is_subscribed_in_few_requests(connection, alignment, want):
    alignment.want(dict.fromkeys([TENCENT, APPLE, KLINE], PULLED) | {CHEUNG_KONG: PUSHED}, frozenset())
    assert alignment.pending == 4
    alignment.align()
    assert alignment.pending == 0
    assert connection.held == {("00700", BASIC), ("00700", KL_DAY), ("AAPL", BASIC), ("00001", BASIC)}
    assert connection.pushed == {("00001", BASIC, NONE)}
    assert connection.names() == ["Qot_Sub", "Qot_Sub", "Qot_RegQotPush"]
    assert {call.kind for call in connection.calls} == {CallKind.SUBSCRIPTION}


def test_what_is_in_line_is_left_alone(connection, alignment, want):
    want(options={KLINE: pushed(FORWARD, BACKWARD)}, acc_ids=[7])
    calls = len(connection.calls)
    alignment.align()
    assert len(connection.calls) == calls


@pytest.mark.parametrize(("age_s", "is_dropped"), [(59.0, False), (60.0, False), (61.0, True)])
def test_a_minute_passes_before_something_is_given_up(connection, alignment, clock, want, age_s, is_dropped):
    want(TENCENT)
    clock.advance(age_s)
    want()
    assert (connection.held == set()) is is_dropped
    assert connection.names() == ["Qot_Sub"] * (2 if is_dropped else 1)


def test_the_wait_ends_when_a_subscription_may_be_given_up(connection, alignment, clock, want):
    want(TENCENT)
    clock.advance(10)
    want(APPLE)
    alignment.check_when_due()
    want()
    for left in ({("AAPL", BASIC)}, set()):
        while connection.held != left:
            clock.advance(alignment.wait_s() or 0.001)
            alignment.align()
            alignment.check_when_due()
    assert clock.monotonic == pytest.approx(1000 + 10 + 60.5, abs=0.1)


def test_pushes_that_opend_has_lost_come_back(opend, connection, alignment, clock, want):
    """It says nothing of them, so they are asked for again, in few requests, and without old trades."""
    want(options={TENCENT: PUSHED, CHEUNG_KONG: PUSHED, APPLE: PULLED})
    alignment.push_accounts(frozenset({7}))
    alignment.want({TENCENT: PUSHED, CHEUNG_KONG: PUSHED, APPLE: PULLED}, frozenset({7}))
    for _ in range(int(RENEW_INTERVAL_S / CHECK_INTERVAL_S)):
        alignment.check_when_due()
        clock.advance(CHECK_INTERVAL_S)
    before, pushed, conn_id = len(connection.calls), connection.pushed, connection._conn_id
    opend.rules.unregister_push(conn_id, opend.rules.of_connection(conn_id))
    opend.first_pushes.clear()
    alignment.check_when_due()
    alignment.check_when_due()
    assert connection.pushed == pushed
    assert [call.name for call in connection.calls[before:]] == [
        "Qot_GetSubInfo",
        "Qot_RegQotPush",
        "Trd_SubAccPush",
    ]
    assert not opend.first_pushes


def test_pushes_end_even_where_opend_wants_to_keep_the_subscription(connection, alignment, clock, want):
    want(options={TENCENT: PUSHED})
    clock.advance(61)
    refused = answer_error(-1, "HK.00700的Basic订阅时间过短，至少需要订阅1分钟")
    connection.script("Qot_Sub", refused)
    want()
    assert connection.pushed == set()
    assert connection.held == {("00700", BASIC)}
    connection.script("Qot_Sub")
    clock.advance(FIRST_PAUSE_S)
    alignment.align()
    assert connection.held == set()


def test_what_opend_refuses_in_every_way_ends_in_a_pause(connection, alignment, clock, want):
    want(options={TENCENT: PUSHED})
    clock.advance(61)
    for name in ("Qot_Sub", "Qot_RegQotPush"):
        connection.script(name, answer_error(-1, "no"))
    connection.calls.clear()
    want()
    assert connection.names() == ["Qot_Sub", "Qot_RegQotPush"]


def test_what_is_wanted_again_within_the_minute_is_kept_without_a_word(connection, clock, want):
    want(TENCENT)
    want()
    clock.advance(30)
    want(TENCENT)
    clock.advance(60)
    want(TENCENT)
    assert connection.names() == ["Qot_Sub"]
    assert connection.held == {("00700", BASIC)}


def test_a_subscription_that_is_too_young_holds_up_no_older_one(connection, clock, want):
    want(TENCENT)
    clock.advance(50)
    want(TENCENT, APPLE)
    clock.advance(11)
    want()
    assert connection.held == {("AAPL", BASIC)}


def test_pushes_end_at_once(connection, want):
    want(options={TENCENT: PUSHED, KLINE: pushed(FORWARD, BACKWARD)})
    assert len(connection.pushed) == 3
    want(TENCENT)
    assert connection.pushed == set()
    assert connection.held == {("00700", BASIC), ("00700", KL_DAY)}


def test_more_rehab_types_are_added(connection, want):
    want(options={KLINE: pushed()})
    assert connection.pushed == {("00700", KL_DAY, FORWARD)}
    want(options={KLINE: pushed(FORWARD, BACKWARD)})
    assert connection.pushed == {("00700", KL_DAY, FORWARD), ("00700", KL_DAY, BACKWARD)}
    assert [list(call.c2s.rehabTypeList) for call in connection.calls[1:]] == [[FORWARD], [BACKWARD]]


def test_fewer_rehab_types_leave_those_that_are_wanted(connection, want):
    want(options={KLINE: pushed(FORWARD, BACKWARD)})
    want(options={KLINE: pushed(BACKWARD)})
    assert connection.pushed == {("00700", KL_DAY, BACKWARD)}
    asked = [
        (call.c2s.isRegOrUnReg, list(call.c2s.rehabTypeList))
        for call in connection.calls
        if call.name == "Qot_RegQotPush"
    ]
    assert asked[1:] == [(False, [FORWARD, BACKWARD]), (True, [BACKWARD])]


def test_terms_grow_and_shrink(connection, want):
    detailed = Options(has_order_book_detail=True, is_extended_time=True, session=3)
    for options in (PULLED, detailed, Options(session=1), PULLED):
        want(options={BOOK: options})
    terms = [
        (call.c2s.isSubOrderBookDetail, call.c2s.extendedTime, call.c2s.session) for call in connection.calls
    ]
    assert terms == [(False, False, 0), (True, True, 3), (False, False, 1)]


def test_a_new_session_gets_everything_again_and_no_old_trades(opend, connection, worker, want):
    want(APPLE, options={TENCENT: PUSHED, TRADES: PUSHED, KLINE: pushed(BACKWARD)}, acc_ids=[7, 8])
    held, targets = connection.held, connection.pushed
    connection.calls.clear()
    opend.first_pushes.clear()
    worker.lose_session()
    assert worker.alignment.pending == 4
    worker.alignment.align()
    assert (connection.held, connection.pushed) == (held, targets)
    assert [list(call.c2s.accIDList) for call in connection.calls if call.name == "Trd_SubAccPush"] == [
        [7, 8]
    ]
    assert {target.subscription.sub_type for target in opend.first_pushes} == {BASIC, KL_DAY}


def test_one_that_is_refused_takes_no_other_with_it(connection, alignment, want, caplog):
    want(TENCENT, UNKNOWN, APPLE, CHEUNG_KONG)
    assert connection.held == {("00700", BASIC), ("AAPL", BASIC), ("00001", BASIC)}
    assert alignment.pending == 1
    assert caplog.text.count("未知股票") == 1


def test_one_that_is_refused_is_tried_again_ever_more_seldom(
    opend, connection, alignment, clock, want, caplog
):
    alignment.check_when_due()
    want(UNKNOWN)
    pauses, asked_s = [], clock.monotonic
    while len(pauses) < 8:
        clock.advance(1)
        calls = len(connection.lists())
        alignment.align()
        if len(connection.lists()) > calls:
            pauses.append(clock.monotonic - asked_s)
            asked_s = clock.monotonic
    assert pauses == [5, 10, 20, 40, 80, 160, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert caplog.text.count("未知股票") == 1
    opend.unknown.clear()
    clock.advance(LONGEST_PAUSE_S)
    alignment.align()
    assert connection.held == {("99999", BASIC)}
    assert alignment.pending == 0


def test_other_terms_are_tried_at_once(connection, want):
    want(UNKNOWN)
    want(options={UNKNOWN: Options(session=1)})
    assert len(connection.lists()) == 2


def test_another_session_tries_at_once(connection, worker, want):
    want(UNKNOWN)
    worker.lose_session()
    worker.alignment.align()
    assert len(connection.lists()) == 2


@pytest.mark.parametrize("quota", [2])
def test_what_the_quota_has_no_place_for_waits_and_blocks_nothing(quota, connection, alignment, clock, want):
    want(TENCENT, APPLE, KLINE, options={TENCENT: PUSHED})
    assert len(connection.held) == 2
    assert alignment.pending == 1
    clock.advance(61)
    want(KLINE, options={TENCENT: PUSHED})
    assert connection.held == {("00700", BASIC), ("00700", KL_DAY)}
    assert connection.pushed == {("00700", BASIC, NONE)}
    assert alignment.pending == 0


@pytest.mark.parametrize("error", [OpenDTimeout("late"), answer_error(-100, "")])
def test_a_subscription_that_opend_may_have_made_is_given_up_in_time(
    connection, alignment, clock, want, error
):
    alignment.check_when_due()
    connection.script("Qot_Sub", error)
    want(TENCENT)
    assert alignment.pending == 1
    connection.script("Qot_Sub")
    want()
    clock.advance(61)
    alignment.align()
    (last,) = [call.c2s for call in connection.calls if call.name == "Qot_Sub"][1:]
    assert not last.isSubOrUnSub


@pytest.mark.parametrize("error", [ConnectionLost("gone"), NotSent("never went out")])
def test_a_lost_connection_ends_the_attempt_and_everything_stays_wanted(connection, alignment, want, error):
    connection.script("Qot_Sub", error)
    with pytest.raises(type(error)):
        want(TENCENT)
    connection.script("Qot_Sub")
    alignment.align()
    assert alignment.pending == 0


def test_an_answer_on_a_session_that_is_over_says_nothing_of_the_next(connection, worker, monkeypatch):
    answer = connection.call

    def lost_meanwhile(*arguments, **keywords):
        response = answer(*arguments, **keywords)
        if len(connection.calls) == 1:
            worker.lose_session()
        return response

    monkeypatch.setattr(connection, "call", lost_meanwhile)
    worker.alignment.want({TENCENT: PULLED}, frozenset())
    worker.alignment.align()
    assert connection.held == {("00700", BASIC)}
    assert connection.names() == ["Qot_Sub", "Qot_Sub"]


def test_what_opend_dropped_by_itself_is_found_and_made_again(opend, connection, worker, want, clock, caplog):
    want(APPLE, options={TENCENT: PUSHED})
    worker.alignment.check_when_due()
    clock.advance(61)
    dropped = [each for each in opend.rules.of_connection(0) if each.security.code == "00700"]
    opend.rules.unsubscribe(0, dropped, clock.monotonic)
    worker.alignment.align()
    assert connection.held == {("AAPL", BASIC)}
    worker.alignment.check_when_due()
    assert worker.alignment.pending == 1
    worker.alignment.align()
    assert connection.held == {("AAPL", BASIC), ("00700", BASIC)}
    assert connection.pushed == {("00700", BASIC, NONE)}
    assert "dropped 1 subscriptions by itself" in caplog.text


def test_opend_is_asked_now_and_then_what_the_connection_has(connection, alignment, clock):
    for _ in range(2):
        alignment.check_when_due()
        alignment.check_when_due()
        clock.advance(CHECK_INTERVAL_S)
    assert connection.names() == ["Qot_GetSubInfo"] * 2
    assert not connection.calls[0].c2s.isReqAllConn


def test_the_quota_is_what_opend_says(alignment, want):
    want(TENCENT, APPLE, KLINE)
    alignment.check_when_due()
    assert alignment.quota == Quota(used=3, remaining=997)


def test_the_list_of_accounts_is_the_whole_one_each_time(connection, want):
    for acc_ids in ([2, 1], [1, 2], [2], []):
        want(acc_ids=acc_ids)
    assert [list(call.c2s.accIDList) for call in connection.calls] == [[1, 2], [2], []]


def test_an_account_that_is_refused_leaves_the_others_pushed(connection, alignment, clock, want):
    refused = answer_error(-1, "no such account")
    connection.script("Trd_SubAccPush", refused, {}, refused, {})
    want(acc_ids=[1, 2, 3])
    assert [list(call.c2s.accIDList) for call in connection.calls] == [[1, 2, 3], [1], [1, 2], [1, 3]]
    alignment.align()
    assert len(connection.calls) == 4
    assert alignment.is_refused(2)
    clock.advance(FIRST_PAUSE_S)
    alignment.align()
    assert list(connection.calls[4].c2s.accIDList) == [1, 2, 3]


def test_without_a_session_there_is_nothing_to_wait_for(worker, want):
    want(TENCENT)
    session = worker.alignment.begin_session()
    assert worker.alignment.wait_s() == 0
    assert worker.alignment.end_session(session)
    assert worker.alignment.wait_s() is None
    assert worker.alignment.pending == 1


def test_the_end_of_an_earlier_session_changes_nothing(worker, want):
    earlier = worker.alignment.begin_session()
    worker.alignment.begin_session()
    want(TENCENT)
    assert not worker.alignment.end_session(earlier)
    assert worker.alignment.pending == 0
