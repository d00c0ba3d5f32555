"""What a field takes and refuses, through real protocols (decisions D3)."""

from types import MappingProxyType

import pytest
from fix_messages import page_order

from gateway.schema.codec import Codec, Numbering
from gateway.schema.errors import FieldError
from gateway.schema.protocols import protocol_named

CODEC = Codec(Numbering.DOCUMENTED)
KL = {"rehab_type": 1, "kl_type": 2, "security": {"market": 1, "code": "00700"}, "req_num": 10}
HISTORY = {
    "rehab_type": 1,
    "kl_type": 2,
    "security": "HK.00700",
    "begin_time": "2024-01-01",
    "end_time": "2024-02-01",
}
WARRANT = {"begin": 0, "num": 10, "sort_field": 1, "ascend": True}


def c2s(name, body):
    return CODEC.decode_request(protocol_named(name), body).c2s


def refusal(name, body):
    with pytest.raises(FieldError) as caught:
        CODEC.decode_request(protocol_named(name), body)
    error = caught.value
    assert str(error).startswith(f"{error.path}: ")
    assert error.details() == {"field": error.path}
    assert error.status == 400
    return error


def test_snake_case_camel_case_and_a_wrapper_say_the_same():
    camel = {"rehabType": 1, "klType": 2, "security": {"market": 1, "code": "00700"}, "reqNum": 10}
    mixed = {**KL, "klType": 2}
    del mixed["kl_type"]
    messages = [c2s("Qot_GetKL", body) for body in (KL, camel, mixed, {"c2s": KL}, {"c2s": camel})]
    assert all(message == messages[0] for message in messages)
    assert messages[0].klType == 2
    assert messages[0].security.code == "00700"


def test_a_mapping_that_is_no_dict_is_a_body_too():
    assert c2s("Qot_GetKL", MappingProxyType(KL)).reqNum == 10


def test_an_empty_body_fills_a_message_without_required_fields():
    request = CODEC.decode_request(protocol_named("Qot_GetBasicQot"), {})
    assert request.HasField("c2s")
    assert request.IsInitialized()
    request = CODEC.decode_request(protocol_named("Qot_GetBasicQot"), {"header": {}})
    assert request.c2s.HasField("header")


def test_nothing_may_stand_beside_the_wrapper():
    assert refusal("Qot_GetKL", {"c2s": KL, "req_num": 1}).path == "req_num"


@pytest.mark.parametrize("content", [None, [], "text", 5, True])
def test_the_wrapper_holds_an_object(content):
    error = refusal("Qot_GetKL", {"c2s": content})
    assert error.path == "c2s"
    assert "accepted is an object" in str(error)


@pytest.mark.parametrize("value", [2, 3])
def test_one_field_in_two_spellings_is_refused(value):
    error = refusal("Qot_GetKL", {"c2s": {**KL, "klType": value}})
    assert str(error) == "c2s.klType: the same field stands here as kl_type too"
    assert refusal("Qot_GetKL", {"klType": value, **KL}).path == "kl_type"


def test_an_unknown_field_is_refused_with_the_one_that_was_probably_meant():
    assert (
        str(refusal("Qot_GetKL", {**KL, "kltype": 2}))
        == "kltype: there is no such field; did you mean kl_type?"
    )
    assert "did you mean code?" in str(refusal("Qot_GetKL", {**KL, "security": {"market": 1, "cod": "1"}}))
    assert str(refusal("Qot_GetKL", {**KL, "zzz": 2})) == "zzz: there is no such field"
    assert "did you mean acc_id?" in str(
        refusal("Trd_GetFunds", {"header": {"trd_env": 1, "accId": 1, "trd_market": 1}})
    )


def test_the_page_field_that_the_quote_message_lacks_is_not_decoded_here():
    assert refusal("Qot_GetBasicQot", {"security_list": [], "sub_type_list": [1]}).path == "sub_type_list"


