"""Writes the audit: many processes, one file, no line lost and no hub stopped.

Each line is one `write` to a file opened for appending, under a lock that processes take in turn
(`flock`), since a line names the hash of the one before it. The lines that greenlets of a process
wait for are written together and reach the disk by one `fsync`, in a native thread. `fsync` comes
after the lock is given back, so that processes wait for each other's disk no longer than they must.

To rotate, move the file away (logrotate's `create` or `nocreate`); the next line begins a new file
that names the last hash of the old one. `copytruncate` would destroy lines, and is not supported.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit.chain import BEGIN_KIND, START, AuditUnavailable, Link, Tail, read_tail, seal
from gateway.audit.event import AuditEvent, format_time
from gateway.batch import Batches, Piece, TooLate, WorkThread, WrongProcess
from gateway.clock import Clock

FILE_MODE = 0o600

WRITE_TIMEOUT_S = 2.0
"""How long one line may take, the wait for other writers and for the disk included."""


class _Busy(Exception):
    """Another process holds the lock."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line before it has its place in the chain. `is_durable`: it has to be on disk."""

    time: str
    members: Mapping[str, Any]
    is_durable: bool


class AuditLog:
    """The audit as one process writes it. Opened by its first line: never before a fork.

    The file is made where there is none, readable by its owner alone; its directory has to be there.
    The mode of a file that exists is left as it is.
    """

    def __init__(self, path: Path, clock: Clock, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._file = _AppendOnlyFile(path)
        self._path = path
        self._clock = clock
        self._timeout_s = timeout_s
        self._thread = WorkThread()
        self._batches = Batches(self._thread, self._append, clock, timeout_s)

    def write(self, event: AuditEvent, *, durable: bool) -> None:
        """Append a line; with `durable` it is on disk when this returns.

        Raises AuditUnavailable when that did not come about in time; the line may then be there
        nevertheless.
        """
        try:
            self._batches.do(_Line(format_time(self._clock.wall_s()), event.members(), durable))
        except TooLate as error:
            text = f"the audit {self._path} took no line within {self._timeout_s:g} s"
            raise AuditUnavailable(text) from error
        except WrongProcess as error:
            raise AuditUnavailable(f"the audit {self._path} was opened before the process forked") from error

    def close(self) -> None:
        """Close the file and end the thread; the next line opens it again."""
        self._thread.close(self._file.close)

    def _append(self, pieces: Sequence[Piece[_Line]]) -> bool:
        """Write lines, in the thread. Those of a batch that failed may be there in part."""
        try:
            self._file.append([piece.job for piece in pieces])
        except _Busy:
            return False
        except OSError as error:
            self._file.close()
            raise AuditUnavailable(f"the audit {self._path} failed: {error.strerror or error}") from error
        for piece in pieces:
            piece.finish()
        return True


class _AppendOnlyFile:
    """The file as the thread has it. Raises OSError, `_Busy`, and AuditUnavailable for foreign contents."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._earlier: Link | None = None

    def append(self, lines: Sequence[_Line]) -> None:
        """Write lines after those that the file has."""
        with self._locked() as file:
            tail = read_tail(file)
            if tail.link is None:
                tail = self._begin(file, lines[0].time, tail)
            self._earlier = None
            for line in lines:
                sealed, link = seal(tail.link or START, line.time, line.members, tail.torn)
                _write(file, sealed if tail.ends_line else b"\n" + sealed)
                tail = Tail(link, b"", ends_line=True)
        if any(line.is_durable for line in lines):
            os.fsync(file)

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _begin(self, file: int, time: str, tail: Tail) -> Tail:
        """Write the first line of a file, and tell how the file ends then."""
        line, link = seal(self._earlier or START, time, {"kind": BEGIN_KIND}, tail.torn)
        _write(file, line if tail.ends_line else b"\n" + line)
        _sync_directory(self._path.parent)
        return Tail(link, b"", ends_line=True)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = self._lock_current()
        try:
            yield file
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _lock_current(self) -> int:
        """Lock the file that bears the name now; remember how one ended that no longer does."""
        while True:
            file = self._file if self._file is not None else self._open()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _Busy from error
            if _has_name(file, self._path):
                return file
            self._earlier = _last_link(file)
            self.close()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, FILE_MODE)
        return self._file


def _has_name(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _last_link(file: int) -> Link | None:
    """Where the chain of a file that was moved away ends; None when it holds no audit."""
    try:
        return read_tail(file).link
    except AuditUnavailable:
        return None


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    if written != len(data):
        raise AuditUnavailable(f"only {written} of {len(data)} bytes of a line of the audit could be written")


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
