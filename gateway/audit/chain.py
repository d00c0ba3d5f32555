r"""The form of the audit's lines, and how each holds on to the one before it.

A line is one JSON object: `seq`, `time`, `prev`, the event's own members, and last `hash`. `hash` is
the SHA-256 in hex of the line's bytes as they would be without that member (`,"hash":"..."` cut
out, no newline), and `prev` is the `hash` of the line before, so it is hashed too. `seq` grows by one.

The first line of a file has the kind `begin`. Its `prev` is 64 zeros and its `seq` 1, or, where the
file that was written until now was moved away, the last `hash` and the next `seq` of that file.

A process that dies while writing leaves the beginning of a line. Nobody was told that this line is
written. The next writer ends it with a newline, and its own line says in `torn` how many bytes
were left and what their SHA-256 is: the chain goes on from the last whole line, and a torn line
can be told from one that somebody altered. A last line that lacks its newline alone is whole.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import GatewayError

BEGIN_KIND = "begin"

LOOK_BACK_BYTES = 1024 * 1024
"""Within so many bytes from its end a file must have a whole line. No line is nearly as long."""

_FIRST_BLOCK_BYTES = 4096
_BLOCK_GROWTH = 16
_SEALED = re.compile(rb'(\{.+),"hash":"([0-9a-f]{64})"\}')
_OPENING = b'{"seq":'
_CLOSING = re.compile(rb',"hash":"[0-9a-f]{64}"\}')


class AuditUnavailable(GatewayError):
    """The audit cannot be written. What it had to record before it happens, must not happen."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: the number and the hash of a line."""

    seq: int
    digest: str


START = Link(0, "0" * 64)
"""What the first line of all follows on."""


@dataclass(frozen=True, slots=True)
class Torn:
    """What a dead writer left: the number of bytes, and their SHA-256 in hex."""

    byte_count: int
    sha256: str

    @classmethod
    def of(cls, left: bytes) -> "Torn":
        """The description of some bytes; the newline that ended them does not count."""
        left = left.removesuffix(b"\n")
        return cls(len(left), hashlib.sha256(left).hexdigest())


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line: its place, what it says of the line before, and whether its hash fits its bytes."""

    link: Link
    prev: str
    kind: str
    torn: Torn | None
    is_genuine: bool

    def follows(self, link: Link) -> bool:
        """Whether this is the line after `link`."""
        return (self.link.seq, self.prev) == (link.seq + 1, link.digest)


def seal(after: Link, time: str, members: Mapping[str, Any], torn: Torn | None = None) -> tuple[bytes, Link]:
    """The bytes of a line that follows on `after`, newline included, and the line's own link."""
    declared = {"torn": torn} if torn else {}
    body = orjson.dumps(
        {"seq": after.seq + 1, "time": time, "prev": after.digest, **declared, **members},
    )
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + b',"hash":"' + digest.encode() + b'"}\n', Link(after.seq + 1, digest)


def read_line(raw: bytes) -> Line | None:
    """A line with or without its newline; None for bytes that have not the form of one."""
    match = _SEALED.fullmatch(raw.removesuffix(b"\n"))
    if match is None:
        return None
    body = match[1] + b"}"
    try:
        members = orjson.loads(body)
        torn = Torn(**members["torn"]) if "torn" in members else None
        link = Link(int(members["seq"]), match[2].decode())
        prev, kind = str(members["prev"]), str(members["kind"])
    except (ValueError, KeyError, TypeError):
        return None
    return Line(link, prev, kind, torn, hashlib.sha256(body).hexdigest() == link.digest)


def is_fragment(raw: bytes) -> bool:
    """Whether bytes that are no whole line may be the beginning of one, cut off."""
    piece = raw.removesuffix(b"\n").rstrip(b"\0")
    if not _OPENING.startswith(piece[: len(_OPENING)]) or _CLOSING.search(piece):
        return False
    try:
        orjson.loads(piece)
    except ValueError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Tail:
    """How a file ends: its last whole line (None: it has none), and what was left after it."""

    link: Link | None
    left: bytes
    ends_line: bool

    @property
    def torn(self) -> Torn | None:
        """What a writer has to declare in its line."""
        return Torn.of(self.left) if self.left else None


def read_tail(file: int) -> Tail:
    """How an open file ends. Raises AuditUnavailable when what stands there is no audit, and OSError."""
    size, reach = os.fstat(file).st_size, _FIRST_BLOCK_BYTES
    while True:
        start = max(0, size - reach)
        tail = _tail_of(os.pread(file, size - start, start), is_whole=start == 0)
        if tail is not None:
            return tail
        if reach >= LOOK_BACK_BYTES:
            raise AuditUnavailable(
                f"no line of an audit stands in the last {LOOK_BACK_BYTES} bytes of the file; move it away"
            )
        reach *= _BLOCK_GROWTH


def _tail_of(block: bytes, *, is_whole: bool) -> Tail | None:
    """How a block ends; None when its last whole line lies before it. `is_whole`: it is the whole file."""
    ends_line = not block or block.endswith(b"\n")
    end = len(block)
    while end > 0:
        start = block.rfind(b"\n", 0, end - 1) + 1
        if start == 0 and not is_whole:
            return None
        line = read_line(block[start:end])
        if line is not None:
            return Tail(line.link, block[end:], ends_line)
        end = start
    return Tail(None, block, ends_line) if is_whole else None
