"""Trade requests: a paper order never becomes a real one, and nothing about money is guessed."""

import pytest
from fix_messages import page_order

from gateway.schema.codec import Codec, Numbering
from gateway.schema.errors import FieldError
from gateway.schema.protocols import protocol_named

DOCUMENTED = Codec(Numbering.DOCUMENTED)
OFFICIAL = Codec(Numbering.OFFICIAL)
SIMULATE, REAL = 0, 1
TRADE_PROTOCOLS = [
    "Trd_GetFunds",
    "Trd_GetPositionList",
    "Trd_GetMaxTrdQtys",
    "Trd_GetOrderList",
    "Trd_PlaceOrder",
    "Trd_ModifyOrder",
    "Trd_GetOrderFillList",
    "Trd_GetHistoryOrderList",
    "Trd_GetHistoryOrderFillList",
    "Trd_GetMarginRatio",
    "Trd_GetOrderFee",
]
BESIDE_HEADER = {
    "Trd_GetMaxTrdQtys": {"order_type": 1, "code": "00700", "price": 300},
    "Trd_PlaceOrder": {"trd_side": 1, "order_type": 1, "code": "00700", "qty": 100},
    "Trd_ModifyOrder": {"order_id": 5, "modify_order_op": 2},
    "Trd_GetHistoryOrderList": {"filter_conditions": {}},
    "Trd_GetHistoryOrderFillList": {"filter_conditions": {}},
}


def body_with(name, header, **flat):
    return {"header": header, **BESIDE_HEADER.get(name, {}), **flat}


def c2s(body, name="Trd_PlaceOrder", codec=DOCUMENTED):
    request = codec.decode_request(protocol_named(name), body)
    assert request.IsInitialized()
    return request.c2s


def refusal(body, name="Trd_PlaceOrder", codec=DOCUMENTED):
    with pytest.raises(FieldError) as caught:
        codec.decode_request(protocol_named(name), body)
    return caught.value


@pytest.mark.parametrize(
    ("codec", "value", "wire"),
    [
        (DOCUMENTED, 0, SIMULATE),
        (DOCUMENTED, 1, SIMULATE),
        (DOCUMENTED, 2, REAL),
        (DOCUMENTED, "simulate", SIMULATE),
        (DOCUMENTED, "real", REAL),
        (DOCUMENTED, "SIMULATE", SIMULATE),
        (DOCUMENTED, "Real", REAL),
        (DOCUMENTED, "TrdEnv_Real", REAL),
        (OFFICIAL, 0, SIMULATE),
        (OFFICIAL, 1, REAL),
        (OFFICIAL, "simulate", SIMULATE),
        (OFFICIAL, "Real", REAL),
    ],
)
@pytest.mark.parametrize("name", TRADE_PROTOCOLS)
def test_the_environment_is_the_one_of_the_numbering(name, codec, value, wire):
    nested = body_with(name, {"trd_env": value, "acc_id": 1, "trd_market": 1})
    flat = body_with(name, {"acc_id": 1, "trd_market": 1}, trd_env=value)
    camel = body_with(name, {"trdEnv": value, "accID": 1, "trdMarket": 1})
    for body in (nested, flat, camel, {"c2s": nested}, {"c2s": flat}):
        assert c2s(body, name, codec).header.trdEnv == wire


@pytest.mark.parametrize(
    "value", [3, -1, "1", "2", "", "paper", True, False, 1.0, 2.0, None, [], {}, "N/A", "UNKNOWN_2"]
)
@pytest.mark.parametrize("name", TRADE_PROTOCOLS)
def test_any_other_environment_is_refused_with_the_accepted_ones(name, value):
    header = {"acc_id": 1, "trd_market": 1}
    error = refusal({"c2s": body_with(name, {**header, "trd_env": value})}, name)
    assert error.path == "c2s.header.trd_env"
    assert (
        str(error).split("; leave")[0].endswith('accepted are "simulate", "real", 0, 1 (simulate), 2 (real)')
    )
    assert refusal(body_with(name, header, trd_env=value), name).path == "trd_env"


@pytest.mark.parametrize("value", [2, 3, "1", None])
def test_official_numbering_knows_no_2(value):
    error = refusal(page_order(header={"trd_env": value, "acc_id": 1, "trd_market": 1}), codec=OFFICIAL)
    assert 'accepted are "simulate", "real", 0 (simulate), 1 (real)' in str(error)


