"""Margin terms by security: what may be borrowed and sold short, and at which ratios."""

from dataclasses import dataclass
from decimal import Decimal

from gateway.simulator.broker.enums import TrdMarket
from gateway.simulator.broker.rules import rules_of
from gateway.simulator.model import Instrument, SecurityType


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """Ratios of a position's value (0.35 is 35 %). Without a permit the initial ratio is the whole value."""

    is_long_permitted: bool
    is_short_permitted: bool
    initial_long: Decimal
    initial_short: Decimal
    alert_long: Decimal = Decimal("0.33")
    alert_short: Decimal = Decimal("0.56")
    call_long: Decimal = Decimal("0.32")
    call_short: Decimal = Decimal("0.53")
    maintenance_long: Decimal = Decimal("0.25")
    maintenance_short: Decimal = Decimal("0.40")
    short_pool_qty: int = 0
    short_fee_percent: Decimal = Decimal(0)


_MARGINABLE = MarginTerms(
    is_long_permitted=True,
    is_short_permitted=True,
    initial_long=Decimal("0.35"),
    initial_short=Decimal("0.60"),
    short_pool_qty=1_826_900,
    short_fee_percent=Decimal("0.89"),
)
_WHOLE = Decimal(1)
_PAID_IN_FULL = MarginTerms(
    is_long_permitted=False,
    is_short_permitted=False,
    initial_long=_WHOLE,
    initial_short=_WHOLE,
    alert_long=_WHOLE,
    alert_short=_WHOLE,
    call_long=_WHOLE,
    call_short=_WHOLE,
    maintenance_long=_WHOLE,
    maintenance_short=_WHOLE,
)
_MARGINABLE_TYPES = frozenset({SecurityType.EQUITY, SecurityType.TRUST})
MARGIN_MARKETS = frozenset({TrdMarket.HK, TrdMarket.US})
"""Markets for which there are margin data."""


def margin_terms(instrument: Instrument) -> MarginTerms:
    """The terms of a security: shares and funds of HK and US are marginable, all else is paid in full."""
    is_marginable = (
        rules_of(instrument.key).real_market in MARGIN_MARKETS
        and instrument.security_type in _MARGINABLE_TYPES
    )
    return _MARGINABLE if is_marginable else _PAID_IN_FULL
