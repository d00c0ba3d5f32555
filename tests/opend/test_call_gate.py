"""The client asks its gate before a call and tells it of refusals."""

import gevent
import pytest
from fake_opend import FakeOpenD, response

from gateway.opend.client import CallKind, Client, ClientSettings
from gateway.opend.errors import FrequencyExceeded, OpenDLimited, OpenDRefused, OpenDUnavailable
from gateway.schema.protocols import protocol_named

PLATES = protocol_named("Qot_GetPlateSet")
MARKET = {"market": 1, "plateSetType": 0}
UNLOCK = protocol_named("Trd_UnlockTrade")
FREQUENCY = "获取板块列表频率太高，请求失败，每30秒最多10次。"


class Gate:
    def __init__(self):
        self.admitted, self.refusals = [], []
        self.error = None

    def admit(self, protocol, request):
        gevent.sleep(0)
        self.admitted.append(protocol.name)
        if self.error:
            raise self.error

    def refused(self, protocol, request):
        self.refusals.append(protocol.name)


@pytest.fixture
def opend():
    fake = FakeOpenD()
    yield fake
    fake.close()


@pytest.fixture
def client(opend):
    made = Client(ClientSettings((opend.endpoint,), pool_size=1, timeout_s=5))
    made.gate = Gate()
    made.open()
    assert made.wait_ready(5)
    yield made
    made.close()


def read(client):
    return client.call(PLATES, PLATES.request(c2s=MARKET), kind=CallKind.READ)


def test_each_call_that_is_no_write_is_admitted_first(client, opend):
    read(client)
    client.call(UNLOCK, UNLOCK.request(c2s={"unlock": False}), kind=CallKind.WRITE)
    assert client.gate.admitted == ["Qot_GetPlateSet"]
    assert len(opend.requests) == 2


def test_what_is_held_back_never_reaches_opend_and_is_not_asked_again(client, opend):
    client.gate.error = FrequencyExceeded("no", 3)
    with pytest.raises(FrequencyExceeded):
        read(client)
    assert client.gate.admitted == ["Qot_GetPlateSet"]
    assert not opend.requests


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        (FREQUENCY, True),
        ("下单频率太高，请求失败，两次请求至少间隔0.02秒。", False),
        ("历史K线额度不足", False),
    ],
)
def test_only_a_window_that_is_full_is_told(client, opend, text, is_told):
    opend.script = lambda peer, request: peer.reply(
        request, response(request.proto_id, ret_type=-1, ret_msg=text)
    )
    with pytest.raises(OpenDLimited):
        read(client)
    assert client.gate.refusals == ["Qot_GetPlateSet"] * is_told


def test_another_refusal_is_none_of_its_business(client, opend):
    opend.script = lambda peer, request: peer.reply(
        request, response(request.proto_id, ret_type=-1, ret_msg="未知板块")
    )
    with pytest.raises(OpenDRefused):
        read(client)
    assert client.gate.refusals == []


def test_a_call_that_finds_no_connection_takes_no_place(client, opend):
    opend.close()
    with gevent.Timeout(5):
        while client.status().is_ready:
            gevent.sleep(0.001)
    with pytest.raises(OpenDUnavailable):
        client.call(PLATES, PLATES.request(c2s=MARKET), kind=CallKind.READ, timeout_s=0.2)
    assert client.gate.admitted == []


def test_it_knows_whom_opend_is_logged_in_as(client):
    assert client.login_user_id == 7
