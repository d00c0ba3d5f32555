"""What one line of the audit says."""

import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

TEXT_MAX = 1000
"""Longer texts are cut: a line has an end that can be found, whatever a caller or OpenD wrote."""

REMOVED = "fc_(removed)"
"""Stands in place of a token, wherever one got into a text."""

_TOKEN = re.compile(r"fc_[0-9A-Fa-f]{32,}")


class AuditKind(StrEnum):
    """What a line is about."""

    DECISION = "decision"
    """A trade write was allowed or denied."""
    SENDING = "sending"
    """It will be sent to OpenD now."""
    OUTCOME = "outcome"
    """What OpenD answered, or that it did not, or what was found out later."""
    REFUSAL = "refusal"
    """A request was refused for its token, its scope or its account."""
    TRADING = "trading"
    """The kill switch was set."""
    KEYS = "keys"
    """A key was made, revoked or imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that happened. What is None has no place in the line.

    `route` is the name or path of a route of the table, without a query. `actor` is who gave a
    command on this machine. `order_id` is OpenD's number. `value` is the order's worth in
    `currency`; Decimals are written as texts, so that no reader rounds them. `latency_ms` counts
    from the request's begin. No field takes a token, a password or its MD5; texts that hold a
    token lose it, and those over `TEXT_MAX` characters are cut.
    """

    kind: AuditKind
    request_id: str | None = None
    key_id: str | None = None
    actor: str | None = None
    route: str | None = None
    acc_id: int | None = None
    environment: str | None = None
    market: str | None = None
    code: str | None = None
    side: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    currency: str | None = None
    decision: str | None = None
    reason: str | None = None
    intent_id: str | None = None
    order_id: int | None = None
    outcome: str | None = None
    latency_ms: float | None = None
    detail: str | None = None

    def members(self) -> dict[str, Any]:
        """The line's own members, in the order of the fields."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: _plain(value) for name, value in given if value is not None}


def _plain(value: str | Decimal | float) -> str | float:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    text = _TOKEN.sub(REMOVED, text)
    cut = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
    # A surrogate has no UTF-8; a line must never fail for what a text holds.
    return cut.encode("utf-8", "replace").decode()


def format_time(wall_s: float) -> str:
    """Wall seconds as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
