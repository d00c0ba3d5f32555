"""Money and quantities between the protocol's doubles and exact decimals."""

import math
from decimal import Context, Decimal

from gateway.schema.errors import FieldError

MAX_NUMBER = Decimal(10) ** 12
"""No quantity and no price lies above this."""

EXACT = Context(prec=120)
"""Products of the few factors that an order's worth has are not rounded."""


def positive(name: str, number: float) -> Decimal:
    """A double of the protocol as the decimal that it prints as.

    `name` is the field's in JSON. Raises FieldError for NaN, infinity, zero, what is below zero and
    what is above `MAX_NUMBER`.
    """
    if not math.isfinite(number) or not 0 < number <= MAX_NUMBER:
        raise FieldError(name, f"found {number!r}, accepted is a finite number above 0 and at most 1e12")
    return Decimal(repr(number))


def known(number: float) -> Decimal | None:
    """A figure that OpenD gave; None when it is none: zero, below zero, NaN or infinite."""
    return Decimal(repr(number)) if math.isfinite(number) and number > 0 else None


def product(*factors: Decimal) -> Decimal:
    """The exact product."""
    result = Decimal(1)
    for factor in factors:
        result = EXACT.multiply(result, factor)
    return result
