"""Why an order is denied: one row a reason, with its status, text, metric label and what heals it."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

PREFIX = "limit check failed: "


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    status: int
    template: str
    retry_after: str
    setting: str


_NEVER = "none"


class DenyReason(Enum):
    """Every reason, in the order in which orders are checked.

    `label` names it in metrics and the audit, `status` is the HTTP status (decisions D4),
    `retry_after` says when the answer carries `Retry-After`, `setting` what sets the limit.
    """

    HALTED = _Row("halted", 429, "trading is halted", _NEVER, "`gw trading halt`")
    REDUCING = _Row(
        "reducing",
        429,
        "trading is reducing: only orders that reduce a position pass",
        _NEVER,
        "`gw trading reduce`",
    )
    ACCOUNT = _Row("account", 403, "this account is not allowed", _NEVER, "`allowed_acc_ids`")
    MARKET = _Row("market", 429, "market not allowed: {market}", _NEVER, "`allowed_markets`")
    SYMBOL = _Row("symbol", 429, "symbol not allowed: {symbol}", _NEVER, "`allowed_symbols`")
    SIDE = _Row("side", 429, "side not allowed: {side}", _NEVER, "`allowed_trd_sides`")
    HOURS = _Row(
        "hours", 429, "outside trading hours: {now} ({windows})", "until a window opens", "`hours_window`"
    )
    VALUE_UNKNOWN = _Row(
        "value_unknown",
        429,
        "order value unknown: no usable quote for {symbol}",
        _NEVER,
        "`max_order_value`, `max_daily_value`",
    )
    ORDER_VALUE = _Row(
        "order_value",
        429,
        "order value exceeded: {value} {currency} (cap {cap})",
        _NEVER,
        "`max_order_value`",
    )
    PRICE_UNKNOWN = _Row(
        "price_unknown",
        429,
        "price deviation unknown: no last price for {symbol}",
        _NEVER,
        "`max_price_deviation`",
    )
    PRICE_DEVIATION = _Row(
        "price_deviation",
        429,
        "price deviation exceeded: {deviation}% from the last price {last_price} (cap {cap}%)",
        _NEVER,
        "`max_price_deviation`",
    )
    CLOCK = _Row(
        "clock",
        500,
        "clock is behind the ledger: {behind_s}s (cap {cap}s)",
        "until the clock has caught up",
        "always on",
    )
    DUPLICATE = _Row(
        "duplicate",
        429,
        "duplicate order: the same {since_s}s ago (window {window_s}s)",
        "until the window is over",
        "`duplicate_window`",
    )
    RATE = _Row(
        "rate",
        429,
        "rate limit exceeded: {count} orders in the last {window_s}s (cap {cap})",
        "until a slot is free",
        "`max_orders_per_minute`",
    )
    DAILY_VALUE = _Row(
        "daily_value",
        429,
        "daily value exceeded: {value} {currency} today (cap {cap})",
        "until the day's reset, if the order alone fits the cap",
        "`max_daily_value`, `daily_reset`",
    )
    FREQUENCY = _Row(
        "frequency",
        429,
        "OpenD's frequency limit exceeded: {count} calls in the last {window_s}s (cap {cap}, {gap_s}s apart)",
        "until OpenD takes another",
        "`opend.frequency_limits`",
    )
    STORE_UNAVAILABLE = _Row(
        "store_unavailable", 500, "the ledger cannot be asked: {cause}", _NEVER, "always on"
    )

    @property
    def label(self) -> str:
        """The name in metrics and the audit."""
        return self.value.label

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.value.status


@dataclass(frozen=True, slots=True)
class Denied:
    """An order that is not sent, and why. `retry_after_s` is whole seconds, where time alone heals it."""

    reason: DenyReason
    figures: dict[str, Any] = field(default_factory=dict)
    retry_after_s: int | None = None

    @property
    def text(self) -> str:
        """The sentence for the caller."""
        shown = {name: _plain(value) for name, value in self.figures.items()}
        sentence: str = self.reason.value.template.format(**shown)
        return sentence if self.reason.status == 403 else PREFIX + sentence


def _plain(value: object) -> object:
    """Decimals as people write them: no exponent below 10^18, and no zeros that say nothing."""
    if not isinstance(value, Decimal):
        return value
    if value.adjusted() >= 18:
        return f"{value:.3E}"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def reasons_rows() -> list[str]:
    """A row of Markdown for each reason: label, status, `error`, `Retry-After`, what sets it."""
    return [_table_row(reason) for reason in DenyReason]


def _table_row(reason: DenyReason) -> str:
    row: _Row = reason.value
    text = row.template if row.status == 403 else PREFIX + row.template
    return f"| `{row.label}` | {row.status} | `{text}` | {row.retry_after} | {row.setting} |"
