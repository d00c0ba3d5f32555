"""What the official SDK saw on its tour: contents, not only that every call came back."""

import pytest

REAL_TIME_TYPES = {"QUOTE", "ORDER_BOOK", "TICKER", "RT_DATA", "BROKER", "K_1M", "K_DAY"}
REFUSED_ON_PURPOSE = {
    "quote before subscribing",
    "subscribe unknown",
    "unsubscribe at once",
    "user securities of no group",
    "locked place",
    "unlock wrongly",
    "paper deals",
    "paper history deals",
}
PUSHES = {
    "quote",
    "order_book",
    "ticker",
    "rt",
    "broker",
    "kline",
    "notify",
    "price_reminder",
    "order",
    "deal",
}


def rows_by_code(rows):
    return {row["code"]: row for row in rows}


def test_every_call_succeeds_but_those_that_must_not(tour):
    refused = {name: call["data"] for name, call in tour.calls.items() if "ret" in call and call["ret"] != 0}
    assert refused.keys() == REFUSED_ON_PURPOSE, refused


def test_every_push_handler_was_called_and_could_read_what_came(tour):
    assert tour.pushes.keys() == PUSHES
    for name, pushes in tour.pushes.items():
        unread = [push for push in pushes if push["ret"] != 0]
        assert not unread, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quote before subscribing", "请求获取实时报价接口前，请先订阅Basic数据"),
        ("unsubscribe at once", "HK.00700的Basic订阅时间过短，至少需要订阅1分钟"),
        ("paper deals", "模拟交易不支持成交数据"),
        ("paper history deals", "模拟交易不支持成交数据"),
        ("user securities of no group", "未知自选股分组"),
    ],
)
def test_refusals_speak_opends_words(tour, name, text):
    assert text in tour.refusal(name)


def test_subscriptions_are_those_asked_for(tour):
    subscription = tour.data("subscription")
    types = {name for name, codes in subscription["sub_list"].items() if "HK.00700" in codes}
    assert types == REAL_TIME_TYPES
    assert subscription["own_used"] == subscription["total_used"] == len(REAL_TIME_TYPES) + 4
    assert subscription["remain"] == 1000 - subscription["total_used"]


def test_quotes_have_prices_that_agree(tour):
    rows = rows_by_code(tour.data("quote"))
    assert rows.keys() == {"HK.00700", "US.AAPL", "HK.HSImain"}
    for row in rows.values():
        assert 0 < row["low_price"] <= row["last_price"] <= row["high_price"]
        assert row["prev_close_price"] > 0
        assert row["data_date"]


def test_the_order_book_is_not_crossed(tour):
    book = tour.data("order book")
    bids, asks = ([level[0] for level in book[side]] for side in ("Bid", "Ask"))
    assert (book["code"], len(bids), len(asks)) == ("HK.00700", 10, 10)
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


def test_broker_queues_name_brokers(tour):
    bids, asks = tour.data("broker queue")[-2:]
    assert bids[0]["bid_broker_name"]
    assert asks[0]["ask_broker_name"]


def test_ticks_grow_in_time_and_sequence(tour):
    rows = tour.data("ticker")
    assert len(rows) == 20
    sequences = [row["sequence"] for row in rows]
    assert sequences == sorted(set(sequences))
    assert all(row["volume"] > 0 and row["price"] > 0 for row in rows)


def test_rt_and_k_lines_agree_with_the_quote(tour):
    assert tour.data("rt")[-1]["cur_price"] > 0
    for name in ("minutes", "days"):
        klines = tour.data(name)
        assert len(klines) == 10
        for kline in klines:
            assert kline["low"] <= min(kline["open"], kline["close"])
            assert kline["high"] >= max(kline["open"], kline["close"])
    quote = rows_by_code(tour.data("quote"))["HK.00700"]
    assert tour.data("days")[-1]["open"] == quote["open_price"]


