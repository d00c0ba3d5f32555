"""Claims as texts, the same in every store."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from gateway.claim import AccountClaim, Holder, Options


def options_text(options: Options) -> str:
    """Options as JSON; equal options give equal texts."""
    return orjson.dumps(
        {
            "is_pushed": options.is_pushed,
            "rehab_types": sorted(options.rehab_types),
            "has_order_book_detail": options.has_order_book_detail,
            "is_extended_time": options.is_extended_time,
            "session": options.session,
        }
    ).decode()


@lru_cache(maxsize=1024)
def read_options(text: str) -> Options:
    """The options of a text. Thousands of claims have the same few."""
    fields: dict[str, Any] = orjson.loads(text)
    return Options(**fields | {"rehab_types": frozenset(fields["rehab_types"])})


def require_holder(holder: Holder, claims: Sequence[AccountClaim]) -> None:
    """Raises ValueError for a claim of another holder."""
    if any(claim.holder != holder for claim in claims):
        raise ValueError(f"account claims of {holder} cannot be replaced by those of another holder")
