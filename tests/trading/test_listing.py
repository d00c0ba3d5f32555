import pytest

from gateway.schema.errors import FieldError
from gateway.schema.trade import TrdSecMarket
from gateway.trading.listing import LISTED_IN, listing_of, market_name
from gateway.trading.wire import MARKETS, SecurityType


@pytest.mark.parametrize(
    ("code", "sec_market", "market", "symbol", "currency"),
    [
        ("00700", 1, "HK", "HK.00700", "HKD"),
        ("00700", 0, "HK", "HK.00700", "HKD"),
        ("80700", 0, "HK", "HK.80700", "CNH"),
        ("AAPL", 0, "US", "US.AAPL", "USD"),
        ("600519", 31, "HKCC", "SH.600519", "CNH"),
        ("000001", 32, "CN", "SZ.000001", "CNH"),
        ("7203", 0, "JP", "JP.7203", "JPY"),
        ("HSImain", 1, "FUTURES", "HK.HSImain", "HKD"),
        ("HSImain", 0, "FUTURES_SIMULATE_HK", "HK.HSImain", "HKD"),
        ("BTC", 0, "CRYPTO", "CC.BTC", None),
    ],
)
def test_a_security_is_named_as_policies_name_it(code, sec_market, market, symbol, currency):
    listing = listing_of(code, sec_market, market)
    assert (listing.symbol, listing.currency_of(None)) == (symbol, currency)


@pytest.mark.parametrize("market", ["CN", "HKCC", "FUTURES"])
def test_a_security_that_may_be_in_several_markets_needs_its_own(market):
    with pytest.raises(FieldError, match="sec_market: missing, accepted with trd_market"):
        listing_of("600519", 0, market)


@pytest.mark.parametrize("market", LISTED_IN)
def test_no_market_trades_what_is_listed_elsewhere(market):
    for sec_market in set(TrdSecMarket) - set(LISTED_IN[market]):
        with pytest.raises(FieldError, match=f"sec_market: does not fit trd_market {market}"):
            listing_of("00700", sec_market, market)
    with pytest.raises(FieldError, match="sec_market"):
        listing_of("00700", 99, market)


def test_a_dollar_counter_of_a_fund_is_in_dollars_and_a_share_beside_it_is_not():
    listing = listing_of("09834", 1, "HK")
    assert listing.currency_of(SecurityType.TRUST) == "USD"
    assert listing.currency_of(SecurityType.EQTY) == "HKD"


def test_the_currency_of_a_future_does_not_follow_from_its_market():
    assert listing_of("HSImain", 1, "FUTURES").currency_of(SecurityType.FUTURE) is None


def test_markets_have_names():
    assert market_name(1) == "HK"
    assert {market_name(number) for number in MARKETS} == set(LISTED_IN)
    for number in (0, 9999):
        with pytest.raises(FieldError, match="trd_market: missing"):
            market_name(number)