def test_pushed_quotes_are_of_what_was_subscribed(tour):
    pushed = {row["code"] for push in tour.pushes["quote"] for row in push["data"]}
    assert pushed == {"HK.00700", "US.AAPL", "HK.HSImain"}
    for name in ("ticker", "rt", "kline"):
        assert {row["code"] for row in tour.pushes[name][0]["data"]} <= pushed
    assert {push["data"]["code"] for push in tour.pushes["order_book"]} == {"HK.00700"}
    assert {push["data"][0] for push in tour.pushes["broker"]} == {"HK.00700"}


def test_pushed_k_lines_are_of_both_periods(tour):
    types = {row["k_type"] for push in tour.pushes["kline"] for row in push["data"]}
    assert types == {"K_1M", "K_DAY"}


def test_notifications_and_reminders_arrive(tour):
    contents = [push["data"] for push in tour.pushes["notify"]]
    assert ["CONN_STATUS", None, {"qot_logined": True, "trd_logined": False}] in contents
    reminder = tour.pushes["price_reminder"][0]["data"]
    assert (reminder["code"], reminder["note"]) == ("HK.00700", "look")


def test_history_is_the_same_in_pages_and_in_one(tour):
    pages, whole = tour.data("history in pages"), tour.data("history")
    assert len(pages) > 3
    assert all(len(page) == 7 for page in pages[:-1])
    times = [row["time_key"] for page in pages for row in page]
    assert times == [row["time_key"] for row in whole]
    assert times == sorted(set(times))


def test_the_state_and_the_user(tour):
    state, user = tour.data("global state"), tour.data("user info")
    assert (state["server_ver"], state["qot_logined"], state["trd_logined"]) == ("1011", True, True)
    assert state["program_status_type"] == "READY"
    assert (user["hk_qot_right"], user["sub_quota"]) == ("LV2", 1000)


def test_delay_statistics_count_the_tours_own_calls(tour):
    statistics = tour.data("delay statistics")
    counts = {row["proto_id"]: row["count"] for row in statistics["req_reply"]}
    assert counts[3001] >= 2
    assert counts[1001] >= 1
    assert statistics["qot_push"]


def test_snapshots_are_filled_for_each_kind_of_security(tour):
    rows = rows_by_code(tour.data("snapshot"))
    assert rows.keys() == {"HK.00700", "US.AAPL", "HK.800000", "HK.HSImain"}
    tencent = rows["HK.00700"]
    assert (tencent["lot_size"], tencent["equity_valid"]) == (100, True)
    assert tencent["bid_price"] < tencent["ask_price"]
    assert rows["HK.800000"]["index_valid"] is True
    assert rows["HK.HSImain"]["future_valid"] is True


def test_static_info_knows_an_unknown_code_too(tour):
    assert len(tour.data("static info")) > 10
    named = rows_by_code(tour.data("static info by code"))
    assert named["HK.00700"]["lot_size"] == 100
    assert named["HK.99999"]["delisting"] is True


def test_plates_hold_their_stocks(tour):
    assert "HK.BK1001" in rows_by_code(tour.data("plates"))
    assert tour.data("plate stocks")
    assert {row["code"] for row in tour.data("owner plates")} == {"HK.00700"}


def test_derivatives_name_their_owner(tour):
    assert tour.data("warrants of")
    assert tour.data("futures of")
    assert {row["stock_owner"] for row in tour.data("option chain")} == {"HK.00700"}
    warrants, _last_page, count = tour.data("warrants")
    assert len(warrants) == count > 0
    (future,) = tour.data("future info")
    assert future["code"] == "HK.HSImain"


def test_capital_lists_filters_and_ipos_have_content(tour):
    assert tour.data("capital flow")
    assert tour.data("capital distribution")[0]["update_time"]
    assert tour.data("user securities")
    _last_page, count, found = tour.data("stock filter")
    assert len(found) == count > 0
    assert tour.data("ipos")
    states = rows_by_code(tour.data("market states"))
    assert states["HK.00700"]["market_state"] not in ("N/A", "NONE")


