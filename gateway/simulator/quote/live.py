"""The contents of real-time answers and pushes, apart from the basic quote."""

from collections.abc import Callable, Iterable

from gateway.simulator.market.book import DEPTH, Side, book_to_depth, broker_queue
from gateway.simulator.market.kline import MINUTES, Bar
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.rehab import adjustment
from gateway.simulator.market.tape import Tick
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.model import Instrument, Level, QotMarket
from gateway.simulator.quote.basic import outstanding_shares
from gateway.simulator.quote.fields import (
    Fields,
    amount,
    heading,
    per_cent,
    price,
    time_text,
    time_text_ms,
    volume,
)
from gateway.simulator.universe.terms import fundamentals_of

ORDER_BOOK_NORMAL = 0
_AUTO_MATCH = 1
_NO_SIGN = 32
FROM_REALTIME, FROM_CACHE = 1, 3
"""`Qot_Common.PushDataType`."""

_SEQUENCE_SHIFT = 22
_RECEIVED_AFTER_MS = 20


def published_depth(instrument: Instrument) -> int:
    """How many levels of a security's book can be seen."""
    return DEPTH[QotMarket(instrument.key.market)]


def order_book(moment: Moment, depth: int) -> Fields:
    """The S2C of 3012 and 3013, `depth` levels a side but no more than are published."""
    book = book_to_depth(moment, min(depth, published_depth(moment.instrument)))
    when = time_text_ms(book.time)
    return {
        **heading(moment),
        "orderBookAskList": [_level(level) for level in book.asks],
        "orderBookBidList": [_level(level) for level in book.bids],
        "svrRecvTimeBid": when,
        "svrRecvTimeBidTimestamp": moment.time_s,
        "svrRecvTimeAsk": when,
        "svrRecvTimeAskTimestamp": moment.time_s,
        "orderBookType": ORDER_BOOK_NORMAL,
    }


def _level(level: Level) -> Fields:
    return {
        "price": float(level.price),
        "volume": level.volume,
        "orederCount": level.order_count,
        "hpVolume": float(level.volume),
    }


def brokers(moment: Moment) -> Fields:
    """The S2C of 3014 and 3015."""
    return {
        **heading(moment),
        "brokerAskList": _queue(moment, Side.ASK),
        "brokerBidList": _queue(moment, Side.BID),
    }


def _queue(moment: Moment, side: Side) -> list[Fields]:
    return [
        {"id": broker.number, "name": broker.name, "pos": broker.position}
        for broker in broker_queue(moment, side)
    ]


def sequence(instrument: Instrument, tick: Tick) -> int:
    """A tick's number: it grows with time, and as on a real OpenD it does not fit into a double."""
    return tick.time_ms << _SEQUENCE_SHIFT | instrument.stock_id & (1 << _SEQUENCE_SHIFT) - 1


def ticks(moment: Moment, rows: Iterable[Tick], source: int) -> Fields:
    """The S2C of 3010 and 3011; `source` is a `PushDataType`."""
    instrument, calendar = moment.instrument, moment.source.calendar
    return {
        **heading(moment),
        "tickerList": [
            {
                "time": time_text_ms(calendar.local(tick.time_ms / 1000)),
                "sequence": sequence(instrument, tick),
                "dir": tick.direction,
                "price": price(tick.price),
                "volume": volume(instrument, tick.lots),
                "turnover": amount(instrument, tick.price * tick.lots),
                "recvTime": (tick.time_ms + _RECEIVED_AFTER_MS) / 1000,
                "type": _AUTO_MATCH,
                "typeSign": _NO_SIGN,
                "pushDataType": source,
                "timestamp": tick.time_ms / 1000,
                "hpVolume": float(volume(instrument, tick.lots)),
            }
            for tick in rows
        ],
    }


