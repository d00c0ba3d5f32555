"""Money and holdings: what orders hold back, what fills move, fees, margin."""

from decimal import Decimal

import pytest
from fix_broker import (
    AAPL,
    PAPER_HK,
    PAPER_US,
    REAL_A,
    REAL_HK,
    REAL_US,
    UNIVERSAL,
    UNIVERSAL_A,
    UNIVERSAL_US,
    Desk,
)
from fix_market import APPLE, APPLE_CALL, TENCENT

from gateway.schema.trade import TrdSide
from gateway.simulator.broker.enums import TrdMarket
from gateway.simulator.broker.fee import fee_items, fee_of


def _fee(desk: Desk, header, order_id: str) -> float:
    (fee,) = desk.call(2225, header=header, orderIdExList=[order_id])["orderFeeList"]
    return fee["feeAmount"]


def test_open_buy_order_freezes_its_cash(desk):
    desk.place(qty=200)
    funds = desk.funds()
    assert (funds["cash"], funds["frozenCash"], funds["availableFunds"]) == (1_000_000, 78_000, 922_000)
    assert (funds["power"], funds["totalAssets"]) == (922_000, 1_200_000)


def test_real_order_freezes_its_fee_as_well(desk):
    desk.place(REAL_HK, qty=100)
    fee = float(fee_of(TrdMarket.HK, TrdSide.BUY, Decimal(100), Decimal(39_000)))
    assert desk.funds(REAL_HK)["frozenCash"] == pytest.approx(39_000 + fee)


def test_open_sell_order_holds_its_shares(desk):
    desk.place(trdSide=2, qty=300, price=410.0)
    assert desk.position("00700")["canSellQty"] == 200
    assert desk.funds()["frozenCash"] == 0


def test_cancel_frees_what_was_held(desk):
    buy = desk.place_live(qty=200)
    sell = desk.place_live(trdSide=2, qty=300, price=410.0)
    for order_id in (buy, sell):
        desk.modify(order_id, 2)
    assert desk.funds()["frozenCash"] == 0
    assert desk.position("00700")["canSellQty"] == 500


def test_paper_buy_moves_cash_and_averages_the_cost(desk):
    desk.place_live(qty=500, price=400.2)
    assert desk.funds()["cash"] == 1_000_000 - 500 * 400.2
    position = desk.position("00700")
    assert position["qty"] == 1000
    assert position["averageCostPrice"] == pytest.approx((380 + 400.2) / 2)
    assert position["unrealizedPL"] == pytest.approx(1000 * (400 - 390.1))
    assert (position["td_buyQty"], position["td_buyVal"]) == (500, 500 * 400.2)
    assert position["td_plVal"] == pytest.approx(-500 * 0.2)


def test_sale_realizes_profit_and_keeps_the_average_cost(desk):
    desk.place_live(trdSide=2, qty=200, price=399.8)
    position = desk.position("00700")
    assert (position["qty"], position["averageCostPrice"]) == (300, 380)
    assert position["realizedPL"] == pytest.approx(200 * 19.8)
    assert position["dilutedCostPrice"] == pytest.approx((500 * 380 - 200 * 399.8) / 300)
    assert position["plRatio"] == pytest.approx(position["plVal"] / (300 * position["dilutedCostPrice"]))
    assert desk.funds()["realizedPL"] == pytest.approx(200 * 19.8)


def test_closed_position_is_shown_until_the_day_ends(desk):
    desk.place_live(trdSide=2, qty=500, price=399.8)
    position = desk.position("00700")
    assert (position["qty"], position["val"], position["td_sellQty"]) == (0, 0, 500)
    assert "costPrice" not in position
    desk.settle(24 * 3600)
    assert desk.call(2102, header=PAPER_HK)["positionList"] == []


def test_real_fill_costs_its_fee_once(desk):
    desk.market.set_book(TENCENT, bids=[], asks=[("390", 100)])
    order_id = desk.place_live(REAL_HK, qty=300)
    desk.market.set_book(TENCENT, bids=[], asks=[("390", 200)])
    desk.settle()
    fee = _fee(desk, REAL_HK, order_id)
    assert fee > 100
    assert desk.funds(REAL_HK)["cash"] == pytest.approx(300_000 - 300 * 390 - fee)
    assert desk.funds(REAL_HK)["frozenCash"] == 0


def test_fee_has_the_items_that_opend_names(desk):
    order_id = desk.place_live(REAL_HK, price=400.2)
    (fee,) = desk.call(2225, header=REAL_HK, orderIdExList=[order_id])["orderFeeList"]
    assert [item["title"] for item in fee["feeList"]] == [
        "佣金",
        "平台使用费",
        "交易系统使用费",
        "交收费",
        "印花税",
        "交易费",
        "交易征费",
    ]
    assert fee["feeAmount"] == pytest.approx(sum(item["value"] for item in fee["feeList"]))


