"""Small pieces that most answers are made of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from gateway.simulator.market.moment import Moment
from gateway.simulator.market.tick_table import PRICE_SCALE
from gateway.simulator.model import Instrument, Refusal, SecurityKey, SecurityType

Fields: TypeAlias = dict[str, Any]
"""The fields of a message by their protocol names."""


EARLIEST = datetime(1970, 1, 2)
"""No security has data from before. A day after the epoch, so that it has a timestamp in every zone."""


def security_key(message: Any) -> SecurityKey:
    """The key in a `Qot_Common.Security`."""
    return SecurityKey(message.market, message.code)


def security(key: SecurityKey) -> Fields:
    """A `Qot_Common.Security`."""
    return {"market": int(key.market), "code": key.code}


def price(scaled: int) -> float:
    """A scaled price in currency."""
    return scaled / PRICE_SCALE


def volume(instrument: Instrument, lots: int) -> int:
    """Lots as shares or contracts."""
    return lots * instrument.lot_size


def amount(instrument: Instrument, turnover: int) -> float:
    """A scaled turnover in currency."""
    return turnover * instrument.lot_size * int(instrument.contract_multiplier) / PRICE_SCALE


def per_cent(part: float, whole: float) -> float:
    """A share in per cent, to three decimals; 0 of nothing."""
    return round(part * 100 / whole, 3) if whole else 0.0


def time_text(moment: datetime) -> str:
    """A local time as `2026-11-23 09:30:00`."""
    return moment.isoformat(" ", "seconds")[:19]


def time_text_ms(moment: datetime) -> str:
    """A local time as `2026-11-23 09:30:00.250`."""
    return moment.isoformat(" ", "milliseconds")[:23]


@lru_cache(maxsize=16384)
def midnight_s(day: date, zone: ZoneInfo) -> float:
    """The timestamp of a day's beginning."""
    return datetime.combine(day, time(), zone).timestamp()


def listed_on(instrument: Instrument, zone: ZoneInfo) -> Fields:
    """The two fields of the first day of trading; OpenD shows the epoch for an index."""
    if instrument.security_type == SecurityType.INDEX:
        return {"listTime": "1970-01-01", "listTimestamp": 0.0}
    return {
        "listTime": f"{instrument.list_date}",
        "listTimestamp": midnight_s(instrument.list_date, zone),
    }


def shown_lot_size(instrument: Instrument) -> int:
    """The lot size in answers: of a derivative its contract's multiplier, 0 for an index, as OpenD has it."""
    if instrument.security_type == SecurityType.INDEX:
        return 0
    return instrument.lot_size * int(instrument.contract_multiplier)


def parse_day(text: str) -> date:
    """The date in `2026-11-23` or `2026-11-23 09:30:00`. Raises `Refusal` when it is neither."""
    return parse_time(text).date()


def parse_time(text: str) -> datetime:
    """A local time, from a date or a date and time; before `EARLIEST` it is that one.

    Raises `Refusal` when it is neither, or names a zone.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None:
        raise Refusal(f"时间格式错误: {text}")
    return max(parsed, EARLIEST)


def at_most(items: Sequence[Any], limit: int) -> None:
    """Raise `Refusal` when more is asked than OpenD allows at once."""
    if len(items) > limit:
        raise Refusal(f"请求个数超过限制，最多{limit}个")


def required(items: Sequence[Any], name: str) -> None:
    """Raise `Refusal` for an empty list that OpenD needs filled."""
    if not items:
        raise Refusal(f"缺少必要的参数: {name}")


def within(number: float, bounds: Any, low: str, high: str) -> bool:
    """Whether a number lies between the two optional fields of a message, both ends included."""
    if bounds.HasField(low) and number < getattr(bounds, low):
        return False
    return not (bounds.HasField(high) and number > getattr(bounds, high))


def page(rows: Sequence[Any], begin: int, count: int, limit: int) -> Sequence[Any]:
    """One page of rows. Raises `Refusal` for a page that is longer than `limit` or before the start."""
    if begin < 0 or count < 0:
        raise Refusal("参数错误: begin和num不能小于0")
    if count > limit:
        raise Refusal(f"请求个数超过限制，最多{limit}个")
    return rows[begin : begin + count]


def heading(moment: Moment) -> Fields:
    """The security and name that head most answers."""
    return {"security": security(moment.instrument.key), "name": moment.instrument.name}


def rounded(fields: Mapping[str, float], digits: int) -> dict[str, float]:
    """The same fields with rounded values."""
    return {name: round(value, digits) for name, value in fields.items()}


def keys_of(messages: Iterable[Any]) -> list[SecurityKey]:
    """The keys of a securityList."""
    return [security_key(message) for message in messages]
