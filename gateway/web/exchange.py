"""One HTTP request on its way through: what its log line and its error bodies need to know."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Environ: TypeAlias = Mapping[str, Any]
"""A WSGI environment."""

ENVIRON_KEY = "gateway.exchange"

NO_ROUTE = "-"
"""Stands for the route where none of the table matched."""

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """A request and what became of it.

    `key_id` is set once it is known whose request it is, `intent_id` from the moment that a trade
    write may be sent.
    """

    request_id: str
    started_s: float
    route: str = NO_ROUTE
    status: str = "-"
    key_id: str | None = None
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
