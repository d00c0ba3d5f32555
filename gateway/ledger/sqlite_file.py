"""One SQLite file, used from many greenlets of many processes without ever stopping a hub.

Statements run in one native thread of their own, since a commit waits for the disk and a stalled
disk would stop every greenlet. A transaction is one function call in that thread: no greenlet
switches inside it. When another process holds the write lock SQLite answers at once
(`busy_timeout` 0), and the greenlet that asked sleeps and tries again until its deadline. The
writers of one process take turns at that, since their tries would only be in each other's way.
"""

import os
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ledger.base import LedgerUnavailable

if TYPE_CHECKING:
    import sqlite3
else:
    from pysqlite3 import dbapi2 as sqlite3

Connection = sqlite3.Connection
T = TypeVar("T")

SAFE_VERSION = (3, 51, 3)
"""Earlier versions can lose or corrupt a WAL when several connections write and checkpoint."""

_RETRY_S = (0.001, 0.010)


class _Busy(Exception):
    """Another process holds the write lock."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a step gave. Errors are carried, since a thread pool prints those that are raised."""

    value: object = None
    error: Exception | None = None


class SqliteFile:
    """Runs steps, each a transaction, on a database file that the first step opens or creates.

    `migrations` are SQL scripts, the first for a new file: each makes the next version from the one before.
    """

    def __init__(self, path: Path, migrations: Sequence[str], clock: Clock, timeout_s: float) -> None:
        if sqlite3.sqlite_version_info < SAFE_VERSION:
            raise RuntimeError(f"SQLite {sqlite3.sqlite_version} can lose data; {SAFE_VERSION} is needed")
        self._path = path
        self._migrations = migrations
        self._clock = clock
        self._timeout_s = timeout_s
        self._pool: ThreadPool | None = None
        self._connection: Connection | None = None
        self._inode = 0
        self._process_id = 0
        self._writers_turn = BoundedSemaphore()

    def write(self, step: Callable[[Connection], T]) -> T:
        """Run a step that changes rows; on return it is on disk.

        Raises LedgerUnavailable, and what `step` raises.
        """
        return self._run(step, "BEGIN IMMEDIATE", self._writers_turn)

    def read(self, step: Callable[[Connection], T]) -> T:
        """Run a step that only reads, on one snapshot. Raises as `write`."""
        return self._run(step, "BEGIN", nullcontext())

    def close(self) -> None:
        """Close the file and end the thread; the next step opens it again."""
        pool, self._pool = self._pool, None
        if pool and self._process_id == os.getpid():
            pool.apply(self._disconnect)
            pool.kill()

    def _run(self, step: Callable[[Connection], T], begin: str, turn: AbstractContextManager[object]) -> T:
        deadline_s = self._clock.monotonic_s() + self._timeout_s
        late = LedgerUnavailable(f"the ledger {self._path} did not answer within {self._timeout_s:g} s")
        with gevent.Timeout(self._timeout_s, late), turn:
            while True:
                outcome = self._thread().apply(self._attempt, (step, begin, deadline_s))
                if outcome.error is None:
                    return cast(T, outcome.value)
                if not isinstance(outcome.error, _Busy):
                    raise outcome.error
                gevent.sleep(random.uniform(*_RETRY_S))  # noqa: S311 - spreads competitors, guards nothing

    def _thread(self) -> ThreadPool:
        if self._pool is None:
            self._pool = ThreadPool(1)
            self._process_id = os.getpid()
        if self._process_id != os.getpid():
            raise LedgerUnavailable(f"the ledger {self._path} was opened before the process forked")
        return self._pool

    def _attempt(self, step: Callable[[Connection], object], begin: str, deadline_s: float) -> _Outcome:
        try:
            if self._clock.monotonic_s() >= deadline_s:
                raise LedgerUnavailable(f"the ledger {self._path} is too busy")
            return _Outcome(self._transaction(step, begin))
        except GatewayError as error:
            return _Outcome(error=error)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return _Outcome(error=_Busy())
            return self._failed(error)
        except (sqlite3.DatabaseError, OSError) as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - carried to the greenlet that asked, and raised there
            return _Outcome(error=error)

    def _failed(self, cause: Exception) -> _Outcome:
        self._disconnect()
        error = LedgerUnavailable(f"the ledger {self._path} failed: {cause}")
        error.__cause__ = cause
        return _Outcome(error=error)

    def _transaction(self, step: Callable[[Connection], object], begin: str) -> object:
        connection = self._connection or self._connect()
        self._require_same_file()
        connection.execute(begin)
        try:
            value = step(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return value

    def _connect(self) -> Connection:
        if self._inode:
            self._require_same_file()
        # Made here and not by SQLite, so that only the owner can read it and its journals.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self._path.stat().st_ino
        return connection

    def _require_same_file(self) -> None:
        """Refuse to go on with a new, empty file: its limits would start again from nothing."""
        if not self._path.exists() or self._path.stat().st_ino != self._inode:
            raise LedgerUnavailable(f"the ledger {self._path} was removed or replaced while in use")

    def _migrate(self, connection: Connection) -> None:
        if _version(connection) == len(self._migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        found = _version(connection)
        if found > len(self._migrations):
            raise LedgerUnavailable(
                f"the ledger {self._path} has version {found}, not {len(self._migrations)}: "
                "a newer gateway has used it"
            )
        for migration in self._migrations[found:]:
            for statement in migration.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(self._migrations)}")
        connection.execute("COMMIT")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
