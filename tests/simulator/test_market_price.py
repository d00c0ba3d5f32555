import hashlib
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from fix_quote import MONDAY_AFTERNOON_HK, ONE_OF_EACH_TYPE, Desk, key
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.simulator.market import Hours, Market
from gateway.simulator.market.book import Side, broker_queue
from gateway.simulator.market.day import DayBar
from gateway.simulator.market.market import decimal_price, money
from gateway.simulator.market.source import WalkSource
from gateway.simulator.model import Refusal

MARKET = Desk().market


@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_the_ticks_of_the_day_add_up_to_the_quote(text: str) -> None:
    quote, moment = MARKET.quote(key(text)), MARKET.moment(key(text))
    ticks = MARKET.ticks_between(key(text), moment.trading_day.opens_s - 0.001, MARKET.now_s())
    prices = [decimal_price(tick.price) for tick in ticks]

    assert (quote.open, quote.last) == (prices[0], prices[-1])
    assert (quote.high, quote.low) == (max(prices), min(prices))
    assert quote.volume == sum(tick.lots for tick in ticks) * moment.instrument.lot_size
    assert quote.turnover == money(moment.instrument, sum(tick.price * tick.lots for tick in ticks))
    assert all(tick.lots > 0 for tick in ticks)


@pytest.mark.parametrize("hours", list(Hours))
@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_a_whole_day_reaches_what_its_bar_says(text: str, hours: Hours) -> None:
    market = Desk(hours=hours).market
    source = market.source(key(text))
    day = source.calendar.current_day(MONDAY_AFTERNOON_HK - 86_400 * 5)
    bar, path = source.day_bar(day.day), source.path(day.day)

    assert path.minute_count == day.minute_count
    assert path.span(0, path.minute_count)[:5] == (bar.open, bar.high, bar.low, bar.close, bar.lots)


@given(
    seed=st.integers(0, 5),
    text=st.sampled_from(ONE_OF_EACH_TYPE),
    seconds=st.floats(0, 86_400 * 3, allow_nan=False),
    hours=st.sampled_from(list(Hours)),
)
@settings(max_examples=60, deadline=None)
def test_quotes_and_books_hold_their_shape_at_any_time(
    seed: int, text: str, seconds: float, hours: Hours
) -> None:
    market = Market(seed, ManualClock(MONDAY_AFTERNOON_HK + seconds), hours)
    quote, book, instrument = market.quote(key(text)), market.order_book(key(text)), market.find(key(text))

    assert 0 < quote.low <= min(quote.open, quote.last)
    assert quote.high >= max(quote.open, quote.last)
    assert quote.time.timestamp() <= market.now_s()
    assert quote.volume > 0
    assert quote.volume % instrument.lot_size == 0
    bids, asks = [level.price for level in book.bids], [level.price for level in book.asks]
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert quote.last <= asks[0]
    assert all(bid < asks[0] for bid in bids)
    assert not bids or bids[0] <= quote.last
    assert quote.last in (asks[0], *bids[:1])
    for level in (*book.bids, *book.asks):
        assert level.volume % instrument.lot_size == 0
        assert 0 < level.order_count <= level.volume // instrument.lot_size
    for price in (quote.last, quote.open, quote.high, quote.low, *bids, *asks):
        assert price % market.price_tick(key(text), price) == 0


@pytest.mark.parametrize("text", ["HK.00700", "HK.02800", "HK.13027"])
def test_broker_queues_are_within_the_orders_of_each_level(text: str) -> None:
    moment = MARKET.moment(key(text))
    book = MARKET.order_book(key(text))

    for side, levels in ((Side.BID, book.bids), (Side.ASK, book.asks)):
        queue = broker_queue(moment, side)
        positions = [broker.position for broker in queue]
        assert 0 < len(queue) <= 40
        assert positions == sorted(positions)
        for position in set(positions):
            assert positions.count(position) <= levels[position - 1].order_count


@pytest.mark.parametrize("hours", list(Hours))
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("text", [*ONE_OF_EACH_TYPE, "HK.06998", "US.FUTU", "SZ.000001"])
def test_extremes_are_those_of_the_days(text: str, seed: int, hours: Hours) -> None:
    market = Desk(seed=seed, hours=hours).market
    source = market.source(key(text))
    today = market.today(key(text).market)
    for first in (market.history_start(source.instrument), today - timedelta(days=20)):
        days = source.calendar.days(max(first, date(2025, 1, 1)), today)
        bars = [source.day_bar(day) for day in days]

        assert source.extremes(days) == (max(bar.high for bar in bars), min(bar.low for bar in bars))


class RoundedSource(WalkSource):
    """Two days, of which the lower one ends up higher: its range needs a wider price step."""

    DAYS = (date(2026, 11, 21), date(2026, 11, 22))

    def _reaches(self, days: Sequence[date]) -> tuple[list[float], list[float]]:
        return [100.06, 100.04], [90.02, 90.04]

    def _day_bar(self, day: date) -> DayBar:
        high, low = (1_001_000, 900_000) if day == self.DAYS[0] else (1_002_000, 898_000)
        return DayBar(day, low, high, low, high, 100, 1_000)


