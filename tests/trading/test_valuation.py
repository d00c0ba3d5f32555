import math
from decimal import Decimal

import pytest
from fix_trading import (
    EQUITY,
    HEADER,
    NOON,
    OPTION,
    ORDER_ID,
    modify_request,
    order_list,
    order_row,
    place_request,
    position_list,
    principal,
    snapshot,
    static_info,
)
from hypothesis import given
from hypothesis import strategies as st
from scripted_client import ScriptedClient

from gateway.clock import ManualClock
from gateway.opend.errors import OpenDUnavailable
from gateway.order import Environment, IntentKind, Side
from gateway.policy.model import Caps
from gateway.schema.errors import FieldError
from gateway.schema.trade import OrderType
from gateway.trading.account import OrderNotFound
from gateway.trading.context import WriteContext
from gateway.trading.valuation import Valuer

STATIC, SNAPSHOT, ORDERS, POSITIONS = (
    "Qot_GetStaticInfo",
    "Qot_GetSecuritySnapshot",
    "Trd_GetOrderList",
    "Trd_GetPositionList",
)
CAPPED = principal(max_order_value=Caps(Decimal(50_000)))
COLLARED = principal(max_price_deviation=Decimal(5))
FREE = principal()
SELL = 2
CALL = "TCH261230C300000"


@pytest.fixture
def opend():
    client = ScriptedClient()
    client.script(STATIC, static_info())
    client.script(SNAPSHOT, snapshot())
    client.script(ORDERS, order_list(order_row()))
    return client


def context(key=CAPPED, **options):
    return WriteContext(key, "r-1", "/api/order", "i-1", **options)


def place(opend, key=CAPPED, *, is_reducing=False, is_dry_run=False, **changes):
    request = place_request(**changes)
    return Valuer(opend, ManualClock(NOON)).place(
        request, context(key, is_dry_run=is_dry_run), is_reducing=is_reducing
    )


def modify(opend, key=CAPPED, *, is_reducing=False, **changes):
    return Valuer(opend, ManualClock(NOON)).modify(
        modify_request(**changes), context(key), is_reducing=is_reducing
    )


class TestWhatOpenDIsAskedFor:
    def test_an_order_without_limits_costs_nothing(self, opend):
        for order_type in (OrderType.NORMAL, OrderType.MARKET):
            valued = place(opend, FREE, orderType=order_type)
            assert (valued.value, valued.increase, valued.currency) == (None, None, "HKD")
        assert opend.names() == []

    def test_a_buy_with_a_limit_costs_the_kind_of_security_once(self, opend):
        valuer = Valuer(opend, ManualClock(NOON))
        for _ in range(2):
            assert valuer.place(place_request(), context(), is_reducing=False).value == 30_000
        assert opend.names() == [STATIC]

    @pytest.mark.parametrize("changes", [{"orderType": 2}, {"trdSide": SELL}])
    def test_an_order_that_depends_on_the_market_costs_one_snapshot(self, opend, changes):
        assert place(opend, **changes).value is not None
        assert opend.names() == [SNAPSHOT]

    def test_a_collar_costs_one_snapshot_where_there_is_a_price(self, opend):
        assert place(opend, COLLARED).last_price == 300
        assert place(opend, COLLARED, orderType=2).last_price is None
        assert opend.names() == [SNAPSHOT]

    def test_a_dry_run_is_valued_without_limits_too(self, opend):
        assert place(opend, FREE, is_dry_run=True).value == 30_000

    def test_positions_are_asked_for_only_while_trading_is_reducing(self, opend):
        place(opend, FREE)
        assert opend.names() == []


