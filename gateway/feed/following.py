"""Follows the claims in the store, and has the worker's pinned connection follow them.

Every worker does this by itself: a change that one of them writes is seen by all within a quarter of a
second. Keys that no longer live count at once as if they had claimed nothing; their claims are removed
by whichever worker sees it first. What a living key may see no longer does not count until it may again.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from gateway.claim import AccountClaim, Claims
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.feed.alignment import Alignment
from gateway.ledger.base import CLAIMS_TOPIC, Ledger, LedgerUnavailable
from gateway.ledger.lease import Lease
from gateway.opend.connection import Connection

LOOK_INTERVAL_S = 0.25
"""How often a worker looks whether claims have changed."""

RETRY_PAUSE_S = 1.0
"""How long to wait after OpenD could not be asked."""

SEEK_S = 1.0
"""How long a session is sought before the worker looks whether it is still wanted."""

FORGET_AFTER_S = 60.0
"""How long a key has to be unknown before its claims are removed: another worker, or another machine,
may have read a policy that has a new key already."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeysInForce:
    """Which keys may hold claims now.

    `expired` are known, and their time is over. `is_certain` is False while the policy file is wrong:
    what it would say is not known. `quoteless` live and may not see quotes; of the accounts of a living key
    in `accounts` it may see those alone, of one that is not there all.
    """

    living: frozenset[str]
    expired: frozenset[str] = frozenset()
    is_certain: bool = True
    quoteless: frozenset[str] = frozenset()
    accounts: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def in_force(self, claims: Claims) -> Claims:
        """The claims that their keys may hold now."""
        living = claims.of_keys(self.living)
        return Claims(
            tuple(each for each in living.subscriptions if each.holder.key_id not in self.quoteless),
            tuple(each for each in living.accounts if self._may_see(each)),
        )

    def _may_see(self, claim: AccountClaim) -> bool:
        allowed = self.accounts.get(claim.holder.key_id)
        return allowed is None or claim.acc_id in allowed