def test_odd_names_stand_in_paths_in_quotes_and_short():
    assert refusal("Qot_GetKL", {**KL, "a.b\n": 1}).path == '["a.b\\n"]'
    assert len(str(refusal("Qot_GetKL", {**KL, "x" * 10_000: 1}))) < 200
    assert str(refusal("Qot_GetKL", {**KL, "\ud800": 1})).encode()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "rehab_type"),
        ({**KL, "security": {"market": 1}}, "security.code"),
        ({"c2s": {**KL, "security": {"code": "1"}}}, "c2s.security.market"),
        ({name: value for name, value in KL.items() if name != "security"}, "security"),
        ({"rehabType": 1, "klType": 2, "security": "HK.00700"}, "req_num"),
    ],
)
def test_a_missing_required_field_is_named(body, path):
    error = refusal("Qot_GetKL", body)
    assert error.path == path
    assert "missing, accepted" in str(error)


def test_paths_are_as_the_caller_wrote_them():
    body = {"securityList": [{"market": 1, "code": "00700"}, {"market": 1, "code": 700}]}
    error = refusal("Qot_GetBasicQot", body)
    assert error.path == "securityList[1].code"
    assert str(error) == "securityList[1].code: found 700, accepted is a code that is not empty"


NOT_INT32 = [True, False, 1.0, 1.5, "1", None, [], {}, 2**31, -(2**31) - 1, 10**400, float("nan")]


@pytest.mark.parametrize("value", NOT_INT32)
def test_an_int32_takes_integers_in_range_alone(value):
    error = refusal("Qot_GetKL", {**KL, "req_num": value})
    assert error.path == "req_num"
    assert "accepted is an integer from -2147483648 to 2147483647" in str(error)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 0])
def test_an_int32_takes_its_whole_range(value):
    assert c2s("Qot_GetKL", {**KL, "req_num": value}).reqNum == value


def test_null_is_refused_with_a_hint():
    assert str(refusal("Qot_GetKL", {**KL, "header": None})).endswith("; leave the field out instead")
    assert str(refusal("Qot_GetKL", {**KL, "req_num": None})).endswith("; leave the field out instead")


def account(acc_id):
    return {"header": {"trd_env": 1, "acc_id": acc_id, "trd_market": 1}}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (281756479345015383, 281756479345015383),
        ("281756479345015383", 281756479345015383),
        (2**64 - 1, 2**64 - 1),
        (str(2**64 - 1), 2**64 - 1),
        ("0", 0),
    ],
)
def test_a_64_bit_integer_is_a_number_or_a_string(value, number):
    assert c2s("Trd_GetFunds", account(value)).header.accID == number


@pytest.mark.parametrize(
    "value",
    [
        1e18,
        1.0,
        2**64,
        str(2**64),
        -1,
        "-1",
        "",
        " 1",
        "1 ",
        "+1",
        "0x1",
        "1e3",
        "01",
        "1_0",
        "١",
        True,
        None,
        "9" * 30,
    ],
)
def test_a_64_bit_integer_is_never_a_guess(value):
    error = refusal("Trd_GetFunds", account(value))
    assert error.path == "header.acc_id"
    assert "as a number or as a string of digits" in str(error)


def test_signed_64_bit_integers_have_their_own_range():
    assert c2s("Qot_RequestHistoryKL", {**HISTORY, "need_kl_fields_flag": "-5"}).needKLFieldsFlag == -5
    refusal("Qot_RequestHistoryKL", {**HISTORY, "need_kl_fields_flag": 2**63})
    refusal("Qot_RequestHistoryKL", {**HISTORY, "need_kl_fields_flag": "-0"})


@pytest.mark.parametrize("value", [0, 1, "true", "false", None, [], 1.0])
def test_a_bool_is_true_or_false(value):
    error = refusal("Qot_GetWarrant", {**WARRANT, "ascend": value})
    assert "accepted is true or false" in str(error)


@pytest.mark.parametrize("value", [0, -3, 1.5, -1e300, 10**20])
def test_a_double_takes_any_finite_number(value):
    assert c2s("Qot_GetWarrant", {**WARRANT, "cur_price_min": value}).curPriceMin == float(value)


@pytest.mark.parametrize("value", ["1.5", True, None, float("nan"), float("inf"), -float("inf"), 10**400, []])
def test_a_double_takes_finite_numbers_alone(value):
    error = refusal("Qot_GetWarrant", {**WARRANT, "cur_price_min": value})
    assert "accepted is a finite number" in str(error)


