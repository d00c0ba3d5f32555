"""Our names of enumeration values against the official SDK's, in both directions."""

import futu.common.constant as sdk
import pytest
from futu.common.utils import split_stock_str

from gateway.schema import enums
from gateway.schema.descriptors import enum, message
from gateway.schema.enums import SDK_CONSTANTS, enum_of, folded, numbers_by_name
from gateway.schema.numbering import TRD_ENV, TRD_MARKET
from gateway.schema.protocols import PROTOCOLS
from gateway.schema.security import PREFIXES, split_security

SDK_CLASSES = {
    "Common.PredSide": "PredSide",
    "Common.Session": "Session",
    "GetDelayStatistics.DelayStatisticsType": "DelayStatisticsType",
    "GetDelayStatistics.QotPushStage": "QotPushStage",
    "Qot_Common.IndexOptionType": "IndexOptionType",
    "Qot_Common.IpoPeriod": "IpoPeriod",
    "Qot_Common.Issuer": "Issuer",
    "Qot_Common.KLType": "KLType",
    "Qot_Common.OptionType": "OptionType",
    "Qot_Common.OrderBookType": "OrderBookType",
    "Qot_Common.PeriodType": "PeriodType",
    "Qot_Common.PlateSetType": "Plate",
    "Qot_Common.PriceType": "PriceType",
    "Qot_Common.QotMarket": "Market",
    "Qot_Common.RehabType": "AuType",
    "Qot_Common.SecurityType": "SecurityType",
    "Qot_Common.SortField": "SortField",
    "Qot_Common.SubType": "SubType",
    "Qot_Common.WarrantStatus": "WarrantStatus",
    "Qot_Common.WarrantType": "WrtType",
    "Qot_GetOptionChain.OptionCondType": "OptionCondType",
    "Qot_GetReference.ReferenceType": "SecurityReferenceType",
    "Qot_StockFilter.AccumulateField": "StockField",
    "Qot_StockFilter.CustomIndicatorField": "StockField",
    "Qot_StockFilter.FinancialField": "StockField",
    "Qot_StockFilter.FinancialQuarter": "FinancialQuarter",
    "Qot_StockFilter.PatternField": "StockField",
    "Qot_StockFilter.RelativePosition": "RelativePosition",
    "Qot_StockFilter.SortDir": "SortDir",
    "Qot_StockFilter.StockField": "StockField",
    "Trd_Common.Currency": "Currency",
    "Trd_Common.ModifyOrderOp": "ModifyOrderOp",
    "Trd_Common.OrderStatus": "OrderStatus",
    "Trd_Common.OrderType": "OrderType",
    "Trd_Common.SecurityFirm": "SecurityFirm",
    "Trd_Common.TimeInForce": "TimeInForce",
    "Trd_Common.TrailType": "TrailType",
    "Trd_Common.TrdAssetCategory": "AssetCategory",
    "Trd_Common.TrdCategory": "TrdCategory",
    "Trd_Common.TrdEnv": "TrdEnv",
    "Trd_Common.TrdMarket": "TrdMarket",
    "Trd_Common.TrdSide": "TrdSide",
    "Trd_Common.TrdSubAccType": "SubAccType",
}
WITHOUT_SDK_CLASS = {"Trd_Common.TrdSecMarket", "Common.PacketEncAlgo", "Common.ProtoFmt"}
STOCK_FIELD_OFFSETS = {
    "Qot_StockFilter.StockField": 0,
    "Qot_StockFilter.AccumulateField": 100,
    "Qot_StockFilter.FinancialField": 200,
    "Qot_StockFilter.PatternField": 300,
    "Qot_StockFilter.CustomIndicatorField": 400,
}


def sdk_constants(enum_name):
    """The SDK's constants of an enumeration, by text and by attribute name, with wire numbers."""
    sdk_class = getattr(sdk, SDK_CLASSES[enum_name])
    numbers = dict(sdk_class().load_dic())
    for attribute, text in vars(sdk_class).items():
        if not attribute.startswith("_") and isinstance(text, str) and text in numbers:
            numbers[attribute] = numbers[text]
    if enum_name not in STOCK_FIELD_OFFSETS:
        return numbers
    offset = STOCK_FIELD_OFFSETS[enum_name]
    return {name: number - offset for name, number in numbers.items() if offset < number < offset + 100}


