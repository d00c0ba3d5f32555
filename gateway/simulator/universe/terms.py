"""What an instrument of the simulated universe carries beyond `Instrument`'s own fields.

Each stands in `Instrument.extra` under its class's `KEY`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import ClassVar

from gateway.simulator.model import Instrument


class ExchType(IntEnum):
    """`Qot_Common.ExchType`, the exchanges of the simulated universe."""

    HK_MAIN_BOARD = 1
    HK_HKEX = 3
    US_NYSE = 4
    US_NASDAQ = 5
    US_AMEX = 7
    US_OPTION = 8
    CN_SH = 14
    CN_SZ = 15


class WarrantType(IntEnum):
    """`Qot_Common.WarrantType`."""

    CALL = 1
    PUT = 2
    BULL = 3
    BEAR = 4
    INLINE = 5


class OptionType(IntEnum):
    """`Qot_Common.OptionType`."""

    CALL = 1
    PUT = 2


@dataclass(frozen=True, slots=True)
class Trading:
    """How a security trades: lots on an average day, daily volatility, and how dense its ticks are.

    A minute has `6 * tick_pairs + 1` ticks. `volatility` is the standard deviation of a day's
    logarithmic return.
    """

    KEY: ClassVar[str] = "trading"

    daily_lots: int
    volatility: float
    tick_pairs: int


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """A company's or a fund's figures. Per-share amounts are in the instrument's currency."""

    KEY: ClassVar[str] = "fundamentals"

    issued_shares: int
    earnings_per_share: float
    net_asset_per_share: float
    dividend_per_share: float


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """An option's contract; `expiry` is its last trading day, `contract_size` in underlying shares."""

    KEY: ClassVar[str] = "option"

    option_type: OptionType
    strike: Decimal
    expiry: date
    contract_size: int


@dataclass(frozen=True, slots=True)
class WarrantTerms:
    """A warrant's or CBBC's terms. `recovery_price` only for bull and bear, the bounds only for inline."""

    KEY: ClassVar[str] = "warrant"

    warrant_type: WarrantType
    issuer: int
    issuer_code: str
    strike: Decimal
    maturity: date
    last_trade: date
    conversion_ratio: int
    issue_size: int
    recovery_price: Decimal | None = None
    lower_bound: Decimal | None = None
    upper_bound: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FutureTerms:
    """A futures contract. `last_trade` is that of the contract which `origin_code` names.

    `product` is what the codes of all contracts of one kind begin with.
    """

    KEY: ClassVar[str] = "future"

    last_trade: date
    origin_code: str
    product: str
    owner_name: str
    min_change: Decimal
    is_continuous: bool


def trading_of(instrument: Instrument) -> Trading:
    """How the instrument trades. Every instrument has this."""
    trading: Trading = instrument.extra[Trading.KEY]
    return trading


def fundamentals_of(instrument: Instrument) -> Fundamentals | None:
    """A stock's or fund's figures; None for every other type."""
    return instrument.extra.get(Fundamentals.KEY)


def option_terms(instrument: Instrument) -> OptionTerms | None:
    """An option's contract; None for every other type."""
    return instrument.extra.get(OptionTerms.KEY)


def warrant_terms(instrument: Instrument) -> WarrantTerms | None:
    """A warrant's terms; None for every other type."""
    return instrument.extra.get(WarrantTerms.KEY)


def future_terms(instrument: Instrument) -> FutureTerms | None:
    """A futures contract's terms; None for every other type."""
    return instrument.extra.get(FutureTerms.KEY)
