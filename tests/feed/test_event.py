"""Pushes as events: golden texts of all ten, and what the simulator pushes against the codec's own words."""

import base64
import json
from collections.abc import Iterator

import pytest

from gateway.clock import ManualClock
from gateway.feed.event import Body, Event, Format, UnusablePush, events_of, own_event
from gateway.feed.message import Stream, stamped
from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.market import Hours, Market
from gateway.simulator.quote.push import first_push
from gateway.simulator.quote.subscribable import sub_types
from gateway.simulator.universe import key_from_text

CODEC = Codec(Numbering.DOCUMENTED)
OFFICIAL = Codec(Numbering.OFFICIAL)
PLAIN = Format()
STRINGS = Format(int64=Int64Format.STRING)
TENCENT = {"market": 1, "code": "00700"}
KLINE = {"time": "2026-11-23 13:33:00", "isBlank": False, "openPrice": 1.5, "volume": 300}
HEADER = {"trdEnv": 0, "accID": 281756479345015383, "trdMarket": 15}
ORDER = {
    "trdSide": 1,
    "orderType": 1,
    "orderStatus": 5,
    "orderID": 4883217202603317248,
    "orderIDEx": "x",
    "code": "7203",
    "name": "",
    "qty": 100.0,
    "createTime": "",
    "updateTime": "",
}
FILL = {"trdSide": 2, "fillID": 7, "fillIDEx": "y", "code": "7203", "name": "", "qty": 1.0, "createTime": ""}
FILL["price"] = 2.0
QUOTE = {
    "security": TENCENT,
    "isSuspended": False,
    "listTime": "2004-06-16",
    "priceSpread": 0.2,
    "updateTime": "2026-11-23 13:33:20",
    "highPrice": 467.0,
    "openPrice": 457.6,
    "lowPrice": 456.8,
    "curPrice": 466.8,
    "lastClosePrice": 458.4,
    "volume": 4051400,
    "turnover": 1873464900.0,
    "turnoverRate": 0.045,
    "amplitude": 2.225,
}
TICK = {"time": "t", "sequence": 6809908936888567318, "dir": 1, "price": 1.0, "volume": 2, "turnover": 2.0}
REMINDER = {
    "security": TENCENT,
    "price": 1.0,
    "changeRate": 0.5,
    "marketStatus": 1,
    "content": "c",
    "note": "",
}

PUSHES = {
    1003: {"type": 3, "connectStatus": {"qotLogined": True, "trdLogined": False}},
    2208: {"header": HEADER, "order": ORDER},
    2218: {"header": HEADER, "orderFill": FILL},
    3005: {"basicQotList": [QUOTE]},
    3007: {"rehabType": 2, "klType": 11, "security": TENCENT, "klList": [KLINE]},
    3009: {"security": TENCENT, "rtList": []},
    3011: {"security": TENCENT, "tickerList": [TICK]},
    3013: {"security": TENCENT, "orderBookAskList": [], "orderBookBidList": [], "orderBookType": 1},
    3015: {"security": {"market": 2, "code": "HSImain"}, "brokerAskList": [], "brokerBidList": []},
    3019: REMINDER,
}