def enums_of_requests():
    names = set()

    def visit(descriptor):
        for field in descriptor.fields:
            if field.message_type is not None:
                visit(field.message_type)
            elif enumeration := enum_of(field):
                names.add(enumeration.full_name)

    for protocol in PROTOCOLS.values():
        if not protocol.is_push:
            visit(protocol.request.DESCRIPTOR)
    return names


def test_the_table_of_this_test_covers_what_requests_use():
    assert enums_of_requests() == set(SDK_CLASSES) | WITHOUT_SDK_CLASS


@pytest.mark.parametrize("enum_name", SDK_CLASSES)
def test_every_constant_of_the_sdk_is_a_name_for_its_number(enum_name):
    names = numbers_by_name(enum(enum_name))
    constants = sdk_constants(enum_name)
    assert constants
    assert {name: names.get(folded(name)) for name in constants} == constants


@pytest.mark.parametrize("enum_name", sorted(set(SDK_CONSTANTS) - WITHOUT_SDK_CLASS))
def test_our_table_holds_nothing_that_the_sdk_has_not(enum_name):
    constants = {folded(name): number for name, number in sdk_constants(enum_name).items()}
    assert {name: constants.get(folded(name)) for name in SDK_CONSTANTS[enum_name]} == SDK_CONSTANTS[
        enum_name
    ]


def test_trade_security_markets_have_the_sdks_prefixes():
    qot_market = sdk.Market().load_dic()
    for name, number in SDK_CONSTANTS["Trd_Common.TrdSecMarket"].items():
        assert sdk.QOT_MARKET_TO_TRD_SEC_MARKET_MAP[qot_market[name]] == number


def test_security_prefixes_are_the_sdks():
    assert sdk.Market().load_dic() == {**PREFIXES, "N/A": 0}


@pytest.mark.parametrize(
    "text", ["HK.00700", "US..DJI", "HK.HSImain", "HK_FUTURE.999010", "SH.600519", "CC.BTC"]
)
def test_securities_are_split_as_the_sdk_splits_them(text):
    assert (0, split_security(text)) == split_stock_str(text)


def test_no_name_is_ambiguous_in_any_enumeration():
    for enum_name in enums_of_requests():
        assert numbers_by_name(enum(enum_name))


def test_an_ambiguous_name_is_a_defect(monkeypatch):
    monkeypatch.setitem(SDK_CONSTANTS, "Qot_Common.TickerDirection", {"BID": 2})
    with pytest.raises(ValueError, match=r"BID|Bid"):
        numbers_by_name(enum("Qot_Common.TickerDirection"))


def test_values_are_known_with_and_without_prefix_whatever_the_case():
    names = numbers_by_name(enum("Qot_Common.KLType"))
    for name in ("KLType_Day", "kltype_day", "Day", "DAY", "K_DAY", "k_day"):
        assert names[folded(name)] == 2


def test_a_field_of_an_environment_without_its_mark_stops_everything(monkeypatch):
    marks = {k: v for k, v in enums._marks().items() if k != "Trd_Common.TrdHeader.trdEnv"}
    monkeypatch.setattr(enums, "_marks", lambda: marks)
    with pytest.raises(LookupError, match=r"TrdHeader\.trdEnv"):
        enum_of(message("Trd_Common.TrdHeader").fields_by_name["trdEnv"])


def test_all_fields_named_like_environments_and_trade_markets_are_marked():
    marked = {}

    def visit(descriptor):
        for field in descriptor.fields:
            if field.message_type is not None:
                visit(field.message_type)
            elif "trdenv" in field.name.lower() or "trdmarket" in field.name.lower():
                marked[field.full_name] = enum_of(field).full_name

    for protocol in PROTOCOLS.values():
        visit(protocol.response.DESCRIPTOR)
        if not protocol.is_push:
            visit(protocol.request.DESCRIPTOR)
    expected = {name: TRD_ENV if name.endswith("trdEnv") else TRD_MARKET for name in marked}
    assert marked == expected
    assert len(marked) >= 9
