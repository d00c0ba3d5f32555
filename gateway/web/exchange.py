"""One HTTP request on its way through: what its log line and its error bodies need to know."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Environ: TypeAlias = Mapping[str, Any]
"""A WSGI environment."""

ENVIRON_KEY = "gateway.exchange"

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """A request and what became of it. `intent_id` is set from the moment that a trade write may be sent."""

    request_id: str
    started_s: float
    route: str = "-"
    status: str = "-"
    intent_id: str | None = None

    @classmethod
    def of(cls, environ: Environ) -> "Exchange":
        """The exchange that the front put into this request's environment."""
        exchange: Exchange = environ[ENVIRON_KEY]
        return exchange


def request_id(proposed: str | None) -> str:
    """The caller's `X-Request-Id` when it is a sane one (decisions D4), else a new one."""
    if proposed and _SANE_REQUEST_ID.fullmatch(proposed):
        return proposed
    return secrets.token_hex(8)
