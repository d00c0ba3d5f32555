"""What the engine and the ledger together should do, written down again in the plainest way."""

from dataclasses import dataclass, field
from decimal import Decimal

from gateway.order import IntentKind
from gateway.policy.model import ValuedIntent

MINUTE_S = 60
TOLERANCE_S = 5
HONG_KONG_S = 8 * 3600
DAY_S = 86_400

RATE_CAP = 3
DAILY_CAP = Decimal(600)
ORDER_CAP = Decimal(500)
DUPLICATE_WINDOW_S = 10
COLLAR_PER_CENT = 10
LAST_PRICE = Decimal(100)
SYMBOLS = frozenset({"HK.00700", "HK.00001"})


@dataclass
class Kept:
    """One order that was let through."""

    order: ValuedIntent
    time_s: float
    day: int
    is_returned: bool = False


@dataclass
class PlainModel:
    """All orders let through, and the reasons that follow from nothing but them."""

    kept: dict[str, Kept] = field(default_factory=dict)
    switches: dict[str, str] = field(default_factory=dict)

    def latest_s(self) -> float:
        return max((kept.time_s for kept in self.kept.values()), default=0)

    def reason(self, order: ValuedIntent, now_s: float) -> str | None:
        intent = order.intent
        states = {self.switches.get("all"), self.switches.get(intent.key_id)}
        if "halted" in states:
            return "halted"
        if "reducing" in states and not order.reduces_position:
            return "reducing"
        if intent.symbol not in SYMBOLS:
            return "symbol"
        if not is_open(now_s):
            return "hours"
        if order.value is None:
            return "value_unknown"
        if order.value > ORDER_CAP:
            return "order_value"
        if intent.price is not None and abs(intent.price - LAST_PRICE) > COLLAR_PER_CENT:
            return "price_deviation"
        if self.latest_s() - now_s > TOLERANCE_S:
            return "clock"
        return self._counted_reason(order, max(now_s, self.latest_s()), now_s)

    def _counted_reason(self, order: ValuedIntent, at_s: float, now_s: float) -> str | None:
        mine = [kept for kept in self.kept.values() if kept.order.intent.key_id == order.intent.key_id]
        same = [kept.time_s for kept in mine if deed(kept.order) == deed(order)]
        if same and not order.is_meant and at_s < max(same) + DUPLICATE_WINDOW_S:
            return "duplicate"
        if len([kept for kept in mine if kept.time_s + MINUTE_S > at_s]) >= RATE_CAP:
            return "rate"
        today = self.day(order, now_s)
        used = sum(kept.order.increase or 0 for kept in mine if kept.day == today and not kept.is_returned)
        if order.increase and used + order.increase > DAILY_CAP:
            return "daily_value"
        return None

    def day(self, order: ValuedIntent, now_s: float) -> int:
        """The day that counts: that of the clock, but none before one already charged."""
        mine = [kept.day for kept in self.kept.values() if kept.order.intent.key_id == order.intent.key_id]
        return max([day_of(now_s), *mine])

    def keep(self, order: ValuedIntent, now_s: float) -> None:
        self.kept[order.intent.intent_id] = Kept(order, max(now_s, self.latest_s()), self.day(order, now_s))


def day_of(now_s: float) -> int:
    return int((now_s + HONG_KONG_S) // DAY_S)


def is_open(now_s: float) -> bool:
    """Every day but from 05:00 to 05:30 in Hong Kong, which has no summer time."""
    minute = (now_s + HONG_KONG_S) % DAY_S // 60
    return not 5 * 60 <= minute < 5 * 60 + 30


def deed(order: ValuedIntent) -> tuple[object, ...]:
    intent = order.intent
    is_change = intent.kind is IntentKind.MODIFY
    return (is_change, intent.order_id, intent.symbol, intent.side, intent.quantity, intent.price)
