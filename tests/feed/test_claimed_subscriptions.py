"""What callers ask, and what two workers on one store make of it."""

import pytest
from fix_feed import (
    APPLE,
    BASIC,
    CHEUNG_KONG,
    KL_DAY,
    QUOTE,
    START_S,
    TENCENT,
    TICKER,
    UNKNOWN,
    A,
    sub,
)

from gateway.claim import Holder, Subscription
from gateway.ledger.base import LedgerUnavailable
from gateway.opend.errors import NotSent, OpenDLimited, OpenDRefused, answer_error
from gateway.opend.shared import JOIN_WITHIN_S
from gateway.schema.errors import FieldError
from gateway.schema.protocols import protocol_named

NOT_SUBSCRIBED = answer_error(-1, "请求获取实时报价接口前，请先订阅Basic数据")
NONE = 0
TENCENT_BASIC = Subscription(1, "00700", BASIC)


def claims_of(worker, holder=A):
    worker.following.look()
    return {
        (claim.subscription.code, claim.subscription.sub_type): claim
        for claim in worker.following.claims.subscriptions
        if claim.holder == holder
    }


def test_what_one_worker_is_told_the_other_follows(worker, other):
    answer = worker.subscribe(TENCENT, APPLE, types=(BASIC, TICKER), isRegOrUnRegPush=True)
    assert answer.retType == 0
    other.follow()
    for each in (worker, other):
        assert each.opend.held == {(code, kind) for code in ("00700", "AAPL") for kind in (BASIC, TICKER)}
        assert len(each.opend.pushed) == 4


def test_a_worker_that_begins_later_has_it_all_too(worker, worker_with):
    worker.subscribe(TENCENT, types=(KL_DAY,), isRegOrUnRegPush=True, regPushRehabTypeList=[1, 2])
    worker.push_accounts(7)
    late = worker_with()
    late.follow()
    assert late.opend.pushed == {("00700", KL_DAY, 1), ("00700", KL_DAY, 2)}
    assert list(late.opend.calls[-1].c2s.accIDList) == [7]


def test_it_is_in_line_before_it_answers(worker):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    assert worker.opend.pushed == {("00700", BASIC, NONE)}
    assert worker.opend.names() == ["Qot_Sub", "Qot_RegQotPush"]


def test_the_claim_is_known_before_the_first_push_can_come(worker):
    seen = []
    worker.following.on_change = lambda claims: seen.append((len(claims.subscriptions), worker.opend.pushed))
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    assert seen == [(0, set()), (1, set())]


@pytest.mark.parametrize(
    ("given", "first"), [({}, 1), ({"isFirstPush": True}, 1), ({"isFirstPush": False}, 0)]
)
def test_the_first_push_is_as_it_was_asked_for(opend, worker, given, first):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True, **given)
    assert len(opend.first_pushes) == first


def test_no_first_push_comes_to_a_connection_that_was_pushed_already(opend, worker, other):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    other.follow()
    opend.first_pushes.clear()
    worker.subscribe(TENCENT, CHEUNG_KONG, isRegOrUnRegPush=True, key="b")
    assert [target.subscription.security.code for target in opend.first_pushes] == ["00001"]
    other.follow()
    assert [target.subscription.security.code for target in opend.first_pushes] == ["00001", "00001"]


@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_wrong_code_fails_the_whole_call_and_leaves_no_claim(worker, other, is_pushed):
    with pytest.raises(OpenDRefused, match="未知股票"):
        worker.subscribe(TENCENT, UNKNOWN, isRegOrUnRegPush=is_pushed)
    assert not claims_of(worker)
    worker.follow()
    other.follow()
    assert worker.opend.held == other.opend.held == set()


def test_a_refused_change_leaves_the_claims_as_they_were(worker):
    worker.subscribe(TENCENT)
    before = claims_of(worker)
    with pytest.raises(OpenDRefused):
        worker.subscribe(TENCENT, UNKNOWN, isRegOrUnRegPush=True)
    assert claims_of(worker) == before


def test_refused_pushes_leave_the_claims_as_they_were(worker):
    worker.subscribe(TENCENT)
    before = claims_of(worker)
    worker.opend.script("Qot_RegQotPush", answer_error(-1, "no such right"))
    with pytest.raises(OpenDRefused, match="no such right"):
        worker.subscribe(TENCENT, CHEUNG_KONG, isRegOrUnRegPush=True)
    assert claims_of(worker) == before


