"""What every ledger does with claims and with the leases of the workers; a part of `Ledger`.

Each change of the claims bumps the generation `CLAIMS_TOPIC` in the same step; what changes nothing
bumps nothing. Leases are measured in watched time: see `gateway.ledger.watched_time`.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.claim import AccountClaim, Claim, Claims, Holder, Subscription


class ClaimStore(Protocol):
    """The claims of all keys, and the leases of all workers. Steps as those of `Ledger`."""

    def put_claims(self, claims: Sequence[Claim]) -> None:
        """Write claims; one that a holder has already for the same subscription is replaced.

        Claims under a lease that was never renewed hold from its first renewal on.
        """
        ...

    def drop_claims(self, holder: Holder, subscriptions: Sequence[Subscription] | None = None) -> int:
        """Drop these claims of a holder, or (None) all of them, its account claims included.

        Says how many claims of subscriptions were dropped, with those that had ended and were not
        removed yet; what was not claimed is passed over.
        """
        ...

    def drop_claims_of_key(self, key_id: str) -> int:
        """Drop every claim of a key and of all its sockets; says how many as `drop_claims` does."""
        ...

    def put_account_claims(self, holder: Holder, claims: Sequence[AccountClaim]) -> None:
        """Replace a holder's account claims by these. Raises ValueError for one of another holder."""
        ...

    def claims(self, now_s: float) -> Claims:
        """All claims that hold at a time: neither expired nor of a worker whose lease has ended.

        In the order of holders and subscriptions.
        """
        ...

    def renew_lease(self, lease_id: str, now_s: float, until_s: float) -> bool:
        """Say that a worker lives, for `until_s - now_s` from now at the least.

        False for a lease that was never renewed, or that ended so long ago that it was removed: what
        claims it had are gone. Each renewal also removes some of what is over: claims that have
        expired, leases that ended `LEASE_KEEP_S` ago, and the claims that hung on these.
        """
        ...

    def end_lease(self, lease_id: str) -> None:
        """End a worker's lease at once, and with it every claim that hangs on it."""
        ...

    def live_leases(self, now_s: float) -> frozenset[str]:
        """The workers that live, by their leases' ids. While no worker renews, none ends."""
        ...
