"""Requests that ask for what is wanted and nothing else, and what a caller's request means."""

import random

import pytest
from fix_feed import BASIC, KL_DAY, TENCENT, TICKER, sub

from gateway.claim import Claim, Claims, Holder, Options, Subscription
from gateway.feed.request import (
    Batch,
    Register,
    SecurityKey,
    Subscribe,
    Unregister,
    Unsubscribe,
    batches,
    options_after,
    pushes_of,
    wants_first_push,
)

FORWARD, BACKWARD, NONE = 1, 2, 0
KLINE = Subscription(1, "00700", KL_DAY)


def pushed(*rehab_types):
    return Options(is_pushed=True, rehab_types=frozenset(rehab_types))


@pytest.mark.parametrize("seed", range(20))
def test_requests_ask_for_each_change_once_and_for_nothing_else(seed):
    pick = random.Random(seed)
    kinds = [
        Subscribe(),
        Subscribe(session=1),
        Unsubscribe(),
        Register(frozenset({1})),
        Unregister(frozenset({1})),
    ]
    everything = [Subscription(1, str(code), sub_type) for code in range(12) for sub_type in (1, 2, 4, 6)]
    changes = {each: pick.choice(kinds) for each in everything if pick.random() < 0.6}
    asked = [(each, batch.change) for batch in batches(changes) for each in batch.subscriptions]
    assert len(asked) == len(changes)
    assert dict(asked) == changes


def test_securities_of_the_same_types_share_a_request():
    codes = [f"{code:05}" for code in range(50)]
    changes = {Subscription(1, code, sub_type): Subscribe() for code in codes for sub_type in (1, 2, 4)}
    (batch,) = batches(changes)
    assert (len(batch.securities), batch.sub_types) == (50, (1, 2, 4))


def test_what_frees_quota_is_asked_before_what_takes_it():
    changes = {
        Subscription(1, "1", 1): Register(frozenset({1})),
        Subscription(1, "2", 1): Subscribe(),
        Subscription(1, "3", 1): Unsubscribe(),
        Subscription(1, "4", 1): Unregister(frozenset({1})),
    }
    assert [type(batch.change) for batch in batches(changes)] == [
        Unregister,
        Unsubscribe,
        Subscribe,
        Register,
    ]


def test_halves_are_the_whole_down_to_single_subscriptions():
    keys = tuple(SecurityKey(1, str(code)) for code in range(5))
    waiting, singles = [Batch(Subscribe(), keys, (1, 4, 6))], []
    while waiting:
        batch = waiting.pop()
        halves = batch.halves()
        if halves is None:
            singles += batch.subscriptions
        else:
            waiting += halves
    assert sorted(singles) == sorted(Batch(Subscribe(), keys, (1, 4, 6)).subscriptions)


def test_a_request_says_nothing_of_pushes_when_it_subscribes():
    (batch,) = batches({KLINE: Subscribe(has_order_book_detail=True, session=3)})
    c2s = batch.request().c2s
    assert (c2s.isSubOrUnSub, c2s.isSubOrderBookDetail, c2s.extendedTime, c2s.session) == (
        True,
        True,
        False,
        3,
    )
    assert not c2s.HasField("isRegOrUnRegPush")


@pytest.mark.parametrize(
    ("known", "given", "after"),
    [
        (Options(), {}, Options()),
        (Options(), {"isRegOrUnRegPush": True}, pushed(FORWARD)),
        (pushed(BACKWARD), {}, pushed(BACKWARD)),
        (pushed(BACKWARD), {"isRegOrUnRegPush": True}, pushed(FORWARD, BACKWARD)),
        (
            pushed(BACKWARD),
            {"isRegOrUnRegPush": True, "regPushRehabTypeList": [NONE]},
            pushed(NONE, BACKWARD),
        ),
        (pushed(BACKWARD), {"isRegOrUnRegPush": False}, Options()),
        (pushed(BACKWARD), {"regPushRehabTypeList": [NONE]}, pushed(BACKWARD)),
        (Options(), {"regPushRehabTypeList": [NONE]}, Options()),
        (Options(has_order_book_detail=True), {}, Options(has_order_book_detail=True)),
        (Options(has_order_book_detail=True), {"isSubOrderBookDetail": False}, Options()),
        (
            Options(is_extended_time=True, session=2),
            {"session": 3},
            Options(is_extended_time=True, session=3),
        ),
        (Options(session=2), {"session": 0}, Options()),
    ],
)
def test_what_a_request_does_not_say_stays(known, given, after):
    assert options_after(known, sub(TENCENT, **given).c2s) == after


@pytest.mark.parametrize(
    ("given", "wanted"), [({}, True), ({"isFirstPush": True}, True), ({"isFirstPush": False}, False)]
)
def test_a_first_push_is_wanted_unless_it_is_not(given, wanted):
    assert wants_first_push(sub(TENCENT, **given).c2s) is wanted


@pytest.mark.parametrize(
    ("options", "together"),
    [
        ([pushed(), pushed(BACKWARD)], {FORWARD, BACKWARD}),
        ([pushed(BACKWARD), pushed()], {FORWARD, BACKWARD}),
        ([Options(rehab_types=frozenset({BACKWARD})), pushed()], {FORWARD}),
        ([Options(), Options(rehab_types=frozenset({BACKWARD}))], set()),
        ([pushed(NONE)], {NONE}),
    ],
)
def test_the_union_of_pushes_leaves_nobody_without_its_own(options, together):
    claims = [
        Claim(holder=Holder(str(index)), subscription=KLINE, options=each)
        for index, each in enumerate(options)
    ]
    assert pushes_of(KLINE, Claims(tuple(claims)).wanted()[KLINE]) == together


def test_rehab_types_are_for_klines_alone():
    options = pushed(NONE, BACKWARD)
    for sub_type in (BASIC, TICKER):
        assert pushes_of(Subscription(1, "00700", sub_type), options) == {FORWARD}
        assert pushes_of(Subscription(1, "00700", sub_type), Options()) == set()
    assert pushes_of(KLINE, options) == {NONE, BACKWARD}
