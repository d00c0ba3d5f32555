"""The SQLite file under a lock, a slow disk, a fork, removal and damage."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from fix_charge import rate
from fix_intent import NOON, intent
from gevent.event import Event
from pysqlite3 import dbapi2 as sqlite3

from gateway.clock import SystemClock
from gateway.ledger import sqlite_file
from gateway.ledger.base import Charge, Exceeded, LedgerUnavailable, Reserved
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.sqlite_file import Connection, SqliteFile

HUB_LIMIT_S = 0.05


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def impatient(path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(path, timeout_s=0.3)
    ledger.generations()
    yield ledger
    ledger.close()


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def longest_hub_stop() -> Iterator[list[float]]:
    """Fills the list with the longest time in which no other greenlet could run."""
    stops: list[float] = []
    done = Event()

    def tick() -> None:
        last = time.monotonic()
        while not done.wait(0.001):
            stops.append(time.monotonic() - last)
            last = time.monotonic()

    ticker = gevent.spawn(tick)
    gevent.sleep(0)
    longest: list[float] = []
    yield longest
    done.set()
    ticker.join()
    longest.append(max(stops))


def test_lock_held_too_long_ends_at_the_deadline_and_never_stops_the_hub(
    path: Path, impatient: SqliteLedger
) -> None:
    begun = time.monotonic()
    with longest_hub_stop() as longest, write_lock(path), pytest.raises(LedgerUnavailable):
        impatient.reserve(intent(1), Charge(), NOON)
    assert 0.2 < time.monotonic() - begun < 2
    assert longest[0] < HUB_LIMIT_S
    assert impatient.find_intent("i-1") is None


def test_a_reservation_has_the_write_lock_from_its_first_look_to_its_last_row(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> Connection:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    ledger = SqliteLedger(path)
    ledger.generations()
    statements.clear()
    ledger.reserve(intent(1), rate(1), NOON)
    ledger.close()
    control = [text for text in statements if text.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"))]
    assert control == ["BEGIN IMMEDIATE", "SAVEPOINT step", "RELEASE step", "COMMIT"]
    assert statements[0] == control[0]
    assert statements[-1] == control[-1]


def test_reads_go_on_while_another_process_writes(path: Path, impatient: SqliteLedger) -> None:
    impatient.reserve(intent(1), Charge(), NOON)
    with write_lock(path):
        assert impatient.find_intent("i-1") is not None


def test_lock_let_go_in_time_is_waited_for(path: Path, impatient: SqliteLedger) -> None:
    lock = write_lock(path)
    lock.__enter__()
    asked = gevent.spawn(impatient.reserve, intent(1), Charge(), NOON)
    gevent.sleep(0.05)
    assert not asked.ready()
    lock.__exit__(None, None, None)
    assert isinstance(asked.get(timeout=5), Reserved)


def test_stalled_disk_never_stops_the_hub(path: Path) -> None:
    file = SqliteFile(path, ("CREATE TABLE t (x)",), SystemClock(), timeout_s=0.2)

    def stalled(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        time.sleep(0.5)

    with longest_hub_stop() as longest, pytest.raises(LedgerUnavailable):
        file.write(stalled)
    assert longest[0] < HUB_LIMIT_S
    file.close()


def test_step_that_waited_past_its_deadline_is_not_run(path: Path) -> None:
    file = SqliteFile(path, ("CREATE TABLE t (x)",), SystemClock(), timeout_s=0.2)
    first = gevent.spawn(file.write, lambda db: time.sleep(0.6))
    second = gevent.spawn(file.write, lambda db: db.execute("INSERT INTO t VALUES (1)") and None)
    gevent.joinall([first, second])
    assert isinstance(second.exception, LedgerUnavailable)
    gevent.sleep(0.6)
    assert file.read(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (0,)
    file.close()


def test_error_in_a_step_takes_all_of_it_back(path: Path) -> None:
    file = SqliteFile(path, ("CREATE TABLE t (x)",), SystemClock(), timeout_s=2)

    def broken(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise KeyError("defect")

    with pytest.raises(KeyError):
        file.write(broken)
    assert file.read(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (0,)
    file.close()


def test_steps_that_come_together_reach_the_disk_together_and_fail_alone(path: Path) -> None:
    file = SqliteFile(path, ["CREATE TABLE t (x UNIQUE)"], SystemClock(), timeout_s=5)
    file.write(lambda db: db.execute("INSERT INTO t VALUES (0)") and None)
    pages = file.read(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    assert pages == (0, 0, 0)

    def insert(number: int) -> Callable[[Connection], None]:
        def step(db: Connection) -> None:
            db.execute("INSERT INTO t VALUES (?)", (number,))
            if number == 7:
                raise KeyError("defect")

        return step

    written = [gevent.spawn(file.write, insert(number)) for number in (*range(50), 100, 100)]
    gevent.joinall(written)
    failed = {index: type(each.exception) for index, each in enumerate(written) if each.exception}
    assert failed == {0: LedgerUnavailable, 7: KeyError, 51: LedgerUnavailable}
    rows = file.read(lambda db: [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")])
    assert rows == [number for number in range(50) if number != 7] + [100]
    # A commit writes each page that it changed once more: 49 commits would have written as many.
    assert file.read(lambda db: db.execute("PRAGMA wal_checkpoint").fetchone())[1] < 10
    file.close()


def test_close_lets_go_of_the_file(path: Path) -> None:
    file = SqliteFile(path, ["CREATE TABLE t (x)"], SystemClock(), timeout_s=2)
    file.read(lambda db: None)
    opened = {os.readlink(f"/proc/self/fd/{each}") for each in _descriptors()}
    assert str(path) in opened
    file.close()
    assert str(path) not in {os.readlink(f"/proc/self/fd/{each}") for each in _descriptors()}


def _descriptors() -> list[str]:
    return [each for each in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{each}")]


def test_only_the_owner_reads_the_file_and_its_journal(path: Path, impatient: SqliteLedger) -> None:
    impatient.reserve(intent(1), Charge(), NOON)
    for file in (path, path.with_name("ledger.db-wal")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_commits_wait_for_the_disk(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.generations()
    file = ledger._file
    assert file.read(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    assert file.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (2,)
    ledger.close()


def test_file_removed_while_in_use_denies_and_does_not_start_anew(
    path: Path, impatient: SqliteLedger
) -> None:
    impatient.reserve(intent(1), rate(1), NOON)
    path.unlink()
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="removed or replaced"):
            impatient.reserve(intent(2), rate(1), NOON)
    assert not path.exists()
    impatient.close()
    path.touch()
    with pytest.raises(LedgerUnavailable, match="removed or replaced"):
        impatient.reserve(intent(2), rate(1), NOON)


def test_who_knows_which_file_it_is_begins_no_other(path: Path) -> None:
    inode = SqliteLedger(path).prepare()
    first = SqliteLedger(path, inode=inode)
    first.reserve(intent(1), rate(1), NOON)
    away = path.rename(path.with_name("away"))
    late = SqliteLedger(path, inode=inode)
    with pytest.raises(LedgerUnavailable, match="removed or replaced"):
        late.reserve(intent(2), rate(1), NOON)
    with pytest.raises(LedgerUnavailable, match=r"is gone, and ledger.db-wal is not: put the ledger back"):
        SqliteLedger(path).prepare()
    assert not path.exists()
    path.touch()
    with pytest.raises(LedgerUnavailable, match="removed or replaced"):
        late.reserve(intent(2), rate(1), NOON)
    away.replace(path)
    assert isinstance(late.reserve(intent(2), rate(1), NOON), Exceeded)
    for ledger in (first, late):
        ledger.close()


def test_a_file_that_cannot_be_prepared_is_unavailable(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        SqliteLedger(path).prepare()


def test_damaged_file_is_unavailable(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    ledger = SqliteLedger(path)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        ledger.generations()
    ledger.close()


def test_missing_directory_is_unavailable(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "missing" / "ledger.db")
    with pytest.raises(LedgerUnavailable):
        ledger.generations()


def test_file_of_another_version_is_unavailable(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    ledger = SqliteLedger(path)
    with pytest.raises(LedgerUnavailable, match="version 99"):
        ledger.generations()
    ledger.close()


def test_sqlite_that_can_lose_data_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file.sqlite3, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(RuntimeError, match="can lose data"):
        SqliteLedger(path)


def test_ledger_used_before_a_fork_refuses_after_it(impatient: SqliteLedger) -> None:
    child = os.fork()
    if child == 0:
        try:
            impatient.generations()
        except LedgerUnavailable:
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert impatient.generations()["trading"] == 0
