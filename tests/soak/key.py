"""The keys of the proof: for each account a trader, keys with tight caps, and one that may only look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SCOPES = ["qot:read", "acc:read", "trade:real"]
AMPLE = {"max_orders_per_minute": 100_000}
"""A cap that is counted, and that no run reaches."""


@dataclass(frozen=True, slots=True)
class Ground:
    """An account, and a security to trade in it: at `price` orders to buy rest, at `high` they trade."""

    env: str
    acc_id: int
    market: str
    sec_market: str
    code: str
    lot: int
    price: float
    high: float
    tick: float

    @property
    def header(self) -> dict[str, Any]:
        """The fields of a trade header, in words."""
        return {"trd_env": self.env, "acc_id": self.acc_id, "trd_market": self.market}


PAPER_HK = Ground("simulate", 987654, "HK", "HK", "06998", 500, 2.0, 5.0, 0.01)
PAPER_US = Ground("simulate", 987655, "US", "US", "AAPL", 1, 20.0, 400.0, 0.01)
REAL_MIXED = Ground("real", 281756479345015383, "HK", "HK", "06998", 500, 2.0, 5.0, 0.01)
REAL_HK = Ground("real", 281756455983234027, "HK", "HK", "06998", 500, 2.0, 5.0, 0.01)
REAL_US = Ground("real", 281756460288713754, "US", "US", "AAPL", 1, 20.0, 400.0, 0.01)

TRADERS: Mapping[str, Ground] = {
    "paper-hk": PAPER_HK,
    "paper-us": PAPER_US,
    "real-mixed": REAL_MIXED,
    "real-hk": REAL_HK,
    "real-us": REAL_US,
}
"""Keys whose orders flow."""

CAPPED: Mapping[str, Ground] = {"rate-capped": PAPER_HK, "day-capped": REAL_HK, "both-capped": PAPER_US}
"""Keys whose orders hit their caps again and again."""

READER = "reader"
"""Quotes alone: no order, no account, no trade event."""

_CAPS: Mapping[str, dict[str, Any]] = {
    "rate-capped": {"max_orders_per_minute": 20},
    "day-capped": {"max_daily_value": {"HKD": 60_000}},
    "both-capped": {"max_orders_per_minute": 40, "max_daily_value": {"USD": 2_000}},
}


def _trader(ground: Ground, caps: Mapping[str, Any]) -> dict[str, Any]:
    return {"scopes": _SCOPES, "allowed_acc_ids": [ground.acc_id], **caps}


KEYS: Mapping[str, dict[str, Any]] = {
    **{key_id: _trader(ground, AMPLE) for key_id, ground in TRADERS.items()},
    **{key_id: _trader(ground, _CAPS[key_id]) for key_id, ground in CAPPED.items()},
    READER: {"scopes": ["qot:read"]},
}
"""As `Floor` takes them."""


def ground_of(key_id: str) -> Ground:
    """Where a key trades."""
    return TRADERS.get(key_id) or CAPPED[key_id]
