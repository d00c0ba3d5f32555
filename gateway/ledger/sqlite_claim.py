"""Claims on real-time data in SQLite: what writes them, drops them and reads them."""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.claim import AccountClaim, Claim, Claims, Holder, Subscription
from gateway.ledger import sqlite_lease
from gateway.ledger.base import CLAIMS_TOPIC, from_us, to_us
from gateway.ledger.claim_text import options_text, read_options, require_holder
from gateway.ledger.sqlite_file import Connection, SqliteFile
from gateway.ledger.sqlite_generation import bump

_HOLDER = "key_id = ? AND socket_id = ?"
_SUBSCRIPTION = f"{_HOLDER} AND market = ? AND code = ? AND sub_type = ?"
_HOLDS = "(lease_id IS NULL OR lease_id IN (SELECT lease_id FROM lease WHERE until_us > ?))"


class SqliteClaimStore:
    """The `ClaimStore` of a ledger in a file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put_claims(self, claims: Sequence[Claim]) -> None:
        """See `ClaimStore.put_claims`."""
        last = {(claim.holder, claim.subscription): claim for claim in claims}
        if last:
            self._file.write(lambda db: _put(db, last.values()))

    def drop_claims(self, holder: Holder, subscriptions: Sequence[Subscription] | None = None) -> int:
        """See `ClaimStore.drop_claims`."""
        if subscriptions is None:
            return self._file.write(lambda db: _drop_where(db, _HOLDER, holder))
        return self._file.write(lambda db: _drop(db, holder, subscriptions))

    def drop_claims_of_key(self, key_id: str) -> int:
        """See `ClaimStore.drop_claims_of_key`."""
        return self._file.write(lambda db: _drop_where(db, "key_id = ?", (key_id,)))

    def put_account_claims(self, holder: Holder, claims: Sequence[AccountClaim]) -> None:
        """See `ClaimStore.put_account_claims`."""
        require_holder(holder, claims)
        wanted = {str(claim.acc_id): claim.lease_id for claim in claims}
        self._file.write(lambda db: _put_accounts(db, holder, wanted))

    def claims(self, now_s: float) -> Claims:
        """See `ClaimStore.claims`."""
        return self._file.read(lambda db: _claims(db, to_us(now_s)))

    def renew_lease(self, lease_id: str, now_s: float, until_s: float) -> bool:
        """See `ClaimStore.renew_lease`."""
        return self._file.write(lambda db: sqlite_lease.renew(db, lease_id, to_us(now_s), to_us(until_s)))

    def end_lease(self, lease_id: str) -> None:
        """See `ClaimStore.end_lease`."""
        self._file.write(lambda db: sqlite_lease.end(db, lease_id))

    def live_leases(self, now_s: float) -> frozenset[str]:
        """See `ClaimStore.live_leases`."""
        return self._file.read(lambda db: sqlite_lease.live(db, to_us(now_s)))


def _put(db: Connection, claims: Iterable[Claim]) -> None:
    changed = 0
    for claim in claims:
        expires_us = None if claim.expires_s is None else to_us(claim.expires_s)
        changed += db.execute(
            "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "options = excluded.options, expires_us = excluded.expires_us, lease_id = excluded.lease_id "
            "WHERE (options, expires_us, lease_id) "
            "IS NOT (excluded.options, excluded.expires_us, excluded.lease_id)",
            (*claim.holder, *claim.subscription, options_text(claim.options), expires_us, claim.lease_id),
        ).rowcount
    sqlite_lease.keep(db, {claim.lease_id for claim in claims})
    _bump_if(db, changed)


def _drop(db: Connection, holder: Holder, subscriptions: Iterable[Subscription]) -> int:
    dropped = sum(
        db.execute(f"DELETE FROM claim WHERE {_SUBSCRIPTION}", (*holder, *each)).rowcount
        for each in subscriptions
    )
    _bump_if(db, dropped)
    return dropped


def _drop_where(db: Connection, condition: str, values: Sequence[str]) -> int:
    dropped = db.execute(f"DELETE FROM claim WHERE {condition}", values).rowcount
    accounts = db.execute(f"DELETE FROM account_claim WHERE {condition}", values).rowcount
    _bump_if(db, dropped + accounts)
    return int(dropped)


def _put_accounts(db: Connection, holder: Holder, wanted: dict[str, str | None]) -> None:
    rows = db.execute(f"SELECT acc_id, lease_id FROM account_claim WHERE {_HOLDER}", holder)
    if dict(rows.fetchall()) == wanted:
        return
    db.execute(f"DELETE FROM account_claim WHERE {_HOLDER}", holder)
    for acc_id, lease_id in wanted.items():
        db.execute("INSERT INTO account_claim VALUES (?, ?, ?, ?)", (*holder, acc_id, lease_id))
    sqlite_lease.keep(db, set(wanted.values()))
    bump(db, CLAIMS_TOPIC)


def _claims(db: Connection, now_us: int) -> Claims:
    at_us = sqlite_lease.watched(db).at_us(now_us)
    subscriptions = db.execute(
        "SELECT key_id, socket_id, market, code, sub_type, options, expires_us, lease_id FROM claim "
        f"WHERE (expires_us IS NULL OR expires_us > ?) AND {_HOLDS} "
        "ORDER BY key_id, socket_id, market, code, sub_type",
        (now_us, at_us),
    )
    accounts = db.execute(
        f"SELECT key_id, socket_id, acc_id, lease_id FROM account_claim WHERE {_HOLDS} "
        "ORDER BY key_id, socket_id, length(acc_id), acc_id",
        (at_us,),
    )
    return Claims(tuple(map(_claim, subscriptions)), tuple(map(_account_claim, accounts)))


def _claim(row: Sequence[Any]) -> Claim:
    key_id, socket_id, market, code, sub_type, options, expires_us, lease_id = row
    return Claim(
        holder=Holder(key_id, socket_id),
        subscription=Subscription(market, code, sub_type),
        options=read_options(options),
        expires_s=None if expires_us is None else from_us(expires_us),
        lease_id=lease_id,
    )


def _account_claim(row: Sequence[Any]) -> AccountClaim:
    key_id, socket_id, acc_id, lease_id = row
    return AccountClaim(holder=Holder(key_id, socket_id), acc_id=int(acc_id), lease_id=lease_id)


def _bump_if(db: Connection, changed: int) -> None:
    if changed:
        bump(db, CLAIMS_TOPIC)
