"""Claims on real-time data in Redis, and the leases of the workers.

All claims stand in one hash, so that one read gives them. A field names its holder and what is claimed:
`["s", key, socket, market, code, sub_type]` or `["a", key, socket, acc_id]`; the value tells the rest:
`[lease, expires_us, options]` or `[lease]`. `lua/claim_set.lua` keeps the indexes beside it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import orjson

from gateway.claim import AccountClaim, Claim, Claims, Holder, Subscription
from gateway.ledger.base import CLAIMS_TOPIC, GC_ROWS, from_us, to_us
from gateway.ledger.claim_text import options_text, read_options, require_holder
from gateway.ledger.redis_link import GENERATION, PREFIX, RedisLink
from gateway.ledger.watched_time import CLOCK_TOLERANCE_US, LEASE_KEEP_US, WATCH_GAP_US, WatchedTime

_CLAIMS, _EXPIRY = PREFIX + "claims", PREFIX + "claim-expiry"
_LEASES, _KEPT, _LEASE_CLOCK = PREFIX + "leases", PREFIX + "leases-kept", PREFIX + "lease-clock"
_KEYS = (_CLAIMS, _EXPIRY, _LEASES, _KEPT, _LEASE_CLOCK, GENERATION)
_SETTING = {
    "prefix": PREFIX,
    "topic": CLAIMS_TOPIC,
    "gc_rows": GC_ROWS,
    "gap_us": WATCH_GAP_US,
    "keep_us": LEASE_KEEP_US,
    "tolerance_us": CLOCK_TOLERANCE_US,
}
_SUBSCRIPTION, _ACCOUNT = "s", "a"

_Row: TypeAlias = tuple[list[Any], list[Any]]
"""A field and its value."""


class RedisClaimStore:
    """The `ClaimStore` of a ledger in Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._put = link.script("claim_set", "put_claims")
        self._drop = link.script("claim_set", "drop_claims")
        self._put_accounts = link.script("claim_set", "put_account_claims")
        self._renew = link.script("claim_set", "renew_lease")
        self._read_leases = link.script("read_leases")
        self._end = link.script("claim_set", "end_lease")

    def put_claims(self, claims: Sequence[Claim]) -> None:
        """See `ClaimStore.put_claims`."""
        rows = [_row(claim) for claim in {(each.holder, each.subscription): each for each in claims}.values()]
        if rows:
            self._run(self._put, rows=rows)

    def drop_claims(self, holder: Holder, subscriptions: Sequence[Subscription] | None = None) -> int:
        """See `ClaimStore.drop_claims`."""
        if subscriptions is None:
            return self._run(self._drop, key_id=holder.key_id, socket_id=holder.socket_id)
        return self._run(self._drop, fields=[_field(_SUBSCRIPTION, holder, *each) for each in subscriptions])

    def drop_claims_of_key(self, key_id: str) -> int:
        """See `ClaimStore.drop_claims_of_key`."""
        return self._run(self._drop, key_id=key_id)

    def put_account_claims(self, holder: Holder, claims: Sequence[AccountClaim]) -> None:
        """See `ClaimStore.put_account_claims`."""
        require_holder(holder, claims)
        leases = {claim.acc_id: claim.lease_id for claim in claims}
        rows = [
            {"field": _field(_ACCOUNT, holder, acc_id), "value": _text([lease_id]), "lease_id": lease_id}
            for acc_id, lease_id in leases.items()
        ]
        self._run(self._put_accounts, key_id=holder.key_id, socket_id=holder.socket_id, rows=rows)

    def claims(self, now_s: float) -> Claims:
        """See `ClaimStore.claims`."""
        now_us = to_us(now_s)
        live, rows = self._read(now_us, _CLAIMS)
        rows = sorted(row for row in rows if row[1][0] is None or row[1][0] in live)
        return Claims(
            tuple(_claims(row for row in rows if row[0][0] == _SUBSCRIPTION and _is_before_end(row, now_us))),
            tuple(_account_claims(row for row in rows if row[0][0] == _ACCOUNT)),
        )

    def renew_lease(self, lease_id: str, now_s: float, until_s: float) -> bool:
        """See `ClaimStore.renew_lease`."""
        now_us = to_us(now_s)
        was_there = self._run(
            self._renew, lease_id=lease_id, now_us=now_us, length_us=to_us(until_s) - now_us + WATCH_GAP_US
        )
        return bool(was_there)

    def end_lease(self, lease_id: str) -> None:
        """See `ClaimStore.end_lease`."""
        self._run(self._end, lease_id=lease_id)

    def live_leases(self, now_s: float) -> frozenset[str]:
        """See `ClaimStore.live_leases`."""
        live, _ = self._read(to_us(now_s))
        return live

    def _run(self, script: Any, **order: Any) -> int:
        text = orjson.dumps(_SETTING | order)
        return int(self._link.ask(lambda: script(keys=_KEYS, args=[text])))

    def _read(self, now_us: int, *claims: str) -> tuple[frozenset[str], list[_Row]]:
        """The leases that live and, where their key is given, all claims that are stored."""
        keys = (_LEASES, _LEASE_CLOCK, *claims)
        leases, time, text = self._link.ask(lambda: self._read_leases(keys=keys))
        at_us = WatchedTime(*(int(each or 0) for each in time)).at_us(now_us)
        ends = zip(leases[::2], map(int, leases[1::2]), strict=True)
        live = frozenset(lease_id.decode() for lease_id, until_us in ends if until_us > at_us)
        words = orjson.loads(text)
        return live, list(zip(words[::2], words[1::2], strict=True))


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def _field(kind: str, holder: Holder, *what: object) -> str:
    return _text([kind, *holder, *what])


def _row(claim: Claim) -> dict[str, Any]:
    expires_us = None if claim.expires_s is None else to_us(claim.expires_s)
    return {
        "field": _field(_SUBSCRIPTION, claim.holder, *claim.subscription),
        "value": _text([claim.lease_id, expires_us, options_text(claim.options)]),
        "lease_id": claim.lease_id,
        "expires_us": expires_us,
    }


def _is_before_end(row: _Row, now_us: int) -> bool:
    expires_us = row[1][1]
    return expires_us is None or expires_us > now_us


def _claims(rows: Iterable[_Row]) -> Iterable[Claim]:
    for (_, key_id, socket_id, *subscription), (lease_id, expires_us, options) in rows:
        yield Claim(
            holder=Holder(key_id, socket_id),
            subscription=Subscription(*subscription),
            options=read_options(options),
            expires_s=None if expires_us is None else from_us(expires_us),
            lease_id=lease_id,
        )


def _account_claims(rows: Iterable[_Row]) -> Iterable[AccountClaim]:
    for (_, key_id, socket_id, acc_id), (lease_id,) in rows:
        yield AccountClaim(holder=Holder(key_id, socket_id), acc_id=acc_id, lease_id=lease_id)
