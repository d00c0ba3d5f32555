"""Harms to the ledger, and to the disk that ledger and audit are on."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from fix_gateway import wait_until
from pysqlite3 import dbapi2 as sqlite3
from soak.harm import Excuse, Harm, Lane
from soak.stage import Stage

from gateway.ledger.base import Ledger, LedgerUnavailable

LOCKED_AT_MOST_S = 5.0
"""Twice what a step waits for, and longer than a worker's lease."""

GONE_AT_MOST_S = 4.0


def lock(stage: Stage, pick: Random) -> None:
    """Another process has the write lock of the file, for up to longer than anybody waits for it."""
    connection = sqlite3.connect(stage.ledger_file, timeout=30, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(pick.uniform(0.2, LOCKED_AT_MOST_S))
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    wait_asked(stage)


def take_file_away(stage: Stage, pick: Random) -> None:
    """The file has another name for a while. No order is sent meanwhile, and no ledger begins anew."""
    with renamed(stage.ledger_file):
        time.sleep(pick.uniform(0.2, GONE_AT_MOST_S))
        assert not stage.ledger_file.exists(), "a new ledger was begun: its limits start from nothing"
    wait_asked(stage)


def take_directory_away(stage: Stage, pick: Random) -> None:
    """The same for its directory, as when a disk is not mounted."""
    with renamed(stage.ledger_file.parent):
        time.sleep(pick.uniform(0.2, GONE_AT_MOST_S))
        assert not stage.ledger_file.exists(), "a new ledger was begun: its limits start from nothing"
    wait_asked(stage)


@contextmanager
def renamed(path: Path) -> Iterator[None]:
    """A file or directory under another name beside its own."""
    away = path.with_name(f"{path.name}-away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


FULL_AT_BYTES = 256 * 1024
"""Ledger and audit are longer before long; what lies in memory, as metrics do, is not, and knows no disk."""


def stop_files_growing(stage: Stage, pick: Random) -> None:
    """No file of the gateway can grow, as on a full disk: neither ledger nor audit nor the log."""
    _limit_files(stage, FULL_AT_BYTES)
    try:
        time.sleep(pick.uniform(0.5, 4.0))
    finally:
        _limit_files(stage, resource.RLIM_INFINITY)
    stage.wait_served()
    _limit_files(stage, resource.RLIM_INFINITY)
    wait_asked(stage)


def _limit_files(stage: Stage, size: int) -> None:
    """Set how long writes may make a file, in the workers, and in the master for those to come."""
    for pid in (stage.gateway.process.pid, *stage.workers):
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        except ProcessLookupError:
            continue  # another harm has ended it just now


def kill_redis(stage: Stage, pick: Random) -> None:
    """`kill -9` of Redis, which comes back with its file."""
    assert stage.redis is not None
    stage.redis.kill()
    try:
        time.sleep(pick.uniform(0.0, 3.0))
    finally:
        stage.redis.start()
    wait_asked(stage)


def stop_redis(stage: Stage, pick: Random) -> None:
    """Redis stands still: connections stay open and nothing comes."""
    assert stage.redis is not None
    stage.redis.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(pick.uniform(0.2, 4.0))
    finally:
        stage.redis.process.send_signal(signal.SIGCONT)
    wait_asked(stage)


def wait_asked(stage: Stage) -> None:
    """Wait until the store answers; the workers ask it every half second."""
    with stage.ledger() as ledger:
        wait_until(lambda: _answers(ledger))


def _answers(ledger: Ledger) -> bool:
    try:
        ledger.generations()
    except LedgerUnavailable:
        return False
    return True


_SQLITE, _REDIS = frozenset({"sqlite"}), frozenset({"redis"})
_AWAY = frozenset({Excuse.BLIND})

HARMS = (
    Harm("ledger locked", Lane.REST, 10, lock, _AWAY, _SQLITE),
    Harm("ledger's file gone", Lane.REST, 5, take_file_away, _AWAY, _SQLITE),
    Harm("ledger's directory gone", Lane.REST, 5, take_directory_away, _AWAY, _SQLITE),
    Harm("files cannot grow", Lane.REST, 5, stop_files_growing, _AWAY),
    Harm("Redis killed and restarted", Lane.REST, 10, kill_redis, _AWAY, _REDIS),
    Harm("Redis stopped for a while", Lane.REST, 5, stop_redis, _AWAY, _REDIS),
)
