"""What real-time data a key wants: claims, free of sockets, stores and protocols.

OpenD counts subscriptions per connection; the gateway has many connections and many callers. A claim
is one caller's wish for one subscription (decisions D8). Every worker brings its own connection in
line with the union of all claims.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Subscription(NamedTuple):
    """What OpenD subscribes: a security by `QotMarket` number and code, and a `SubType` number."""

    market: int
    code: str
    sub_type: int


FORWARD_REHAB = 1
"""`RehabType` forward: what pushed K-lines have where nothing else was named."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a subscription is wanted, by the fields of `Qot_Sub.C2S`.

    `rehab_types` are `RehabType` numbers of pushed K-lines; empty means forward, as OpenD reads it.
    `session` is a `Common.Session` number, None where none was named.
    """

    is_pushed: bool = False
    rehab_types: frozenset[int] = frozenset()
    has_order_book_detail: bool = False
    is_extended_time: bool = False
    session: int | None = None

    @property
    def pushed_rehab_types(self) -> frozenset[int]:
        """The rehab types in which K-lines are pushed; none where nothing is pushed."""
        if not self.is_pushed:
            return frozenset()
        return self.rehab_types or frozenset({FORWARD_REHAB})

    def union(self, other: "Options") -> "Options":
        """What serves both: every push and rehab type of either, and the longest session."""
        sessions = [session for session in (self.session, other.session) if session is not None]
        return Options(
            is_pushed=self.is_pushed or other.is_pushed,
            rehab_types=self.pushed_rehab_types | other.pushed_rehab_types,
            has_order_book_detail=self.has_order_book_detail or other.has_order_book_detail,
            is_extended_time=self.is_extended_time or other.is_extended_time,
            session=max(sessions, default=None),
        )


KEY_ITSELF = ""
"""The holder of claims that a key made by HTTP: they stay until the key drops them or ends."""


class Holder(NamedTuple):
    """Who claims: a key, and within it a socket's id, or `KEY_ITSELF`."""

    key_id: str
    socket_id: str = KEY_ITSELF


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One subscription wanted by one holder.

    `expires_s` is a wall time from which it holds no longer, None for no such end. `lease_id` names the
    worker whose end is its end too, as for a socket's claims; None for those of a key itself.
    """

    holder: Holder
    subscription: Subscription
    options: Options = field(default_factory=Options)
    expires_s: float | None = None
    lease_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClaim:
    """The pushes of one account's orders and fills, wanted by one holder."""

    holder: Holder
    acc_id: int
    lease_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims that hold at one moment."""

    subscriptions: tuple[Claim, ...] = ()
    accounts: tuple[AccountClaim, ...] = ()

    def of_keys(self, key_ids: Iterable[str]) -> "Claims":
        """Those of some keys alone."""
        known = frozenset(key_ids)
        return Claims(
            tuple(claim for claim in self.subscriptions if claim.holder.key_id in known),
            tuple(claim for claim in self.accounts if claim.holder.key_id in known),
        )

    def wanted(self) -> dict[Subscription, Options]:
        """The union: every subscription that anybody wants, with options that serve all who do."""
        wanted: dict[Subscription, Options] = {}
        for claim in self.subscriptions:
            known = wanted.get(claim.subscription)
            wanted[claim.subscription] = known.union(claim.options) if known else claim.options
        return wanted

    def wanted_accounts(self) -> frozenset[int]:
        """Every account whose pushes anybody wants."""
        return frozenset(claim.acc_id for claim in self.accounts)
