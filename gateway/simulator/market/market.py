"""The simulated market: everything about prices, as a function of the seed and the clock."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from gateway.clock import Clock
from gateway.simulator.market import book
from gateway.simulator.market.calendar import MINUTE_S, Calendar, Hours, MarketState, TradingDay, venue_market
from gateway.simulator.market.kline import Chart
from gateway.simulator.market.memo import Memo
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.randomness import Randomness
from gateway.simulator.market.source import PriceSource, ValuedSource, WalkSource, scope_of
from gateway.simulator.market.tape import MinuteTape, Tick, minute_tape
from gateway.simulator.market.tick_table import PRICE_SCALE, step_at
from gateway.simulator.market.valuation import contract_of
from gateway.simulator.model import Instrument, OrderBook, QotMarket, Quote, Refusal, SecurityKey
from gateway.simulator.universe.universe import MARKET_PREFIXES, Universe

HISTORY_STARTS = date(2019, 1, 2)
"""No security has data from before this day."""

EXACT_TURNOVER_DAYS = timedelta(days=7)
"""For older days turnover is estimated from the day's bar instead of summed up over its ticks."""

_SMALL_VALUES_KEPT = 16384
_LARGE_VALUES_KEPT = 64
_MOMENTS_KEPT = 8192

_PREFIXES: Mapping[int, str] = {market: prefix for prefix, market in MARKET_PREFIXES.items()}


def security_text(key: SecurityKey) -> str:
    """A security as people write it: `HK.00700`."""
    return f"{_PREFIXES.get(key.market, key.market)}.{key.code}"


