"""Reads an audit again from its first line and tells where its chain does not hold.

The chain shows lines that were altered, removed, inserted or moved. Two things it cannot show by
itself: lines cut off at the end, and a file written anew from some line on by somebody who knows how.
Against both, keep the last hash that a check gave somewhere else, and ask the next check for it.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from gateway.audit.chain import BEGIN_KIND, Line, Link, Torn, is_fragment, read_line


class Flaw(StrEnum):
    """What can be wrong with a line."""

    ALTERED = "altered"
    """Its bytes do not fit its hash, or have not the form of a line."""
    REPLACED = "replaced"
    """It is whole, but not the line that the next one follows on."""
    MISSING = "missing"
    """Lines before it are gone."""
    MISPLACED = "misplaced"
    """It was moved here, or inserted."""
    TORN = "torn"
    """A writer died in the middle of it: no break of the chain."""
    ABSENT_HASH = "absent hash"
    """No line has the hash that was asked for: lines were cut off at the end, or written anew."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw, the file and the line (from 1) where it shows, and a sentence."""

    path: Path
    line: int
    flaw: Flaw
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.flaw}: {self.text}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check found. `last` is where the chain ends, `lines` how many whole lines there are."""

    lines: int
    first: Link | None
    last: Link | None
    findings: tuple[Finding, ...]

    @property
    def breaks(self) -> tuple[Finding, ...]:
        """What is wrong; torn lines are not."""
        return tuple(finding for finding in self.findings if finding.flaw is not Flaw.TORN)

    @property
    def is_intact(self) -> bool:
        """Whether the chain holds."""
        return not self.breaks


def verify(path: Path, *more: Path, expected_hash: str | None = None) -> VerifyReport:
    """Check a file, or the files of one chain from the oldest to the newest.

    Lines that are added meanwhile are not looked at. With `expected_hash`, a line has to have that
    hash. Raises OSError when a file cannot be read.
    """
    check = _Check(expected_hash)
    for each in (path, *more):
        check.read(each)
    return check.report()


@dataclass(slots=True)
class _Check:
    """The state of a check between two lines. `unread` are lines without the form of one."""

    expected_hash: str | None
    path: Path = Path()
    number: int = 0
    lines: int = 0
    first: Link | None = None
    last: Link | None = None
    is_first_of_file: bool = True
    unread: list[tuple[int, bytes]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def read(self, path: Path) -> None:
        """Take the lines of the next file."""
        self.path, self.number, self.is_first_of_file = path, 0, True
        with path.open("rb") as file:
            for raw in _lines(file):
                self.number += 1
                self._take(raw)
        self._judge_unread(is_explained=True)

    def report(self) -> VerifyReport:
        """What was found in all files."""
        if self.expected_hash is not None:
            self._find(self.number, Flaw.ABSENT_HASH, f"no line has the hash {self.expected_hash}")
        return VerifyReport(self.lines, self.first, self.last, tuple(self.findings))

    def _take(self, raw: bytes) -> None:
        line = read_line(raw)
        if line is None:
            self.unread.append((self.number, raw))
            return
        self._judge_torn(line.torn)
        self._judge(line)
        self.lines += 1
        if line.link.digest == self.expected_hash and line.is_genuine:
            self.expected_hash = None

    def _judge_torn(self, declared: Torn | None) -> None:
        """Hold what could not be read against what the line after it says of it."""
        if declared is not None and not self.unread:
            self._find(self.number, Flaw.MISSING, "the torn line that this one speaks of is gone")
        self._judge_unread(is_explained=declared == Torn.of(b"".join(raw for _, raw in self.unread)))

    def _judge_unread(self, *, is_explained: bool) -> None:
        """Name what could not be read: torn where that explains it, at the end of a file too."""
        unread, self.unread = self.unread, []
        for number, raw in unread:
            if is_explained and is_fragment(raw):
                self._find(number, Flaw.TORN, "a writer died in the middle of this line")
            else:
                self._find(number, Flaw.ALTERED, "this is not a line as it was written")

    def _judge(self, line: Line) -> None:
        if not line.is_genuine:
            self._find(self.number, Flaw.ALTERED, f"the bytes of seq {line.link.seq} do not fit its hash")
        if self.is_first_of_file:
            self._judge_beginning(line)
        elif self.last is not None and not line.follows(self.last):
            self._judge_gap(line, self.last)
        self.is_first_of_file = False
        if self.last is None or line.link.seq > self.last.seq:
            self.last = line.link
        self.first = self.first or line.link

    def _judge_beginning(self, line: Line) -> None:
        if line.kind != BEGIN_KIND:
            self._find(self.number, Flaw.MISSING, f"the file does not begin with a line {BEGIN_KIND}")
        if self.last is None:
            return
        if not line.follows(self.last):
            self._judge_gap(line, self.last)

    def _judge_gap(self, line: Line, last: Link) -> None:
        seq = line.link.seq
        if seq <= last.seq:
            self._find(self.number, Flaw.MISPLACED, f"seq {seq} stands after seq {last.seq}")
        elif seq > last.seq + 1:
            self._find(self.number, Flaw.MISSING, f"seq {last.seq + 1} to {seq - 1} is missing before it")
        else:
            self._find(self.number, Flaw.REPLACED, f"seq {seq} does not follow on the line before it")

    def _find(self, number: int, flaw: Flaw, text: str) -> None:
        self.findings.append(Finding(self.path, number, flaw, text))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that a file has now, read between two writes; one that is added while reading is left out."""
    fcntl.flock(file, fcntl.LOCK_SH)
    left = os.fstat(file.fileno()).st_size
    fcntl.flock(file, fcntl.LOCK_UN)
    while left > 0:
        line = file.readline(left)
        if not line:
            return
        left -= len(line)
        yield line
