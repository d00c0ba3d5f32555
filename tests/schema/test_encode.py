"""Answers and pushes as JSON (decisions D1, D2 and D4)."""

import json
import math

import orjson
import pytest

from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.descriptors import message, message_class
from gateway.schema.encoder import Encoders, shortest_float
from gateway.schema.protocols import protocol_named

DOCUMENTED = Codec(Numbering.DOCUMENTED)
OFFICIAL = Codec(Numbering.OFFICIAL)


def encoded(name, codec=DOCUMENTED, int64=Int64Format.NUMBER, **fields):
    return codec.encode(message_class(name)(**fields), int64)


def test_a_response_is_written_in_snake_case():
    answer = encoded(
        "Trd_PlaceOrder.Response",
        retType=0,
        retMsg="",
        errCode=0,
        s2c={"header": {"trdEnv": 0, "accID": 987654, "trdMarket": 1}, "orderID": 5, "orderIDEx": "x_1"},
    )
    assert answer == {
        "ret_type": 0,
        "ret_msg": "",
        "err_code": 0,
        "s2c": {
            "header": {"trd_env": 1, "acc_id": 987654, "trd_market": 1},
            "order_id": 5,
            "order_id_ex": "x_1",
        },
    }


def test_unset_optional_fields_are_left_out_and_set_defaults_are_not():
    assert encoded("Trd_PlaceOrder.Response", retType=-1) == {"ret_type": -1}
    assert encoded("Trd_PlaceOrder.Response", retType=0, retMsg="", errCode=0) == {
        "ret_type": 0,
        "ret_msg": "",
        "err_code": 0,
    }
    assert "pe" not in encoded("Qot_Common.KLine", time="", isBlank=False)
    assert encoded("Qot_Common.KLine", time="", isBlank=False, pe=0.0, volume=0)["pe"] == 0.0


def test_required_fields_that_opend_left_out_and_empty_lists_are_there():
    assert encoded("Trd_GetOrderList.S2C") == {
        "header": {"trd_env": 1, "acc_id": 0, "trd_market": 0},
        "order_list": [],
    }
    assert encoded("Trd_Common.TrdAcc")["trd_market_auth_list"] == []


@pytest.mark.parametrize(
    ("codec", "wire", "shown"),
    [
        (DOCUMENTED, 0, 1),
        (DOCUMENTED, 1, 2),
        (DOCUMENTED, 2, "UNKNOWN_2"),
        (DOCUMENTED, -1, "UNKNOWN_-1"),
        (OFFICIAL, 0, 0),
        (OFFICIAL, 1, 1),
        (OFFICIAL, 2, 2),
    ],
)
def test_environments_are_those_of_the_numbering_wherever_they_stand(codec, wire, shown):
    header = {"trdEnv": wire, "accID": 1, "trdMarket": 1}
    account = {"trdEnv": wire, "accID": 1}
    assert encoded("Trd_Common.TrdAcc", codec, **account)["trd_env"] == shown
    push = encoded("Trd_UpdateOrder.S2C", codec, header=header)
    assert push["header"]["trd_env"] == shown
    listed = encoded("Trd_GetAccList.S2C", codec, accList=[account])
    assert listed["acc_list"][0]["trd_env"] == shown


@pytest.mark.parametrize(
    ("codec", "wire", "shown"),
    [
        (DOCUMENTED, 15, 7),
        (DOCUMENTED, 7, "CRYPTO"),
        (OFFICIAL, 15, 15),
        (OFFICIAL, 7, 7),
        *((codec, same, same) for codec in (DOCUMENTED, OFFICIAL) for same in (0, 1, 6, 8, 17, 113, 999)),
    ],
)
def test_markets_are_those_of_the_numbering_wherever_they_stand(codec, wire, shown):
    header = {"trdEnv": 0, "accID": 1, "trdMarket": wire}
    assert encoded("Trd_UpdateOrder.S2C", codec, header=header)["header"]["trd_market"] == shown
    account = encoded("Trd_Common.TrdAcc", codec, trdEnv=0, accID=1, trdMarketAuthList=[1, wire])
    assert account["trd_market_auth_list"] == [1, shown]
    order = encoded("Trd_Common.Order", codec, trdMarket=wire)
    assert order["trd_market"] == shown


