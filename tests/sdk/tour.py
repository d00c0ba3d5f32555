"""The official SDK's tour of a simulator: `tour.py PORT RESULTS [RSA_KEY]`.

Runs in a process of its own and writes what every call and every push handler returned to the JSON
file RESULTS. Half way it prints `restart` and waits for a line on standard input, so that whoever
started it can take the simulator away and bring it back.
"""

import json
import sys
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import futu
import pandas

PUSH_LIMIT_S = 20
RECONNECT_LIMIT_S = 40
ORDER_LIMIT_S = 15

HK_STOCK, US_STOCK, INDEX, FUTURE = "HK.00700", "US.AAPL", "HK.800000", "HK.HSImain"
REAL_HK_ACCOUNT = 281756455983234027
PAPER_ACCOUNT = 987654
REAL_TIME_TYPES = ["QUOTE", "ORDER_BOOK", "TICKER", "RT_DATA", "BROKER", "K_1M", "K_DAY"]


def plain(value: Any) -> Any:
    """A result as JSON has it: tables become lists of rows."""
    if isinstance(value, pandas.DataFrame):
        return json.loads(value.to_json(orient="records"))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if hasattr(value, "item"):
        return value.item()
    return vars(value) and {str(key): plain(item) for key, item in vars(value).items()}


class Results:
    """What was returned, by name; pushes by the name of their handler."""

    def __init__(self) -> None:
        self.calls: dict[str, Any] = {}
        self.pushes: dict[str, list[Any]] = {}
        self._arrived = threading.Condition()

    def call(self, name: str, answer: tuple[Any, ...]) -> Any:
        """Keep a call's `(ret, data, ...)` and return its data."""
        ret, *data = answer
        self.calls[name] = {"ret": ret, "data": plain(data[0] if len(data) == 1 else data)}
        return data[0]

    def push(self, name: str, content: Any) -> None:
        with self._arrived:
            self.pushes.setdefault(name, []).append(plain(content))
            self._arrived.notify_all()

    def wait_for(self, name: str, is_wanted: Any, limit_s: float, start: int = 0) -> bool:
        """Whether a wanted push came in time, counted from the one with index `start`."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: any(is_wanted(each) for each in self.pushes.get(name, [])[start:]), limit_s
            )

    def count(self, name: str) -> int:
        return len(self.pushes.get(name, []))


RESULTS = Results()


def recording(base: type, name: str) -> Any:
    """A handler of the SDK's that keeps what it parsed."""

    def on_recv_rsp(self: Any, rsp_pb: Any) -> Any:
        ret, *content = base.on_recv_rsp(self, rsp_pb)
        RESULTS.push(name, {"ret": ret, "data": plain(content[0] if len(content) == 1 else content)})
        return (ret, *content)

    return type(name, (base,), {"on_recv_rsp": on_recv_rsp})()


QUOTE_HANDLERS = {
    "quote": futu.StockQuoteHandlerBase,
    "order_book": futu.OrderBookHandlerBase,
    "ticker": futu.TickerHandlerBase,
    "rt": futu.RTDataHandlerBase,
    "broker": futu.BrokerHandlerBase,
    "kline": futu.CurKlineHandlerBase,
    "notify": futu.SysNotifyHandlerBase,
    "price_reminder": futu.PriceReminderHandlerBase,
}
TRADE_HANDLERS = {"order": futu.TradeOrderHandlerBase, "deal": futu.TradeDealHandlerBase}


def subscriptions(quotes: Any) -> None:
    RESULTS.call("quote before subscribing", quotes.get_stock_quote([HK_STOCK]))
    RESULTS.call("subscribe", quotes.subscribe([HK_STOCK], REAL_TIME_TYPES))
    RESULTS.call("subscribe abroad", quotes.subscribe([US_STOCK, FUTURE], ["QUOTE", "TICKER"]))
    RESULTS.call("subscribe unknown", quotes.subscribe(["HK.99999"], ["QUOTE"]))
    RESULTS.call("unsubscribe at once", quotes.unsubscribe([HK_STOCK], ["QUOTE"]))
    # The SDK forgets a subscription before it knows that unsubscribing was refused.
    RESULTS.call("subscribe again", quotes.subscribe([HK_STOCK], ["QUOTE"]))
    RESULTS.call("subscription", quotes.query_subscription())


def real_time_reads(quotes: Any) -> None:
    for name, answer in {
        "quote": quotes.get_stock_quote([HK_STOCK, US_STOCK, FUTURE]),
        "order book": quotes.get_order_book(HK_STOCK, num=10),
        "broker queue": quotes.get_broker_queue(HK_STOCK),
        "ticker": quotes.get_rt_ticker(HK_STOCK, 20),
        "rt": quotes.get_rt_data(HK_STOCK),
        "minutes": quotes.get_cur_kline(HK_STOCK, 10, futu.KLType.K_1M),
        "days": quotes.get_cur_kline(HK_STOCK, 10, futu.KLType.K_DAY),
    }.items():
        RESULTS.call(name, answer)


