from datetime import date, timedelta

import pytest
from fix_quote import key

from gateway.simulator.model import QotMarket, SecurityType
from gateway.simulator.universe import Universe
from gateway.simulator.universe.expiry import hk_month_expiry, us_month_expiry
from gateway.simulator.universe.future import contract_months
from gateway.simulator.universe.plate import PLATES, WATCHLISTS, PlateSetType
from gateway.simulator.universe.universe import MARKET_PREFIXES

TODAY = date(2026, 11, 23)
UNIVERSE = Universe()


@pytest.mark.parametrize(
    ("text", "name", "lot_size"),
    [
        ("HK.00700", "腾讯控股", 100),
        ("HK.00001", "长和", 500),
        ("HK.09979", "绿城管理控股", 1000),
        ("HK.06998", "嘉和生物-B", 500),
        ("HK.00388", "香港交易所", 100),
        ("HK.00005", "汇丰控股", 400),
        ("US.AAPL", "苹果", 1),
        ("SH.600519", "贵州茅台", 100),
        ("SH.000001", "上证指数", 1),
        ("SZ.000001", "平安银行", 100),
    ],
)
def test_listed_securities_have_their_real_names_and_lots(text: str, name: str, lot_size: int) -> None:
    instrument = UNIVERSE.find(key(text), TODAY)

    assert instrument is not None
    assert (instrument.name, instrument.lot_size) == (name, lot_size)


def test_stock_id_of_tencent_is_the_real_one() -> None:
    tencent = UNIVERSE.find(key("HK.00700"), TODAY)

    assert tencent is not None
    assert tencent.stock_id == 54047868453564


def test_stock_ids_are_unique_among_everything_on_offer() -> None:
    everything = [row for market in MARKET_PREFIXES.values() for row in UNIVERSE.of_type(market, 0, TODAY)]

    assert len({row.stock_id for row in everything}) == len(everything)


def test_every_instrument_on_offer_is_found_by_its_own_key() -> None:
    for market in MARKET_PREFIXES.values():
        for row in UNIVERSE.of_type(market, 0, TODAY):
            assert UNIVERSE.find(row.key, TODAY) == row


@pytest.mark.parametrize(
    "text", ["HK.99999", "US.NOPE", "HK.AAPL", "US.00700", "HK.HSI2601", "US.AAPL261219C230000"]
)
def test_unknown_codes_are_not_found(text: str) -> None:
    assert UNIVERSE.find(key(text), TODAY) is None


def test_an_option_is_gone_the_day_after_its_expiry() -> None:
    option = key("US.AAPL261218C230000")

    assert UNIVERSE.find(option, date(2026, 12, 18)) is not None
    assert UNIVERSE.find(option, date(2026, 12, 19)) is None


@pytest.mark.parametrize("owner", ["HK.00700", "HK.800000", "US.AAPL", "US.SPY"])
def test_an_option_stays_on_offer_until_it_expires(owner: str) -> None:
    first_seen = UNIVERSE.expiries(key(owner), TODAY)

    for days in range(250):
        later = TODAY + timedelta(days=days)
        assert set(UNIVERSE.expiries(key(owner), later)) >= {day for day in first_seen if day >= later}


def test_futures_roll_after_the_last_trading_day() -> None:
    last_day = hk_month_expiry(2026, 11)

    assert contract_months(last_day)[0] == date(2026, 11, 1)
    assert contract_months(last_day + timedelta(days=1))[0] == date(2026, 12, 1)


def test_future_months_are_the_spot_the_next_and_two_quarters() -> None:
    months = contract_months(TODAY)

    assert [f"{month:%y%m}" for month in months] == ["2611", "2612", "2703", "2706"]


def test_expiry_rules_give_known_days() -> None:
    assert hk_month_expiry(2024, 5) == date(2024, 5, 30)
    assert us_month_expiry(2024, 5) == date(2024, 5, 17)


def test_warrants_of_every_kind_stand_on_tencent_and_outlive_the_day() -> None:
    warrants = UNIVERSE.warrants(TODAY, key("HK.00700"))
    terms = [row.extra["warrant"] for row in warrants]

    assert {int(row.warrant_type) for row in terms} == {1, 2, 3, 4, 5}
    assert all(row.maturity > TODAY for row in terms)
    assert len({row.issuer for row in terms}) >= 5


def test_plate_members_and_watchlists_name_known_securities() -> None:
    members = [member for plate in PLATES for member in plate.members]

    for text in (*members, *(text for group in WATCHLISTS.values() for text in group)):
        assert UNIVERSE.find(key(text), TODAY) is not None


def test_mainland_plates_are_the_same_list_for_both_exchanges() -> None:
    shanghai = UNIVERSE.plates(QotMarket.SH, PlateSetType.ALL)

    assert shanghai == UNIVERSE.plates(QotMarket.SZ, PlateSetType.ALL)
    assert {plate.kind for plate in shanghai} == {
        PlateSetType.INDUSTRY, PlateSetType.REGION, PlateSetType.CONCEPT,
    }  # fmt: skip


def test_every_market_has_stocks_and_indices() -> None:
    for market in MARKET_PREFIXES.values():
        types = {row.security_type for row in UNIVERSE.of_type(market, 0, TODAY)}
        assert {SecurityType.EQUITY, SecurityType.INDEX} <= types