class Following:
    """The claims as one worker sees them, from `open` to `close`.

    `on_change` gets the claims of living keys after each change of them. `on_state` gets True when a
    session of the pinned connection has all that is wanted, and False when that session is over. Both are
    called in greenlets that others wait for, so they must not block. `keys` tells which keys live now.
    `lease` is the worker's, on which the claims of its sockets hang.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        alignment: Alignment,
        keys: Callable[[], KeysInForce],
        lease: Lease | None = None,
    ) -> None:
        self.claims = Claims()
        self.on_change: Callable[[Claims], None] | None = None
        self.on_state: Callable[[bool], None] | None = None
        self.alignment = alignment
        self._ledger = ledger
        self._clock = clock
        self._keys = keys
        self._lease = lease
        self._looking = BoundedSemaphore()
        self._generation: int | None = None
        self._stored = Claims()
        self._keys_seen: KeysInForce | None = None
        self._unknown_since_s: dict[str, float] = {}
        self._wake = Event()
        self._is_aligned = False
        self._trouble: dict[str, str] = {}
        self._greenlets: list[gevent.Greenlet[[], None]] = []

    def open(self) -> None:
        """Begin, in the worker itself."""
        self._greenlets = [gevent.spawn(self._follow), gevent.spawn(self._keep_aligned)]

    def close(self) -> None:
        """End; nobody is told of what happens from now on."""
        self.on_change = self.on_state = None
        gevent.killall(self._greenlets)

    def look(self) -> None:
        """Take over what has changed since the last look. Raises LedgerUnavailable."""
        with self._looking:
            now_s, keys = self._clock.wall_s(), self._keys()
            generation = self._ledger.generations()[CLAIMS_TOPIC]
            if generation != self._generation or self._has_expired(now_s):
                self._stored = self._claims()
            elif keys == self._keys_seen:
                self._forget_ended(keys)
                return
            is_first, self._generation, self._keys_seen = self._generation is None, generation, keys
            claims = keys.in_force(self._stored)
            if is_first or claims != self.claims:
                self._take(claims)
            self._forget_ended(keys)

    def session_began(self, connection: Connection) -> None:
        """Bring a new session of the pinned connection in line, and wait for its end."""
        self._announce(False)
        session = self.alignment.begin_session()
        self._wake.set()
        connection.closed.wait()
        if self.alignment.end_session(session):
            self._wake.set()
            self._announce(False)

    def _claims(self) -> Claims:
        """The claims that hold, those of this worker's own sockets among them.

        A worker that stood still has to renew its lease first: without it the store counts its sockets as
        ended, and they would hear of nothing until the next renewal.
        """
        if self._lease is None:
            return self._ledger.claims(self._clock.wall_s())
        if not self._lease.is_live:
            self._lease.renew()
        claims = self._ledger.claims(self._clock.wall_s())
        if not self._lease.is_live:
            raise LedgerUnavailable("the claims of this worker's sockets cannot be told without its lease")
        return claims

    def _has_expired(self, now_s: float) -> bool:
        return any(
            claim.expires_s is not None and claim.expires_s <= now_s for claim in self._stored.subscriptions
        )

    def _take(self, claims: Claims) -> None:
        self.claims = claims
        self.alignment.want(claims.wanted(), claims.wanted_accounts())
        self._wake.set()
        if self.on_change is not None:
            self.on_change(claims)

    def _forget_ended(self, keys: KeysInForce) -> None:
        """Remove the claims of keys that have ended; while the policy is not certain, of none."""
        holders = [claim.holder for claim in self._stored.subscriptions]
        holders += [claim.holder for claim in self._stored.accounts]
        ended = {holder.key_id for holder in holders} - keys.living
        now_s = self._clock.monotonic_s()
        self._unknown_since_s = {key_id: self._unknown_since_s.get(key_id, now_s) for key_id in ended}
        if not keys.is_certain:
            return
        for key_id, since_s in self._unknown_since_s.items():
            if key_id in keys.expired or now_s - since_s >= FORGET_AFTER_S:
                _log.info("the key %s has ended, and its claims with it", key_id)
                self._ledger.drop_claims_of_key(key_id)

    def _announce(self, is_aligned: bool) -> None:
        """Tell whether the connection is in line, when that has changed."""
        if is_aligned is not self._is_aligned:
            self._is_aligned = is_aligned
            if self.on_state is not None:
                self.on_state(is_aligned)

    def _follow(self) -> None:
        while True:
            self._attempt("claims cannot be followed", self.look)
            gevent.sleep(LOOK_INTERVAL_S)

    def _keep_aligned(self) -> None:
        while True:
            self._wait_for_work()
            if self._is_ready and not self._attempt("subscriptions wait", self._align):
                gevent.sleep(RETRY_PAUSE_S)
                self._wake.set()

    def _wait_for_work(self) -> None:
        """Wait until there may be something to do; who wants data and has no session, seeks one."""
        if self._is_ready:
            self._wake.wait(self.alignment.wait_s())
        elif self.alignment.is_wanted:
            self.alignment.seek_session(SEEK_S)
            self._wake.wait(LOOK_INTERVAL_S)
        else:
            self._wake.wait()
        self._wake.clear()

    @property
    def _is_ready(self) -> bool:
        """Whether it is known what is wanted, and there is a session that can have it."""
        return self._generation is not None and self.alignment.is_connected

    def _align(self) -> None:
        with self.alignment.exclusive():
            self.alignment.align()
            self.alignment.check_when_due()
            self.alignment.align()
        self._announce(self.alignment.is_connected)

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Do something, and say whether it could be done; what is in its way is logged once."""
        text = ""
        try:
            action()
        except GatewayError as error:
            text = str(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end it: data would stop unseen
            text = repr(error)
            _log.exception("%s", what)
        if text and text != self._trouble.get(what):
            _log.warning("%s: %s", what, text)
        self._trouble[what] = text
        return not text
