import math
from decimal import Decimal

import pytest
from fix_trading import modify_request, order_row, place_request
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema.descriptors import message_class
from gateway.schema.errors import FieldError
from gateway.schema.trade import OrderType, TrailType
from gateway.trading.pricing import Quote, modified_terms, order_terms, placed_terms, worst_price

LIMITED = [
    each for each in OrderType if each.name.endswith(("NORMAL", "LIMIT", "LIMIT_ALL", "LIMIT_IF_TOUCHED"))
]
LIMITED.remove(OrderType.TRAILING_STOP_LIMIT)
TRIGGERED = [OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED]
TRAILING = [OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT]
QUOTE = Quote(last=Decimal(300), bid=Decimal(299), ask=Decimal(301))
BUY, SELL = 1, 2


def order(**fields):
    return message_class("Trd_Common.Order")(**order_row(**fields))


def fields_of(order_type, **changes):
    """What an order of a type needs."""
    fields = {"orderType": order_type, "price": 310.0 if order_type in LIMITED else None}
    if order_type in TRIGGERED:
        fields["auxPrice"] = 305.0
    if order_type in TRAILING:
        fields |= {"trailType": TrailType.AMOUNT, "trailValue": 4.0, "trailSpread": 1.0}
    return fields | changes


def worst(quote=QUOTE, **changes):
    return worst_price(placed_terms(place_request(**changes).c2s), quote)


@pytest.mark.parametrize("order_type", LIMITED)
def test_a_buy_with_a_limit_is_worth_its_limit_without_a_quote(order_type):
    terms = placed_terms(place_request(**fields_of(order_type)).c2s)
    assert not terms.needs_quote
    assert worst_price(terms, None) == 310


@pytest.mark.parametrize("order_type", LIMITED)
def test_a_sale_is_worth_what_the_market_pays_when_its_limit_is_below(order_type):
    fields = fields_of(order_type, trdSide=SELL, price=0.01)
    expected = 305 if order_type in TRIGGERED else 300
    assert worst(**fields) == expected
    assert worst(**(fields | {"price": 310.0})) == 310
    assert worst(None, **fields) is None


@pytest.mark.parametrize("order_type", set(OrderType) - set(LIMITED) - set(TRAILING))
def test_an_order_at_the_market_is_worth_its_reference_and_a_buffer(order_type):
    fields = fields_of(order_type, price=1_000_000.0)
    reference = {BUY: 305, SELL: 305} if order_type in TRIGGERED else {BUY: 301, SELL: 300}
    for side, price in reference.items():
        assert worst(**fields, trdSide=side) == price * Decimal("1.05")
        assert worst(None, **fields, trdSide=side) is None
        assert worst(Quote(), **fields, trdSide=side) is None


@pytest.mark.parametrize("order_type", TRAILING)
def test_a_trailing_buy_may_follow_the_price_up_by_its_distance(order_type):
    assert worst(**fields_of(order_type)) == (301 + 4 + 1) * Decimal("1.05")
    assert worst(**fields_of(order_type, trailType=TrailType.RATIO, trailValue=10.0, trailSpread=None)) == (
        Decimal("331.1") * Decimal("1.05")
    )
    assert worst(**fields_of(order_type, trdSide=SELL)) == 300 * Decimal("1.05")


def test_an_adjustment_upwards_makes_a_limit_higher():
    assert worst(adjustPrice=True, adjustSideAndLimit=0.015) == 300 * Decimal("1.015")
    assert worst(adjustPrice=True, adjustSideAndLimit=-0.015) == 300
    assert worst(adjustPrice=False, adjustSideAndLimit=0.015) == 300
    for number in (math.nan, math.inf):
        with pytest.raises(FieldError, match="adjust_side_and_limit"):
            worst(adjustPrice=True, adjustSideAndLimit=number)