def test_a_quota_that_is_used_up_is_the_callers_to_hear(opend, worker):
    worker.opend.script("Qot_Sub", answer_error(-1, "订阅额度不足，订阅失败，已用订阅额度：1000/1000"))
    with pytest.raises(OpenDLimited):
        worker.subscribe(TENCENT)
    assert not claims_of(worker)


def test_a_store_that_is_away_is_said_and_nothing_is_asked(worker, monkeypatch):
    def away():
        raise LedgerUnavailable("away")

    monkeypatch.setattr(worker.following._ledger, "generations", away)
    with pytest.raises(LedgerUnavailable):
        worker.subscribe(TENCENT)
    assert not worker.opend.calls


def test_unsubscribing_is_answered_at_once_and_done_when_opend_allows_it(worker, other, clock):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    other.follow()
    assert other.subscribe(TENCENT, on=False).retType == 0
    for each in (worker, other):
        each.follow()
        assert (each.opend.held, each.opend.pushed) == ({("00700", BASIC)}, set())
    clock.advance(61)
    for each in (worker, other):
        each.follow()
        assert each.opend.held == set()


def test_unsubscribing_what_was_not_subscribed_is_passed_over(worker):
    assert worker.subscribe(UNKNOWN, TENCENT, on=False).retType == 0
    assert not worker.opend.calls


def test_a_request_without_securities_is_opends_to_refuse(worker):
    for on in (True, False):
        with pytest.raises(OpenDRefused, match="securityList"):
            worker.subscribe(on=on)


def test_unsub_all_of_one_key_leaves_the_others_data(worker, other, clock, ledger):
    ledger.renew_lease("lease", clock.wall_s(), clock.wall_s() + 100)
    worker.subscribe(TENCENT, APPLE, isRegOrUnRegPush=True)
    worker.subscribe(TENCENT, isRegOrUnRegPush=True, key="b")
    worker.push_accounts(7)
    socket = Holder("a", "socket")
    worker.subscriptions.claim(socket, sub(CHEUNG_KONG, isRegOrUnRegPush=True).c2s, lease_id="lease")
    other.follow()
    clock.advance(61)
    other.subscribe(types=(), on=False, isUnsubAll=True)
    for each in (worker, other):
        each.follow()
        assert each.opend.held == {("00700", BASIC), ("00001", BASIC)}
        assert each.opend.pushed == {("00700", BASIC, NONE), ("00001", BASIC, NONE)}
    assert [claim.acc_id for claim in worker.following.claims.accounts] == [7]


def test_one_holders_pushes_do_not_end_with_anothers(worker):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    worker.subscribe(TENCENT, isRegOrUnRegPush=True, key="b")
    worker.subscribe(TENCENT, isRegOrUnRegPush=False)
    worker.follow()
    assert worker.opend.pushed == {("00700", BASIC, NONE)}
    worker.subscribe(TENCENT, isRegOrUnRegPush=False, key="b")
    worker.follow()
    assert worker.opend.pushed == set()


def test_what_others_claim_is_asked_with_it(worker):
    worker.subscribe(TENCENT, session=3)
    worker.subscribe(TENCENT, key="b", session=1, extendedTime=True)
    assert [(call.c2s.session, call.c2s.extendedTime) for call in worker.opend.calls] == [
        (3, False),
        (3, True),
    ]
    worker.subscribe(TENCENT, on=False)
    worker.follow()
    last = worker.opend.calls[-1].c2s
    assert (last.session, last.extendedTime) == (1, True)


def test_a_change_that_says_nothing_of_pushes_leaves_them(worker):
    for given in ({"isRegOrUnRegPush": True}, {}):
        worker.subscribe(TENCENT, **given)
        worker.follow()
        assert worker.opend.pushed == {("00700", BASIC, NONE)}
    worker.subscribe(TENCENT, isRegOrUnRegPush=False)
    worker.follow()
    assert worker.opend.pushed == set()


def test_the_broker_context_is_not_taken(worker):
    with pytest.raises(FieldError):
        worker.subscribe(TENCENT, header={"securityFirm": 1})
    assert not worker.opend.calls


def test_a_time_to_live_ends_a_claim(worker, other, clock):
    worker.subscribe(TENCENT, ttl_s=90)
    worker.subscribe(APPLE)
    other.follow()
    clock.advance(89)
    other.follow()
    assert claims_of(worker)["00700", BASIC].expires_s == START_S + 90
    clock.advance(1)
    for each in (worker, other):
        each.follow()
        assert each.opend.held == {("AAPL", BASIC)}


def test_subscribing_again_without_a_time_to_live_lasts(worker, clock):
    worker.subscribe(TENCENT, ttl_s=90)
    worker.subscribe(TENCENT)
    clock.advance(1000)
    worker.follow()
    assert worker.opend.held == {("00700", BASIC)}


