import pytest
from scripted_client import ScriptedClient

from gateway.feed.requirement import Need, needs
from gateway.feed.subscriptions import Subscriptions, subscription_requests
from gateway.opend.client import CallKind
from gateway.opend.errors import ConnectionLost, OpenDLimited, OpenDRefused, OpenDTimeout, answer_error
from gateway.schema.protocols import protocol_named

SUBSCRIBE = protocol_named("Qot_Sub")
QUOTE = protocol_named("Qot_GetBasicQot")
BASIC, TICKER = 1, 4
TENCENT = {"market": 1, "code": "00700"}
APPLE = {"market": 11, "code": "AAPL"}
NOT_SUBSCRIBED = answer_error(-1, "请求获取实时报价接口前，请先订阅Basic数据")
UNKNOWN_SECURITY = answer_error(-1, "未知股票")


@pytest.fixture
def opend():
    return ScriptedClient()


@pytest.fixture
def subscriptions(opend):
    return Subscriptions(opend, auto_subscribe=True)


def sub(*securities, types=(BASIC,), on=True, **options):
    return SUBSCRIBE.request(
        c2s={"securityList": securities, "subTypeList": types, "isSubOrUnSub": on, **options}
    )


def quote(*securities):
    return QUOTE.request(c2s={"securityList": securities})


def told(opend):
    """What the calls so far subscribed, as needs with the options that matter."""
    return {
        (security.code, sub_type): (call.c2s.isRegOrUnRegPush, tuple(call.c2s.regPushRehabTypeList))
        for call in opend.calls
        if call.name == "Qot_Sub"
        for security in call.c2s.securityList
        for sub_type in call.c2s.subTypeList
    }


def restored(opend, subscriptions):
    opend.calls.clear()
    subscriptions.restore()
    return told(opend)


def test_a_restored_session_has_the_same_subscriptions_with_their_options(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, APPLE, types=(BASIC, TICKER)))
    subscriptions.change(
        SUBSCRIBE, sub(TENCENT, types=(6,), isRegOrUnRegPush=True, regPushRehabTypeList=[1, 2])
    )
    assert restored(opend, subscriptions) == {
        ("00700", BASIC): (False, ()),
        ("00700", TICKER): (False, ()),
        ("AAPL", BASIC): (False, ()),
        ("AAPL", TICKER): (False, ()),
        ("00700", 6): (True, (1, 2)),
    }
    assert len(opend.calls) == 2
    assert {call.kind for call in opend.calls} == {CallKind.SUBSCRIPTION}
    assert not any(call.c2s.isFirstPush for call in opend.calls)


def test_what_was_unsubscribed_is_not_restored(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, APPLE, types=(BASIC, TICKER)))
    subscriptions.change(SUBSCRIBE, sub(TENCENT, types=(TICKER,), on=False))
    assert restored(opend, subscriptions).keys() == {("00700", BASIC), ("AAPL", BASIC), ("AAPL", TICKER)}


def test_after_unsubscribe_all_nothing_is_restored(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT))
    subscriptions.change(SUBSCRIBE, sub(on=False, types=(), isUnsubAll=True))
    assert restored(opend, subscriptions) == {}


def test_a_refused_change_is_not_remembered(opend, subscriptions):
    opend.script("Qot_Sub", answer_error(-1, "未知股票"), {})
    with pytest.raises(OpenDRefused):
        subscriptions.change(SUBSCRIBE, sub(TENCENT))
    assert restored(opend, subscriptions) == {}


def test_the_last_list_of_pushed_accounts_is_restored(opend, subscriptions):
    push = protocol_named("Trd_SubAccPush")
    for accounts in ([1, 2], [3]):
        subscriptions.change(push, push.request(c2s={"accIDList": accounts}))
    opend.calls.clear()
    subscriptions.restore()
    assert [(call.name, list(call.c2s.accIDList)) for call in opend.calls] == [("Trd_SubAccPush", [3])]


def test_what_a_new_session_refuses_is_logged_and_forgotten(opend, subscriptions, caplog):
    subscriptions.change(SUBSCRIBE, sub(TENCENT))
    opend.script("Qot_Sub", UNKNOWN_SECURITY, UNKNOWN_SECURITY, {})
    subscriptions.restore()
    assert "未知股票" in caplog.text
    assert restored(opend, subscriptions) == {}


def test_one_security_that_is_refused_takes_no_other_with_it(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, APPLE, isRegOrUnRegPush=True))
    opend.script("Qot_Sub", UNKNOWN_SECURITY, UNKNOWN_SECURITY, {})
    assert restored(opend, subscriptions) == {("00700", BASIC): (True, ()), ("AAPL", BASIC): (True, ())}
    assert [[each.code for each in call.c2s.securityList] for call in opend.calls] == [
        ["00700", "AAPL"], ["00700"], ["AAPL"],
    ]  # fmt: skip
    assert restored(opend, subscriptions) == {("AAPL", BASIC): (True, ())}


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost("gone again"),
        OpenDTimeout("late"),
        answer_error(-1, "订阅额度不足，订阅失败，已用订阅额度：1000/1000"),
        answer_error(-100, ""),
    ],
)
def test_what_a_new_session_could_not_be_told_is_told_the_next_one(opend, subscriptions, error):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, APPLE))
    opend.script("Qot_Sub", error, {})
    subscriptions.restore()
    assert restored(opend, subscriptions).keys() == {("00700", BASIC), ("AAPL", BASIC)}