@pytest.mark.parametrize("name", TRADE_PROTOCOLS)
@pytest.mark.parametrize("field", ["trd_env", "acc_id", "trd_market"])
def test_environment_account_and_market_have_no_default(name, field):
    header = {"trd_env": 1, "acc_id": 1, "trd_market": 1}
    del header[field]
    error = refusal(body_with(name, header), name)
    assert error.path == f"header.{field}"
    assert "missing, accepted" in str(error)


@pytest.mark.parametrize("field", ["trd_env", "acc_id", "trd_market"])
def test_a_field_that_is_missing_among_flat_ones_is_named_flat(field):
    flat = {"trd_env": 1, "acc_id": 1, "trd_market": 1}
    del flat[field]
    error = refusal(flat, "Trd_GetFunds")
    assert error.path == field
    assert refusal({**flat, "header": {}}, "Trd_GetFunds").path == f"header.{field}"


@pytest.mark.parametrize("name", TRADE_PROTOCOLS)
def test_a_missing_header_asks_for_the_environment(name):
    error = refusal(BESIDE_HEADER.get(name, {}), name)
    assert error.path == "header.trd_env"
    assert '"simulate", "real"' in str(error)


def test_the_pages_order_is_a_paper_order():
    order = c2s(page_order())
    assert order.header.trdEnv == SIMULATE
    assert (order.header.accID, order.header.trdMarket) == (987654, 1)
    assert (order.trdSide, order.orderType, order.code, order.qty, order.price) == (1, 1, "00700", 100, 300)
    assert order.secMarket == 1


@pytest.mark.parametrize(
    ("codec", "value", "wire"),
    [(DOCUMENTED, 7, 15), (OFFICIAL, 7, 7)]
    + [(codec, name, 15) for codec in (DOCUMENTED, OFFICIAL) for name in ("JP", "jp", "TrdMarket_JP", 15)]
    + [
        (codec, name, 7)
        for codec in (DOCUMENTED, OFFICIAL)
        for name in ("CRYPTO", "crypto", "TrdMarket_Crypto")
    ]
    + [
        (codec, number, number)
        for codec in (DOCUMENTED, OFFICIAL)
        for number in (1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 15, 17, 111, 112, 113, 123, 124, 125, 126)
    ]
    + [(DOCUMENTED, "FUTURES", 5), (DOCUMENTED, "HKFUND", 113), (DOCUMENTED, "HK_Fund", 113)],
)
def test_the_market_is_the_one_of_the_numbering(codec, value, wire):
    order = c2s(page_order(header={"trd_env": 1, "acc_id": 1, "trd_market": value}), codec=codec)
    assert order.header.trdMarket == wire


@pytest.mark.parametrize("value", [0, "Unknown", "N/A", 9, 14, 127, "", "XX", True, None, 1.0])
def test_any_other_market_is_refused(value):
    error = refusal(page_order(header={"trd_env": 1, "acc_id": 1, "trd_market": value}))
    assert error.path == "header.trd_market"


def test_a_filter_by_market_is_renumbered_too_and_may_be_unknown():
    header = {"trd_env": 1, "acc_id": 1, "trd_market": 1}
    for value, wire in ((7, 15), (0, 0), ("CRYPTO", 7)):
        body = {"header": header, "filter_conditions": {"filter_market": value}}
        assert c2s(body, "Trd_GetOrderList").filterConditions.filterMarket == wire


def test_refused_markets_name_the_accepted_ones():
    text = str(refusal(page_order(header={"trd_env": 1, "acc_id": 1, "trd_market": 9})))
    assert "1 (HK), 2 (US), 3 (CN), 4 (HKCC), 5 (Futures), 6 (SG), 7 (JP), 8 (AU)" in text
    assert '126 (JP_Fund), "Crypto"; by number or name' in text


def test_header_fields_may_stand_flat_beside_it():
    flat = page_order(header=None, trd_env=1, acc_id="987654", trdMarket="HK")
    assert c2s(flat) == c2s(page_order())
    both = page_order(trd_env="simulate", accID=987654)
    assert c2s(both) == c2s(page_order())


