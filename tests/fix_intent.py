"""The intent that tests of the ledger and of the policy vary one field of."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.order import Environment, Intent, IntentKind, Side

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z

BUY = Intent(
    intent_id="i-0",
    key_id="bot",
    request_id="r-0",
    kind=IntentKind.PLACE,
    environment=Environment.SIMULATE,
    acc_id=987654,
    market="HK",
    symbol="HK.00700",
    side=Side.BUY,
    quantity=Decimal(100),
    price=Decimal("300.05"),
    remark="gw:i-0",
)


def intent(name: int | str, **changes: Any) -> Intent:
    """100 HK.00700 to buy at 300.05, with some changes."""
    return replace(BUY, intent_id=f"i-{name}", **changes)