class TestPlace:
    def test_the_intent_says_what_is_asked(self, opend):
        valued = place(opend, qty=150.0, price=299.8, remark="gw-i-1")
        intent = valued.intent
        assert (intent.intent_id, intent.key_id, intent.request_id) == ("i-1", "bot", "r-1")
        assert (intent.kind, intent.environment) == (IntentKind.PLACE, Environment.SIMULATE)
        assert (intent.acc_id, intent.market, intent.symbol) == (987654, "HK", "HK.00700")
        assert (intent.side, intent.quantity, intent.price) == (Side.BUY, 150, Decimal("299.8"))
        assert (intent.remark, intent.order_id) == ("gw-i-1", None)
        assert (valued.value, valued.increase) == (Decimal("44970.0"), Decimal("44970.0"))

    def test_a_market_order_has_no_price_whatever_is_given(self, opend):
        valued = place(opend, orderType=2, price=1.0)
        assert valued.intent.price is None
        assert valued.value == 100 * 300 * Decimal("1.05")

    def test_a_sale_far_below_the_market_is_worth_the_market(self, opend):
        assert place(opend, trdSide=SELL, price=0.01).value == 30_000

    def test_an_option_is_worth_its_contracts(self, opend):
        opend.script(STATIC, static_info(OPTION, CALL))
        opend.script(SNAPSHOT, snapshot(5.0, OPTION, CALL, option={"contractSize": 100}, lotSize=100))
        assert place(opend, code=CALL, qty=10.0, price=5.0).value == 5_000
        assert place(opend, code=CALL, qty=10.0, orderType=2).value == Decimal("5250.00")

    def test_an_option_without_a_multiplier_has_no_known_worth(self, opend):
        opend.script(STATIC, static_info(OPTION, CALL))
        opend.script(SNAPSHOT, snapshot(5.0, OPTION, CALL, option={}, lotSize=0))
        assert place(opend, code=CALL, qty=10.0, price=5.0).value is None

    def test_an_amount_of_money_counts_where_it_is_more(self, opend):
        assert place(opend, amount=70_000.0).value == 70_000
        assert place(opend, amount=10.0).value == 30_000
        with pytest.raises(FieldError, match="amount"):
            place(opend, amount=math.nan)

    @pytest.mark.parametrize("changes", [{"orderType": 2}, {"trdSide": SELL}])
    def test_without_a_usable_quote_the_worth_is_not_known(self, opend, changes):
        for answer in (snapshot(0.0), snapshot(isSuspend=True), OpenDUnavailable("away")):
            opend.script(SNAPSHOT, answer)
            assert place(opend, **changes).value is None

    def test_of_a_security_that_opend_does_not_know_the_worth_is_not_known(self, opend):
        opend.script(STATIC, static_info(0))
        assert place(opend).value is None

    def test_a_currency_that_cannot_be_told_makes_the_worth_unknown(self, opend):
        opend.script(STATIC, static_info(12, "BTC", 91))
        valued = place(opend, code="BTC", secMarket=101, header={**HEADER, "trdMarket": 7})
        assert (valued.currency, valued.value) == ("", None)

    def test_environments_are_opends(self, opend):
        assert place(opend, header={**HEADER, "trdEnv": 1}).intent.environment is Environment.REAL
        with pytest.raises(FieldError, match="trd_env"):
            place(opend, header={**HEADER, "trdEnv": 2})

    @given(
        quantity=st.floats(min_value=1e-6, max_value=1e12),
        price=st.floats(min_value=1e-6, max_value=1e12),
        side=st.sampled_from([1, 2, 3, 4]),
        order_type=st.sampled_from([1, 2, 5, 6, 7, 8, 9, 16, 17, 18, 19]),
    )
    def test_no_order_is_valued_below_what_the_market_would_make_of_it(
        self, quantity, price, side, order_type
    ):
        """A buy may fill at up to its limit, everything else at least at the last price."""
        opend = ScriptedClient()
        opend.script(STATIC, static_info(EQUITY))
        opend.script(SNAPSHOT, snapshot(250.0))
        valued = place(opend, qty=quantity, price=price, trdSide=side, orderType=order_type)
        least = Decimal(repr(price)) if valued.intent.price is not None else Decimal("262.5")
        if valued.intent.price is not None and side in (2, 3):
            least = max(least, Decimal(250))
        assert abs(valued.value / (Decimal(repr(quantity)) * least) - 1) < Decimal("1e-20")