@pytest.mark.parametrize("codec", [DOCUMENTED, OFFICIAL])
@pytest.mark.parametrize("wire", [1, 2, 6, 7, 8, 15, 17, 111, 126])
def test_a_market_that_an_answer_shows_means_the_same_in_a_request(codec, wire):
    header = encoded("Trd_Common.TrdHeader", codec, trdEnv=1, accID=1, trdMarket=wire)
    request = codec.decode_request(protocol_named("Trd_GetFunds"), {"header": header})
    assert request.c2s.header.trdMarket == wire
    assert request.c2s.header.trdEnv == 1


def test_the_quote_markets_are_not_renumbered():
    assert encoded("Qot_Common.Security", market=1, code="00700") == {"market": 1, "code": "00700"}
    assert encoded("GetGlobalState.S2C", marketJP=7)["market_jp"] == 7


def test_64_bit_integers_are_numbers_or_strings():
    fields = {"trdEnv": 0, "accID": 281756479345015383, "trdMarket": 1}
    assert encoded("Trd_Common.TrdHeader", **fields)["acc_id"] == 281756479345015383
    text = encoded("Trd_Common.TrdHeader", int64=Int64Format.STRING, **fields)
    assert text == {"trd_env": 1, "acc_id": "281756479345015383", "trd_market": 1}
    line = {"time": "", "isBlank": False, "volume": 0}
    assert encoded("Qot_Common.KLine", int64=Int64Format.STRING, **line)["volume"] == "0"
    ids = encoded("Trd_SubAccPush.C2S", int64=Int64Format.STRING, accIDList=[1, 2])
    assert ids == {"acc_id_list": ["1", "2"]}


def test_a_field_of_enum_type_is_a_number():
    state = encoded("Common.ProgramStatus", type=10)
    assert state == {"type": 10}
    assert type(state["type"]) is int


def test_bytes_are_base64():
    security = {"market": 1, "code": "1"}
    answer = encoded("Qot_RequestHistoryKL.S2C", security=security, nextReqKey=b"\x00key\xff")
    assert answer["next_req_key"] == "AGtlef8="


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null(number):
    line = encoded("Qot_Common.KLine", time="", isBlank=False, pe=number)
    assert json.loads(orjson.dumps(line))["pe"] is None
    item = encoded("GetDelayStatistics.DelayStatisticsItem", proportion=number)
    assert json.loads(orjson.dumps(item))["proportion"] is None


@pytest.mark.parametrize("text", ["0.1", "33.3", "1e-07", "16777216.0", "0.0", "3.4028235e+38", "66.66667"])
def test_32_bit_floats_have_no_noise(text):
    item = message_class("GetDelayStatistics.DelayStatisticsItem")(proportion=float(text))
    assert repr(DOCUMENTED.encode(item, Int64Format.NUMBER)["proportion"]) == repr(float(text))
    assert shortest_float(item.proportion) == float(text)


def test_the_source_of_an_encoder_reads_like_one_written_by_hand():
    source = Encoders(Numbering.DOCUMENTED, Int64Format.STRING).source(message("Trd_Common.TrdHeader"))
    assert source == (
        "def encode(message):\n"
        "    answer = {\n"
        "        'trd_env': shown_trdEnv[message.trdEnv],\n"
        "        'acc_id': str(message.accID),\n"
        "        'trd_market': shown_trdMarket[message.trdMarket],\n"
        "    }\n"
        "    value = message.jpAccType\n"
        "    if value or 'jpAccType' in message:\n"
        "        answer['jp_acc_type'] = value\n"
        "    return answer\n"
    )
