"""Keys in the words of `policy.yaml`, for lists."""

from decimal import Decimal
from typing import Any

from gateway.policy.hours import DailyReset, format_moment
from gateway.policy.model import Caps, Limits, Principal


def key_words(principal: Principal, now_s: float) -> dict[str, Any]:
    """A key as the policy file names its parts; what does not hold is left out."""
    words: dict[str, Any] = {"id": principal.key_id, "scopes": sorted(principal.scopes)}
    if principal.expires_s is not None:
        words["expires_at"] = format_moment(principal.expires_s)
    if principal.allowed_acc_ids is not None:
        words["allowed_acc_ids"] = sorted(principal.allowed_acc_ids)
    if principal.note:
        words["note"] = principal.note
    limits = limit_words(principal.limits)
    if limits:
        words["limits"] = limits
    return words | {"is_expired": principal.is_expired(now_s)}


def limit_words(limits: Limits) -> dict[str, Any]:
    """The limits that hold, by their names."""
    words: dict[str, Any] = {
        "allowed_markets": _sorted(limits.allowed_markets),
        "allowed_symbols": _sorted(limits.allowed_symbols),
        "allowed_trd_sides": _sorted(limits.allowed_trd_sides),
        "max_order_value": _amounts(limits.max_order_value),
        "max_daily_value": _amounts(limits.max_daily_value),
        "daily_reset": None if limits.daily_reset == DailyReset() else str(limits.daily_reset),
        "max_orders_per_minute": limits.max_orders_per_minute,
        "hours_window": None if limits.hours_window is None else list(map(str, limits.hours_window)),
        "max_price_deviation": _plain(limits.max_price_deviation),
        "duplicate_window": limits.duplicate_window_s,
    }
    return {name: value for name, value in words.items() if value is not None}


def limits_text(words: dict[str, Any]) -> str:
    """Limits on one line."""
    return "; ".join(f"{name} {_text(value)}" for name, value in words.items())


def _sorted(names: frozenset[Any] | None) -> list[str] | None:
    return None if names is None else sorted(map(str, names))


def _amounts(caps: Caps | None) -> Any:
    if caps is None or caps.of_any is not None:
        return _plain(caps.of_any if caps else None)
    return {currency: _plain(amount) for currency, amount in caps.by_currency.items()}


def _plain(number: Decimal | None) -> int | float | None:
    """A number as the file has it; the file holds none that a float would round."""
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={amount}" for name, amount in value.items()) or "none"
    return (",".join(value) or "none") if isinstance(value, list) else str(value)