@pytest.mark.parametrize("value", [5, True, None, [], "a\0b", "\ud800"])
def test_a_string_is_text_without_nul(value):
    assert "accepted is a string" in str(refusal("Qot_GetUserSecurity", {"group_name": value}))


@pytest.mark.parametrize("value", ["", "自选股", "a b", "tab\t", "\U0001f600"])
def test_a_string_is_any_other_text(value):
    assert c2s("Qot_GetUserSecurity", {"group_name": value}).groupName == value


@pytest.mark.parametrize("code", ["", " ", "\t", "\u3000"])
def test_a_code_is_not_empty(code):
    assert refusal("Qot_GetKL", {**KL, "security": {"market": 1, "code": code}}).path == "security.code"
    assert refusal("Trd_PlaceOrder", page_order(code=code)).path == "code"
    conditions = {"filter_conditions": {"code_list": ["00700", code]}}
    assert refusal("Trd_GetOrderList", {**account(1), **conditions}).path == "filter_conditions.code_list[1]"


@pytest.mark.parametrize("code", ["00700", ".DJI", "TCH230330C340000", "BRK.B", "HSImain"])
def test_codes_pass_as_they_are(code):
    assert c2s("Qot_GetKL", {**KL, "security": {"market": 1, "code": code}}).security.code == code


def test_bytes_are_base64():
    assert c2s("Qot_RequestHistoryKL", {**HISTORY, "next_req_key": "AGtleQ=="}).nextReqKey == b"\0key"
    for value in ("AGtleQ", "AGtl eQ==", "é", 5, "*"):
        error = refusal("Qot_RequestHistoryKL", {**HISTORY, "next_req_key": value})
        assert "accepted is a string in base64" in str(error)


def test_lists_are_lists():
    assert list(c2s("Qot_Sub", {"is_sub_or_un_sub": True, "sub_type_list": [1, "TICKER"]}).subTypeList) == [
        1,
        4,
    ]
    error = refusal("Qot_GetBasicQot", {"security_list": {"market": 1, "code": "00700"}})
    assert error.path == "security_list"
    assert "put a single value in brackets" in str(error)
    assert refusal("Qot_Sub", {"is_sub_or_un_sub": True, "sub_type_list": 1}).path == "sub_type_list"
    assert (
        refusal("Qot_Sub", {"is_sub_or_un_sub": True, "sub_type_list": [1, None]}).path == "sub_type_list[1]"
    )


def test_an_empty_list_is_for_opend_to_judge():
    request = CODEC.decode_request(protocol_named("Qot_GetBasicQot"), {"security_list": []})
    assert request.HasField("c2s")


@pytest.mark.parametrize(
    ("value", "market", "code"),
    [
        ("HK.00700", 1, "00700"),
        ("hk.00700", 1, "00700"),
        ("US..DJI", 11, ".DJI"),
        ("HK.HSImain", 1, "HSImain"),
        ("SZ.000001", 22, "000001"),
        ({"market": "HK", "code": "00700"}, 1, "00700"),
        ({"market": "QotMarket_US_Security", "code": "AAPL"}, 11, "AAPL"),
        ({"market": "hk_future", "code": "HSImain"}, 2, "HSImain"),
    ],
)
def test_a_security_is_an_object_or_a_string(value, market, code):
    security = c2s("Qot_GetKL", {**KL, "security": value}).security
    assert (security.market, security.code) == (market, code)
    listed = c2s("Qot_GetBasicQot", {"security_list": [value]}).securityList[0]
    assert listed == security


@pytest.mark.parametrize(
    "value", ["00700", "HK.", ".00700", "XX.00700", "HK00700", "", 5, None, ["HK.00700"], "ﬀ.1"]
)
def test_a_security_that_is_neither_is_refused(value):
    error = refusal("Qot_GetKL", {**KL, "security": value})
    assert error.path == "security"
    assert '"HK.00700", with one of the prefixes HK, US,' in str(error)


@pytest.mark.parametrize("value", ["HK. ", "US.\0"])
def test_a_security_string_with_a_bad_code_is_refused(value):
    assert refusal("Qot_GetKL", {**KL, "security": value}).path == "security.code"