_KEY = '"sec_key":"HK.00700"'
_TENCENT = '"security":{"market":1,"code":"00700"}'
_ACCOUNT = '"acc_id":281756479345015383,"trd_market":7'
_HEADER = '"header":{"trd_env":1,"acc_id":281756479345015383,"trd_market":7}'
GOLDEN = {
    1003: '{"seq":1,"type":"notify","proto_id":1003,"data":'
    '{"type":3,"connect_status":{"qot_logined":true,"trd_logined":false}}}',
    2208: '{"seq":1,"type":"trade","proto_id":2208,' + _ACCOUNT + ',"data":{' + _HEADER + ',"order":{'
    '"trd_side":1,"order_type":1,"order_status":5,"order_id":4883217202603317248,"order_id_ex":"x",'
    '"code":"7203","name":"","qty":100.0,"create_time":"","update_time":"","combo_legs":[]}}}',
    2218: '{"seq":1,"type":"trade","proto_id":2218,' + _ACCOUNT + ',"data":{' + _HEADER + ',"order_fill":{'
    '"trd_side":2,"fill_id":7,"fill_id_ex":"y","code":"7203","name":"","qty":1.0,"price":2.0,'
    '"create_time":""}}}',
    3005: '{"seq":1,"type":"quote","proto_id":3005,'
    + _KEY
    + ',"sub_type":1,"data":{"basic_qot_list":[{'
    + _TENCENT
    + ',"is_suspended":false,"list_time":"2004-06-16","price_spread":0.2,'
    '"update_time":"2026-11-23 13:33:20","high_price":467.0,"open_price":457.6,"low_price":456.8,'
    '"cur_price":466.8,"last_close_price":458.4,"volume":4051400,"turnover":1873464900.0,'
    '"turnover_rate":0.045,"amplitude":2.225}]}}',
    3007: '{"seq":1,"type":"quote","proto_id":3007,' + _KEY + ',"sub_type":15,"rehab_type":2,"data":{'
    '"rehab_type":2,"kl_type":11,' + _TENCENT + ',"kl_list":[{"time":"2026-11-23 13:33:00","is_blank":false,'
    '"open_price":1.5,"volume":300}]}}',
    3009: '{"seq":1,"type":"quote","proto_id":3009,'
    + _KEY
    + ',"sub_type":5,"data":{'
    + _TENCENT
    + ',"rt_list":[]}}',
    3011: '{"seq":1,"type":"quote","proto_id":3011,'
    + _KEY
    + ',"sub_type":4,"data":{'
    + _TENCENT
    + ',"ticker_list":[{"time":"t","sequence":6809908936888567318,"dir":1,"price":1.0,"volume":2,'
    '"turnover":2.0}]}}',
    3013: '{"seq":1,"type":"quote","proto_id":3013,'
    + _KEY
    + ',"sub_type":22,"data":{'
    + _TENCENT
    + ',"order_book_ask_list":[],"order_book_bid_list":[],"order_book_type":1}}',
    3015: '{"seq":1,"type":"quote","proto_id":3015,"sec_key":"HK.HSImain","sub_type":14,"data":{'
    '"security":{"market":2,"code":"HSImain"},"broker_ask_list":[],"broker_bid_list":[]}}',
    3019: '{"seq":1,"type":"quote","proto_id":3019,'
    + _KEY
    + ',"data":{'
    + _TENCENT
    + ',"price":1.0,"change_rate":0.5,"market_status":1,"content":"c","note":""}}',
}


def body_of(proto_id, s2c):
    return PROTOCOLS[proto_id].response(retType=0, s2c=s2c).SerializeToString()


def text_of(event: Event, wanted: Format = PLAIN, codec: Codec = CODEC) -> str:
    (frame,) = stamped([event.message(codec, wanted)], 1)
    return frame[frame.index(b'{"seq"') :].decode()


def shown(event, wanted=PLAIN, codec=CODEC):
    return json.loads(text_of(event, wanted, codec))


def test_the_ten_pushes_are_these():
    assert set(GOLDEN) == {each.proto_id for each in PROTOCOLS.values() if each.is_push}


@pytest.mark.parametrize("proto_id", PUSHES)
def test_the_text_of_each_push(proto_id):
    (event,) = events_of(proto_id, body_of(proto_id, PUSHES[proto_id]))
    assert text_of(event) == GOLDEN[proto_id]


@pytest.mark.parametrize("proto_id", PUSHES)
def test_base64_has_the_bytes_that_opend_sent(proto_id):
    body = body_of(proto_id, PUSHES[proto_id])
    (event,) = events_of(proto_id, body)
    plain, encoded = shown(event), shown(event, Format(Body.BASE64))
    assert base64.b64decode(encoded.pop("body_b64")) == body
    del plain["data"]
    assert encoded == plain


def test_64_bit_integers_may_be_texts():
    (order,) = events_of(2208, body_of(2208, PUSHES[2208]))
    message = shown(order, STRINGS)
    assert message["acc_id"] == message["data"]["header"]["acc_id"] == "281756479345015383"
    assert message["data"]["order"]["order_id"] == "4883217202603317248"
    (tick,) = events_of(3011, body_of(3011, PUSHES[3011]))
    assert shown(tick, STRINGS)["data"]["ticker_list"][0]["sequence"] == "6809908936888567318"


