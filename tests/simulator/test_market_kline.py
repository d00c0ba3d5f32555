from datetime import timedelta

import pytest
from fix_quote import MONDAY_AFTERNOON_HK, ONE_OF_EACH_TYPE, Desk, key

from gateway.simulator.market import Hours
from gateway.simulator.market.kline import (
    KL_DAY,
    KL_MONTH,
    KL_QUARTER,
    KL_TYPES,
    KL_WEEK,
    KL_YEAR,
    MINUTES,
    Bar,
)

DESKS = {hours: Desk(hours=hours) for hours in Hours}


def joined(bars: list[Bar]) -> tuple[int, ...]:
    """Open, high, low, close, previous close, lots and turnover of several bars as one."""
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        bars[0].last_close,
        sum(bar.lots for bar in bars),
        sum(bar.turnover for bar in bars),
    )


@pytest.mark.parametrize("hours", list(Hours))
@pytest.mark.parametrize("text", ONE_OF_EACH_TYPE)
def test_every_current_bar_closes_at_the_last_price(text: str, hours: Hours) -> None:
    market = DESKS[hours].market
    moment = market.moment(key(text))

    for kl_type in KL_TYPES:
        (bar,) = market.chart.latest(moment, kl_type, 1)
        assert bar.close == moment.last
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


@pytest.mark.parametrize("kl_type", sorted(KL_TYPES))
@pytest.mark.parametrize("text", ["HK.00700", "US.AAPL", "HK.HSImain"])
def test_each_bar_begins_where_the_one_before_closed(text: str, kl_type: int) -> None:
    market = DESKS[Hours.ALWAYS].market
    bars = market.chart.latest(market.moment(key(text)), kl_type, 60)
    labels = [bar.label_s for bar in bars]

    assert len(bars) > 5
    assert labels == sorted(set(labels))
    assert [bar.last_close for bar in bars[1:]] == [bar.close for bar in bars[:-1]]
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


@pytest.mark.parametrize("hours", list(Hours))
@pytest.mark.parametrize("days_ago", [0, 1, 40])
@pytest.mark.parametrize("kl_type", sorted(MINUTES))
@pytest.mark.parametrize("text", ["HK.00700", "US.AAPL", "HK.13027"])
def test_the_bars_within_a_day_add_up_to_the_day(
    text: str, kl_type: int, days_ago: int, hours: Hours
) -> None:
    market = DESKS[hours].market
    moment = market.moment(key(text))
    day = moment.trading_day.day
    for _ in range(days_ago):
        day = moment.source.calendar.previous_day(day)
    trading_day = moment.source.calendar.trading_day(day)
    within = list(market.chart.between(moment, kl_type, trading_day.opens_s + 1, trading_day.sessions[-1][1]))
    midnight = trading_day.opens_s - 86_400
    (whole,) = market.chart.between(moment, KL_DAY, midnight + 1, trading_day.opens_s)

    assert joined(within) == whole[1:]
    if days_ago:
        length = MINUTES[kl_type]
        assert len(within) == -(-trading_day.minute_count // length)


@pytest.mark.parametrize("kl_type", [KL_WEEK, KL_MONTH, KL_QUARTER, KL_YEAR])
@pytest.mark.parametrize("text", ["HK.00700", "US.AAPL", "HK.800000"])
def test_longer_bars_are_made_of_days(text: str, kl_type: int) -> None:
    market = DESKS[Hours.ALWAYS].market
    moment = market.moment(key(text))
    *_, earlier, current = market.chart.latest(moment, kl_type, 4)
    days = market.chart.between

    assert joined(list(days(moment, KL_DAY, earlier.label_s, current.label_s - 1))) == earlier[1:]
    assert joined(list(days(moment, KL_DAY, current.label_s, market.now_s()))) == current[1:]


def test_minute_bars_are_the_sum_of_their_ticks() -> None:
    market = DESKS[Hours.ALWAYS].market
    moment = market.moment(key("US.NVDA"))

    for bar in market.chart.latest(moment, 1, 6):
        ticks = market.ticks_between(
            key("US.NVDA"), bar.label_s - 60.001, min(bar.label_s - 0.001, market.now_s())
        )
        assert bar.lots == sum(tick.lots for tick in ticks)
        assert bar.turnover == sum(tick.price * tick.lots for tick in ticks)
        assert (bar.open, bar.close) == (ticks[0].price, ticks[-1].price)
        assert bar.high == max(tick.price for tick in ticks)
        assert bar.low == min(tick.price for tick in ticks)


def test_labels_of_minutes_are_their_ends_and_of_longer_bars_their_first_day() -> None:
    market = DESKS[Hours.EXCHANGE].market
    moment = market.moment(key("HK.00700"))
    local = moment.source.calendar.local
    labels = {
        kl_type: f"{local(market.chart.latest(moment, kl_type, 1)[-1].label_s):%Y-%m-%d %H:%M}"
        for kl_type in (1, 6, 9, KL_DAY, KL_WEEK, KL_MONTH, KL_QUARTER, KL_YEAR)
    }

    assert f"{local(MONDAY_AFTERNOON_HK):%Y-%m-%d %H:%M}" == "2026-11-23 13:33"
    assert labels == {
        1: "2026-11-23 13:34",
        6: "2026-11-23 13:35",
        9: "2026-11-23 14:30",
        KL_DAY: "2026-11-23 00:00",
        KL_WEEK: "2026-11-23 00:00",
        KL_MONTH: "2026-11-01 00:00",
        KL_QUARTER: "2026-10-01 00:00",
        KL_YEAR: "2026-01-01 00:00",
    }


@pytest.mark.parametrize("kl_type", [1, 9, KL_DAY, KL_WEEK])
def test_history_between_two_times_ends_where_the_latest_bars_do(kl_type: int) -> None:
    market = DESKS[Hours.ALWAYS].market
    moment = market.moment(key("HK.00700"))
    latest = market.chart.latest(moment, kl_type, 30)

    assert list(market.chart.between(moment, kl_type, latest[0].label_s, latest[-1].label_s)) == latest


def test_history_does_not_reach_back_before_the_listing() -> None:
    market = DESKS[Hours.ALWAYS].market
    moment = market.moment(key("HK.06998"))
    first = next(market.chart.between(moment, KL_DAY, 0, market.now_s()))

    assert moment.source.calendar.local(first.label_s).date() == moment.instrument.list_date


def test_a_finished_day_keeps_its_figures_as_time_goes_on() -> None:
    desk = Desk()
    before = desk.market.chart.latest(desk.market.moment(key("HK.00700")), KL_DAY, 5)[:-1]
    desk.clock.advance(timedelta(days=1).total_seconds())
    after = desk.market.chart.latest(desk.market.moment(key("HK.00700")), KL_DAY, 6)[:-2]

    assert before == after
