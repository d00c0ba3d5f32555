"""Orders that try to pass a cap by what they are or how they are spelt. Nothing of them may reach OpenD."""

import json
from datetime import date, timedelta

import pytest
from fix_floor import CHEAP_ORDER, PAPER_HK

from gateway.ledger.base import TradingState

REAL_HK = {"trd_env": "real", "acc_id": 281756479345015383, "trd_market": "HK"}
PAPER_US = {"trd_env": "simulate", "acc_id": 987655, "trd_market": "US"}
CAP_HKD = 10_000
PRICE = CHEAP_ORDER["price"]
DEAR_QTY = 50_000_000

KEYS = {
    "capped": {"max_order_value": {"HKD": CAP_HKD}},
    "daily": {"max_daily_value": {"HKD": CAP_HKD}},
    "raising-daily": {"max_daily_value": {"HKD": CAP_HKD}},
    "neighbour": {},
    "one-symbol": {"allowed_symbols": ["HK.06998"]},
    "reducer": {},
    "reducer-too": {},
}


@pytest.fixture(scope="module")
def floor(open_floor):
    return open_floor(KEYS)


@pytest.fixture
def executes(floor):
    """Fails unless OpenD executed as many orders and changes as the test says; none, if it says nothing."""
    before, expected = len(floor.journal), []
    yield expected.append
    assert len(floor.journal) - before == sum(expected)


def placed(floor, key, **changes):
    told = floor.order(key, **changes)
    assert told.status == 200, told.answer
    return told.answer["s2c"]["order_id"]


def modify(floor, key, order_id, **changes):
    body = {"header": PAPER_HK, "order_id": order_id, "modify_order_op": "NORMAL", "price": PRICE, **changes}
    status, _, answer = floor.request("POST", "/api/modify-order", body, key=key)
    return status, answer.get("error")


@pytest.mark.parametrize("order_type", ["MARKET", "AUCTION", "STOP", "MARKET_IF_TOUCHED", "TRAILING_STOP"])
@pytest.mark.parametrize("key", ["capped", "daily"])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_order_without_a_limit_cannot_pass_a_value_cap(floor, executes, key, order_type, side):
    triggers = {"aux_price": 0.01, "trail_type": "RATIO", "trail_value": 0.01}
    told = floor.order(key, order_type=order_type, trd_side=side, qty=DEAR_QTY, price=0.01, **triggers)
    assert told.status == 429
    assert "value exceeded: " in told.error


def test_sell_order_with_a_limit_far_below_the_market_is_worth_the_market(floor, executes):
    told = floor.order("capped", trd_side="SELL", qty=4000, price=0.01)
    assert told.status == 429
    assert "order value exceeded: " in told.error


def test_modification_that_raises_the_quantity_passes_the_order_cap_as_a_whole(floor, executes):
    order_id = placed(floor, "capped")
    status, error = modify(floor, "capped", order_id, qty=500 * 11)
    assert (status, error) == (429, "limit check failed: order value exceeded: 11000 HKD (cap 10000)")
    status, error = modify(floor, "capped", order_id, qty=500, price=21.0)
    assert (status, error) == (429, "limit check failed: order value exceeded: 10500 HKD (cap 10000)")
    executes(1)


def test_modification_charges_its_increase_to_the_day(floor, executes):
    order_id = placed(floor, "raising-daily", qty=500 * 4)
    assert modify(floor, "raising-daily", order_id, qty=500 * 9)[0] == 200
    status, error = modify(floor, "raising-daily", order_id, qty=500 * 11)
    assert (status, error) == (429, "limit check failed: daily value exceeded: 11000 HKD today (cap 10000)")
    assert floor.order("raising-daily", qty=500 * 2).status == 429
    executes(2)


def test_a_neighbours_order_is_changed_within_the_limits_of_who_changes_it(floor, executes):
    order_id = placed(floor, "neighbour", qty=500 * 9)
    status, error = modify(floor, "capped", order_id, qty=500 * 12)
    assert (status, error) == (429, "limit check failed: order value exceeded: 12000 HKD (cap 10000)")
    executes(1)


def test_reducing_is_judged_by_the_account_and_not_by_the_key(floor, executes):
    """Two keys cannot each sell the one position that their account has (500 shares of HK.00700)."""
    for key in ("reducer", "reducer-too"):
        floor.set_trading(TradingState.REDUCING, key)
    sell = {"code": "00700", "trd_side": "SELL", "qty": 500, "price": 900.0}
    assert floor.order("reducer", **sell).status == 200
    told = floor.order("reducer-too", **sell)
    assert told.error.startswith("limit check failed: trading is reducing")
    executes(1)


def option_in(floor, owner):
    """An option that has not expired. OpenD takes 30 days at most; monthly expiries may be further apart."""
    for first_day in (1, 31):
        begin = date.today() + timedelta(days=first_day)
        window = {"begin_time": str(begin), "end_time": str(begin + timedelta(days=29))}
        _, _, answer = floor.request("POST", "/api/option-chain", {"owner": owner, **window}, key="neighbour")
        for expiry in answer["s2c"]["option_chain"]:
            return expiry["option"][0]["call"]["basic"]["security"]["code"]
    raise AssertionError(f"{owner} has no option for 60 days")