def test_accounts_are_pushed_to_every_worker_for_as_long_as_anybody_claims_them(worker, other):
    worker.push_accounts(1, 2)
    other.push_accounts(2, 3, key="b")
    worker.follow()
    for each in (worker, other):
        assert list(each.opend.calls[-1].c2s.accIDList) == [1, 2, 3]
    worker.push_accounts(1)
    other.follow()
    assert list(other.opend.calls[-1].c2s.accIDList) == [1, 2, 3]
    other.push_accounts(key="b")
    worker.follow()
    assert list(worker.opend.calls[-1].c2s.accIDList) == [1]


def test_an_account_that_opend_refuses_fails_the_call_and_changes_nothing(worker, other):
    worker.push_accounts(1)
    worker.opend.script("Trd_SubAccPush", answer_error(-1, "no such account"))
    with pytest.raises(OpenDRefused, match="no such account"):
        worker.push_accounts(1, 99)
    other.follow()
    assert [claim.acc_id for claim in other.following.claims.accounts] == [1]


def test_an_account_of_anothers_that_opend_refuses_by_now_is_left_out(worker):
    worker.push_accounts(1, key="b")
    worker.lose_session()
    worker.opend.script("Trd_SubAccPush", answer_error(-1, "no such account"))
    worker.follow()
    worker.opend.script("Trd_SubAccPush")
    worker.push_accounts(2)
    assert list(worker.opend.calls[-1].c2s.accIDList) == [2]


def test_a_holder_drops_all_it_has(worker, clock, ledger):
    ledger.renew_lease("lease", clock.wall_s(), clock.wall_s() + 100)
    socket = Holder("a", "socket")
    worker.subscriptions.claim(socket, sub(TENCENT, isRegOrUnRegPush=True).c2s, lease_id="lease")
    worker.subscriptions.claim_accounts(socket, [7], lease_id="lease")
    worker.subscribe(APPLE)
    (claim,) = [each for each in worker.following.claims.subscriptions if each.holder == socket]
    assert claim.lease_id == worker.following.claims.accounts[0].lease_id == "lease"
    worker.subscriptions.drop(socket)
    assert not claims_of(worker, socket)
    assert not worker.following.claims.accounts
    assert claims_of(worker)


def test_a_socket_claims_beside_its_key(worker):
    worker.subscribe(TENCENT)
    socket = Holder("a", "socket")
    worker.subscriptions.claim(socket, sub(TENCENT, isRegOrUnRegPush=True).c2s)
    worker.subscriptions.drop(socket, [TENCENT_BASIC])
    worker.follow()
    assert (worker.opend.held, worker.opend.pushed) == ({("00700", BASIC)}, set())


def test_changes_wait_for_one_another_and_not_for_ever(worker, monkeypatch):
    monkeypatch.setattr(worker.alignment, "_timeout_s", 0.01)
    with worker.alignment.exclusive(), pytest.raises(NotSent):
        worker.subscribe(TENCENT)


# Reads


def test_a_read_claims_what_it_lacks_and_asks_once_more(worker):
    worker.read(TENCENT)
    assert worker.opend.names() == ["Qot_GetBasicQot", "Qot_Sub", "Qot_GetBasicQot"]
    claim = claims_of(worker)["00700", BASIC]
    assert (claim.options.is_pushed, claim.expires_s) == (False, START_S + 86400)


def test_what_was_read_once_is_given_up_in_time_and_claimed_again(worker, clock):
    worker.read(TENCENT)
    clock.advance(86400)
    worker.follow()
    assert worker.opend.held == set()
    worker.read(TENCENT)
    assert worker.opend.held == {("00700", BASIC)}


def test_a_read_makes_no_claim_of_what_another_worker_was_told(worker, other):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True, key="b")
    other.read(TENCENT)
    assert other.opend.pushed == {("00700", BASIC, NONE)}
    assert not claims_of(other)
    assert other.opend.names().count("Qot_GetBasicQot") == 2


def test_sub_types_are_subscribed_before_the_read(worker):
    worker.read(TENCENT, sub_types=(BASIC, TICKER))
    assert worker.opend.names() == ["Qot_Sub", "Qot_GetBasicQot"]
    assert set(claims_of(worker)) == {("00700", BASIC), ("00700", TICKER)}