@pytest.mark.parametrize("order_type", OrderType)
@pytest.mark.parametrize("field", ["price", "auxPrice", "trailType", "trailValue"])
def test_a_price_that_an_order_needs_has_to_be_given(order_type, field):
    fields = fields_of(order_type)
    request = place_request(**(fields | {field: None})).c2s
    if fields.get(field) is None:
        placed_terms(request)
        return
    with pytest.raises(FieldError, match="missing"):
        placed_terms(request)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -1.0, 0.0, -0.0, 1e13, 1e308])
@pytest.mark.parametrize(
    ("field", "order_type"), [("qty", 1), ("price", 1), ("auxPrice", 10), ("trailValue", 14)]
)
def test_what_is_no_amount_is_refused(field, order_type, number):
    with pytest.raises(FieldError, match="accepted is a finite number above 0 and at most 1e12"):
        placed_terms(place_request(**fields_of(order_type, **{field: number})).c2s)


@pytest.mark.parametrize(
    ("field", "number"), [("trdSide", 0), ("trdSide", 5), ("orderType", 0), ("orderType", 20)]
)
def test_a_side_or_type_that_is_none_is_refused(field, number):
    with pytest.raises(FieldError, match=f"found {number}, accepted is"):
        placed_terms(place_request(**{field: number}).c2s)


def test_a_trail_of_no_known_kind_is_refused():
    with pytest.raises(FieldError, match="trail_type: found 3, accepted is RATIO or AMOUNT"):
        placed_terms(place_request(**fields_of(14, trailType=3)).c2s)


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_figures_are_the_decimals_that_doubles_print_as(number):
    terms = placed_terms(place_request(qty=number, price=number).c2s)
    assert (terms.quantity, terms.limit) == (Decimal(repr(number)), Decimal(repr(number)))


class TestModify:
    def test_quantity_and_price_are_the_new_ones(self):
        terms = modified_terms(modify_request(qty=250.0, price=299.5).c2s, order())
        assert (terms.quantity, terms.limit) == (250, Decimal("299.5"))

    @pytest.mark.parametrize(("field", "name"), [("qty", "qty"), ("price", "price")])
    def test_what_is_missing_is_named(self, field, name):
        with pytest.raises(FieldError, match=f"{name}: missing"):
            modified_terms(modify_request(**{field: None}).c2s, order())

    @pytest.mark.parametrize("field", ["qty", "price"])
    def test_zero_is_no_new_value(self, field):
        with pytest.raises(FieldError, match=f"{field}: found 0.0"):
            modified_terms(modify_request(**{field: 0.0}).c2s, order())

    def test_an_order_without_a_limit_needs_no_price(self):
        terms = modified_terms(modify_request(price=None).c2s, order(orderType=2, price=None))
        assert terms.limit is None

    def test_a_trigger_that_is_not_given_stays(self):
        stop = order(orderType=10, price=None, auxPrice=280.0)
        assert modified_terms(modify_request(price=None).c2s, stop).trigger == 280
        assert modified_terms(modify_request(price=None, auxPrice=290.0).c2s, stop).trigger == 290

    def test_a_trail_that_is_not_given_stays(self):
        trailing = order(orderType=15, price=None, trailType=2, trailValue=4.0, trailSpread=1.0)
        terms = modified_terms(modify_request(price=None, trailValue=5.0).c2s, trailing)
        assert (terms.trail.value, terms.trail.spread, terms.trail.is_ratio) == (5, 1, False)

    def test_a_trigger_that_nobody_tells_is_missing(self):
        with pytest.raises(FieldError, match="aux_price: missing"):
            modified_terms(modify_request(price=None).c2s, order(orderType=10, price=None))


def test_an_orders_own_terms_are_what_opend_lists():
    terms = order_terms(order(orderType=11, auxPrice=290.0, trdSide=SELL, orderAmount=5.0))
    assert (terms.quantity, terms.limit, terms.trigger, terms.amount) == (100, 300, 290, 5)
    with pytest.raises(FieldError, match="price: missing"):
        order_terms(order(price=None))
