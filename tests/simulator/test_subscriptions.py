import pytest
from simulated_wire import CALL_OPTION, CHEUNG_KONG, PUT_OPTION, TENCENT, Bench, securities

from gateway.simulator.model import SecurityKey
from gateway.simulator.subscription_handlers import SUB_TYPE_OF_KL_TYPE
from gateway.simulator.subscriptions import Quota, SubType, display_code

BASIC, ORDER_BOOK, TICKER, RT, KL_DAY, KL_1MIN, BROKER, ODD_BOOK = 1, 2, 4, 5, 6, 11, 14, 22


@pytest.fixture
def bench():
    empty = lambda call: {"security": call.c2s.security}  # noqa: E731 - one answer for all reads
    return Bench(handlers=dict.fromkeys((3006, 3008, 3010, 3012, 3014), empty))


def subscribe(client, keys, sub_types, **more):
    return client.ask(3001, securityList=securities(*keys), subTypeList=sub_types, isSubOrUnSub=True, **more)


def unsubscribe(client, keys, sub_types):
    return client.ask(3001, securityList=securities(*keys), subTypeList=sub_types, isSubOrUnSub=False)


def sub_info(client, **c2s):
    return client.ask(3003, **c2s).s2c


def test_what_is_subscribed_shows_grouped_by_type(bench):
    client = bench.ready_client()
    assert subscribe(client, [TENCENT, CHEUNG_KONG], [BASIC, TICKER]).retType == 0
    s2c = sub_info(client)
    (own,) = s2c.connSubInfoList
    shown = {info.subType: {security.code for security in info.securityList} for info in own.subInfoList}
    assert shown == {BASIC: {"00700", "00001"}, TICKER: {"00700", "00001"}}
    assert (own.isOwnConnData, own.usedQuota, s2c.totalUsedQuota, s2c.remainQuota) == (True, 4, 4, 996)


def test_lists_that_repeat_themselves_ask_for_each_thing_once(bench):
    client = bench.ready_client()
    reply = subscribe(
        client,
        [TENCENT] * 1000,
        [BASIC, KL_DAY] * 1000,
        isRegOrUnRegPush=True,
        isFirstPush=False,
        regPushRehabTypeList=[0, 1] * 1000,
    )
    assert reply.retType == 0
    assert sub_info(client).totalUsedQuota == 2


def test_other_connections_show_on_request_only(bench):
    first, second = bench.ready_client(), bench.ready_client()
    subscribe(first, [TENCENT], [BASIC])
    assert [own.isOwnConnData for own in sub_info(second).connSubInfoList] == [True]
    every = sub_info(second, isReqAllConn=True).connSubInfoList
    assert sorted((info.isOwnConnData, info.usedQuota) for info in every) == [(False, 1), (True, 0)]


def test_the_same_data_on_two_connections_cost_once(bench):
    first, second = bench.ready_client(), bench.ready_client()
    subscribe(first, [TENCENT], [BASIC])
    subscribe(second, [TENCENT], [BASIC, TICKER])
    assert sub_info(first).totalUsedQuota == 2


def test_one_unknown_code_fails_the_whole_call(bench):
    client = bench.ready_client()
    reply = subscribe(client, [TENCENT, SecurityKey(1, "99999")], [BASIC])
    assert (reply.retType, reply.retMsg) == (-1, "未知股票")
    assert sub_info(client).totalUsedQuota == 0


@pytest.mark.parametrize(("keys", "sub_types"), [([], [BASIC]), ([TENCENT], []), ([TENCENT], [BASIC, 3])])
def test_an_empty_list_or_an_unknown_type_is_refused(bench, keys, sub_types):
    client = bench.ready_client()
    assert subscribe(client, keys, sub_types).retType == -1
    assert sub_info(client).totalUsedQuota == 0


def test_unsubscribing_within_a_minute_is_refused_in_opends_words(bench):
    client = bench.ready_client()
    subscribe(client, [CHEUNG_KONG], [KL_DAY])
    bench.clock.advance(59.9)
    reply = unsubscribe(client, [CHEUNG_KONG], [KL_DAY])
    assert reply.retMsg == "HK.00001的KL_Day订阅时间过短，至少需要订阅1分钟"
    bench.clock.advance(0.1)
    assert unsubscribe(client, [CHEUNG_KONG], [KL_DAY]).retType == 0
    assert sub_info(client).totalUsedQuota == 0


