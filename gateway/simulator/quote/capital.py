"""Where money flows: 3211 and 3212.

A tick counts as money coming in when its buyer was active, and as going out when its seller was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.simulator.market.kline import KL_DAY, KL_MONTH, KL_WEEK, Bar
from gateway.simulator.market.market import Market
from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tape import BUY, SELL, direction_of, legs
from gateway.simulator.model import Call, Handler, Refusal, SecurityType
from gateway.simulator.quote.fields import Fields, amount, midnight_s, parse_day, security_key, time_text

_INTRADAY, _DAY, _WEEK, _MONTH = 1, 2, 3, 4
_KL_TYPES = {_DAY: KL_DAY, _WEEK: KL_WEEK, _MONTH: KL_MONTH}
_DEFAULT_SPAN = timedelta(days=365)
_FLOWING_TYPES = (SecurityType.EQUITY, SecurityType.TRUST)
_SIZES = ("Super", "Big", "Mid", "Small")
_FLOW_NAMES = {"Super": "superInFlow", "Big": "bigInFlow", "Mid": "midInFlow", "Small": "smlInFlow"}
_USUAL_SHARES = (0.12, 0.23, 0.3, 0.35)


@dataclass(slots=True)
class Flow:
    """Money in and out since the day's open, in scaled turnover."""

    bought: int = 0
    sold: int = 0

    def add(self, direction: int, turnover: int) -> None:
        """Count trades of one active side."""
        if direction == BUY:
            self.bought += turnover
        elif direction == SELL:
            self.sold += turnover

    @property
    def net(self) -> int:
        """In less out."""
        return self.bought - self.sold


class DayFlow:
    """The flow of a moment's day, minute by minute, without going through all of its ticks."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._path = moment.source.path(moment.trading_day.day)
        self._flow = Flow()

    def minutes(self) -> list[Flow]:
        """The flow since the open at the end of each minute, or now in the last one."""
        moment = self._moment
        flows = []
        for minute in range(moment.minute):
            self._add_minute(minute)
            flows.append(Flow(self._flow.bought, self._flow.sold))
        for tick in moment.tape.ticks[: moment.tick_index + 1]:
            self._flow.add(tick.direction, tick.price * tick.lots)
        return [*flows, self._flow]

    def _add_minute(self, minute: int) -> None:
        bar = self._path.minute(minute)
        sixth = bar.lots // 6
        direction = 0
        for start, end in legs(bar, bool(self._path.rises_first[minute] & 1)):
            direction = direction_of(start, end)
            self._flow.add(direction, sixth * (start + end))
        self._flow.add(direction, (bar.lots - 6 * sixth) * bar.close)


class CapitalHandlers:
    """Answers about money flows of stocks and funds."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def table(self) -> Mapping[int, Handler]:
        """The handlers by protocol."""
        return {3211: self.capital_flow, 3212: self.capital_distribution}

    def _moment(self, call: Call) -> Moment:
        moment = self._market.moment(security_key(call.c2s.security))
        if moment.instrument.security_type not in _FLOWING_TYPES:
            raise Refusal("该证券不支持资金流向数据")
        return moment

    def _shares(self, moment: Moment, day: date) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """How a day's bought and sold money splits over the four order sizes."""
        draw = self._market.randomness(moment.instrument).uniforms(f"sizes/{day}", 2 * len(_SIZES))
        return _normalised(draw[: len(_SIZES)]), _normalised(draw[len(_SIZES) :])

    def _flows(self, moment: Moment) -> list[Flow]:
        return self._market.large_memo.get("flow", moment, lambda now: DayFlow(now).minutes())

    def capital_distribution(self, call: Call) -> Fields:
        """The day's money in and out by the size of orders."""
        moment = self._moment(call)
        flow = self._flows(moment)[-1]
        bought, sold = self._shares(moment, moment.trading_day.day)
        fields: Fields = {}
        for size, share_in, share_out in zip(_SIZES, bought, sold, strict=True):
            fields[f"capitalIn{size}"] = round(amount(moment.instrument, flow.bought) * share_in, 3)
            fields[f"capitalOut{size}"] = round(amount(moment.instrument, flow.sold) * share_out, 3)
        fields["updateTime"] = time_text(moment.source.calendar.local(moment.time_s))
        fields["updateTimestamp"] = moment.time_s
        return fields

    def capital_flow(self, call: Call) -> Fields:
        """The net flow: over the day so far, or over past days, weeks or months."""
        c2s, moment = call.c2s, self._moment(call)
        period = c2s.periodType or _INTRADAY
        if period == _INTRADAY:
            items = self._market.large_memo.get("flow items", moment, self._intraday)
        elif period in _KL_TYPES:
            items = self._past(moment, _KL_TYPES[period], c2s.beginTime, c2s.endTime)
        else:
            raise Refusal(f"不支持的周期类型 {c2s.periodType}")
        return {
            "flowItemList": items,
            "lastValidTime": time_text(moment.source.calendar.local(moment.time_s)),
            "lastValidTimestamp": moment.time_s,
        }

    def _intraday(self, moment: Moment) -> list[Fields]:
        shares = self._shares(moment, moment.trading_day.day)
        return [
            self._item(moment, moment.trading_day.minute_start(minute), flow, shares)
            for minute, flow in enumerate(self._flows(moment))
        ]

    def _item(
        self,
        moment: Moment,
        start_s: float,
        flow: Flow,
        shares: tuple[tuple[float, ...], tuple[float, ...]],
    ) -> Fields:
        money_in, money_out = amount(moment.instrument, flow.bought), amount(moment.instrument, flow.sold)
        item: Fields = {
            "inFlow": round(money_in - money_out, 3),
            "time": time_text(moment.source.calendar.local(start_s)),
            "timestamp": float(start_s),
        }
        for size, share_in, share_out in zip(_SIZES, *shares, strict=True):
            item[_FLOW_NAMES[size]] = round(money_in * share_in - money_out * share_out, 3)
        return item

    def _past(self, moment: Moment, kl_type: int, begin: str, end: str) -> list[Fields]:
        calendar = moment.source.calendar
        last = parse_day(end) if end else moment.trading_day.day
        first = parse_day(begin) if begin else last - _DEFAULT_SPAN
        if first > last:
            raise Refusal("参数错误: 开始时间晚于结束时间")
        bounds = midnight_s(first, calendar.zone), midnight_s(last, calendar.zone)
        bars = self._market.chart.between(moment, kl_type, *bounds)
        return [self._past_item(moment, bar) for bar in bars]

    def _past_item(self, moment: Moment, bar: Bar) -> Fields:
        shares = self._shares(moment, moment.source.calendar.local(bar.label_s).date())
        item = self._item(moment, bar.label_s, _estimated(bar), shares)
        item["mainInFlow"] = round(item["superInFlow"] + item["bigInFlow"], 3)
        return item


def _normalised(draw: tuple[float, ...]) -> tuple[float, ...]:
    weights = [usual * (1 + 0.3 * number) for usual, number in zip(_USUAL_SHARES, draw, strict=True)]
    return tuple(weight / sum(weights) for weight in weights)


def _estimated(bar: Bar) -> Flow:
    """A period's flow from its bar alone: the more of its range it gained, the more was bought."""
    lean = (bar.close - bar.open) / max(bar.high - bar.low, 1)
    bought = int(bar.turnover * (0.5 + 0.1 * lean))
    return Flow(bought, bar.turnover - bought)
