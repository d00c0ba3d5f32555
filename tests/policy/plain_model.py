"""What the engine and the ledger together should do, written down again in the plainest way."""

from dataclasses import dataclass, field
from decimal import Decimal

from gateway.order import IntentKind
from gateway.policy.model import ValuedIntent

S = 10**6
"""Times are whole microseconds."""
MINUTE = 60 * S
TOLERANCE = 5 * S
HONG_KONG = 8 * 3600 * S
DAY = 86_400 * S

RATE_CAP = 3
DAILY_CAP = Decimal(600)
ORDER_CAP = Decimal(500)
DUPLICATE_WINDOW = 10 * S
COLLAR_PER_CENT = 10
LAST_PRICE = Decimal(100)
SYMBOLS = frozenset({"HK.00700", "HK.00001"})


@dataclass
class Kept:
    """One order that was let through."""

    order: ValuedIntent
    time: int
    day: int
    is_returned: bool = False


@dataclass
class PlainModel:
    """All orders let through, and the reasons that follow from nothing but them."""

    kept: dict[str, Kept] = field(default_factory=dict)
    switches: dict[str, str] = field(default_factory=dict)

    def latest(self) -> int:
        return max((kept.time for kept in self.kept.values()), default=0)

    def reason(self, order: ValuedIntent, now: int) -> str | None:
        intent = order.intent
        states = {self.switches.get("all"), self.switches.get(intent.key_id)}
        if "halted" in states:
            return "halted"
        if "reducing" in states and not order.reduces_position:
            return "reducing"
        if intent.symbol not in SYMBOLS:
            return "symbol"
        if not is_open(now):
            return "hours"
        if order.value is None:
            return "value_unknown"
        if order.value > ORDER_CAP:
            return "order_value"
        if intent.price is not None and abs(intent.price - LAST_PRICE) > COLLAR_PER_CENT:
            return "price_deviation"
        if self.latest() - now > TOLERANCE:
            return "clock"
        return self._counted_reason(order, max(now, self.latest()), now)

    def _counted_reason(self, order: ValuedIntent, at: int, now: int) -> str | None:
        mine = [kept for kept in self.kept.values() if kept.order.intent.key_id == order.intent.key_id]
        same = [kept.time for kept in mine if deed(kept.order) == deed(order)]
        if same and not order.is_meant and at < max(same) + DUPLICATE_WINDOW:
            return "duplicate"
        if len([kept for kept in mine if kept.time + MINUTE > at]) >= RATE_CAP:
            return "rate"
        today = self.day(order, now)
        used = sum(kept.order.increase or 0 for kept in mine if kept.day == today and not kept.is_returned)
        if order.increase and used + order.increase > DAILY_CAP:
            return "daily_value"
        return None

    def day(self, order: ValuedIntent, now: int) -> int:
        """The day that counts: that of the clock, but none before one already charged."""
        mine = [kept.day for kept in self.kept.values() if kept.order.intent.key_id == order.intent.key_id]
        return max([day_of(now), *mine])

    def keep(self, order: ValuedIntent, now: int) -> None:
        self.kept[order.intent.intent_id] = Kept(order, max(now, self.latest()), self.day(order, now))


def day_of(now: int) -> int:
    return int((now + HONG_KONG) // DAY)


def is_open(now: int) -> bool:
    """Every day but from 05:00 to 05:30 in Hong Kong, which has no summer time."""
    minute = (now + HONG_KONG) % DAY // MINUTE
    return not 5 * 60 <= minute < 5 * 60 + 30


def deed(order: ValuedIntent) -> tuple[object, ...]:
    intent = order.intent
    is_change = intent.kind is IntentKind.MODIFY
    return (is_change, intent.order_id, intent.symbol, intent.side, intent.quantity, intent.price)