class Market:
    """Prices, books and histories of every security. Implements `MarketView`.

    Nothing runs in the background: two markets with the same seed, hours and clock are the same.
    `hours` may be given by value; another text raises ValueError.
    """

    def __init__(self, seed: int, clock: Clock, hours: Hours | str) -> None:
        self.seed = seed
        self.clock = clock
        self.hours = Hours(hours)
        self.universe = Universe()
        self._calendars = {market: Calendar(market, self.hours) for market in QotMarket}
        self._source_on = lru_cache(maxsize=512)(self._make_source)
        self._tape_of = lru_cache(maxsize=2048)(self._make_tape)
        self.chart = Chart(self)
        self._moments: dict[SecurityKey, Moment] = {}
        self.small_memo = Memo(_SMALL_VALUES_KEPT)
        self.large_memo = Memo(_LARGE_VALUES_KEPT)

    def now_s(self) -> float:
        """The wall time."""
        return self.clock.wall_s()

    def calendar(self, instrument: Instrument) -> Calendar:
        """The calendar that an instrument keeps."""
        return self._calendars[venue_market(instrument)]

    def market_calendar(self, market: QotMarket) -> Calendar:
        """The calendar of a market."""
        return self._calendars[market]

    def today(self, market: int) -> date:
        """The date in a market's time zone. Raises `Refusal` for a market that is not simulated."""
        if market not in self._calendars:
            raise Refusal(f"未知的市场 {market}")
        return self._calendars[QotMarket(market)].local(self.now_s()).date()

    def state(self, market: QotMarket) -> MarketState:
        """The state of a market as a whole."""
        return self._calendars[market].state(self.now_s())

    def find(self, key: SecurityKey) -> Instrument:
        """The instrument. Raises `Refusal` for an unknown or expired code."""
        instrument = self.lookup(key)
        if instrument is None:
            raise Refusal(f"未知股票 {security_text(key)}")
        return instrument

    def lookup(self, key: SecurityKey) -> Instrument | None:
        """The instrument, or None for an unknown or expired code."""
        if key.market not in self._calendars:
            return None
        return self.universe.find_listed(key) or self.universe.find(key, self.today(key.market))

    def source(self, key: SecurityKey) -> PriceSource:
        """Where the security's prices come from. Raises `Refusal` for an unknown code."""
        if self.universe.find_listed(key) is not None:
            return self._source_on(key, None)
        self.find(key)
        return self._source_on(key, self.today(key.market))

    def _make_source(self, key: SecurityKey, _today: date | None) -> PriceSource:
        instrument = self.find(key)
        calendar = self.calendar(instrument)
        randomness = self.randomness(instrument)
        if instrument.owner is not None:
            owner = self.source(instrument.owner)
            contract = contract_of(instrument, owner.instrument)
            if contract is not None:
                return ValuedSource(instrument, owner, contract, calendar, randomness)
        return WalkSource(instrument, calendar, randomness)

    def randomness(self, instrument: Instrument) -> Randomness:
        """The randomness of a security, for figures that no price tells."""
        return Randomness(self.seed, scope_of(instrument))

    def tape(self, source: PriceSource, day: TradingDay, minute: int) -> MinuteTape:
        """The ticks of a trading minute, also those that are still to come."""
        return self._tape_of(source, day, minute)

    def _make_tape(self, source: PriceSource, day: TradingDay, minute: int) -> MinuteTape:
        path = source.path(day.day)
        return minute_tape(
            source.randomness,
            path.minute(minute),
            start_s=day.minute_start(minute),
            step=path.bar.step,
            pairs=source.tick_pairs,
            rises_first=bool(path.rises_first[minute] & 1),
        )

    def moment(self, key: SecurityKey) -> Moment:
        """The security's market now. Raises `Refusal` for an unknown code."""
        return self.moment_when(key, self.now_s())

    def is_fresh(self, key: SecurityKey) -> bool:
        """Whether the security's market now is known already, and so costs nothing to ask for."""
        moment = self._moments.get(key)
        return moment is not None and moment.from_s <= self.now_s() < moment.until_s

    def moment_when(self, key: SecurityKey, when_s: float) -> Moment:
        """The security's market at a time near now; as cheap as now if no tick lies between."""
        moment = self._moments.get(key)
        if moment is None or not moment.from_s <= when_s < moment.until_s:
            if len(self._moments) >= _MOMENTS_KEPT:
                self._moments.clear()
            moment = self._moments[key] = self.moment_at(self.source(key), when_s)
        return moment

    def moment_at(self, source: PriceSource, moment_s: float) -> Moment:
        """A security's market at any moment."""
        day = source.calendar.current_day(moment_s)
        minute = day.minute_at(moment_s)
        tape = self.tape(source, day, minute)
        index = tape.last_at(int(moment_s * 1000))
        path = source.path(day.day)
        high, low = tape.high_so_far[index], tape.low_so_far[index]
        lots, turnover = tape.lots_so_far[index], tape.turnover_so_far[index]
        if minute:
            before = path.span(0, minute)
            high, low = max(high, before.high), min(low, before.low)
            lots, turnover = lots + before.lots, turnover + before.turnover
        minute_end = float(day.minute_start(minute) + MINUTE_S)
        following = tape.times_ms[index + 1] / 1000 if index + 1 < len(tape.times_ms) else minute_end
        # In a pause the last tick stays; the state is asked anew at each minute's end then.
        until = following if following > moment_s else (moment_s // MINUTE_S + 1) * MINUTE_S
        return Moment(
            source=source,
            trading_day=day,
            minute=minute,
            tick_index=index,
            tape=tape,
            open=path.bar.open,
            high=high,
            low=low,
            previous_close=self.close_before(source, day.day),
            lots=lots,
            turnover=turnover,
            from_s=max(tape.times_ms[index] / 1000, until - MINUTE_S),
            until_s=until,
        )

    def close_before(self, source: PriceSource, day: date) -> int:
        """The scaled close of the trading day before `day`."""
        return source.day_bar(source.calendar.previous_day(day)).close

    def quote(self, key: SecurityKey) -> Quote:
        """The basic quote now."""
        return self.small_memo.get("quote", self.moment(key), _quote)

    def order_book(self, key: SecurityKey) -> OrderBook:
        """The book now, ten levels deep where the price leaves room for them."""
        return self.small_memo.get("book", self.moment(key), book.order_book)

    def price_tick(self, key: SecurityKey, price: Decimal) -> Decimal:
        """The smallest price step at `price`, by the rules of the security's market."""
        return decimal_price(step_at(self.find(key), int(price * PRICE_SCALE)))

    def is_trading(self, key: SecurityKey) -> bool:
        """Whether the security's market matches orders now."""
        return self.calendar(self.find(key)).is_open(self.now_s())

    def history_start(self, instrument: Instrument) -> date:
        """The first day with data."""
        return max(instrument.list_date, HISTORY_STARTS)

    def ticks_before(self, moment: Moment) -> Iterator[Tick]:
        """The ticks of a security up to a moment, latest first, back to the start of its history."""
        source, day = moment.source, moment.trading_day
        first_day = self.history_start(source.instrument)
        yield from reversed(moment.tape.ticks[: moment.tick_index + 1])
        minute = moment.minute
        while day.day >= first_day:
            for earlier in range(minute - 1, -1, -1):
                yield from reversed(self.tape(source, day, earlier).ticks)
            day = source.calendar.trading_day(source.calendar.previous_day(day.day))
            minute = day.minute_count

    def ticks_between(self, key: SecurityKey, since_s: float, until_s: float) -> list[Tick]:
        """The ticks after `since_s` and up to `until_s`, earliest first."""
        ticks: list[Tick] = []
        since_ms = int(since_s * 1000)
        for tick in self.ticks_before(self.moment_when(key, until_s)):
            if tick.time_ms <= since_ms:
                break
            ticks.append(tick)
        ticks.reverse()
        return ticks

    def is_turnover_exact(self, source: PriceSource, day: date) -> bool:
        """Whether a day is recent enough for its turnover to be summed up over its ticks."""
        return day >= source.calendar.local(self.now_s()).date() - EXACT_TURNOVER_DAYS

    def day_turnover(self, source: PriceSource, day: date) -> int:
        """A whole day's turnover in scaled price times lots."""
        if self.is_turnover_exact(source, day):
            return source.turnover(day)
        bar = source.day_bar(day)
        return bar.lots * (bar.open + bar.high + bar.low + 2 * bar.close) // 5


def decimal_price(price: int) -> Decimal:
    """A scaled price in currency."""
    return Decimal(price) / PRICE_SCALE


def money(instrument: Instrument, turnover: int) -> Decimal:
    """A scaled turnover in currency."""
    return Decimal(turnover) * instrument.lot_size * instrument.contract_multiplier / PRICE_SCALE


def _quote(moment: Moment) -> Quote:
    instrument = moment.instrument
    return Quote(
        last=decimal_price(moment.last),
        open=decimal_price(moment.open),
        high=decimal_price(moment.high),
        low=decimal_price(moment.low),
        previous_close=decimal_price(moment.previous_close),
        volume=moment.lots * instrument.lot_size,
        turnover=money(instrument, moment.turnover),
        time=moment.source.calendar.local(moment.time_s),
    )
