"""Principals, orders and policy files that tests vary one thing of."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fix_intent import BUY, NOON

from gateway.order import Closing, Intent
from gateway.policy.model import Limits, Principal, ValuedIntent
from gateway.scope import Scope

ORDER = ValuedIntent(
    intent=replace(BUY, price=Decimal(300)),
    currency="HKD",
    value=Decimal(30000),
    increase=Decimal(30000),
    last_price=Decimal(300),
)

CLOSING = Closing(quantity=Decimal(1), closable=Decimal(10**9), seen_s=NOON)
"""Of a position that is large enough for every order."""

_INTENT_FIELDS = frozenset(Intent.__dataclass_fields__)


def order(number: int = 0, **changes: Any) -> ValuedIntent:
    """An order to buy 100 HK.00700 at 300; `changes` reach the intent or what it is worth."""
    of_intent = {name: changes.pop(name) for name in list(changes) if name in _INTENT_FIELDS}
    if "value" in changes:
        changes.setdefault("increase", changes["value"])
    if changes.pop("reduces_position", False):
        changes["closing"] = CLOSING
    return replace(ORDER, intent=replace(ORDER.intent, intent_id=f"i-{number}", **of_intent), **changes)


def principal(allowed_acc_ids: frozenset[int] | None = None, **limits: Any) -> Principal:
    return Principal(
        key_id="bot",
        scopes=frozenset({Scope.TRADE_SIMULATE}),
        allowed_acc_ids=allowed_acc_ids,
        limits=Limits(**limits),
    )


def at(local: str, zone: str = "UTC", fold: int = 0) -> float:
    """Wall seconds of a local time such as `2026-03-08T01:59`."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()
