from dataclasses import dataclass, field

import pytest
from simulated_wire import Bench

from gateway.routes import ROUTES
from gateway.schema.frequency import FREQUENCY_LIMITS, WINDOW_S
from gateway.simulator.frequency import FrequencyLimiter
from gateway.simulator.model import Refusal


@dataclass
class Header:
    accID: int = 1  # noqa: N815 - the protocol's name


@dataclass
class Request:
    """A C2S with every field that limits look at."""

    header: Header = field(default_factory=Header)
    refreshCache: bool = True  # noqa: N815
    nextReqKey: bytes = b""  # noqa: N815
    referenceType: int = 2  # noqa: N815


def accepted(limiter, proto_id, request, times, now_s=0.0, step_s=0.1):
    """How many of so many requests, `step_s` apart, are let through before the first refusal."""
    for count in range(times):
        try:
            limiter.check(proto_id, request, now_s + count * step_s)
        except Refusal:
            return count
    return times


DOCUMENTED = {
    **dict.fromkeys((3203, 3210, 3103), 60),
    **dict.fromkeys((3211, 3212, 3218), 30),
    2205: 20,
    2202: 15,
    **dict.fromkeys((3204, 3205, 3206, 3207, 3209, 3213, 3215, 3217, 3223), 10),
    **dict.fromkeys((2005, 2101, 2102, 2201, 2211, 2111, 2221, 2222, 2223, 2225), 10),
}


@pytest.mark.parametrize(("proto_id", "count"), DOCUMENTED.items())
def test_exactly_the_documented_number_passes_in_30_seconds(proto_id, count):
    assert accepted(FrequencyLimiter(), proto_id, Request(), count + 5) == count


@pytest.mark.parametrize("proto_id", sorted({route.proto_id for route in ROUTES} - DOCUMENTED.keys()))
def test_what_has_no_documented_limit_has_none(proto_id):
    assert proto_id not in FREQUENCY_LIMITS
    assert accepted(FrequencyLimiter(), proto_id, Request(), 200) == 200


def test_the_text_is_opends():
    limiter = FrequencyLimiter()
    accepted(limiter, 3203, Request(), 60)
    with pytest.raises(Refusal) as refused:
        limiter.check(3203, Request(), 7)
    assert refused.value.ret_msg == "获取市场快照频率太高，请求失败，每30秒最多60次。"


def test_the_window_slides_and_its_edge_is_still_inside():
    limiter = FrequencyLimiter()
    accepted(limiter, 3209, Request(), 10, now_s=0, step_s=1)
    with pytest.raises(Refusal):
        limiter.check(3209, Request(), WINDOW_S)
    limiter.check(3209, Request(), WINDOW_S + 0.001)
    with pytest.raises(Refusal):
        limiter.check(3209, Request(), WINDOW_S + 0.002)


def test_refused_requests_use_up_nothing():
    limiter = FrequencyLimiter()
    accepted(limiter, 3209, Request(), 10, step_s=0)
    for now_s in range(1, 30):
        with pytest.raises(Refusal):
            limiter.check(3209, Request(), now_s)
    assert accepted(limiter, 3209, Request(), 20, now_s=30.1, step_s=0) == 10


@pytest.mark.parametrize("proto_id", [2202, 2205, 2111, 2221, 2222, 2225, 2101, 2102, 2201, 2211])
def test_trade_limits_count_by_account(proto_id):
    limiter = FrequencyLimiter()
    first = accepted(limiter, proto_id, Request(Header(1)), 50)
    assert accepted(limiter, proto_id, Request(Header(2)), 50) == first


@pytest.mark.parametrize("proto_id", [2005, 2223])
def test_limits_of_the_login_count_over_all_accounts(proto_id):
    limiter = FrequencyLimiter()
    accepted(limiter, proto_id, Request(Header(1)), 10)
    assert accepted(limiter, proto_id, Request(Header(2)), 10, now_s=2) == 0


@pytest.mark.parametrize(
    ("proto_id", "free"),
    [
        (2101, Request(refreshCache=False)),
        (2102, Request(refreshCache=False)),
        (2201, Request(refreshCache=False)),
        (2211, Request(refreshCache=False)),
        (3103, Request(nextReqKey=b"page 2")),
        (3206, Request(referenceType=1)),
    ],
)
def test_cached_reads_later_pages_and_warrants_are_free(proto_id, free):
    limiter = FrequencyLimiter()
    assert accepted(limiter, proto_id, free, 200) == 200
    accepted(limiter, proto_id, Request(), 200)
    assert accepted(limiter, proto_id, free, 200) == 200


@pytest.mark.parametrize(("proto_id", "gap_s"), [(2202, 0.02), (2205, 0.04)])
def test_orders_keep_a_gap(proto_id, gap_s):
    limiter = FrequencyLimiter()
    limiter.check(proto_id, Request(), 1.0)
    with pytest.raises(Refusal, match="频率太高"):
        limiter.check(proto_id, Request(), 1.0 + gap_s * 0.9)
    limiter.check(proto_id, Request(), 1.0 + gap_s * 1.01)


def test_the_simulated_opend_counts_over_all_its_connections():
    bench = Bench(frequency=FrequencyLimiter(), handlers={3204: lambda call: {}})
    clients = [bench.ready_client() for _ in range(2)]
    replies = [clients[turn % 2].ask(3204, market=1, plateSetType=0) for turn in range(11)]
    assert [reply.retType for reply in replies] == [0] * 10 + [-1]
    bench.opend.restart()
    assert bench.ready_client().ask(3204, market=1, plateSetType=0).retType == 0


def test_replies_to_orders_take_as_long_as_the_gap():
    header = {"trdEnv": 0, "accID": 1, "trdMarket": 1}
    order = {"header": header, "trdSide": 1, "orderType": 1, "code": "00700", "qty": 100}
    client = Bench(frequency=FrequencyLimiter()).ready_client()
    client.send(client.request_bytes(2202, {"packetID": {"connID": client.conn_id, "serialNo": 1}, **order}))
    client.send(client.request_bytes(1004, {"time": 1}))
    assert [delay_s for delay_s, _ in client.delayed] == [0.02]
    assert len(client.frames()) == 1
