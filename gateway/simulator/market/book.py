"""Order books and Hong Kong's broker queues, made around the last trade."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tape import BUY, SELL
from gateway.simulator.market.tick_table import PRICE_SCALE, step_at, step_below
from gateway.simulator.model import Level, OrderBook, QotMarket
from gateway.simulator.universe.terms import trading_of

DEPTH = {QotMarket.HK: 10, QotMarket.US: 60, QotMarket.SH: 5, QotMarket.SZ: 5}
"""How many levels a side each market publishes."""

VIEW_DEPTH = 10
BROKERS_PER_SIDE = 40
_LEVEL_SHARE = 2_000
_MOST_ORDERS = 24


class Side(IntEnum):
    """A side of the book."""

    BID = 1
    ASK = -1


@dataclass(frozen=True, slots=True)
class Broker:
    """A participant in a broker queue. `position` is the level of the book, from 1."""

    number: int
    name: str
    position: int


BROKERS = (
    (16, "法国巴黎"), (142, "工商东亚"), (288, "高盛亚洲"), (386, "摩根大通"), (448, "中银国际"),
    (520, "花旗环球"), (1121, "汇丰证券"), (1198, "富途证券"), (1463, "辉立证券"), (2640, "瑞银证券"),
    (3168, "大华继显"), (3439, "盈透证券"), (4374, "巴克莱亚洲"), (5337, "美林远东"), (6388, "摩根士丹利"),
    (6999, "中国投资"), (7387, "华泰金融"), (8133, "招商证券"), (8738, "海通国际"), (9022, "国泰君安"),
)  # fmt: skip
"""Numbers and names of the brokers who queue."""


def order_book(moment: Moment) -> OrderBook:
    """The book as the broker matches against it."""
    return book_to_depth(moment, VIEW_DEPTH)


def book_to_depth(moment: Moment, depth: int) -> OrderBook:
    """The book with up to `depth` levels a side; the bids end where prices do."""
    return OrderBook(
        bids=tuple(_levels(moment, Side.BID, depth)),
        asks=tuple(_levels(moment, Side.ASK, depth)),
        time=moment.source.calendar.local(moment.time_s),
    )


def best_prices(moment: Moment) -> tuple[int, int]:
    """The best bid and ask, scaled. The last trade was at one of them, on its active side."""
    last, instrument = moment.last, moment.instrument
    if moment.tick.direction == SELL or last <= step_below(instrument, last):
        return last, last + step_at(instrument, last)
    if moment.tick.direction == BUY or moment.tick.time_ms & 1:
        return last - step_below(instrument, last), last
    return last, last + step_at(instrument, last)


def _prices(moment: Moment, side: Side) -> Iterator[int]:
    bid, ask = best_prices(moment)
    price = bid if side == Side.BID else ask
    while price > 0:
        yield price
        price += (
            step_at(moment.instrument, price) if side == Side.ASK else -step_below(moment.instrument, price)
        )


def _levels(moment: Moment, side: Side, depth: int) -> Iterator[Level]:
    instrument = moment.instrument
    draw = moment.source.randomness.stream(f"book/{moment.tick.time_ms}/{side.name}", 2 * depth)
    usual_lots = max(trading_of(instrument).daily_lots // _LEVEL_SHARE, 1)
    for n, price in zip(range(depth), _prices(moment, side), strict=False):
        lots = 1 + usual_lots * (64 + draw[2 * n]) // 128
        orders = min(1 + draw[2 * n + 1] % _MOST_ORDERS, lots)
        yield Level(Decimal(price) / PRICE_SCALE, lots * instrument.lot_size, orders)


def broker_queue(moment: Moment, side: Side) -> list[Broker]:
    """The brokers of one side in the order of the book: at each level no more than it has orders."""
    draw = moment.source.randomness.stream(
        f"brokers/{moment.tick.time_ms // 3000}/{side.name}", BROKERS_PER_SIDE
    )
    book = order_book(moment)
    levels = book.bids if side == Side.BID else book.asks
    positions = [
        position for position, level in enumerate(levels, 1) for _ in range(min(level.order_count, 8))
    ]
    return [
        Broker(*BROKERS[byte % len(BROKERS)], position)
        for byte, position in zip(draw, positions, strict=False)
    ]