def test_option_is_valued_with_its_contract_multiplier(floor, executes):
    code = option_in(floor, "HK.00700")
    option = {"header": REAL_HK, "code": code, "qty": 1}
    told = floor.order("capped", **option, price=101.0)
    assert (told.status, told.error) == (
        429,
        "limit check failed: order value exceeded: 10100 HKD (cap 10000)",
    )
    dry = floor.order("capped", {"X-Dry-Run": "true"}, **option, price=99.0)
    assert (dry.status, dry.answer["value"]) == (200, 9900)


def test_future_is_valued_with_its_contract_multiplier(floor, executes):
    future = {"header": REAL_HK | {"trd_market": "FUTURES"}, "code": "HSImain", "qty": 1}
    told = floor.order("capped", **future, price=25_000.0)
    assert told.status == 429
    assert told.error == "limit check failed: order value exceeded: 1250000 HKD (cap 10000)"


@pytest.mark.parametrize("key", ["capped", "daily"])
def test_currency_that_is_not_listed_has_no_cap_to_fit_in(floor, executes, key):
    told = floor.order(key, header=PAPER_US, code="AAPL", sec_market="US", qty=1, price=1.0)
    assert told.status == 429
    assert "value exceeded: 1 USD" in told.error
    assert "(cap 0)" in told.error


BAD_NUMBERS = [
    *("NaN", "Infinity", "-Infinity", "1e309", "-1e309", "1e308", "1e13", "-500", "-0.0", "0", "1e-400"),
    *("true", "null", '"NaN"', '"nan"', '"Infinity"', '"-500"', "[500]", '""'),
]


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize("name", ["qty", "price"])
def test_number_that_is_none_is_refused(floor, executes, name, number):
    body = json.dumps(CHEAP_ORDER | {name: "?"}).replace('"?"', number).encode()
    told = floor.post_order("capped", body)
    assert told.status == 400, told.answer


def spellings(order):
    """The same order as the gateway's callers may write it."""
    header = order["header"]
    flat = {name: value for name, value in order.items() if name != "header"} | header
    camel = {
        "header": {"trdEnv": "simulate", "accID": header["acc_id"], "trdMarket": "HK"},
        "trdSide": "BUY",
        "orderType": "NORMAL",
        "code": order["code"],
        "qty": order["qty"],
        "price": order["price"],
        "secMarket": "HK",
    }
    numbers = order | {"header": {"trd_env": 1, "acc_id": str(header["acc_id"]), "trd_market": 1}}
    numbers |= {"trd_side": 1, "order_type": 1, "sec_market": 1}
    return {
        "nested": order,
        "flat": flat,
        "c2s": {"c2s": order},
        "flat-c2s": {"c2s": flat},
        "camel": camel,
        "camel-c2s": {"c2s": camel},
        "numbers": numbers,
        "no-sec-market": {name: value for name, value in order.items() if name != "sec_market"},
    }


SPELLINGS = tuple(spellings(CHEAP_ORDER))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_passes_a_value_cap(floor, executes, spelling):
    told = floor.post_order("capped", spellings(CHEAP_ORDER | {"qty": DEAR_QTY})[spelling])
    assert told.status == 429
    assert told.error == "limit check failed: order value exceeded: 100000000 HKD (cap 10000)"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_passes_a_list_of_symbols(floor, executes, spelling):
    told = floor.post_order("one-symbol", spellings(CHEAP_ORDER | {"code": "00700"})[spelling])
    assert told.status == 429
    assert told.error == "limit check failed: symbol not allowed: HK.00700"


@pytest.mark.parametrize(
    "code",
    [
        "US.06998",
        "HK.HK.06998",
        "HK. 06998",
        " 06998",
        "06998 ",
        "6998",
        "06998\n",
        "06998\x00",
        "０６９９８",
        "",
    ],
)
def test_code_that_only_looks_like_an_allowed_one_is_not_executed(floor, executes, code):
    told = floor.order("one-symbol", code=code)
    assert told.status in (400, 429), told.answer


def test_text_of_an_allowed_security_is_that_security(floor, executes):
    assert floor.order("one-symbol", code="HK.06998").status == 200
    executes(1)
    told = floor.order("one-symbol", code="HK.00700")
    assert told.error == "limit check failed: symbol not allowed: HK.00700"


TWICE = [
    {"c2s": CHEAP_ORDER, "qty": DEAR_QTY},
    CHEAP_ORDER | {"trd_market": "US"},
    CHEAP_ORDER | {"trdSide": "SELL"},
    CHEAP_ORDER | {"header": PAPER_HK | {"accID": 987655}},
    {"c2s": {"c2s": CHEAP_ORDER}},
]


@pytest.mark.parametrize("body", TWICE)
def test_order_that_says_a_thing_twice_is_refused(floor, executes, body):
    assert floor.post_order("neighbour", body).status == 400


def test_order_whose_json_names_a_field_twice_is_refused(floor, executes):
    body = json.dumps(CHEAP_ORDER).replace('"qty": 500', '"qty": 500, "qty": 50000000').encode()
    assert floor.post_order("neighbour", body).status == 400


def test_allowed_order_passes_in_every_spelling_and_all_records_agree(floor, executes):
    taken = [floor.post_order("one-symbol", body) for body in spellings(CHEAP_ORDER).values()]
    statuses = [told.status for told in taken]
    assert statuses == [200] * len(SPELLINGS)
    executes(len(SPELLINGS))
    floor.assert_agreement()