def test_known_subscriptions_are_not_sent_again_before_a_read(worker):
    worker.read(TENCENT, sub_types=(BASIC,))
    worker.read(TENCENT, sub_types=(BASIC,))
    worker.read(TENCENT, APPLE, sub_types=(BASIC,))
    assert worker.opend.names() == ["Qot_Sub", *["Qot_GetBasicQot"] * 2, "Qot_Sub", "Qot_GetBasicQot"]
    assert worker.opend.lists()[-1] == ["AAPL"]


def test_a_read_is_asked_once_more_and_not_twice(worker):
    worker.opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED)
    with pytest.raises(OpenDRefused):
        worker.read(TENCENT)
    assert worker.opend.names() == ["Qot_GetBasicQot", "Qot_Sub", "Qot_GetBasicQot"]


def test_a_subscription_that_opend_dropped_is_made_again_with_its_pushes(opend, worker, clock):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    before = claims_of(worker)
    clock.advance(61)
    opend.rules.unsubscribe(0, opend.rules.of_connection(0), clock.monotonic)
    worker.read(TENCENT)
    assert worker.opend.pushed == {("00700", BASIC, NONE)}
    assert claims_of(worker) == before


def test_a_read_leaves_the_claims_that_its_key_has(worker):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    before = claims_of(worker)["00700", BASIC]
    worker.read(TENCENT, APPLE)
    assert claims_of(worker)["00700", BASIC] == before
    assert worker.opend.pushed == {("00700", BASIC, NONE)}


def test_a_read_leaves_a_claim_of_its_key_that_opend_refused_for_a_while(worker):
    worker.subscribe(TENCENT, isRegOrUnRegPush=True)
    before = claims_of(worker)
    worker.lose_session()
    worker.opend.script("Qot_Sub", answer_error(-1, "not now"))
    worker.follow()
    worker.opend.script("Qot_Sub")
    worker.read(TENCENT)
    assert claims_of(worker) == before
    assert worker.opend.pushed == {("00700", BASIC, NONE)}


@pytest.mark.parametrize("step", ["generations", "put_claims"])
def test_a_read_goes_on_while_the_store_is_away(worker, ledger, clock, monkeypatch, step):
    def away(*arguments):
        raise LedgerUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, step, away)
        for _ in range(2):
            worker.read(TENCENT)
    assert worker.opend.names() == ["Qot_GetBasicQot", "Qot_Sub", *["Qot_GetBasicQot"] * 2]
    clock.advance(61)
    worker.follow()
    assert (worker.opend.held == set()) is (step == "put_claims")


def test_another_refusal_of_a_read_stands(worker):
    with pytest.raises(OpenDRefused, match="未知股票"):
        worker.read(UNKNOWN)
    assert worker.opend.names() == ["Qot_GetBasicQot"]


def test_a_refused_subscription_is_what_the_caller_of_a_read_hears(worker):
    worker.opend.script("Qot_Sub", answer_error(-1, "订阅额度不足，订阅失败，已用订阅额度：1000/1000"))
    with pytest.raises(OpenDLimited, match="订阅额度不足"):
        worker.read(TENCENT)
    assert not claims_of(worker)


def test_without_auto_subscribe_opends_refusal_stands(worker_with):
    worker = worker_with(auto_subscribe=False)
    with pytest.raises(OpenDRefused, match="请先订阅"):
        worker.read(TENCENT)
    assert not claims_of(worker)


def test_without_auto_subscribe_what_another_worker_was_told_is_read_all_the_same(worker, worker_with):
    worker.subscribe(TENCENT)
    other = worker_with(auto_subscribe=False)
    other.read(TENCENT)
    assert other.opend.held == {("00700", BASIC)}


def test_reads_that_are_refused_together_subscribe_once(worker, monkeypatch):
    ask = worker.opend.call

    def overtaken(protocol, request, **options):
        if protocol is QUOTE and len(worker.opend.calls) == 0:
            response = None
            try:
                response = ask(protocol, request, **options)
            finally:
                worker.following._clock.advance(2 * JOIN_WITHIN_S)
                worker.read(TENCENT)
            return response
        return ask(protocol, request, **options)

    monkeypatch.setattr(worker.opend, "call", overtaken)
    worker.read(TENCENT)
    assert worker.opend.names().count("Qot_Sub") == 1


def test_a_kline_type_that_does_not_exist_is_opends_to_refuse(worker):
    protocol = protocol_named("Qot_GetKL")
    request = protocol.request(c2s={"security": TENCENT, "klType": 0, "rehabType": 1, "reqNum": 1})
    with pytest.raises(OpenDRefused):
        _ = worker.subscriptions.read("a", protocol, request).answer
    assert worker.opend.names() == ["Qot_GetKL"]
