import pytest
from simulated_wire import TENCENT, Bench, securities

from gateway.simulator.delays import Delays


@pytest.fixture
def bench():
    return Bench()


def test_the_global_state_is_that_of_a_ready_opend(bench):
    client = bench.ready_client()
    s2c = client.ask(1002, userID=0).s2c
    assert (s2c.marketHK, s2c.marketHKFuture, s2c.qotLogined, s2c.trdLogined) == (3, 3, True, True)
    assert (s2c.serverVer, s2c.programStatus.type, s2c.connID) == (1011, 10, client.conn_id)
    assert (s2c.time, s2c.localTime) == (1_700_000_000, 1_700_000_000.0)


def test_a_heartbeat_returns_the_time(bench):
    assert bench.ready_client().ask(1004, time=1).s2c.time == 1_700_000_000


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (1, {"nickName", "avatarUrl", "userID", "userAttribution", "isAppNNOrMM"}),
        (2, {"apiLevel", "subQuota", "historyKLQuota"}),
        (8 | 16, {"isNeedAgreeDisclaimer", "updateType", "updateWhatsNew"}),
    ],
)
def test_user_info_has_the_parts_that_the_flag_names(bench, flag, expected):
    s2c = bench.ready_client().ask(1005, flag=flag).s2c
    assert {field.name for field, _ in s2c.ListFields()} == expected


def test_user_info_without_a_flag_has_every_part(bench):
    client = bench.ready_client()
    without, zero = client.ask(1005).s2c, client.ask(1005, flag=0).s2c
    assert without == zero
    assert without.subQuota == 1000
    assert without.HasField("webKey")
    assert without.hkQotRight == 3


def test_delay_statistics_need_a_type(bench):
    assert bench.ready_client().ask(1007).retType == -1


def test_reply_statistics_count_the_replies_of_each_protocol(bench):
    client = bench.ready_client()
    for _ in range(3):
        client.ask(1004, time=1)
    counts = {item.protoID: item.count for item in client.ask(1007, typeList=[2]).s2c.reqReplyStatisticsList}
    assert counts == {1001: 1, 1004: 3}


def test_push_statistics_come_in_the_segments_asked_for(bench):
    client = bench.ready_client()
    client.ask(
        3001, securityList=securities(TENCENT), subTypeList=[1], isSubOrUnSub=True, isRegOrUnRegPush=True
    )
    bench.opend.tick()
    s2c = client.ask(1007, typeList=[1], segmentList=[0, 10, -1]).s2c
    price = next(item for item in s2c.qotPushStatisticsList if item.qotPushType == 1)
    assert [(item.begin, item.end, item.count) for item in price.itemList] == [(0, 10, 1), (10, -1, 0)]
    assert [item.cumulativeRatio for item in price.itemList] == [100.0, 100.0]
    assert not s2c.reqReplyStatisticsList


def test_delays_fall_into_half_open_segments_and_average():
    delays = Delays()
    for cost_s in (0.002, 0.01, 0.5):
        delays.add_push(3011, cost_s)
    report = delays.report([1], [0, 10, 100, -1])
    ticker = next(item for item in report["qotPushStatisticsList"] if item["qotPushType"] == 2)
    assert [item["count"] for item in ticker["itemList"]] == [1, 1, 1]
    assert ticker["delayAvg"] == pytest.approx(512 / 3)
    assert [item["cumulativeRatio"] for item in ticker["itemList"]] == pytest.approx([100 / 3, 200 / 3, 100])


def test_placed_orders_show_their_cost_and_the_time_to_their_first_push():
    delays = Delays()
    delays.add_order(7, cost_s=0.25, now_s=10.0)
    delays.add_order_update(7, now_s=10.5)
    delays.add_order_update(7, now_s=99.0)
    (item,) = delays.report([3], [])["placeOrderStatisticsList"]
    assert (item["orderID"], item["totalCost"], item["updateCost"]) == ("7", 250.0, 500.0)


def test_an_average_is_over_all_replies_of_its_protocol():
    delays = Delays()
    for cost_s in (0.001, 0.003):
        delays.add_reply(3203, cost_s)
    (item,) = delays.report([2], [])["reqReplyStatisticsList"]
    assert item["totalCostAvg"] == pytest.approx(2.0)
    assert item["isLocalReply"] is False
