"""A socket's claims: made as those of a key are, and ended with the worker if not before."""

from collections.abc import Collection, Sequence

from gateway.claim import Holder, Subscription
from gateway.feed.subscriptions import Subscriptions
from gateway.ledger.lease import Lease
from gateway.schema.descriptors import WireMessage


class SocketClaims:
    """Where sockets claim: on OpenD first, then in the store. All raise GatewayError."""

    def __init__(self, subscriptions: Subscriptions, lease: Lease) -> None:
        self._subscriptions = subscriptions
        self._lease = lease

    def claim(self, holder: Holder, c2s: WireMessage) -> None:
        """Claim what a `Qot_Sub.C2S` subscribes to."""
        self._subscriptions.claim(holder, c2s, lease_id=self._lease.lease_id)

    def claim_accounts(self, holder: Holder, acc_ids: Collection[int]) -> None:
        """Claim the pushes of exactly these accounts."""
        self._subscriptions.claim_accounts(holder, acc_ids, self._lease.lease_id)

    def drop(self, holder: Holder, subscriptions: Sequence[Subscription] | None) -> None:
        """Drop these claims, or (None) all of the holder, those of accounts included."""
        self._subscriptions.drop(holder, subscriptions)