def test_extremes_heed_that_days_have_different_price_steps() -> None:
    tencent = MARKET.find(key("HK.00700"))
    source = RoundedSource(tencent, MARKET.calendar(tencent), MARKET.randomness(tencent))

    assert source.extremes(source.DAYS) == (1_002_000, 898_000)


def test_prices_move_within_seconds_at_midnight() -> None:
    desk = Desk()
    desk.clock.wall = MONDAY_AFTERNOON_HK + 12 * 3600
    seen = set()
    for _ in range(60):
        desk.clock.advance(2)
        seen.add(desk.market.moment(key("HK.00700")).tick.time_ms)

    assert len(seen) >= 30


def test_consecutive_windows_hold_each_tick_once() -> None:
    start = MARKET.now_s() - 200
    whole = MARKET.ticks_between(key("US.TSLA"), start, start + 180)
    pieces = [
        tick
        for n in range(600)
        for tick in MARKET.ticks_between(key("US.TSLA"), start + n * 0.3, start + (n + 1) * 0.3)
    ]

    assert pieces == whole
    assert len(whole) > 60


def test_the_last_tick_stays_through_a_pause() -> None:
    desk = Desk(hours=Hours.EXCHANGE)
    lunch = MONDAY_AFTERNOON_HK - 3600
    desk.clock.wall = lunch
    first = desk.market.quote(key("HK.00700"))
    desk.clock.advance(600)

    assert desk.market.quote(key("HK.00700")) == first
    assert f"{first.time:%H:%M}" == "11:59"
    assert not desk.market.is_trading(key("HK.00700"))


def test_a_clock_that_is_set_back_shows_the_earlier_market() -> None:
    desk = Desk()
    before = desk.market.quote(key("HK.00700"))
    desk.clock.advance(500)
    assert desk.market.quote(key("HK.00700")) != before
    desk.clock.wall = MONDAY_AFTERNOON_HK

    assert desk.market.quote(key("HK.00700")) == before


def test_derivatives_follow_their_owner() -> None:
    index, future = MARKET.moment(key("HK.800000")), MARKET.moment(key("HK.HSI2612"))
    stock, call = MARKET.moment(key("HK.00700")), MARKET.moment(key("HK.TCH261230C300000"))

    assert abs(future.last / index.last - 1) < 0.02
    assert abs(call.last / (stock.last - 3_000_000) - 1) < 0.05


def test_the_continuous_future_is_its_contract() -> None:
    main, contract = MARKET.quote(key("HK.HSImain")), MARKET.quote(key("HK.HSI2611"))

    assert main == contract


@pytest.mark.parametrize("text", ["HK.99999", "US.AAPL261219C230000", "HK.HSI2601"])
def test_unknown_codes_are_refused_as_opend_words_it(text: str) -> None:
    with pytest.raises(Refusal, match="未知股票"):
        MARKET.quote(key(text))


@pytest.mark.parametrize(
    ("price", "tick"),
    [("0.2", "0.001"), ("0.3", "0.005"), ("15", "0.01"), ("30", "0.02"), ("75", "0.05"), ("150", "0.1"),
     ("499.8", "0.2"), ("500", "0.5"), ("1500", "1"), ("2500", "2"), ("6000", "5")],
)  # fmt: skip
def test_hong_kong_stocks_have_the_exchange_price_steps(price: str, tick: str) -> None:
    assert MARKET.price_tick(key("HK.00700"), Decimal(price)) == Decimal(tick)


@pytest.mark.parametrize(("price", "tick"), [("0.9", "0.0001"), ("1", "0.01"), ("230", "0.01")])
def test_us_stocks_have_finer_steps_under_a_dollar(price: str, tick: str) -> None:
    assert MARKET.price_tick(key("US.AAPL"), Decimal(price)) == Decimal(tick)


_PRINT_DIGEST = """
import hashlib
from gateway.clock import ManualClock
from gateway.simulator.market import Hours, Market
from gateway.simulator.universe import key_from_text
market = Market(7, ManualClock({now}), Hours.ALWAYS)
data = [repr((market.quote(k), market.order_book(k))) for k in map(key_from_text, {texts})]
print(hashlib.sha256("".join(data).encode()).hexdigest())
"""


def test_another_process_has_the_same_market() -> None:
    script = _PRINT_DIGEST.format(now=MONDAY_AFTERNOON_HK, texts=ONE_OF_EACH_TYPE)
    elsewhere = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    market = Market(7, ManualClock(MONDAY_AFTERNOON_HK), Hours.ALWAYS)
    data = [repr((market.quote(k), market.order_book(k))) for k in map(key, ONE_OF_EACH_TYPE)]

    assert elsewhere.stdout.strip() == hashlib.sha256("".join(data).encode()).hexdigest()


def test_another_seed_has_another_market() -> None:
    assert Desk(seed=2).market.quote(key("HK.00700")) != Desk(seed=3).market.quote(key("HK.00700"))
