"""One SQLite file, used from many greenlets of many processes without ever stopping a hub.

Statements run in one native thread of their own, since a commit waits for the disk. The steps that
greenlets of a process wait for are one transaction, and so one wait for the disk; each of them is a
savepoint in it, which an error takes back alone, and none is said to be done before the commit. When
another process holds the write lock SQLite answers at once (`busy_timeout` 0), and it is tried again
until the deadline.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from gateway.batch import Batches, Piece, TooLate, WorkThread, WrongProcess
from gateway.clock import Clock
from gateway.ledger.base import LedgerUnavailable

if TYPE_CHECKING:
    import sqlite3
else:
    from pysqlite3 import dbapi2 as sqlite3

Connection = sqlite3.Connection
T = TypeVar("T")
Step: TypeAlias = Callable[[Connection], object]
Outcome: TypeAlias = tuple[object, Exception | None]

SAFE_VERSION = (3, 51, 3)
"""Earlier versions can lose or corrupt a WAL when several connections write and checkpoint."""


class SqliteFile:
    """Runs steps, whole or not at all, on a database file that the first step opens or creates.

    `migrations` are SQL scripts, the first for a new file: each makes the next version from the one before.
    `inode` is that of the file that it has to be, None where it may be made.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        clock: Clock,
        timeout_s: float,
        inode: int | None = None,
    ) -> None:
        if sqlite3.sqlite_version_info < SAFE_VERSION:
            raise RuntimeError(f"SQLite {sqlite3.sqlite_version} can lose data; {SAFE_VERSION} is needed")
        self._path = path
        self._migrations = migrations
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._inode = inode or 0
        self._thread = WorkThread()
        self._writes = Batches(self._thread, partial(self._do, "BEGIN IMMEDIATE"), clock, timeout_s)
        self._reads = Batches(self._thread, partial(self._do, "BEGIN"), clock, timeout_s)

    def write(self, step: Callable[[Connection], T]) -> T:
        """Run a step that changes rows; on return it is on disk.

        Raises LedgerUnavailable, and what `step` raises.
        """
        return cast(T, self._run(self._writes, step))

    def read(self, step: Callable[[Connection], T]) -> T:
        """Run a step that only reads, on one snapshot. Raises as `write`."""
        return cast(T, self._run(self._reads, step))

    def prepare(self) -> int:
        """Open or make the file and close it again, in this thread; its inode. For a process that will fork.

        Raises LedgerUnavailable.
        """
        try:
            self._connect()
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._failed(error) from error
        self._disconnect()
        return self._inode

    def close(self) -> None:
        """Close the file and end the thread; the next step opens it again."""
        self._thread.close(self._disconnect)

    def _run(self, batches: Batches[Step], step: Step) -> object:
        try:
            return batches.do(step)
        except TooLate as error:
            text = f"the ledger {self._path} did not answer within {self._timeout_s:g} s"
            raise LedgerUnavailable(text) from error
        except WrongProcess as error:
            text = f"the ledger {self._path} was opened before the process forked"
            raise LedgerUnavailable(text) from error

    def _do(self, begin: str, pieces: Sequence[Piece[Step]]) -> bool:
        """Run steps as one transaction, in the thread; False when another process has the write lock."""
        try:
            outcomes = self._transaction(begin, pieces)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return False
            raise self._failed(error) from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._failed(error) from error
        for piece, (value, failure) in zip(pieces, outcomes, strict=True):
            piece.finish(value, failure)
        return True

    def _failed(self, cause: Exception) -> LedgerUnavailable:
        self._disconnect()
        return LedgerUnavailable(f"the ledger {self._path} failed: {cause}")

    def _transaction(self, begin: str, pieces: Sequence[Piece[Step]]) -> list[Outcome]:
        """What each step gave, once all that they did is on disk."""
        connection = self._connection or self._connect()
        self._require_same_file()
        connection.execute(begin)
        try:
            outcomes = [self._savepoint(connection, piece) for piece in pieces]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes

    def _savepoint(self, connection: Connection, piece: Piece[Step]) -> Outcome:
        """One step. What goes wrong with the file is raised, for it goes wrong for all of them."""
        if piece.is_given_up:
            return None, TooLate()
        value: object = None
        failure: Exception | None = None
        connection.execute("SAVEPOINT step")
        try:
            value = piece.job(connection)
        except sqlite3.IntegrityError as error:
            failure = LedgerUnavailable(f"the ledger {self._path} refused a step: {error}")
        except sqlite3.DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - carried to the greenlet that asked, and raised there
            failure = error
        if failure is not None:
            connection.execute("ROLLBACK TO step")
        connection.execute("RELEASE step")
        return value, failure

    def _connect(self) -> Connection:
        if self._inode:
            self._require_same_file()
        elif not self._path.exists():
            self._require_no_journal()
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
            raise self._replaced()

    def _require_no_journal(self) -> None:
        """Refuse to begin a file beside what another one is still written to: SQLite would remove that."""
        journal = self._path.with_name(f"{self._path.name}-wal")
        if journal.exists():
            raise LedgerUnavailable(
                f"the ledger {self._path} is gone, and {journal.name} is not: put the ledger back, "
                "or begin anew by removing that too"
            )

    def _replaced(self) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self._path} was removed or replaced while in use")

    def _migrate(self, connection: Connection) -> None:
        if _version(connection) == len(self._migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        found = _version(connection)
        if found == 0 and self._inode:
            raise self._replaced()  # an empty file may have the number of the one that was removed
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
