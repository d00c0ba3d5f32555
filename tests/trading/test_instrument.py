from decimal import Decimal

import pytest
from fix_trading import EQUITY, FUTURE, INDEX, OPTION, TRUST, snapshot, static_info
from scripted_client import ScriptedClient

from gateway.opend.errors import ConnectionLost, OpenDRefused
from gateway.trading import instrument as module
from gateway.trading.instrument import Instrument, Instruments
from gateway.trading.listing import listing_of

TENCENT = listing_of("00700", 1, "HK")
CALL = listing_of("TCH261230C300000", 1, "HK")
STATIC, SNAPSHOT, FUTURES = "Qot_GetStaticInfo", "Qot_GetSecuritySnapshot", "Qot_GetFutureInfo"


@pytest.fixture
def opend():
    return ScriptedClient()


@pytest.fixture
def instruments(opend):
    return Instruments(opend)


def test_a_share_is_asked_for_once(opend, instruments):
    opend.script(STATIC, static_info())
    assert instruments.known(TENCENT) is None
    for _ in range(3):
        assert instruments.find(TENCENT) == Instrument(Decimal(1), "HKD")
    assert instruments.known(TENCENT)
    assert opend.names() == [STATIC]
    assert [(each.market, each.code) for each in opend.calls[0].c2s.securityList] == [(1, "00700")]


def test_a_snapshot_tells_what_kind_a_security_is_too(opend, instruments):
    opend.script(SNAPSHOT, snapshot(299.8, bidPrice=299.6, askPrice=300.0))
    quote = instruments.look(TENCENT).quote
    assert (quote.last, quote.bid, quote.ask) == (Decimal("299.8"), Decimal("299.6"), 300)
    assert instruments.find(TENCENT) == Instrument(Decimal(1), "HKD")
    assert opend.names() == [SNAPSHOT]


def test_prices_are_asked_for_each_time(opend, instruments):
    opend.script(SNAPSHOT, snapshot(300.0), snapshot(310.0))
    assert [instruments.look(TENCENT).quote.last for _ in range(2)] == [300, 310]


@pytest.mark.parametrize(
    ("figures", "lot_size", "multiplier"),
    [
        ({"contractSize": 100}, 0, 100),
        ({"contractMultiplier": 50.0}, 0, 50),
        ({"contractSizeFloat": 150.5, "contractSize": 150}, 100, Decimal("150.5")),
        ({}, 500, 500),
    ],
)
def test_an_option_has_the_largest_multiplier_that_opend_names(
    opend, instruments, figures, lot_size, multiplier
):
    opend.script(STATIC, static_info(OPTION, CALL.code))
    opend.script(SNAPSHOT, snapshot(5.0, OPTION, CALL.code, option=figures, lotSize=lot_size))
    assert instruments.find(CALL) == Instrument(Decimal(multiplier), "HKD")
    assert instruments.find(CALL)
    assert opend.names() == [STATIC, SNAPSHOT]


def test_an_option_without_a_multiplier_is_worth_nothing_that_is_known(opend, instruments):
    opend.script(STATIC, static_info(OPTION, CALL.code))
    opend.script(SNAPSHOT, snapshot(5.0, OPTION, CALL.code, option={}, lotSize=0))
    assert instruments.find(CALL) is None
    look = instruments.look(CALL)
    assert look.instrument is None
    assert look.quote.last == 5


def future_info(currency, code="HSImain"):
    texts = ("name", "lastTradeTime", "ownerOther", "exchange", "contractType", "contractSizeUnit")
    texts += ("minVarUnit", "timeZone", "exchangeFormatUrl")
    info = dict.fromkeys(texts, "") | {"security": {"market": 1, "code": code}, "minVar": 1.0}
    return {"s2c": {"futureInfoList": [{**info, "contractSize": 50.0, "quoteCurrency": currency}]}}


@pytest.mark.parametrize(("word", "currency"), [("港元", "HKD"), ("USD", "USD"), ("離岸", None), ("", None)])
def test_a_future_has_the_currency_that_opend_names(opend, instruments, word, currency):
    listing = listing_of("HSImain", 1, "FUTURES")
    opend.script(STATIC, static_info(FUTURE, "HSImain"))
    opend.script(SNAPSHOT, snapshot(25000.0, FUTURE, "HSImain", lotSize=50))
    opend.script(FUTURES, future_info(word))
    expected = Instrument(Decimal(50), currency) if currency else None
    assert instruments.find(listing) == expected


def test_a_fund_may_have_a_dollar_counter(opend, instruments):
    opend.script(STATIC, static_info(TRUST, "09834"))
    assert instruments.find(listing_of("09834", 1, "HK")).currency == "USD"


@pytest.mark.parametrize("security_type", [0, INDEX, 7, 9, 11, 99])
def test_what_cannot_be_traded_is_not_known(opend, instruments, security_type):
    opend.script(STATIC, static_info(security_type))
    opend.script(SNAPSHOT, snapshot(1.0, security_type))
    assert instruments.find(TENCENT) is None
    assert instruments.look(TENCENT).instrument is None


@pytest.mark.parametrize("error", [OpenDRefused(-1, "未知股票"), ConnectionLost("gone")])
def test_what_opend_does_not_tell_is_not_known(opend, instruments, error):
    opend.script(STATIC, error)
    opend.script(SNAPSHOT, error)
    assert instruments.find(TENCENT) is None
    assert instruments.look(TENCENT) == module.Look()


def test_an_answer_about_another_security_is_none(opend, instruments):
    opend.script(STATIC, static_info(EQUITY, "00001"))
    opend.script(SNAPSHOT, snapshot(code="00001"))
    assert instruments.find(TENCENT) is None
    assert instruments.look(TENCENT).quote is None


@pytest.mark.parametrize("last", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_not_known(opend, instruments, last):
    opend.script(SNAPSHOT, snapshot(last))
    assert instruments.look(TENCENT).quote.last is None


def test_a_suspended_security_has_no_usable_quote(opend, instruments):
    opend.script(SNAPSHOT, snapshot(300.0, isSuspend=True))
    look = instruments.look(TENCENT)
    assert look.quote is None
    assert look.instrument


def test_memory_is_bounded(opend, instruments, monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    listings = [listing_of(code, 1, "HK") for code in ("00001", "00002", "00003")]
    opend.script(STATIC, *(static_info(code=each.code) for each in listings))
    for listing in listings:
        assert instruments.find(listing)
    assert [bool(instruments.known(each)) for each in listings] == [False, True, True]
