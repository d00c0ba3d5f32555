"""An order as the gateway's own parts name it: what is asked, by whom, for which account.

These types carry no protobuf number and no JSON spelling, so that the policy and the ledger can
share them with whoever decodes and sends orders.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Environment(StrEnum):
    """Whether money is real (decisions D1)."""

    SIMULATE = "simulate"
    REAL = "real"


class Side(StrEnum):
    """`Trd_Common.TrdSide`, by the names of the official SDK."""

    BUY = "BUY"
    SELL = "SELL"
    SELL_SHORT = "SELL_SHORT"
    BUY_BACK = "BUY_BACK"


class IntentKind(StrEnum):
    """What an intent does: a new order, or another price or quantity for one that exists."""

    PLACE = "place"
    MODIFY = "modify"


TRD_MARKETS = frozenset(
    {
        *("HK", "US", "CN", "HKCC", "FUTURES", "SG", "CRYPTO", "AU", "JP", "PREDICTION", "MY", "CA"),
        *("FUTURES_SIMULATE_HK", "FUTURES_SIMULATE_US", "FUTURES_SIMULATE_SG", "FUTURES_SIMULATE_JP"),
        *("HK_FUND", "US_FUND", "SG_FUND", "MY_FUND", "JP_FUND"),
    }
)
"""`Trd_Common.TrdMarket` by name, upper case, without the prefix."""

CURRENCIES = frozenset({"HKD", "USD", "CNH", "JPY", "SGD", "AUD", "CAD", "MYR", "NZD"})
"""`Trd_Common.Currency` by name."""

REMARK_MAX_BYTES = 64
"""The length of `remark` that OpenD accepts, in UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order that somebody wants placed or modified, with all that finds it again at OpenD.

    `market` is a name of `TRD_MARKETS`, `symbol` has the form `HK.00700`. `quantity` and `price`
    are those that the order shall have; `price` is None where the order type has none. `remark` is
    what goes to OpenD. `order_id` is OpenD's number of the order that a modification changes.
    `lease_id` is the lease of the worker that reserves it, None where that is not known.
    Raises ValueError for a quantity or price that is not a finite number above zero.
    """

    intent_id: str
    key_id: str
    request_id: str
    kind: IntentKind
    environment: Environment
    acc_id: int
    market: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    remark: str
    order_id: int | None = None
    lease_id: str | None = None

    def __post_init__(self) -> None:
        if not self.intent_id or not self.key_id:
            raise ValueError("an intent needs its id and the id of the key that asks")
        if self.market not in TRD_MARKETS:
            raise ValueError(f"{self.market!r} is no market that orders are traded in")
        if len(self.remark.encode()) > REMARK_MAX_BYTES:
            raise ValueError(f"a remark has at most {REMARK_MAX_BYTES} bytes")
        if (self.order_id is None) is (self.kind is IntentKind.MODIFY):
            raise ValueError("a modification names its order, a new order has no number yet")
        require_positive("quantity", self.quantity)
        if self.price is not None:
            require_positive("price", self.price)


def require_positive(name: str, number: Decimal) -> None:
    """Raise ValueError unless `number` is finite and above zero."""
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{name} must be a finite number above zero, not {number}")