def test_subscribing_again_does_not_begin_a_new_minute(bench):
    client = bench.ready_client()
    subscribe(client, [TENCENT], [BASIC])
    bench.clock.advance(59)
    subscribe(client, [TENCENT], [BASIC])
    bench.clock.advance(1)
    assert unsubscribe(client, [TENCENT], [BASIC]).retType == 0


def test_a_refused_unsubscription_removes_nothing(bench):
    client = bench.ready_client()
    subscribe(client, [TENCENT], [BASIC])
    bench.clock.advance(60)
    subscribe(client, [TENCENT], [TICKER])
    assert unsubscribe(client, [TENCENT], [BASIC, TICKER]).retType == -1
    assert sub_info(client).totalUsedQuota == 2


def test_unsubscribing_all_ignores_the_lists_and_leaves_other_connections_alone(bench):
    first, second = bench.ready_client(), bench.ready_client()
    subscribe(first, [TENCENT, CHEUNG_KONG], [BASIC], isRegOrUnRegPush=True)
    subscribe(second, [TENCENT], [BASIC])
    bench.clock.advance(60)
    assert first.ask(3001, isSubOrUnSub=True, isUnsubAll=True).retType == 0
    assert sub_info(first).connSubInfoList[0].usedQuota == 0
    assert sub_info(second).totalUsedQuota == 1
    assert bench.subscriptions.push_targets(first.conn_id) == frozenset()


def test_the_quota_is_one_for_all_connections():
    bench = Bench(quota=Quota(securities=3))
    first, second = bench.ready_client(), bench.ready_client()
    subscribe(first, [TENCENT], [BASIC, TICKER])
    reply = subscribe(second, [CHEUNG_KONG], [BASIC, TICKER])
    assert reply.retMsg == "订阅额度不足，订阅失败，已用订阅额度：2/3"
    assert subscribe(second, [TENCENT], [BASIC, TICKER, ORDER_BOOK]).retType == 0
    assert sub_info(second).remainQuota == 0


def test_options_count_one_for_each_chain():
    bench = Bench(quota=Quota(securities=1, option_chains=1))
    client = bench.ready_client()
    assert subscribe(client, [CALL_OPTION, PUT_OPTION], [BASIC, TICKER]).retType == 0
    s2c = sub_info(client)
    assert (s2c.totalUsedQuota, s2c.optionUsedQuota, s2c.optionRemainQuota) == (0, 1, 0)


def test_a_closed_connection_frees_what_is_older_than_a_minute(bench):
    first, second = bench.ready_client(), bench.ready_client()
    subscribe(first, [TENCENT], [BASIC])
    bench.clock.advance(30)
    subscribe(first, [TENCENT], [TICKER])
    bench.clock.advance(30)
    first.disconnect()
    assert sub_info(second).totalUsedQuota == 1
    bench.clock.advance(30)
    assert sub_info(second).totalUsedQuota == 0


def test_quota_is_released_when_the_last_connection_unsubscribes(bench):
    first, second = bench.ready_client(), bench.ready_client()
    for client in (first, second):
        subscribe(client, [TENCENT], [BASIC])
    bench.clock.advance(60)
    for client, used in ((first, 1), (second, 0)):
        unsubscribe(client, [TENCENT], [BASIC])
        assert sub_info(client).totalUsedQuota == used


REAL_TIME_READS = [
    (3004, {"securityList": securities(TENCENT)}, BASIC, "请求获取实时报价接口前，请先订阅Basic数据"),
    (3008, {"security": TENCENT._asdict()}, RT, "请求获取实时分时接口前，请先订阅RT数据"),
    (
        3010,
        {"security": TENCENT._asdict(), "maxRetNum": 1},
        TICKER,
        "请求获取实时逐笔接口前，请先订阅Ticker数据",
    ),
    (
        3012,
        {"security": TENCENT._asdict(), "num": 1},
        ORDER_BOOK,
        "请求获取实时摆盘接口前，请先订阅OrderBook数据",
    ),
    (
        3012,
        {"security": TENCENT._asdict(), "num": 1, "orderBookType": 1},
        ODD_BOOK,
        "请求获取实时摆盘接口前，请先订阅OrderBook_Odd数据",
    ),
    (3014, {"security": TENCENT._asdict()}, BROKER, "请求获取实时经纪队列接口前，请先订阅Broker数据"),
]


