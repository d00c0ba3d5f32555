"""What the policy speaks of: keys with their limits, and orders with what they are worth."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.order import Intent, Side, require_positive
from gateway.policy.hours import DailyReset, HoursWindow
from gateway.policy.token import hash_token, is_token
from gateway.scope import Scope


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be traded: `of_any` in whatever currency, or a cap for each currency."""

    of_any: Decimal | None = None
    by_currency: Mapping[str, Decimal] = field(default_factory=dict)

    def cap(self, currency: str) -> Decimal:
        """The cap in a currency; 0 in one that is not listed."""
        return self.by_currency.get(currency, Decimal(0)) if self.of_any is None else self.of_any


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a key may trade. None is no such limit; an empty set or list allows nothing.

    `max_price_deviation` is per cent of the last price, `duplicate_window_s` seconds.
    """

    allowed_markets: frozenset[str] | None = None
    allowed_symbols: frozenset[str] | None = None
    allowed_trd_sides: frozenset[Side] | None = None
    max_order_value: Caps | None = None
    max_daily_value: Caps | None = None
    daily_reset: DailyReset = field(default_factory=DailyReset)
    max_orders_per_minute: int | None = None
    hours_window: tuple[HoursWindow, ...] | None = None
    max_price_deviation: Decimal | None = None
    duplicate_window_s: int | None = None

    @property
    def needs_value(self) -> bool:
        """Whether an order has to be worth something known before it can be judged."""
        return self.max_order_value is not None or self.max_daily_value is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller: a key of the policy, or the one local caller. `allowed_acc_ids` None is any account."""

    key_id: str
    scopes: frozenset[Scope]
    allowed_acc_ids: frozenset[int] | None = None
    limits: Limits = field(default_factory=Limits)
    expires_s: float | None = None
    note: str = ""

    def may_use_account(self, acc_id: int) -> bool:
        """Whether the account is the caller's to read and trade."""
        return self.allowed_acc_ids is None or acc_id in self.allowed_acc_ids

    def is_expired(self, now_s: float) -> bool:
        """Whether the key's time is over; at `expires_s` itself it is."""
        return self.expires_s is not None and now_s >= self.expires_s


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the policy: the SHA-256 of its token, and who has it."""

    digest: bytes
    principal: Principal


class Policy:
    """All keys. Immutable: a change of the file is another policy."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = tuple(keys)
        self._by_digest = {key.digest: key for key in self.keys}

    def find_principal(self, token: str) -> Principal | None:
        """Whose token this is, expired or not; None for a token that no key has."""
        return self.find_by_digest(hash_token(token)) if is_token(token) else None

    def find_by_digest(self, digest: bytes) -> Principal | None:
        """The same by the token's hash, for whoever keeps no token."""
        key = self._by_digest.get(digest)
        return key.principal if key and hmac.compare_digest(key.digest, digest) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuedIntent:
    """An intent with what the checks have to know about it.

    `value` is the whole order's worth in `currency`, contract multiplier included; None when no
    usable quote tells it. `increase` is what a modification adds to the order's worth, not below
    zero; for a new order it is `value`. `last_price` is OpenD's last, None when it has none.
    `is_meant` says that the caller meant to repeat an order. Raises ValueError for figures that
    are not finite or below zero.
    """

    intent: Intent
    currency: str
    value: Decimal | None
    increase: Decimal | None
    last_price: Decimal | None = None
    reduces_position: bool = False
    is_meant: bool = False

    def __post_init__(self) -> None:
        if (self.value is None) is not (self.increase is None):
            raise ValueError("the whole value and the increase are known together or not at all")
        if self.value is not None:
            require_positive("value", self.value)
        if self.increase is not None and not (self.increase.is_finite() and self.increase >= 0):
            raise ValueError(f"increase must be a finite number, 0 or more, not {self.increase}")
        if self.last_price is not None:
            require_positive("last_price", self.last_price)