def test_unfilled_order_has_no_fee(desk):
    order_id = desk.place_live(REAL_HK)
    assert _fee(desk, REAL_HK, order_id) == 0


@pytest.mark.parametrize("market", [TrdMarket.HK, TrdMarket.US, TrdMarket.HKCC])
def test_sale_taxes_fall_on_sales_alone_and_stamp_duty_on_both_in_hk(market):
    buy = {item.title: item.value for item in fee_items(market, TrdSide.BUY, Decimal(100), Decimal(10_000))}
    sell = {item.title: item.value for item in fee_items(market, TrdSide.SELL, Decimal(100), Decimal(10_000))}
    assert set(buy) == set(sell)
    dearer = {title for title in buy if sell[title] > buy[title]}
    assert (
        dearer
        == {
            TrdMarket.HK: set(),
            TrdMarket.US: {"证监会规费", "交易活动费"},
            TrdMarket.HKCC: {"印花税"},
        }[market]
    )


def test_option_is_worth_its_multiplier(desk):
    order_id = desk.place_live(REAL_US, **AAPL | {"code": APPLE_CALL.code, "qty": 2, "price": 10.01})
    fee = _fee(desk, REAL_US, order_id)
    assert desk.funds(REAL_US)["cash"] == pytest.approx(80_000 - 2 * 100 * 10.01 - fee, abs=0.005)
    assert desk.position(APPLE_CALL.code, REAL_US)["val"] == 2_000


# Universal accounts.


def test_universal_funds_convert_into_the_currency_that_is_asked(desk):
    in_hkd, in_usd = desk.funds(UNIVERSAL), desk.funds(UNIVERSAL, currency=2)
    assert (in_hkd["currency"], in_usd["currency"]) == (1, 2)
    for name in ("totalAssets", "cash", "marketVal", "power"):
        assert in_usd[name] == pytest.approx(in_hkd[name] / 7.8, abs=0.01)
    assert in_hkd["cash"] == 500_000 + 50_000 * 7.8 + 100_000 * 1.08
    assert [info["cash"] for info in in_hkd["cashInfoList"]] == [500_000, 50_000, 100_000]
    assert [(info["trdMarket"], info["assets"]) for info in in_hkd["marketInfoList"]] == [
        (1, 620_000),
        (2, 60_000),
        (4, 250_000),
    ]


def test_each_currency_pays_for_its_market(desk):
    desk.place_live(UNIVERSAL_US, **AAPL | {"price": 200.01})
    cash = {info["currency"]: info["cash"] for info in desk.funds(UNIVERSAL)["cashInfoList"]}
    assert (cash[1], cash[3]) == (500_000, 100_000)
    assert cash[2] == pytest.approx(50_000 - 2000.1, abs=3)


def test_single_market_account_ignores_the_currency(desk):
    funds = desk.funds(REAL_US, currency=1)
    assert (funds["currency"], funds["cash"]) == (2, 80_000)
    assert "cashInfoList" not in funds


# Margin.


def test_margin_account_borrows_and_owes(desk):
    order = AAPL | {"qty": 500, "price": 200.01}
    desk.place_live(REAL_US, **order)
    funds = desk.funds(REAL_US)
    assert funds["cash"] < 0
    assert funds["debtCash"] == pytest.approx(-funds["cash"])
    assert funds["netCashPower"] == funds["avlWithdrawalCash"] == 0
    assert funds["initialMargin"] == pytest.approx(700 * 200 * 0.35)
    assert funds["availableFunds"] == pytest.approx(funds["totalAssets"] - funds["initialMargin"], abs=0.01)
    assert funds["power"] == pytest.approx(funds["availableFunds"] / 0.5, abs=0.02)


def test_risk_level_falls_with_the_price(desk):
    desk.place_live(REAL_US, **AAPL | {"qty": 1000, "price": 200.01})
    levels = []
    for price in (200, 150, 125):
        desk.market.last[APPLE] = Decimal(price)
        funds = desk.funds(REAL_US)
        levels.append((funds["riskLevel"], funds["riskStatus"]))
    assert levels == [(0, 1), (1, 4), (2, 7)]


def test_short_sale_and_buy_back(desk):
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 2, "qty": 100, "price": 199.0})
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 3, "qty": 40, "price": 199.0})
    position = desk.position("AAPL", PAPER_US)
    assert (position["positionSide"], position["qty"], position["canSellQty"]) == (1, -40, 0)
    assert position["averageCostPrice"] == 199.99
    funds = desk.funds(PAPER_US)
    assert (funds["shortMv"], funds["longMv"]) == (-8_000, 0)
    assert desk.refusal(2202, **desk.order_body(PAPER_US, **AAPL | {"qty": 50})) == "请先买回已卖空的数量"
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 4, "qty": 40, "price": 201.0})
    assert desk.position("AAPL", PAPER_US)["realizedPL"] == pytest.approx(
        100 * (199.99 - 204) + 40 * (199.99 - 200.01)
    )