@pytest.mark.parametrize(("proto_id", "c2s", "sub_type", "text"), REAL_TIME_READS)
def test_a_real_time_read_needs_the_subscription_on_its_own_connection(bench, proto_id, c2s, sub_type, text):
    client, other = bench.ready_client(), bench.ready_client()
    every_other_type = [number for number in SubType if number != sub_type]
    subscribe(client, [TENCENT], every_other_type)
    subscribe(client, [CHEUNG_KONG], [sub_type])
    subscribe(other, [TENCENT], [sub_type])
    reply = client.ask(proto_id, **c2s)
    assert (reply.retType, reply.retMsg) == (-1, text)
    subscribe(client, [TENCENT], [sub_type])
    assert client.ask(proto_id, **c2s).retType == 0


@pytest.mark.parametrize("kl_type", SUB_TYPE_OF_KL_TYPE)
def test_k_lines_need_the_subscription_of_their_own_period(bench, kl_type):
    client = bench.ready_client()
    needed = SUB_TYPE_OF_KL_TYPE[kl_type]
    c2s = {"rehabType": 1, "klType": kl_type, "security": TENCENT._asdict(), "reqNum": 1}
    subscribe(client, [TENCENT], [number for number in SubType if number != needed])
    assert client.ask(3006, **c2s).retMsg == f"请求获取实时K线接口前，请先订阅{needed.name}数据"
    subscribe(client, [TENCENT], [needed])
    assert client.ask(3006, **c2s).retType == 0


def test_every_k_line_type_has_its_subscription_and_no_two_share_one():
    klines = {sub_type for sub_type in SubType if sub_type.is_kline}
    assert set(SUB_TYPE_OF_KL_TYPE) == set(range(1, 16))
    assert set(SUB_TYPE_OF_KL_TYPE.values()) == klines
    assert len(klines) == 15


def test_an_unknown_k_line_type_or_code_is_refused_as_such(bench):
    client = bench.ready_client()
    c2s = {"rehabType": 1, "klType": 99, "security": TENCENT._asdict(), "reqNum": 1}
    assert "99" in client.ask(3006, **c2s).retMsg
    assert client.ask(3004, securityList=[{"market": 1, "code": "99999"}]).retMsg == "未知股票"


def test_registering_pushes_needs_the_subscription_and_unregistering_does_not(bench):
    client = bench.ready_client()
    c2s = {"securityList": securities(TENCENT), "subTypeList": [BASIC]}
    assert client.ask(3002, **c2s, isRegOrUnReg=True).retType == -1
    assert client.ask(3002, **c2s, isRegOrUnReg=False).retType == 0
    subscribe(client, [TENCENT], [BASIC])
    assert client.ask(3002, **c2s, isRegOrUnReg=True).retType == 0
    assert len(bench.subscriptions.push_targets(client.conn_id)) == 1


def test_push_registration_stays_as_it_is_where_a_request_leaves_it_unset(bench):
    client = bench.ready_client()
    subscribe(client, [TENCENT], [BASIC])
    assert not bench.subscriptions.push_targets(client.conn_id)
    subscribe(client, [TENCENT], [BASIC], isRegOrUnRegPush=True)
    subscribe(client, [TENCENT], [BASIC])
    assert bench.subscriptions.push_targets(client.conn_id)
    subscribe(client, [TENCENT], [BASIC], isRegOrUnRegPush=False)
    assert not bench.subscriptions.push_targets(client.conn_id)


def test_k_lines_are_pushed_forward_unless_other_rehab_types_are_named(bench):
    client = bench.ready_client()
    subscribe(client, [TENCENT], [KL_DAY, BASIC], isRegOrUnRegPush=True)
    subscribe(client, [TENCENT], [KL_1MIN], isRegOrUnRegPush=True, regPushRehabTypeList=[0, 2])
    targets = bench.subscriptions.push_targets(client.conn_id)
    assert {(target.subscription.sub_type, target.rehab_type) for target in targets} == {
        (KL_DAY, 1),
        (BASIC, 0),
        (KL_1MIN, 0),
        (KL_1MIN, 2),
    }


def test_unsubscribing_ends_the_pushes(bench):
    client = bench.ready_client()
    subscribe(client, [TENCENT, CHEUNG_KONG], [BASIC], isRegOrUnRegPush=True)
    bench.clock.advance(60)
    unsubscribe(client, [TENCENT], [BASIC])
    assert {target.subscription.security for target in bench.subscriptions.listeners()} == {CHEUNG_KONG}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ((1, "00700"), "HK.00700"),
        ((2, "HSImain"), "HK.HSImain"),
        ((11, "AAPL"), "US.AAPL"),
        ((22, "1"), "SZ.1"),
    ],
)
def test_codes_are_shown_with_their_market(key, text):
    assert display_code(SecurityKey(*key)) == text