def price_filter() -> Any:
    condition = futu.SimpleFilter()
    condition.stock_field = futu.StockField.CUR_PRICE
    condition.filter_min, condition.filter_max, condition.is_no_filter = 1, 1000, False
    return condition


def day(today: datetime, days_later: int = 0) -> str:
    """A day as the SDK takes it."""
    return (today + timedelta(days=days_later)).strftime("%Y-%m-%d")


def quote_reads(quotes: Any, today: datetime) -> None:
    stages = (futu.DelayStatisticsType.ALL, futu.QotPushStage.SR2_CS, [0, 10, 100, -1])
    for name, answer in {
        "global state": quotes.get_global_state(),
        "user info": quotes.get_user_info(),
        "delay statistics": quotes.get_delay_statistics(*stages),
        "snapshot": quotes.get_market_snapshot([HK_STOCK, US_STOCK, INDEX, FUTURE]),
        "static info": quotes.get_stock_basicinfo(futu.Market.HK, futu.SecurityType.STOCK),
        "static info by code": quotes.get_stock_basicinfo(
            futu.Market.HK, futu.SecurityType.STOCK, [HK_STOCK, "HK.99999"]
        ),
        "plates": quotes.get_plate_list(futu.Market.HK, futu.Plate.ALL),
        "plate stocks": quotes.get_plate_stock("HK.BK1001"),
        "warrants of": quotes.get_referencestock_list(HK_STOCK, futu.SecurityReferenceType.WARRANT),
        "futures of": quotes.get_referencestock_list(INDEX, futu.SecurityReferenceType.FUTURE),
        "owner plates": quotes.get_owner_plate([HK_STOCK]),
        "option chain": quotes.get_option_chain(HK_STOCK, start=day(today), end=day(today, 29)),
        "warrants": quotes.get_warrant(HK_STOCK),
        "capital flow": quotes.get_capital_flow(HK_STOCK),
        "capital distribution": quotes.get_capital_distribution(HK_STOCK),
        "user securities": quotes.get_user_security("全部"),
        "user securities of no group": quotes.get_user_security("no such group"),
        "stock filter": quotes.get_stock_filter(futu.Market.HK, [price_filter()]),
        "ipos": quotes.get_ipo_list(futu.Market.HK),
        "future info": quotes.get_future_info([FUTURE]),
        "market states": quotes.get_market_state([HK_STOCK, US_STOCK]),
    }.items():
        RESULTS.call(name, answer)


def history(quotes: Any, today: datetime) -> None:
    """Two months of days in pages of 7, and the same in one page."""
    asked = {"start": day(today, -60), "end": day(today)}
    pages, key = [], None
    while True:
        ret, page, key = quotes.request_history_kline(HK_STOCK, **asked, max_count=7, page_req_key=key)
        pages.append(plain(page))
        if ret != futu.RET_OK or key is None:
            break
    RESULTS.calls["history in pages"] = {"ret": ret, "data": pages}
    RESULTS.call("history", quotes.request_history_kline(HK_STOCK, **asked, max_count=1000)[:2])


REAL = {"trd_env": futu.TrdEnv.REAL, "acc_id": REAL_HK_ACCOUNT}
PAPER = {"trd_env": futu.TrdEnv.SIMULATE, "acc_id": PAPER_ACCOUNT}


def account_reads(trade: Any, name: str, account: dict[str, Any], today: datetime) -> None:
    since, until = day(today, -60), day(today)
    for what, answer in {
        "funds": trade.accinfo_query(**account),
        "positions": trade.position_list_query(**account),
        "orders": trade.order_list_query(**account),
        "deals": trade.deal_list_query(**account),
        "history orders": trade.history_order_list_query(start=since, end=until, **account),
        "history deals": trade.history_deal_list_query(start=since, end=until, **account),
        "max quantities": trade.acctradinginfo_query(futu.OrderType.NORMAL, HK_STOCK, 100, **account),
    }.items():
        RESULTS.call(f"{name} {what}", answer)


def order_status(order_id: str, *statuses: str) -> Any:
    """Whether a pushed table is about this order in one of these states."""

    def is_wanted(push: Any) -> bool:
        row = push["data"][0]
        return row["order_id"] == order_id and row["order_status"] in statuses

    return is_wanted


def place(trade: Any, name: str, price: float, account: dict[str, Any]) -> str:
    answer = trade.place_order(price, 100, HK_STOCK, futu.TrdSide.BUY, **account)
    order = RESULTS.call(f"{name} place", answer)
    if isinstance(order, str):
        sys.exit(f"{name} at {price} was refused: {order}")
    return order["order_id"][0]


def filled_order(quotes: Any, trade: Any, name: str, account: dict[str, Any]) -> None:
    """Buys above the market, and waits until the pushes say that it is done."""
    ask = quotes.get_order_book(HK_STOCK)[1]["Ask"][3][0]
    order_id = place(trade, f"{name} filled", ask, account)
    RESULTS.wait_for("order", order_status(order_id, "FILLED_ALL"), ORDER_LIMIT_S)
    if account is REAL:
        RESULTS.wait_for("deal", lambda push: push["data"][0]["order_id"] == order_id, ORDER_LIMIT_S)
    RESULTS.call(f"{name} filled after", trade.order_list_query(order_id=order_id, **account))