def test_short_sale_needs_margin(desk):
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 2, "qty": 100, "price": 199.0})
    body = desk.order_body(PAPER_US, **AAPL | {"trdSide": 2, "qty": 9_000})
    assert desk.refusal(2202, **body) == "账户购买力不足"


def test_changed_order_does_not_count_twice_on_a_margin_account(desk):
    order_id = desk.place_live(REAL_US, **AAPL | {"qty": 800})
    desk.modify(order_id, 1, REAL_US, qty=810, price=191.0)
    assert desk.order(order_id, REAL_US)["qty"] == 810


def test_expired_option_lapses_and_its_orders_end(desk):
    option = AAPL | {"code": APPLE_CALL.code, "qty": 2, "timeInForce": 1}
    desk.place_live(REAL_US, **option | {"price": 10.01})
    waiting = desk.place_live(REAL_US, **option | {"price": 5.0})
    cash = desk.funds(REAL_US)["cash"]
    desk.market.expired.add(APPLE_CALL)
    desk.settle(24 * 3600)
    assert desk.status(waiting, REAL_US) == 15
    assert [position["code"] for position in desk.call(2102, header=REAL_US)["positionList"]] == ["AAPL"]
    assert (desk.funds(REAL_US)["cash"], desk.funds(REAL_US)["frozenCash"]) == (cash, 0)


# The most that may be traded.


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (PAPER_HK, {}),
        (REAL_HK, {"code": "00001", "price": 50.0}),
        (PAPER_US, AAPL),
        (UNIVERSAL, {}),
        (REAL_A, {"code": "000001", "secMarket": 32, "price": 10.0}),
    ],
)
def test_max_quantities_are_what_the_rules_accept(desk, header, fields):
    fields = {"code": "00700", "price": 390.0, "secMarket": 1} | fields
    fields.pop("qty", None)
    most = desk.call(2111, header=header, orderType=1, **fields)["maxTrdQtys"]
    lot = 1 if fields["secMarket"] == 2 else 500 if fields["code"] == "00001" else 100
    buy = most.get("maxCashAndMarginBuy", most["maxCashBuy"])
    assert desk.refusal(2202, **desk.order_body(header, **fields, qty=buy + lot)) == "账户购买力不足"
    if most["maxPositionSell"]:
        over = desk.order_body(header, **fields, trdSide=2, qty=most["maxPositionSell"] + lot)
        assert desk.refusal(2202, **over) == "可卖数量不足"
        desk.place(header, **fields, trdSide=2, qty=most["maxPositionSell"])
    desk.place(header, **fields, qty=buy)


def test_order_that_is_changed_counts_as_free(desk):
    order_id = desk.place_live(qty=2_500)
    body = {"header": PAPER_HK, "orderType": 1, "code": "00700", "price": 390.0, "secMarket": 1}
    assert desk.call(2111, **body)["maxTrdQtys"]["maxCashBuy"] == 0
    assert desk.call(2111, **body, orderIDEx=order_id)["maxTrdQtys"]["maxCashBuy"] == 2_500


def test_cash_account_has_no_margin_quantities(desk):
    body = {"orderType": 2, "code": "00700", "price": 0.0, "secMarket": 1}
    most = desk.call(2111, header=PAPER_HK, **body)["maxTrdQtys"]
    assert set(most) == {"maxCashBuy", "maxPositionSell"}
    assert most["maxCashBuy"] == 2_300, "an order at the market is reckoned at its collar of 420"


def test_short_position_is_bought_back_first(desk):
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 2, "qty": 100, "price": 199.0})
    desk.place_live(PAPER_US, **AAPL | {"trdSide": 2, "qty": 40, "price": 199.0})
    body = {"orderType": 1, "code": "AAPL", "price": 200.0, "secMarket": 2}
    most = desk.call(2111, header=PAPER_US, **body)["maxTrdQtys"]
    assert (most["maxBuyBack"], most["maxCashBuy"], most["maxCashAndMarginBuy"]) == (40, 0, 0)
    assert most["maxSellShort"] > 0


def test_margin_terms_by_security(desk):
    wanted = [{"market": 1, "code": "00700"}, {"market": 1, "code": "13590"}]
    share, warrant = desk.call(2223, header=UNIVERSAL, securityList=wanted)["marginRatioInfoList"]
    assert (share["isLongPermit"], share["imLongRatio"], share["imShortRatio"]) == (True, 35, 60)
    assert (warrant["isLongPermit"], warrant["isShortPermit"], warrant["imLongRatio"]) == (False, False, 100)


def test_a_shares_are_paid_in_full(desk):
    body = {"orderType": 1, "code": "600519", "price": 1500.0, "secMarket": 31}
    most = desk.call(2111, header=UNIVERSAL_A, **body)["maxTrdQtys"]
    assert most["maxSellShort"] == 0
    assert most["longRequiredIM"] == 150_000
