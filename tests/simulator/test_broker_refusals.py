"""What the broker refuses, and in which words."""

import pytest
from fix_broker import (
    EVER,
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
from fix_market import BANK, MOUTAI, SSE_INDEX

AAPL = {"code": "AAPL", "secMarket": 2, "qty": 10, "price": 190.0}
MOUTAI_ORDER = {"code": "600519", "secMarket": 31, "qty": 100, "price": 1500.0}

BANK_ORDER = {"code": BANK.code, "secMarket": 32, "qty": 100, "price": 10.0}


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.unlock()
    return desk


READS = [
    (2101, {"currency": 1}),
    (2102, {}),
    (2111, {"orderType": 1, "code": "00700", "price": 390.0, "secMarket": 1}),
    (2201, {}),
    (2211, {}),
    (2221, {"filterConditions": EVER}),
    (2222, {"filterConditions": EVER}),
    (2223, {"securityList": [{"market": 1, "code": "00700"}]}),
    (2225, {"orderIdExList": []}),
]
BAD_HEADERS = [
    ({**UNIVERSAL, "accID": 1}, "AccID does not exist."),
    ({**UNIVERSAL, "trdEnv": 0}, "交易环境与账户不一致"),
    ({**PAPER_HK, "trdEnv": 1}, "交易环境与账户不一致"),
    ({**PAPER_HK, "trdEnv": 2}, "交易环境与账户不一致"),
    ({**UNIVERSAL, "trdMarket": 15}, "账户没有该市场的交易权限"),
    ({**PAPER_HK, "trdMarket": 2}, "账户没有该市场的交易权限"),
]


@pytest.mark.parametrize(("header", "text"), BAD_HEADERS)
def test_every_protocol_checks_the_header(desk, header, text):
    for proto_id, fields in READS:
        assert desk.refusal(proto_id, header=header, **fields) == text
    assert desk.refusal(2202, **desk.order_body(header)) == text
    assert desk.refusal(2205, **desk.modify_body("1", 2, header)) == text


@pytest.mark.parametrize(("proto_id", "fields"), READS)
def test_a_header_may_name_any_market_of_its_account(desk, proto_id, fields):
    desk.call(proto_id, header=UNIVERSAL, **fields)


@pytest.mark.parametrize(
    ("proto_id", "fields", "text"),
    [
        (2211, {}, "模拟交易不支持成交数据"),
        (2222, {"filterConditions": EVER}, "模拟交易不支持成交数据"),
        (2223, {"securityList": [{"market": 1, "code": "00700"}]}, "模拟账户不支持"),
        (2225, {"orderIdExList": ["1"]}, "暂时不支持模拟交易"),
    ],
)
def test_paper_accounts_lack_some_protocols(desk, proto_id, fields, text):
    assert desk.refusal(proto_id, header=PAPER_HK, **fields) == text


@pytest.mark.parametrize(
    ("header", "change", "text"),
    [
        (PAPER_HK, {"trdSide": 0}, "不支持的交易方向"),
        (PAPER_HK, {"trdSide": 5}, "不支持的交易方向"),
        (PAPER_HK, {"qty": 0}, "数量必须大于0"),
        (PAPER_HK, {"qty": -100}, "数量必须大于0"),
        (PAPER_HK, {"qty": 0.9}, "数量必须大于0"),
        (PAPER_HK, {"qty": float("nan")}, "参数qty不是有效的数值"),
        (PAPER_HK, {"qty": float("inf")}, "参数qty不是有效的数值"),
        (PAPER_HK, {"qty": 1e300}, "参数qty不是有效的数值"),
        (PAPER_HK, {"qty": 150}, "数量不是每手股数100的整数倍"),
        (PAPER_HK, {"price": 0}, "价格必须大于0"),
        (PAPER_HK, {"price": -1.0}, "价格必须大于0"),
        (PAPER_HK, {"price": 1e-300}, "价格必须大于0"),
        (PAPER_HK, {"price": float("nan")}, "参数price不是有效的数值"),
        (PAPER_HK, {"price": float("-inf")}, "参数price不是有效的数值"),
        (PAPER_HK, {"price": 1e300}, "参数price不是有效的数值"),
        (PAPER_HK, {"orderType": 2, "price": float("nan")}, "参数price不是有效的数值"),
        (PAPER_HK, {"price": 390.1}, "价格不符合最小变动价位0.2"),
        (PAPER_HK, {"price": 390.1, "adjustPrice": True}, "价格不符合最小变动价位0.2"),
        (
            PAPER_HK,
            {"price": 390.1, "adjustPrice": True, "adjustSideAndLimit": 0.0001},
            "价格调整幅度超过限制",
        ),
        (
            PAPER_HK,
            {"price": 390.1, "adjustPrice": True, "adjustSideAndLimit": float("nan")},
            "参数adjustSideAndLimit不是有效的数值",
        ),
        (PAPER_HK, {"code": "700"}, "股票代码格式错误"),
        (PAPER_HK, {"code": "HK.00700"}, "股票代码格式错误"),
        (PAPER_HK, {"code": ""}, "股票代码格式错误"),
        (REAL_A, MOUTAI_ORDER | {"code": "60051"}, "股票代码格式错误"),
        (PAPER_HK, {"code": "09999"}, "未知股票"),
        (UNIVERSAL, {"code": "700000"}, "股票代码格式错误"),
        (PAPER_HK, {"secMarket": 2, "code": "AAPL"}, "股票所属市场与交易市场不一致"),
        (UNIVERSAL, AAPL, "股票所属市场与交易市场不一致"),
        (PAPER_HK, {"secMarket": 51}, "账户没有该市场的交易权限"),
        (REAL_A, MOUTAI_ORDER | {"secMarket": 0}, "缺少必要的参数: secMarket"),
        (PAPER_HK, {"remark": "字" * 22}, "备注长度超过64字节"),
        (PAPER_HK, {"orderType": 0}, "模拟交易仅支持限价单和市价单"),
        (PAPER_HK, {"orderType": 5}, "模拟交易仅支持限价单和市价单"),
        (PAPER_HK, {"orderType": 10, "auxPrice": 400.0}, "模拟交易仅支持限价单和市价单"),
        (PAPER_HK, {"timeInForce": 1}, "模拟交易仅支持当日有效"),
        (UNIVERSAL, {"timeInForce": 2}, "不支持此订单有效期限"),
        (UNIVERSAL, {"timeInForce": 3}, "不支持此订单有效期限"),
        (UNIVERSAL, {"orderType": 14}, "该市场不支持此订单类型"),
        (UNIVERSAL, {"orderType": 6}, "该市场不支持此订单类型"),
        (UNIVERSAL, {"orderType": 99}, "该市场不支持此订单类型"),
        (UNIVERSAL_US, AAPL | {"orderType": 8}, "该市场不支持此订单类型"),
        (UNIVERSAL_A, MOUTAI_ORDER | {"orderType": 2}, "该市场不支持此订单类型"),
        (UNIVERSAL, {"orderType": 10}, "缺少必要的参数: auxPrice"),
        (UNIVERSAL, {"orderType": 11, "auxPrice": 0.0}, "价格必须大于0"),
        (UNIVERSAL_US, AAPL | {"qty": 500_001}, "单笔数量超过上限500000"),
        (UNIVERSAL_US, AAPL | {"qty": 30_000}, "单笔金额超过上限5000000"),
        (
            REAL_A,
            MOUTAI_ORDER | {"code": "000001", "secMarket": 32, "qty": 1_000_100},
            "单笔数量超过上限1000000",
        ),
        (REAL_A, MOUTAI_ORDER | {"qty": 3_400}, "单笔金额超过上限5000000"),
        (PAPER_HK, {"qty": 2_600}, "账户购买力不足"),
        (PAPER_HK, {"qty": 2_500, "orderType": 2}, "账户购买力不足"),
        (REAL_HK, {"qty": 800}, "账户购买力不足"),
        (PAPER_US, AAPL | {"qty": 20_000}, "账户购买力不足"),
        (UNIVERSAL, {"qty": 8_500}, "账户购买力不足"),
        (PAPER_HK, {"trdSide": 2, "qty": 600}, "可卖数量不足"),
        (PAPER_HK, {"trdSide": 2, "code": "00001", "qty": 500, "price": 50.0}, "可卖数量不足"),
        (UNIVERSAL, {"trdSide": 2, "qty": 400}, "可卖数量不足"),
        (PAPER_HK, {"trdSide": 3}, "该证券不可卖空"),
        (UNIVERSAL, {"trdSide": 3}, "该证券不可卖空"),
        (REAL_A, MOUTAI_ORDER | {"trdSide": 3}, "该证券不可卖空"),
        (PAPER_HK, {"trdSide": 4}, "没有可买回的空头持仓"),
        (PAPER_US, AAPL | {"trdSide": 4}, "没有可买回的空头持仓"),
    ],
)
def test_place_refuses(desk, header, change, text):
    assert desk.refusal(2202, **desk.order_body(header, **change)) == text
    assert desk.journal.entries == ()


def test_index_cannot_be_traded(desk):
    body = MOUTAI_ORDER | {"code": SSE_INDEX.code, "price": 3000.0}
    assert desk.refusal(2202, **desk.order_body(REAL_A, **body)) == "该证券不支持交易"


def test_limit_order_without_a_price_is_refused(desk):
    body = desk.order_body()
    del body["price"]
    assert desk.refusal(2202, **body) == "缺少必要的参数: price"


def test_market_order_needs_no_price(desk):
    body = desk.order_body(orderType=2)
    del body["price"]
    desk.call(2202, **body)
    desk.settle()
    assert desk.pushed_statuses() == [2, 5, 11]


def test_remark_of_64_bytes_is_kept(desk):
    remark = "字" * 21 + "x"
    assert desk.order(desk.place(remark=remark))["remark"] == remark


@pytest.mark.parametrize(("limit", "price"), [(0.01, 390.2), (-0.01, 390.0)])
def test_price_is_adjusted_to_its_tick_when_asked(desk, limit, price):
    order_id = desk.place(price=390.1, adjustPrice=True, adjustSideAndLimit=limit)
    assert desk.order(order_id)["price"] == price


@pytest.mark.parametrize("price", [390.2000004, 390.20000000000005, 390.1999999999999, 390.2009])
def test_noise_and_digits_below_the_step_are_dropped(desk, price):
    assert desk.order(desk.place(price=price))["price"] == 390.2


def test_fraction_of_a_share_is_dropped(desk):
    assert desk.order(desk.place(qty=100.9))["qty"] == 100


def test_sec_market_follows_from_the_market_where_it_has_only_one(desk):
    assert desk.order(desk.place(secMarket=0))["secMarket"] == 1
    assert desk.order(desk.place(PAPER_US, **AAPL | {"secMarket": 0}), PAPER_US)["secMarket"] == 2


def test_open_orders_count_against_power_and_shares(desk):
    desk.place(qty=1_300)
    assert desk.refusal(2202, **desk.order_body(qty=1_300)) == "账户购买力不足"
    desk.place(trdSide=2, qty=400, price=410.0)
    assert desk.refusal(2202, **desk.order_body(trdSide=2, qty=200, price=410.0)) == "可卖数量不足"
    desk.place(trdSide=2, qty=100, price=410.0)


def test_shares_bought_today_are_sold_tomorrow_in_a_shares(desk):
    desk.place_live(REAL_A, **MOUTAI_ORDER | {"price": 1500.01})
    assert desk.position("600519", REAL_A)["canSellQty"] == 200
    sale = MOUTAI_ORDER | {"trdSide": 2, "qty": 300}
    assert desk.refusal(2202, **desk.order_body(REAL_A, **sale)) == "可卖数量不足"
    desk.settle(24 * 3600)
    desk.place_live(REAL_A, **sale)


def test_odd_lot_is_sold_whole_in_a_shares_alone(desk):
    account = next(account for account in desk.broker.accounts if account.profile.acc_id == REAL_A["accID"])
    account.positions[MOUTAI].qty += 30
    sale = MOUTAI_ORDER | {"trdSide": 2}
    not_a_lot = "数量不是每手股数100的整数倍"
    assert desk.refusal(2202, **desk.order_body(REAL_A, **sale | {"qty": 20})) == not_a_lot
    desk.place_live(REAL_A, **sale | {"qty": 30})
    assert desk.refusal(2202, **desk.order_body(REAL_A, **BANK_ORDER | {"qty": 130})) == not_a_lot


# The lock.


def test_real_orders_need_the_unlock_on_any_connection():
    desk = Desk()
    for header in (UNIVERSAL, REAL_HK):
        assert desk.refusal(2202, **desk.order_body(header)) == "没有解锁交易，请先解锁交易"
        assert desk.refusal(2205, **desk.modify_body("1", 2, header)) == "没有解锁交易，请先解锁交易"
    desk.place(PAPER_HK)
    desk.call(2005, unlock=True, pwdMD5="e10adc3949ba59abbe56e057f20f883e", securityFirm=1)
    desk.place(UNIVERSAL)
    desk.call(2005, unlock=False)
    assert desk.refusal(2202, **desk.order_body(UNIVERSAL)) == "没有解锁交易，请先解锁交易"


def test_reads_need_no_unlock():
    desk = Desk()
    for proto_id, fields in READS:
        desk.call(proto_id, header=UNIVERSAL, **fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"pwdMD5": "0" * 32, "securityFirm": 1}, "交易密码错误"),
        ({"pwdMD5": "E10ADC3949BA59ABBE56E057F20F883E", "securityFirm": 1}, "交易密码错误"),
        ({"pwdMD5": "密码", "securityFirm": 1}, "交易密码错误"),
        ({"securityFirm": 1}, "缺少必要的参数: pwdMD5"),
        ({"pwdMD5": "e10adc3949ba59abbe56e057f20f883e"}, "缺少必要的参数: securityFirm"),
        ({"pwdMD5": "e10adc3949ba59abbe56e057f20f883e", "securityFirm": 7}, "该券商下没有真实交易账户"),
    ],
)
def test_refused_unlock_leaves_the_lock(fields, text):
    desk = Desk()
    assert desk.refusal(2005, unlock=True, **fields) == text
    assert not desk.broker.is_unlocked


