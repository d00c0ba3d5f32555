"""The policy file in use: its last good content, shared by all processes of a gateway, and its changes.

A wrong file changes nothing. A worker that starts while the file is wrong gets the last good content
that any worker has seen, so that a key which was revoked meanwhile does not come back with it.
"""

import errno
import fcntl
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import gevent
import orjson

from gateway.clock import Clock
from gateway.policy.loader import build_policy, read_policy_document
from gateway.policy.model import Policy
from gateway.repetition import Repetition
from gateway.yaml_text import ConfigurationError, Document, Problem

LOOK_INTERVAL_S = 0.25
"""How often a worker looks whether the file has changed."""

_log = logging.getLogger(__name__)

_Signature: TypeAlias = tuple[int, ...]


class PolicyFile:
    """A policy file and its last good content. Made before the fork, and inherited by the workers.

    The content is kept in a file without a name, which all processes hold open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loaded = Policy()
        self._kept, name = tempfile.mkstemp()
        os.unlink(name)

    def load(self) -> Policy:
        """Read the file, and keep its content as the last that was good. Raises ConfigurationError.

        A full disk keeps nobody from a key that is revoked: what cannot be kept is in force nevertheless.
        """
        document = read_policy_document(self.path)
        self._loaded = build_policy(document)
        try:
            self._keep(orjson.dumps(document.value))
        except OSError as error:
            _log.error("%s: a new worker may begin with the policy before this one: %s", self.path, error)
        return self._loaded

    def last_good(self) -> Policy:
        """The policy of the last good content that any process has read."""
        content = self._read_kept()
        try:
            return build_policy(Document(str(self.path), orjson.loads(content), {}, {}))
        except (orjson.JSONDecodeError, ConfigurationError):
            _log.error("%s: a process ended while it kept the policy; the one before holds", self.path)
            return self._loaded

    def close(self) -> None:
        """Let go of the kept content."""
        os.close(self._kept)

    def signature(self) -> _Signature:
        """What differs when the file has changed; empty when it is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode)

    def _keep(self, content: bytes) -> None:
        fcntl.lockf(self._kept, fcntl.LOCK_EX)
        try:
            if os.pwrite(self._kept, content, 0) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(self._kept, len(content))
        finally:
            fcntl.lockf(self._kept, fcntl.LOCK_UN)

    def _read_kept(self) -> bytes:
        fcntl.lockf(self._kept, fcntl.LOCK_SH)
        try:
            return os.pread(self._kept, os.fstat(self._kept).st_size, 0)
        finally:
            fcntl.lockf(self._kept, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class Staleness:
    """Since when (wall seconds), and for what, the file on disk is not what is in force."""

    since_s: float
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a look in a native thread gave. Errors are carried, since a thread pool prints those raised."""

    policy: Policy | None = None
    problems: tuple[Problem, ...] = field(default=())


class PolicyWatch:
    """The policy that a worker goes by; follows the file within a second from `open` to `close`.

    `on_reload` is told of each change of the file: whether it was taken, or refused as wrong.
    """

    def __init__(self, file: PolicyFile, clock: Clock) -> None:
        self.policy = file.last_good()
        self.staleness: Staleness | None = None
        self.on_reload: Callable[[bool], None] | None = None
        self._file = file
        self._clock = clock
        self._seen: _Signature | None = None
        self._repetition = Repetition("a look at the policy file", self.look, lambda: LOOK_INTERVAL_S)

    def open(self) -> None:
        """Follow the file in the background."""
        self._repetition.open()

    def close(self) -> None:
        """Follow it no longer."""
        self._repetition.close()

    def look(self) -> None:
        """Read the file if it has changed since the last look; a wrong one is logged once."""
        signature = self._file.signature()
        if signature == self._seen:
            return
        is_first, self._seen = self._seen is None, signature
        # In a thread, so that a long file does not stop the other greenlets for as long as it takes.
        outcome: _Outcome = gevent.get_hub().threadpool.apply(_load, (self._file,))
        if outcome.policy is None:
            since_s = self.staleness.since_s if self.staleness else self._clock.wall_s()
            self.staleness = Staleness(since_s, outcome.problems)
            _log.error("the policy stays as it was: %s", "; ".join(map(str, outcome.problems)))
            self._tell(is_good=False)
            return
        self.policy, self.staleness = outcome.policy, None
        _log.info("%s: keys in force: %d", self._file.path, len(self.policy.keys))
        if not is_first:
            self._tell(is_good=True)

    def _tell(self, *, is_good: bool) -> None:
        if self.on_reload is not None:
            self.on_reload(is_good)


def _load(file: PolicyFile) -> _Outcome:
    try:
        return _Outcome(file.load())
    except ConfigurationError as error:
        return _Outcome(problems=error.problems)
    except Exception as error:  # noqa: BLE001 - whatever it is, the policy stays and the watch goes on
        return _Outcome(problems=(Problem(str(file.path), f"cannot be read: {error!r}"),))
