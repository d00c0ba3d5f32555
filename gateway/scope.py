"""The rights that a key or a local caller has, free of routes and messages."""

from enum import StrEnum


class Scope(StrEnum):
    """What a caller may be allowed to do (decisions D5)."""

    QUOTE_READ = "qot:read"
    ACCOUNT_READ = "acc:read"
    TRADE_REAL = "trade:real"
    TRADE_SIMULATE = "trade:simulate"