def test_wrong_password_does_not_lock_again():
    desk = Desk()
    desk.unlock()
    desk.refusal(2005, unlock=True, pwdMD5="0" * 32, securityFirm=1)
    assert desk.broker.is_unlocked


# Other queries.


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({}, "缺少必要的参数: beginTime"),
        ({"beginTime": "2026-01-01"}, "缺少必要的参数: endTime"),
        ({"beginTime": "2026/01/01", "endTime": "2026-02-01"}, "时间格式错误: 2026/01/01"),
        ({"beginTime": "2026-02-01", "endTime": "2026-01-01"}, "开始时间晚于结束时间"),
    ],
)
def test_history_needs_sane_times(desk, conditions, text):
    for proto_id in (2221, 2222):
        assert desk.refusal(proto_id, header=UNIVERSAL, filterConditions=conditions) == text


def test_universal_account_needs_a_currency(desk):
    assert desk.refusal(2101, header=UNIVERSAL) == "缺少必要的参数: currency"
    assert desk.refusal(2101, header=UNIVERSAL, currency=4) == "不支持的币种"
    assert desk.call(2101, header=REAL_US)["funds"]["currency"] == 2


@pytest.mark.parametrize(
    ("header", "securities", "text"),
    [
        (UNIVERSAL, [], "缺少必要的参数: securityList"),
        (UNIVERSAL, [(1, "00700")] * 101, "请求个数超过限制"),
        (UNIVERSAL, [(1, "09999")], "未知股票"),
        (UNIVERSAL, [(21, "600519")], "仅支持港股和美股"),
        (UNIVERSAL_A, [(1, "00700")], "仅支持港股和美股"),
    ],
)
def test_margin_ratio_refuses(desk, header, securities, text):
    wanted = [{"market": market, "code": code} for market, code in securities]
    assert desk.refusal(2223, header=header, securityList=wanted) == text


def test_fee_of_an_unknown_order_is_refused(desk):
    assert desk.refusal(2225, header=UNIVERSAL, orderIdExList=["v3_x"]) == "此订单号不存在"