class TestModify:
    def test_the_order_says_what_is_changed(self, opend):
        opend.script(ORDERS, order_list(order_row(code="AAPL", secMarket=2, trdMarket=2, trdSide=SELL)))
        valued = modify(opend, FREE)
        intent = valued.intent
        assert (intent.kind, intent.order_id, intent.remark) == (IntentKind.MODIFY, ORDER_ID, "")
        assert (intent.market, intent.symbol, intent.side) == ("US", "US.AAPL", Side.SELL)
        assert (intent.quantity, intent.price) == (200, 310)

    def test_the_whole_counts_for_the_order_and_the_increase_for_the_day(self, opend):
        valued = modify(opend)
        assert (valued.value, valued.increase) == (62_000, 32_000)

    def test_less_is_no_increase(self, opend):
        valued = modify(opend, qty=50.0, price=290.0)
        assert (valued.value, valued.increase) == (14_500, 0)

    def test_all_of_an_order_whose_old_worth_is_not_known_is_new(self, opend):
        opend.script(ORDERS, order_list(order_row(price=None)))
        valued = modify(opend)
        assert (valued.value, valued.increase) == (62_000, 62_000)

    def test_a_market_order_is_valued_at_one_quote_before_and_after(self, opend):
        opend.script(ORDERS, order_list(order_row(orderType=2, price=None)))
        valued = modify(opend, price=None)
        assert (valued.value, valued.increase) == (63_000, 31_500)
        assert opend.names() == [ORDERS, SNAPSHOT]

    def test_enabling_brings_back_the_order_as_it_is(self, opend):
        valued = modify(opend, modifyOrderOp=4, qty=None, price=None)
        assert (valued.intent.quantity, valued.intent.price) == (100, 300)
        assert (valued.value, valued.increase) == (30_000, 0)

    @pytest.mark.parametrize(
        ("named", "asked"),
        [
            ({}, ([ORDER_ID], [])),
            ({"orderID": 0, "orderIDEx": "17418"}, ([], ["17418"])),
            ({"orderIDEx": "17418"}, ([ORDER_ID], [])),
        ],
    )
    def test_the_order_is_found_by_its_numbers_in_opends_cache(self, opend, named, asked):
        modify(opend, FREE, **named)
        (call,) = opend.calls
        conditions = call.c2s.filterConditions
        assert (list(conditions.idList), list(conditions.orderIDExList)) == asked
        assert not call.c2s.refreshCache

    @pytest.mark.parametrize(
        "named", [{"orderID": 1}, {"orderID": 0, "orderIDEx": "other"}, {"orderIDEx": "x"}]
    )
    def test_an_order_that_has_not_both_names_is_not_found(self, opend, named):
        with pytest.raises(OrderNotFound, match="order not found: OpenD lists no order"):
            modify(opend, **named)

    def test_an_order_that_opend_does_not_list_is_not_found(self, opend):
        for rows in ((), (order_row(), order_row())):
            opend.script(ORDERS, order_list(*rows))
            with pytest.raises(OrderNotFound):
                modify(opend)

    def test_without_opend_nothing_is_judged(self, opend):
        opend.script(ORDERS, OpenDUnavailable("away"))
        with pytest.raises(OpenDUnavailable):
            modify(opend)


class TestReducing:
    def reduces(self, opend, *positions, orders=(), **changes):
        opend.script(POSITIONS, position_list(*positions))
        opend.script(ORDERS, order_list(*orders))
        return place(opend, FREE, is_reducing=True, **changes).reduces_position

    def test_a_sale_reduces_up_to_what_is_held(self, opend):
        assert self.reduces(opend, {}, trdSide=SELL, qty=100.0)
        assert not self.reduces(opend, {}, trdSide=SELL, qty=100.5)
        assert not self.reduces(opend, {}, trdSide=1)
        assert not self.reduces(opend, trdSide=SELL)

    def test_buying_back_reduces_up_to_what_is_short(self, opend):
        short = {"positionSide": 1, "qty": -100.0}
        for side in (1, 4):
            assert self.reduces(opend, short, trdSide=side)
            assert not self.reduces(opend, short, trdSide=side, qty=101.0)
        assert not self.reduces(opend, short, trdSide=SELL)

    @pytest.mark.parametrize("other", [{"code": "00001"}, {"secMarket": 2}, {"qty": 0.0}, {"qty": math.nan}])
    def test_another_position_does_not_count(self, opend, other):
        assert not self.reduces(opend, other, trdSide=SELL)

    def test_what_open_orders_will_sell_counts(self, opend):
        selling = order_row(trdSide=SELL, qty=80.0, fillQty=20.0)
        assert self.reduces(opend, {}, orders=[selling], trdSide=SELL, qty=40.0)
        assert not self.reduces(opend, {}, orders=[selling], trdSide=SELL, qty=41.0)
        for row in (order_row(), order_row(trdSide=SELL, orderStatus=15), order_row(trdSide=SELL, code="1")):
            assert self.reduces(opend, {}, orders=[row], trdSide=SELL)

    def test_a_change_counts_what_is_left_of_its_order(self, opend):
        opend.script(POSITIONS, position_list({}))
        opend.script(ORDERS, order_list(order_row(trdSide=SELL, qty=80.0, fillQty=20.0)))
        assert modify(opend, FREE, is_reducing=True, qty=120.0).reduces_position
        assert not modify(opend, FREE, is_reducing=True, qty=121.0).reduces_position

    def test_what_cannot_be_told_reduces_nothing(self, opend):
        opend.script(POSITIONS, OpenDUnavailable("away"))
        assert not place(opend, FREE, is_reducing=True, trdSide=SELL).reduces_position
