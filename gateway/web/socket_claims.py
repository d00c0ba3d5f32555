"""A socket's claims: made as those of a key are, and ended with the worker if not before."""

import logging
from collections.abc import Collection, Sequence

import gevent

from gateway.claim import Holder, Subscription
from gateway.errors import GatewayError
from gateway.feed.subscriptions import Subscriptions
from gateway.ledger.lease import Lease
from gateway.schema.descriptors import WireMessage

RETRY_INTERVAL_S = 1.0
"""How often claims of ended sockets are tried to be dropped while the store is away."""

_log = logging.getLogger(__name__)


class SocketClaims:
    """Where sockets claim: on OpenD first, then in the store. All but `end` raise GatewayError."""

    def __init__(self, subscriptions: Subscriptions, lease: Lease) -> None:
        self._subscriptions = subscriptions
        self._lease = lease
        self._ended: set[Holder] = set()

    def claim(self, holder: Holder, c2s: WireMessage) -> None:
        """Claim what a `Qot_Sub.C2S` subscribes to."""
        self._subscriptions.claim(holder, c2s, lease_id=self._lease.lease_id)

    def claim_accounts(self, holder: Holder, acc_ids: Collection[int]) -> None:
        """Claim the pushes of exactly these accounts."""
        self._subscriptions.claim_accounts(holder, acc_ids, self._lease.lease_id)

    def drop(self, holder: Holder, subscriptions: Sequence[Subscription] | None) -> None:
        """Drop these claims, or (None) all of the holder, those of accounts included."""
        self._subscriptions.drop(holder, subscriptions)

    def end(self, holder: Holder) -> None:
        """Drop all of a holder that has ended, now or as soon as the store is back."""
        try:
            self.drop(holder, None)
        except GatewayError as error:
            _log.warning("the claims of a socket that has ended stay for a while: %s", error)
            self._ended.add(holder)
            if len(self._ended) == 1:
                gevent.spawn(self._drop_ended)

    def _drop_ended(self) -> None:
        while self._ended:
            gevent.sleep(RETRY_INTERVAL_S)
            for holder in list(self._ended):
                try:
                    self.drop(holder, None)
                except GatewayError:
                    break
                except Exception:  # noqa: BLE001 - a defect must not keep the claims of the others
                    _log.exception("the claims of a socket that has ended cannot be dropped")
                self._ended.discard(holder)
