import pytest
from simulated_wire import CALL_OPTION, CHEUNG_KONG, TENCENT, Bench, securities

STATUS = {"type": 3, "connectStatus": {"qotLogined": True, "trdLogined": True}}
ACCOUNT = 281756479345015383


@pytest.fixture
def bench():
    return Bench()


def listen(client, *keys, **more):
    c2s = {"securityList": securities(*keys), "subTypeList": [1], "isSubOrUnSub": True, **more}
    assert client.ask(3001, **{"isRegOrUnRegPush": True, **c2s}).retType == 0


def quotes(client):
    """Codes and marks of the quote pushes that came; the mark is what `basic_event` was made with."""
    return [
        (push.s2c.basicQotList[0].security.code, push.s2c.basicQotList[0].volume)
        for push in client.pushed()
        if push.DESCRIPTOR.full_name == "Qot_UpdateBasicQot.Response"
    ]


def test_a_new_registration_is_sent_what_is_known_then_what_happens(bench):
    client = bench.ready_client()
    listen(client, TENCENT)
    bench.clock.advance(5)
    bench.opend.tick()
    assert quotes(client) == [("00700", 0)]
    bench.clock.advance(3)
    bench.opend.tick()
    assert quotes(client) == [("00700", 3)]


def test_no_first_push_where_it_is_not_wanted(bench):
    client = bench.ready_client()
    listen(client, TENCENT, isFirstPush=False)
    bench.opend.tick()
    assert quotes(client) == []
    bench.clock.advance(2)
    bench.opend.tick()
    assert quotes(client) == [("00700", 2)]


def test_pushes_go_to_the_connections_that_registered_and_to_no_other(bench):
    listener, subscriber, bystander = (bench.ready_client() for _ in range(3))
    listen(listener, TENCENT, isFirstPush=False)
    listen(subscriber, TENCENT, CHEUNG_KONG, isRegOrUnRegPush=False)
    bench.clock.advance(1)
    bench.opend.tick()
    assert quotes(listener) == [("00700", 1)]
    assert quotes(subscriber) == quotes(bystander) == []


def test_nothing_is_pushed_while_time_stands_still(bench):
    client = bench.ready_client()
    listen(client, TENCENT, isFirstPush=False)
    for _ in range(3):
        bench.opend.tick()
    assert quotes(client) == []


def test_a_connection_that_left_before_its_first_push_is_passed_over(bench):
    client, other = bench.ready_client(), bench.ready_client()
    listen(client, TENCENT)
    listen(other, CHEUNG_KONG)
    client.disconnect()
    bench.opend.tick()
    assert quotes(other) == [("00001", 0)]


def order_push(bench, acc_id):
    header = {"trdEnv": 1, "accID": acc_id, "trdMarket": 1}
    order = {
        "trdSide": 1,
        "orderType": 1,
        "orderStatus": 5,
        "orderID": 9,
        "orderIDEx": "9",
        "code": "00700",
        "name": "Tencent",
        "qty": 100,
        "createTime": "",
        "updateTime": "",
    }
    bench.pushes.account_push(acc_id, 2208, {"header": header, "order": order})


def test_trade_pushes_go_where_the_account_is_listed_and_the_list_replaces_the_one_before(bench):
    client, bystander = bench.ready_client(), bench.ready_client()
    client.ask(2008, accIDList=[ACCOUNT, 2])
    order_push(bench, ACCOUNT)
    assert [push.s2c.header.accID for push in client.pushed()] == [ACCOUNT]
    client.ask(2008, accIDList=[2])
    order_push(bench, ACCOUNT)
    assert client.pushed() == bystander.pushed() == []


def test_notifications_go_to_those_who_asked_for_them(bench):
    asked, did_not, not_ready = bench.ready_client(), bench.ready_client(recvNotify=False), bench.client()
    bench.pushes.notify(STATUS)
    assert [push.s2c.type for push in asked.pushed()] == [3]
    assert did_not.pushed() == not_ready.pushed() == []


def test_a_changed_quota_is_notified_once(bench):
    client = bench.ready_client()
    listen(client, TENCENT, isFirstPush=False)
    for _ in range(2):
        bench.opend.tick()
    (push,) = client.pushed()
    assert (push.s2c.type, push.s2c.usedQuota.usedSubQuota) == (7, 1)


def test_price_reminders_go_to_every_session(bench):
    clients = [bench.ready_client(), bench.ready_client(recvNotify=False)]
    content = {"price": 400.0, "changeRate": 1.0, "marketStatus": 1, "content": "up", "note": ""}
    bench.pushes.price_reminder({"security": TENCENT._asdict(), **content})
    assert [[push.s2c.price for push in client.pushed()] for client in clients] == [[400.0], [400.0]]


def test_what_expired_is_no_longer_pushed_and_the_rest_is(bench):
    client = bench.ready_client()
    listen(client, CALL_OPTION, TENCENT, isFirstPush=False)
    bench.expired.add(CALL_OPTION)
    bench.clock.advance(1)
    bench.opend.tick()
    assert quotes(client) == [("00700", 1)]
    assert client.ask(3003).s2c.optionUsedQuota == 1