def test_accounts_of_both_environments_are_there(tour):
    accounts = {row["acc_id"]: row["trd_env"] for row in tour.data("accounts")}
    assert accounts[987654] == "SIMULATE"
    assert accounts[281756455983234027] == "REAL"


@pytest.mark.parametrize("name", ["real", "paper"])
def test_accounts_have_money_positions_and_a_history(tour, name):
    assert tour.data(f"{name} funds")[0]["cash"] > 0
    assert tour.data(f"{name} positions")[0]["qty"] > 0
    assert tour.data(f"{name} history orders")
    assert tour.data(f"{name} max quantities")[0]["max_cash_buy"] > 0


def test_a_real_order_needs_the_password(tour):
    assert "没有解锁交易" in tour.refusal("locked place")


@pytest.mark.parametrize("name", ["real", "paper", "restarted"])
def test_an_order_above_the_market_fills(tour, name):
    (placed,), (after,) = tour.data(f"{name} filled place"), tour.data(f"{name} filled after")
    assert after["order_status"] == "FILLED_ALL"
    assert (after["dealt_qty"], after["order_id"]) == (100, placed["order_id"])
    assert 0 < after["dealt_avg_price"] <= after["price"]


@pytest.mark.parametrize("name", ["real", "paper"])
def test_a_resting_order_is_changed_and_cancelled(tour, name):
    (placed,), (changed,) = tour.data(f"{name} resting place"), tour.data(f"{name} resting changed")
    assert (placed["qty"], changed["qty"]) == (100, 200)
    assert changed["price"] < placed["price"]
    (after,) = tour.data(f"{name} resting after")
    assert after["order_status"] == "CANCELLED_ALL"


@pytest.mark.parametrize("name", ["real", "paper"])
def test_each_order_is_pushed_through_its_life(tour, name):
    seen = {}
    for push in tour.pushes["order"]:
        (row,) = push["data"]
        seen.setdefault(row["order_id"], []).append(row["order_status"])
    filled = seen[tour.data(f"{name} filled place")[0]["order_id"]]
    assert filled[-1] == "FILLED_ALL"
    assert "SUBMITTED" in filled
    resting = seen[tour.data(f"{name} resting place")[0]["order_id"]]
    assert resting[-1] == "CANCELLED_ALL"


def test_a_real_fill_is_pushed_and_listed(tour):
    order_id = tour.data("real filled place")[0]["order_id"]
    pushed = [push["data"][0] for push in tour.pushes["deal"]]
    deals = [deal for deal in pushed if deal["order_id"] == order_id]
    assert sum(deal["qty"] for deal in deals) == 100
    listed = [row for row in tour.data("deals after") if row["order_id"] == order_id]
    assert {row["deal_id"] for row in listed} == {deal["deal_id"] for deal in deals}
    assert tour.data("fees")[0]["fee_amount"] > 0


def test_the_journal_has_every_order_once(tour):
    placed = [entry["order_id_ex"] for entry in tour.journal if entry["event"] == "placed"]
    assert len(placed) == len(set(placed)) == 5
    names = ("real filled", "real resting", "paper filled", "paper resting", "restarted filled")
    assert placed == [tour.data(f"{name} place")[0]["order_id"] for name in names]


def test_after_a_restart_it_is_subscribed_again_and_pushed_to(tour):
    before, after = tour.data("subscription"), tour.data("subscription after restart")
    assert after["own_used"] == before["own_used"]
    for name, codes in before["sub_list"].items():
        assert set(after["sub_list"][name]) == set(codes)
    for name, count in tour.calls["pushes before restart"].items():
        assert len(tour.pushes[name]) > count
    assert rows_by_code(tour.data("quote after restart"))["HK.00700"]["last_price"] > 0
