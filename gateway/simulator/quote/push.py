"""Pushes of subscribed data, with the same content as the reads of the same data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.simulator.market.kline import MINUTES, Bar
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.rehab import FORWARD
from gateway.simulator.market.tape import Tick
from gateway.simulator.model import SecurityKey
from gateway.simulator.quote import live
from gateway.simulator.quote.basic import basic_quote
from gateway.simulator.quote.fields import heading
from gateway.simulator.quote.subscribable import BASIC, BROKER, KLINE_TYPES, ORDER_BOOK, RT, TICKER

_UPDATE_BASIC, _UPDATE_KL, _UPDATE_RT, _UPDATE_TICKER, _UPDATE_BOOK, _UPDATE_BROKER = (
    3005, 3007, 3009, 3011, 3013, 3015,
)  # fmt: skip
PUSHED_DEPTH = 10
_CACHED_TICKS = 50


@dataclass(frozen=True, slots=True)
class PushEvent:
    """One push: its protocol and its S2C."""

    proto_id: int
    s2c: Mapping[str, Any]


def _basic(market: Market, moment: Moment) -> PushEvent:
    return PushEvent(_UPDATE_BASIC, {"basicQotList": [basic_quote(market, moment)]})


def _order_book(_market: Market, moment: Moment) -> PushEvent:
    return PushEvent(_UPDATE_BOOK, live.order_book(moment, PUSHED_DEPTH))


def _brokers(_market: Market, moment: Moment) -> PushEvent:
    return PushEvent(_UPDATE_BROKER, live.brokers(moment))


_STATES: Mapping[int, Callable[[Market, Moment], PushEvent]] = {
    BASIC: _basic,
    ORDER_BOOK: _order_book,
    BROKER: _brokers,
}
"""Data of which only the latest state is pushed, by `SubType`."""


def _klines(market: Market, moment: Moment, kl_type: int, rehab_type: int, bars: Iterable[Bar]) -> PushEvent:
    rows = live.kline_rows(market, moment, kl_type, rehab_type, bars)
    kind = {"rehabType": rehab_type, "klType": kl_type}
    return PushEvent(_UPDATE_KL, {**kind, **heading(moment), "klList": rows})


def _first_minute_touched(moment: Moment, first_tick: Tick) -> int:
    """The first trading minute of the moment's day that the ticks from `first_tick` on fall into."""
    return max(moment.trading_day.minute_at(first_tick.time_ms / 1000), 0)


def _bars_touched(market: Market, moment: Moment, kl_type: int, first_tick: Tick) -> list[Bar]:
    """The bars that the ticks from `first_tick` on changed."""
    is_today = first_tick.time_ms >= moment.trading_day.opens_s * 1000
    if kl_type not in MINUTES:
        return market.chart.latest(moment, kl_type, 1 if is_today else 2)
    minutes = moment.minute - _first_minute_touched(moment, first_tick)
    bars = market.chart.latest(moment, kl_type, minutes // MINUTES[kl_type] + 2)
    return [bar for bar in bars if bar.label_s * 1000 > first_tick.time_ms]


def events(
    market: Market,
    key: SecurityKey,
    sub_type: int,
    since_s: float,
    now_s: float,
    *,
    rehab_type: int = FORWARD,
) -> Sequence[PushEvent]:
    """What OpenD would have pushed after `since_s` and up to `now_s`; empty when nothing ticked.

    Each tick is pushed once over windows that follow each other. K-line and time-share pushes hold
    every bar that changed. Raises `Refusal` for an unknown code.
    """
    moment = market.moment_when(key, now_s)
    ticks = market.ticks_between(key, since_s, now_s)
    if not ticks:
        return ()
    if sub_type in _STATES:
        return (_STATES[sub_type](market, moment),)
    if sub_type == TICKER:
        return (PushEvent(_UPDATE_TICKER, live.ticks(moment, ticks, live.FROM_REALTIME)),)
    if sub_type == RT:
        first_minute = _first_minute_touched(moment, ticks[0])
        return (PushEvent(_UPDATE_RT, live.time_shares(market, moment, first_minute)),)
    kl_type = KLINE_TYPES[sub_type]
    bars = _bars_touched(market, moment, kl_type, ticks[0])
    return (_klines(market, moment, kl_type, rehab_type, bars),)


def first_push(
    market: Market, key: SecurityKey, sub_type: int, rehab_type: int = FORWARD
) -> Sequence[PushEvent]:
    """What OpenD pushes at once to a new subscriber: the data that it holds already.

    Raises `Refusal` for an unknown code.
    """
    moment = market.moment(key)
    if sub_type in _STATES:
        return (_STATES[sub_type](market, moment),)
    if sub_type == TICKER:
        rows = list(islice(market.ticks_before(moment), _CACHED_TICKS))
        return (PushEvent(_UPDATE_TICKER, live.ticks(moment, reversed(rows), live.FROM_CACHE)),)
    if sub_type == RT:
        return (PushEvent(_UPDATE_RT, live.time_shares(market, moment, moment.minute)),)
    kl_type = KLINE_TYPES[sub_type]
    return (_klines(market, moment, kl_type, rehab_type, market.chart.latest(moment, kl_type, 1)),)
