"""Times as the trade side writes and reads them: on the clocks of the market where a security is listed."""

import math
from datetime import datetime

from gateway.simulator.broker import refusals
from gateway.simulator.broker.rules import rules_of
from gateway.simulator.model import Refusal, SecurityKey

_READ_FORMATS = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def local_time(key: SecurityKey, time_s: float) -> datetime:
    """`time_s`, seconds since the epoch, on the clocks of the security's market."""
    return datetime.fromtimestamp(time_s, rules_of(key).zone)


def second_text(key: SecurityKey, time_s: float) -> str:
    """`2021-09-13 16:45:00`."""
    return local_time(key, time_s).strftime("%Y-%m-%d %H:%M:%S")


def millisecond_text(key: SecurityKey, time_s: float) -> str:
    """`2021-09-13 16:45:00.313`."""
    return local_time(key, time_s).isoformat(sep=" ", timespec="milliseconds")[:23]


def millisecond_stamp(time_s: float) -> float:
    """Seconds since the epoch, cut to the millisecond that `millisecond_text` shows."""
    return math.floor(round(time_s * 1000, 3)) / 1000


def read_time(text: str) -> datetime:
    """A filter's time, without a zone: each order is compared on its own market's clocks.

    A bare date is its first second. Raises `Refusal` for another form.
    """
    for form in _READ_FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise Refusal(refusals.WRONG_TIME.format(value=text))
