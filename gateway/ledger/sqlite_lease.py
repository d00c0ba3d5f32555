"""The leases of the workers in SQLite, and the removal of claims that are over.

All functions run inside the transaction of their caller; times are microseconds.
"""

from collections.abc import Iterable

from gateway.ledger.base import CLAIMS_TOPIC, GC_ROWS
from gateway.ledger.sqlite_file import Connection
from gateway.ledger.sqlite_generation import bump
from gateway.ledger.watched_time import LEASE_KEEP_US, WATCH_GAP_US, WatchedTime

_CLAIM = "key_id, socket_id, market, code, sub_type"
_ACCOUNT_CLAIM = "key_id, socket_id, acc_id"


def watched(db: Connection) -> WatchedTime:
    """The time as the latest renewal left it."""
    return WatchedTime(*db.execute("SELECT last_us, watched_us FROM lease_clock").fetchone())


def renew(db: Connection, lease_id: str, now_us: int, until_us: int) -> bool:
    """Renew a lease and remove some of what is over; whether the lease was there before."""
    time = watched(db).renewed(now_us)
    db.execute("UPDATE lease_clock SET last_us = ?, watched_us = ?", (time.last_us, time.watched_us))
    before = _until_us(db, lease_id)
    end_us = time.watched_us + until_us - now_us + WATCH_GAP_US
    db.execute("REPLACE INTO lease VALUES (?, ?, ?)", (lease_id, end_us, end_us + LEASE_KEEP_US))
    was_live = before is not None and before > time.watched_us
    has_come_back = not was_live and _has_claims(db, lease_id)
    if _remove_expired(db, now_us) + _remove_ended(db, time.watched_us) or has_come_back:
        bump(db, CLAIMS_TOPIC)
    return before is not None


def end(db: Connection, lease_id: str) -> None:
    """End a lease: its claims hold no longer, and are removed, these and those of others, step by step."""
    watched_us = watched(db).watched_us
    before = _until_us(db, lease_id)
    db.execute(
        "UPDATE lease SET until_us = ?, kept_us = ? WHERE lease_id = ?", (watched_us, watched_us, lease_id)
    )
    was_live = before is not None and before > watched_us
    had_claims = was_live and _has_claims(db, lease_id)
    if _remove_ended(db, watched_us) or had_claims:
        bump(db, CLAIMS_TOPIC)


def live(db: Connection, now_us: int) -> frozenset[str]:
    """The leases that have not ended."""
    rows = db.execute("SELECT lease_id FROM lease WHERE until_us > ?", (watched(db).at_us(now_us),))
    return frozenset(lease_id for (lease_id,) in rows)


def keep(db: Connection, lease_ids: Iterable[str | None]) -> None:
    """Give each lease that claims hang on a row, by which they are removed if nobody ever renews it."""
    kept_us = watched(db).watched_us + LEASE_KEEP_US
    for lease_id in lease_ids:
        if lease_id is not None:
            db.execute("INSERT OR IGNORE INTO lease VALUES (?, NULL, ?)", (lease_id, kept_us))


def _until_us(db: Connection, lease_id: str) -> int | None:
    row = db.execute("SELECT until_us FROM lease WHERE lease_id = ?", (lease_id,)).fetchone()
    return row[0] if row else None


def _has_claims(db: Connection, lease_id: str) -> bool:
    (found,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM claim WHERE lease_id = ?) "
        "OR EXISTS (SELECT 1 FROM account_claim WHERE lease_id = ?)",
        (lease_id, lease_id),
    ).fetchone()
    return bool(found)


def _remove_expired(db: Connection, now_us: int) -> int:
    return _remove(db, "claim", _CLAIM, "expires_us <= ?", now_us)


def _remove_ended(db: Connection, watched_us: int) -> int:
    """Remove leases that are past their keeping; claims of one of them at most, and it after them."""
    ended = db.execute(
        f"SELECT lease_id FROM lease WHERE kept_us <= ? ORDER BY kept_us LIMIT {GC_ROWS}", (watched_us,)
    ).fetchall()
    for (lease_id,) in ended:
        removed = _remove(db, "claim", _CLAIM, "lease_id = ?", lease_id)
        removed += _remove(db, "account_claim", _ACCOUNT_CLAIM, "lease_id = ?", lease_id)
        if not _has_claims(db, lease_id):
            db.execute("DELETE FROM lease WHERE lease_id = ?", (lease_id,))
        if removed:
            return removed
    return 0


def _remove(db: Connection, table: str, columns: str, condition: str, value: int | str) -> int:
    return int(
        db.execute(
            f"DELETE FROM {table} WHERE ({columns}) IN "
            f"(SELECT {columns} FROM {table} WHERE {condition} LIMIT {GC_ROWS})",
            (value,),
        ).rowcount
    )