def test_a_read_that_subscribes_again_keeps_the_pushes(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, isRegOrUnRegPush=True))
    opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED, {})
    subscriptions.read(QUOTE, quote(TENCENT, APPLE))
    assert told(opend)["00700", BASIC] == (True, ())
    assert restored(opend, subscriptions) == {("00700", BASIC): (True, ()), ("AAPL", BASIC): (False, ())}


def test_a_change_that_says_nothing_of_pushes_leaves_them(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT, isRegOrUnRegPush=True))
    subscriptions.change(SUBSCRIBE, sub(TENCENT))
    assert restored(opend, subscriptions) == {("00700", BASIC): (True, ())}
    subscriptions.change(SUBSCRIBE, sub(TENCENT, isRegOrUnRegPush=False))
    assert restored(opend, subscriptions) == {("00700", BASIC): (False, ())}


def test_lists_that_repeat_themselves_need_each_thing_once(opend, subscriptions):
    subscriptions.read(QUOTE, quote(*[TENCENT] * 3000, APPLE), (BASIC, TICKER) * 3000)
    subscribed = opend.calls[0].c2s
    assert [each.code for each in subscribed.securityList] == ["00700", "AAPL"]
    assert list(subscribed.subTypeList) == [BASIC, TICKER]


def test_known_subscriptions_are_not_sent_again_before_a_read(opend, subscriptions):
    subscriptions.read(QUOTE, quote(TENCENT), (BASIC,))
    subscriptions.read(QUOTE, quote(TENCENT), (BASIC,))
    subscriptions.read(QUOTE, quote(TENCENT, APPLE), (BASIC,))
    assert opend.names() == ["Qot_Sub", *["Qot_GetBasicQot"] * 2, "Qot_Sub", "Qot_GetBasicQot"]
    assert [security.code for security in opend.calls[3].c2s.securityList] == ["AAPL"]


def test_a_read_is_asked_once_more_and_not_twice(opend, subscriptions):
    opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED)
    with pytest.raises(OpenDRefused):
        subscriptions.read(QUOTE, quote(TENCENT))
    assert opend.names() == ["Qot_GetBasicQot", "Qot_Sub", "Qot_GetBasicQot"]


def test_a_subscription_that_opend_dropped_is_made_again(opend, subscriptions):
    subscriptions.change(SUBSCRIBE, sub(TENCENT))
    opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED, {})
    subscriptions.read(QUOTE, quote(TENCENT))
    assert opend.names() == ["Qot_Sub", "Qot_GetBasicQot", "Qot_Sub", "Qot_GetBasicQot"]


def test_another_refusal_of_a_read_stands(opend, subscriptions):
    opend.script("Qot_GetBasicQot", answer_error(-1, "未知股票"))
    with pytest.raises(OpenDRefused, match="未知股票"):
        subscriptions.read(QUOTE, quote(TENCENT))
    assert opend.names() == ["Qot_GetBasicQot"]


def test_a_refused_subscription_is_what_the_caller_hears(opend, subscriptions):
    opend.script("Qot_GetBasicQot", NOT_SUBSCRIBED)
    opend.script("Qot_Sub", answer_error(-1, "订阅额度不足，订阅失败，已用订阅额度：1000/1000"))
    with pytest.raises(OpenDLimited, match="订阅额度不足"):
        subscriptions.read(QUOTE, quote(TENCENT))


@pytest.mark.parametrize(
    ("kline", "sub_type"),
    [
        (1, 11),
        (2, 6),
        (3, 12),
        (4, 13),
        (5, 16),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 10),
        (10, 17),
        (11, 15),
        (12, 18),
        (13, 19),
        (14, 20),
        (15, 21),
    ],
)
def test_each_kline_type_needs_its_sub_type(kline, sub_type):
    request = protocol_named("Qot_GetKL").request(
        c2s={"security": TENCENT, "klType": kline, "rehabType": 1, "reqNum": 1}
    )
    assert needs("Qot_GetKL", request) == (Need(1, "00700", sub_type),)


def test_a_kline_type_that_does_not_exist_needs_nothing(opend, subscriptions):
    protocol = protocol_named("Qot_GetKL")
    request = protocol.request(c2s={"security": TENCENT, "klType": 0, "rehabType": 1, "reqNum": 1})
    opend.script("Qot_GetKL", NOT_SUBSCRIBED)
    with pytest.raises(OpenDRefused):
        subscriptions.read(protocol, request)
    assert opend.names() == ["Qot_GetKL"]


@pytest.mark.parametrize(
    ("name", "fields", "sub_type"),
    [
        ("Qot_GetOrderBook", {"num": 1}, 2),
        ("Qot_GetOrderBook", {"num": 1, "orderBookType": 0}, 2),
        ("Qot_GetOrderBook", {"num": 1, "orderBookType": 1}, 22),
        ("Qot_GetTicker", {"maxRetNum": 1}, 4),
        ("Qot_GetRT", {}, 5),
        ("Qot_GetBroker", {}, 14),
    ],
)
def test_each_read_needs_its_sub_type(name, fields, sub_type):
    request = protocol_named(name).request(c2s={"security": TENCENT, **fields})
    assert needs(name, request) == (Need(1, "00700", sub_type),)


def test_requests_subscribe_what_is_wanted_and_nothing_else():
    wanted = {
        Need(1, "00700", 1): (),
        Need(1, "00700", 4): (),
        Need(11, "AAPL", 1): (),
        Need(1, "00001", 1): (),
    }
    subscribed = [
        Need(security.market, security.code, sub_type)
        for request in subscription_requests(wanted)
        for security in request.c2s.securityList
        for sub_type in request.c2s.subTypeList
    ]
    assert sorted(subscribed) == sorted(wanted)