@pytest.mark.parametrize("value", [2, "Day", "DAY", "KLType_Day", "kltype_day", "K_DAY", "k_day"])
def test_an_enumeration_is_a_number_or_a_name(value):
    assert c2s("Qot_GetKL", {**KL, "kl_type": value}).klType == 2


@pytest.mark.parametrize("value", [16, -1, 2.0, True, "2", "", "Dai", None, "ſECOND", [2]])
def test_an_enumeration_takes_nothing_else(value):
    error = refusal("Qot_GetKL", {**KL, "kl_type": value})
    assert error.path == "kl_type"
    assert "accepted are 1 (1Min), 2 (Day), 3 (Week)" in str(error)
    assert str(error).split("; leave")[0].endswith("15 (240Min); by number or name")


def test_a_long_enumeration_is_not_listed_whole():
    text = str(refusal("Qot_GetWarrant", {**WARRANT, "sort_field": 99}))
    assert "accepted are 1 (Code), 2 (CurPrice)," in text
    assert text.endswith("and 36 more of Qot_Common.SortField; by number or name")


@pytest.mark.parametrize("value", [0, "None", "SubType_None", "N/A", 3, 23])
def test_a_subscription_to_nothing_is_refused(value):
    body = {"is_sub_or_un_sub": True, "sub_type_list": [1, value]}
    assert refusal("Qot_Sub", body).path == "sub_type_list[1]"


@pytest.mark.parametrize("value", [0, "Unknown", "KLType_Unknown", "N/A", "NONE"])
def test_a_required_enumeration_does_not_take_unknown(value):
    assert refusal("Qot_GetKL", {**KL, "kl_type": value}).path == "kl_type"


def test_an_optional_enumeration_takes_unknown_as_the_sdk_sends_it():
    assert c2s("Qot_GetKL", {**KL, "header": {"security_firm": 0}}).header.HasField("securityFirm")
    assert c2s("Trd_GetFunds", {**account(1), "currency": "N/A"}).currency == 0


def test_a_zero_that_means_something_passes():
    assert c2s("Qot_GetKL", {**KL, "rehab_type": 0}).rehabType == 0
    assert c2s("Qot_GetKL", {**KL, "rehab_type": "None"}).rehabType == 0
    assert c2s("Qot_GetPlateSet", {"market": 1, "plate_set_type": "ALL"}).plateSetType == 0


def test_warrant_issuers_that_we_do_not_know_pass():
    assert list(c2s("Qot_GetWarrant", {**WARRANT, "issuer_list": ["HT", 99]}).issuerList) == [20, 99]
    assert refusal("Qot_GetWarrant", {**WARRANT, "issuer_list": [-1]}).path == "issuer_list[0]"


def test_the_same_name_means_different_numbers_in_different_enumerations():
    body = {"security_list": ["HK.00700"], "sub_type_list": ["K_DAY"], "is_sub_or_un_sub": True}
    assert list(c2s("Qot_Sub", body).subTypeList) == [6]


def test_bit_masks_and_counts_take_any_number():
    assert c2s("GetUserInfo", {"flag": 2048 + 7}).flag == 2055


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 1000, f'"{"x" * 40}..."'),
        (10**100, "1" + "0" * 39 + "..."),
        ({"a": 1}, "an object"),
        ([1], "a list"),
        (1.5, "1.5"),
        (True, "true"),
        ('a"b', '"a\\"b"'),
    ],
)
def test_what_was_found_is_shown_short(value, shown):
    assert f"found {shown}, " in str(refusal("Qot_GetKL", {**KL, "req_num": value}))


def test_a_list_of_one_enumeration_can_be_decoded_alone():
    assert CODEC.decode_enum_list(["QUOTE", 4, "KL_Day"], "Qot_Common.SubType", "sub_type_list") == [1, 4, 6]
    for value, path in (([1, 99], "sub_type_list[1]"), (1, "sub_type_list"), ([None], "sub_type_list[0]")):
        with pytest.raises(FieldError) as caught:
            CODEC.decode_enum_list(value, "Qot_Common.SubType", "sub_type_list")
        assert caught.value.path == path