def time_shares(market: Market, moment: Moment, first_minute: int = 0) -> Fields:
    """The S2C of 3008 and 3009: the day's minutes from trading minute `first_minute` on."""
    bars = market.chart.minutes_of_day(moment)
    lots, turnover = (0, 0) if not first_minute else _totals_before(moment, first_minute)
    rows = []
    for minute, bar in enumerate(bars[first_minute:], first_minute):
        lots += bar.lots
        turnover += bar.turnover
        rows.append(_time_share(moment, minute, bar, turnover / lots))
    return {**heading(moment), "rtList": rows}


def _totals_before(moment: Moment, minute: int) -> tuple[int, int]:
    path = moment.source.path(moment.trading_day.day)
    return path.lots_so_far[minute - 1], path.turnover_so_far[minute - 1]


def _time_share(moment: Moment, minute: int, bar: Bar, average: float) -> Fields:
    start_s = moment.trading_day.minute_start(minute)
    local = moment.source.calendar.local(start_s)
    shares = volume(moment.instrument, bar.lots)
    return {
        "time": time_text(local),
        "minute": local.hour * 60 + local.minute,
        "isBlank": False,
        "price": price(bar.close),
        "lastClosePrice": price(moment.previous_close),
        "avgPrice": round(average / PRICE_SCALE, 3),
        "volume": shares,
        "turnover": amount(moment.instrument, bar.turnover),
        "timestamp": float(start_s),
        "hpVolume": float(shares),
    }


def kline_rows(
    market: Market, moment: Moment, kl_type: int, rehab_type: int, bars: Iterable[Bar]
) -> list[Fields]:
    """`Qot_Common.KLine`s of bars, adjusted for dividends as `rehab_type` says."""
    source = moment.source
    first_day = market.history_start(moment.instrument)
    factor = adjustment(source, rehab_type, first_day, moment.trading_day.day)
    row = _row_builder(moment)
    if factor is None:
        return [row(bar) for bar in bars]
    # The label of a bar of minutes is its end, which may be the midnight after its day.
    back_s = 1 if kl_type in MINUTES else 0
    local = source.calendar.local
    return [_adjusted(row(bar), factor(local(bar.label_s - back_s).date())) for bar in bars]


_PRICES = ("highPrice", "openPrice", "lowPrice", "closePrice", "lastClosePrice")


def _adjusted(row: Fields, factor: float) -> Fields:
    if factor != 1.0:
        for name in _PRICES:
            row[name] = round(row[name] * factor, 3)
    return row


def _row_builder(moment: Moment) -> Callable[[Bar], Fields]:
    instrument, local = moment.instrument, moment.source.calendar.local
    fundamentals = fundamentals_of(instrument)
    shares = outstanding_shares(instrument)
    earnings = fundamentals.earnings_per_share if fundamentals else 0.0

    def row(bar: Bar) -> Fields:
        traded = bar.lots * instrument.lot_size
        return {
            "time": time_text(local(bar.label_s)),
            "isBlank": False,
            "highPrice": bar.high / PRICE_SCALE,
            "openPrice": bar.open / PRICE_SCALE,
            "lowPrice": bar.low / PRICE_SCALE,
            "closePrice": bar.close / PRICE_SCALE,
            "lastClosePrice": bar.last_close / PRICE_SCALE,
            "volume": traded,
            "turnover": amount(instrument, bar.turnover),
            "turnoverRate": round(traded / shares, 5) if shares else 0.0,
            "pe": round(bar.close / PRICE_SCALE / earnings, 3) if earnings else 0.0,
            "changeRate": per_cent(bar.close - bar.last_close, bar.last_close),
            "timestamp": float(bar.label_s),
            "hpVolume": float(traded),
        }

    return row


def latest_klines(market: Market, moment: Moment, kl_type: int, rehab_type: int, count: int) -> Fields:
    """The S2C of 3006."""
    bars = market.chart.latest(moment, kl_type, count)
    return {**heading(moment), "klList": kline_rows(market, moment, kl_type, rehab_type, bars)}
