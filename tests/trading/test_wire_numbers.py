import pytest

from gateway.order import CURRENCIES, TRD_MARKETS, Side
from gateway.schema import trade
from gateway.schema.descriptors import enum
from gateway.schema.enums import SDK_CONSTANTS
from gateway.trading import wire
from gateway.trading.listing import EXCHANGES, LISTED_IN
from gateway.trading.pricing import PRICE_RULES


def numbers(name):
    """Folded name -> number of an enumeration of the contract, without its prefix."""
    enumeration = enum(name)
    return {
        value.name.removeprefix(f"{enumeration.name}_").replace("_", "").upper(): value.number
        for value in enumeration.values
    }


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (trade.TrdEnv, "Trd_Common.TrdEnv"),
        (trade.TrdSide, "Trd_Common.TrdSide"),
        (trade.TrdSecMarket, "Trd_Common.TrdSecMarket"),
        (trade.OrderType, "Trd_Common.OrderType"),
        (trade.TrailType, "Trd_Common.TrailType"),
        (trade.ModifyOrderOp, "Trd_Common.ModifyOrderOp"),
        (trade.OrderStatus, "Trd_Common.OrderStatus"),
        (trade.PositionSide, "Trd_Common.PositionSide"),
        (wire.SecurityType, "Qot_Common.SecurityType"),
    ],
)
def test_numbers_are_those_of_the_contract(own, name):
    contract = numbers(name)
    assert {each.name.replace("_", ""): each.value for each in own}.items() <= contract.items()


def test_every_order_type_and_operation_is_known():
    known_types = set(numbers("Trd_Common.OrderType").values()) - {0}
    assert {each.value for each in trade.OrderType} == known_types == set(PRICE_RULES)
    operations = set(numbers("Trd_Common.ModifyOrderOp").values()) - {0}
    assert {each.value for each in trade.ModifyOrderOp} == operations


def test_sides_environments_and_final_states_are_those_of_the_contract():
    sides = numbers("Trd_Common.TrdSide")
    assert {number: side.replace("_", "") for number, side in wire.SIDES.items()} == {
        number: name for name, number in sides.items() if number
    }
    assert set(wire.SIDES.values()) == set(Side)
    environments = {number: each.upper() for number, each in wire.ENVIRONMENTS.items()}
    assert environments == {number: name for name, number in numbers("Trd_Common.TrdEnv").items()}
    states = numbers("Trd_Common.OrderStatus")
    final = "SUBMITFAILED FILLEDALL CANCELLEDPART CANCELLEDALL FAILED DELETED FILLCANCELLED"
    assert {states[name] for name in final.split()} == wire.FINAL_STATUSES


def test_every_market_is_known_and_has_securities():
    assert set(wire.MARKETS.values()) == TRD_MARKETS == set(LISTED_IN)
    markets = set(numbers("Trd_Common.TrdSecMarket").values()) - {0}
    assert {each.value for each in EXCHANGES} == markets


def test_symbols_are_spelled_as_the_official_sdk_spells_them():
    by_prefix = SDK_CONSTANTS["Qot_Common.QotMarket"]
    assert {each.prefix: each.qot_market for each in EXCHANGES.values()} == by_prefix
    assert {each.prefix: market for market, each in EXCHANGES.items()} == trade.PREFIXES
    assert {each.currency for each in EXCHANGES.values()} - {None} <= CURRENCIES