def test_numbers_of_environment_and_market_follow_the_numbering():
    (order,) = events_of(2208, body_of(2208, PUSHES[2208]))
    official = shown(order, codec=OFFICIAL)
    assert (official["trd_market"], official["data"]["header"]["trd_env"]) == (15, 0)


def test_quotes_of_several_securities_become_an_event_each():
    codes = ["00700", "00001", "00005"]
    quotes = [QUOTE | {"security": {"market": 1, "code": code}} for code in codes]
    events = events_of(3005, body_of(3005, {"basicQotList": quotes}))
    assert [shown(event)["sec_key"] for event in events] == [f"HK.{code}" for code in codes]
    for event, quote in zip(events, quotes, strict=True):
        alone = body_of(3005, {"basicQotList": [quote]})
        assert base64.b64decode(shown(event, Format(Body.BASE64))["body_b64"]) == alone
        assert text_of(event) == text_of(events_of(3005, alone)[0])


def test_an_event_is_encoded_once_for_a_format():
    (event,) = events_of(3005, body_of(3005, PUSHES[3005]))
    assert event.message(CODEC, Format()) is event.message(CODEC, Format())
    assert event.message(CODEC, Format()) is not event.message(CODEC, STRINGS)


def test_newer_quotes_outdate_older_ones_of_the_same_kind_alone():
    streams = {
        proto_id: events_of(proto_id, body_of(proto_id, s2c))[0].message(CODEC, Format()).stream
        for proto_id, s2c in PUSHES.items()
    }
    assert streams[3005] == Stream(3005, "HK.00700", 1)
    assert streams[3007] == Stream(3007, "HK.00700", 15, 2)
    assert [proto_id for proto_id, stream in streams.items() if stream is None] == [1003, 2208, 2218, 3019]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        PROTOCOLS[3009].response(retType=-1, s2c=PUSHES[3009]).SerializeToString(),
        PROTOCOLS[3009].response(retType=0).SerializeToString(),
        PROTOCOLS[3009].response(retType=0, s2c={"rtList": []}).SerializePartialToString(),
    ],
    ids=["no message", "not a success", "no contents", "no security"],
)
def test_a_push_that_is_not_one_is_refused(body):
    with pytest.raises(UnusablePush, match="Qot_UpdateRT"):
        events_of(3009, body)


def test_klines_of_a_type_that_is_not_known_are_nobodys():
    with pytest.raises(UnusablePush, match="type that is not known: 99"):
        events_of(3007, body_of(3007, PUSHES[3007] | {"klType": 99}))


def test_other_protocols_are_no_events():
    assert events_of(9999, b"") == ()
    assert events_of(3004, b"") == ()


def test_the_gateways_own_events_have_a_proto_id_of_none():
    (frame,) = stamped([own_event("opend_lost", {})], 3)
    assert frame.endswith(b'{"seq":3,"type":"notify","proto_id":0,"event":"opend_lost","data":{}}')


def _simulated() -> Iterator[tuple[int, dict]]:
    market = Market(1, ManualClock(1_795_412_000.0), Hours.ALWAYS)
    for text in ("HK.00700", "US.AAPL", "HK.HSImain", "SH.600519", "HK.TCH261230C500000"):
        key = key_from_text(text)
        for sub_type in sub_types(market.find(key)):
            for push in first_push(market, key, sub_type):
                yield sub_type, text, push


@pytest.mark.parametrize(
    ("sub_type", "sec_key", "push"), list(_simulated()), ids=lambda each: str(getattr(each, "proto_id", each))
)
def test_what_the_simulator_pushes_is_shown_whole(sub_type, sec_key, push):
    body = body_of(push.proto_id, push.s2c)
    (event,) = events_of(push.proto_id, body)
    message = shown(event)
    assert (message["sec_key"], message["sub_type"]) == (sec_key, sub_type)
    assert ("rehab_type" in message) is (push.proto_id == 3007)
    s2c = PROTOCOLS[push.proto_id].response.FromString(body).s2c
    assert message["data"] == json.loads(json.dumps(CODEC.encode(s2c, Int64Format.NUMBER)))