@pytest.mark.parametrize(
    ("field", "value"),
    [("trd_env", 2), ("trdEnv", "real"), ("acc_id", 1), ("accID", "987655"), ("trd_market", 2)],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_header_fields_that_differ_from_the_header_are_refused(field, value, is_first):
    order = page_order()
    body = {field: value, **order} if is_first else {**order, field: value}
    error = refusal(body)
    assert error.path == field
    assert "differ" in str(error)


@pytest.mark.parametrize("values", [(1, 1), (1, 2), (2, 1)])
def test_a_flat_field_in_two_spellings_is_refused(values):
    body = page_order(header=None, acc_id=1, trd_market=1, trd_env=values[0], trdEnv=values[1])
    error = refusal(body)
    assert error.path in ("trd_env", "trdEnv")


def test_quote_requests_have_no_flat_header_fields():
    assert refusal({"security_list": [], "trd_env": 1}, "Qot_GetBasicQot").path == "trd_env"


def test_packet_ids_are_optional_checked_and_dropped():
    for packet_id in (None, {"conn_id": 12345, "serial_no": 1}, {"connID": "9", "serialNo": 2**32 - 1}):
        order = c2s(page_order(packet_id=packet_id))
        assert (order.packetID.connID, order.packetID.serialNo) == (0, 0)
    assert refusal(page_order(packet_id={"conn_id": 1, "serial_no": 2**32})).path == "packet_id.serial_no"
    assert refusal(page_order(packet_id=[])).path == "packet_id"


@pytest.mark.parametrize("field", ["trd_side", "order_type", "code", "qty"])
def test_an_orders_own_fields_have_no_default(field):
    error = refusal(page_order(**{field: None}))
    assert error.path == field
    assert "missing" in str(error)


@pytest.mark.parametrize("value", [0, 5, -1, "Unknown", "N/A", "LONG", True, "1", 1.0])
def test_a_side_is_known(value):
    assert refusal(page_order(trd_side=value)).path == "trd_side"


@pytest.mark.parametrize(
    ("value", "wire"), [("BUY", 1), ("sell", 2), ("SELL_SHORT", 3), ("TrdSide_BuyBack", 4), (4, 4)]
)
def test_sides_have_names(value, wire):
    assert c2s(page_order(trd_side=value)).trdSide == wire


@pytest.mark.parametrize("value", [0, 3, 4, 20, "NONE", "LIMIT"])
def test_an_order_type_is_known(value):
    assert refusal(page_order(order_type=value)).path == "order_type"


@pytest.mark.parametrize(
    ("value", "wire"),
    [("NORMAL", 1), ("ABSOLUTE_LIMIT", 5), ("MARKET_IF_TOUCHED", 12), ("TWAP", 16), ("TWAP_LIMIT", 17)],
)
def test_order_types_have_names(value, wire):
    assert c2s(page_order(order_type=value)).orderType == wire


@pytest.mark.parametrize("value", [0, -1, 0.0, -0.0, -100.5, float("nan"), float("inf"), "100", True])
def test_a_quantity_is_positive(value):
    error = refusal(page_order(qty=value))
    assert error.path == "qty"
    assert "accepted is a finite number, more than 0" in str(error)


@pytest.mark.parametrize("field", ["price", "aux_price", "amount"])
@pytest.mark.parametrize("value", [-0.01, -5, float("-inf"), "1"])
def test_a_price_is_not_negative(field, value):
    error = refusal(page_order(**{field: value}))
    assert error.path == field
    assert "0 or more" in str(error)


def test_a_price_of_zero_and_whole_numbers_pass():
    assert c2s(page_order(price=0)).price == 0
    assert c2s(page_order(qty=0.5)).qty == 0.5


def test_max_trade_quantities_have_the_same_rules():
    header = {"trd_env": 1, "acc_id": 1, "trd_market": 1}
    body = {"header": header, "order_type": 1, "code": "00700", "price": -1}
    assert refusal(body, "Trd_GetMaxTrdQtys").path == "price"
    assert refusal({**body, "price": 1, "order_type": 0}, "Trd_GetMaxTrdQtys").path == "order_type"


def test_a_remark_has_64_bytes():
    assert c2s(page_order(remark="字" * 21)).remark == "字" * 21
    for remark in ("字" * 22, "x" * 65):
        error = refusal(page_order(remark=remark))
        assert error.path == "remark"
        assert "at most 64 bytes in UTF-8" in str(error)


def modify(**changes):
    header = {"trd_env": 1, "acc_id": 1, "trd_market": 1}
    body = {"header": header, "order_id": "4883217202603317248", "modify_order_op": "CANCEL", **changes}
    return {name: value for name, value in body.items() if value is not None}


def test_modify_order_names_its_order_in_one_of_three_ways():
    name = "Trd_ModifyOrder"
    assert c2s(modify(), name).orderID == 4883217202603317248
    assert c2s(modify(order_id=None, order_id_ex="20210913_1"), name).orderID == 0
    assert c2s(modify(order_id=None, for_all=True), name).orderID == 0
    assert c2s(modify(order_id=0, for_all=True), name).orderID == 0
    for body in (
        modify(order_id=None),
        modify(order_id=None, for_all=False),
        modify(order_id=None, order_id_ex=""),
        modify(order_id=0),
    ):
        error = refusal(body, name)
        assert error.path == "order_id"
        assert "order_id_ex or for_all" in str(error)
    assert refusal({"c2s": modify(order_id=None, orderID=0)}, name).path == "c2s.orderID"


@pytest.mark.parametrize("value", [0, 6, "Unknown", None])
def test_a_modification_is_known(value):
    assert refusal(modify(modify_order_op=value), "Trd_ModifyOrder").path == "modify_order_op"


def test_zero_quantity_is_for_cancelling_alone():
    name = "Trd_ModifyOrder"
    assert c2s(modify(qty=0, price=0), name).qty == 0
    assert refusal(modify(qty=0, modify_order_op=1), name).path == "qty"
    assert refusal(modify(qty=-1), name).path == "qty"
    assert refusal(modify(price=-1), name).path == "price"
    assert c2s(modify(modify_order_op="NORMAL", qty=200, price=1.5), name).qty == 200


@pytest.mark.parametrize(
    ("in_header", "flat", "header_market", "own_market"),
    [(1, 2, 1, 2), (None, 2, 2, 2), (None, 7, 15, 15), (1, None, 1, None), (1, 0, 1, 0)],
)
def test_modify_order_has_a_market_of_its_own(in_header, flat, header_market, own_market):
    header = {"trd_env": 1, "acc_id": 1, "trd_market": in_header}
    header = {name: value for name, value in header.items() if value is not None}
    message = c2s(modify(header=header, trd_market=flat), "Trd_ModifyOrder")
    assert message.header.trdMarket == header_market
    assert (message.trdMarket if message.HasField("trdMarket") else None) == own_market


def test_an_unknown_own_market_does_not_fill_the_header():
    error = refusal(modify(header={"trd_env": 1, "acc_id": 1}, trd_market=0), "Trd_ModifyOrder")
    assert error.path == "header.trd_market"


@pytest.mark.parametrize("value", [123456, ["123456"], {"a": "123456"}, "123456\0", True])
def test_a_trade_password_never_stands_in_an_error(value):
    error = refusal({"unlock": True, "pwd_md5": value}, "Trd_UnlockTrade")
    assert error.path == "pwd_md5"
    assert "123456" not in str(error)
    assert error.__cause__ is None


def test_unlock_takes_the_md5():
    message = c2s(
        {"unlock": True, "pwd_md5": "e10adc3949ba59abbe56e057f20f883e", "security_firm": 1}, "Trd_UnlockTrade"
    )
    assert message.pwdMD5 == "e10adc3949ba59abbe56e057f20f883e"


@pytest.mark.parametrize("name", ["Trd_PlaceOrder", "Trd_GetMaxTrdQtys"])
@pytest.mark.parametrize(
    ("given", "code", "sec_market"),
    [
        ({"code": "06998", "sec_market": "HK"}, "06998", 1),
        ({"code": "HK.06998", "sec_market": "HK"}, "06998", 1),
        ({"code": "hk.06998", "sec_market": 1}, "06998", 1),
        ({"code": "HK.06998"}, "06998", 1),
        ({"code": "SH.600519"}, "600519", 31),
        ({"code": "sz.000001", "sec_market": "CN_SZ"}, "000001", 32),
        ({"code": "BRK.B", "sec_market": "US"}, "BRK.B", 2),
        ({"code": "US.CC.B", "sec_market": "US"}, "CC.B", 2),
        ({"code": "AAPL"}, "AAPL", 0),
        ({"code": "SH", "sec_market": "US"}, "SH", 2),
        ({"code": "CA"}, "CA", 0),
    ],
)
def test_a_securitys_text_is_its_code_where_it_is_listed(name, given, code, sec_market):
    header = {"trd_env": "simulate", "acc_id": 1, "trd_market": "HK"}
    sent = c2s(body_with(name, header, **given), name)
    assert (sent.code, sent.secMarket) == (code, sec_market)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"code": "US.AAPL", "sec_market": "HK"},
            "code: found 'US.AAPL' with sec_market HK; accepted is the code alone, or HK. and the code",
        ),
        (
            {"code": "CC.B", "sec_market": "US"},
            "code: found 'CC.B' with sec_market US; accepted is the code alone, or US. and the code",
        ),
        (
            {"code": "HK."},
            "code: found 'HK.' without a code; accepted is the code alone, or HK. and the code",
        ),
        (
            {"code": "HK. ", "sec_market": "HK"},
            "code: found 'HK. ' without a code; accepted is the code alone, or HK. and the code",
        ),
    ],
)
def test_a_securitys_text_that_fits_nothing_is_refused(given, text):
    assert str(refusal(page_order(**{"sec_market": None, **given}))) == text