def cancelled_order(quotes: Any, trade: Any, name: str, account: dict[str, Any]) -> None:
    """Rests below the market, is changed, and is cancelled."""
    bids = quotes.get_order_book(HK_STOCK)[1]["Bid"]
    order_id = place(trade, f"{name} resting", bids[8][0], account)
    RESULTS.wait_for("order", order_status(order_id, "SUBMITTED"), ORDER_LIMIT_S)
    change = trade.modify_order(futu.ModifyOrderOp.NORMAL, order_id, 200, bids[9][0], **account)
    RESULTS.call(f"{name} resting modify", change)
    RESULTS.call(f"{name} resting changed", trade.order_list_query(order_id=order_id, **account))
    cancel = trade.modify_order(futu.ModifyOrderOp.CANCEL, order_id, 0, 0, **account)
    RESULTS.call(f"{name} resting cancel", cancel)
    RESULTS.wait_for("order", order_status(order_id, "CANCELLED_ALL"), ORDER_LIMIT_S)
    RESULTS.call(f"{name} resting after", trade.order_list_query(order_id=order_id, **account))


def trading(quotes: Any, trade: Any, today: datetime) -> None:
    RESULTS.call("accounts", trade.get_acc_list())
    account_reads(trade, "real", REAL, today)
    account_reads(trade, "paper", PAPER, today)
    RESULTS.call("margin ratios", trade.get_margin_ratio([HK_STOCK]))
    RESULTS.call("locked place", trade.place_order(100, 100, HK_STOCK, futu.TrdSide.BUY, **REAL))
    RESULTS.call("unlock wrongly", trade.unlock_trade("000000"))
    RESULTS.call("unlock", trade.unlock_trade("123456"))
    for name, account in (("real", REAL), ("paper", PAPER)):
        filled_order(quotes, trade, name, account)
        cancelled_order(quotes, trade, name, account)
    RESULTS.call("deals after", trade.deal_list_query(**REAL))
    order_id = RESULTS.calls["real filled place"]["data"][0]["order_id"]
    RESULTS.call("fees", trade.order_fee_query([order_id], **REAL))
    RESULTS.call("cancel all", trade.cancel_all_order(**REAL))


def after_restart(quotes: Any, trade: Any) -> None:
    """The same contexts must come back by themselves, with their subscriptions and unlocked."""
    seen = {name: RESULTS.count(name) for name in ("quote", "kline", "ticker")}
    for name, count in seen.items():
        RESULTS.wait_for(name, lambda push: True, RECONNECT_LIMIT_S, start=count)
    RESULTS.calls["pushes before restart"] = seen
    RESULTS.call("subscription after restart", quotes.query_subscription())
    RESULTS.call("quote after restart", quotes.get_stock_quote([HK_STOCK]))
    filled_order(quotes, trade, "restarted", REAL)


def tour(port: int, is_encrypt: bool) -> None:
    quotes = futu.OpenQuoteContext("127.0.0.1", port, is_encrypt=is_encrypt)
    trade = futu.OpenSecTradeContext(
        futu.TrdMarket.HK,
        "127.0.0.1",
        port,
        is_encrypt=is_encrypt,
        security_firm=futu.SecurityFirm.FUTUSECURITIES,
    )
    try:
        for context, handlers in ((quotes, QUOTE_HANDLERS), (trade, TRADE_HANDLERS)):
            for name, base in handlers.items():
                context.set_handler(recording(base, name))
        subscriptions(quotes)
        for name in ("quote", "order_book", "ticker", "rt", "broker", "kline", "notify"):
            RESULTS.wait_for(name, lambda push: True, PUSH_LIMIT_S)
        real_time_reads(quotes)
        today = datetime.fromtimestamp(float(quotes.get_global_state()[1]["timestamp"]))
        quote_reads(quotes, today)
        history(quotes, today)
        trading(quotes, trade, today)
        print("remind", flush=True)
        RESULTS.wait_for("price_reminder", lambda push: True, PUSH_LIMIT_S)
        print("restart", flush=True)
        sys.stdin.readline()
        after_restart(quotes, trade)
    finally:
        quotes.close()
        trade.close()


def main() -> None:
    port, results, *rsa_key = sys.argv[1:]
    if rsa_key:
        futu.SysConfig.set_init_rsa_file(rsa_key[0])
    futu.SysConfig.set_all_thread_daemon(True)
    started_s = time.monotonic()
    tour(int(port), bool(rsa_key))
    with open(results, "w") as file:
        took_s = time.monotonic() - started_s
        json.dump({"calls": RESULTS.calls, "pushes": RESULTS.pushes, "took_s": took_s}, file)


if __name__ == "__main__":
    main()
