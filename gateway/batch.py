"""Work on a disk that many greenlets wait for: in one native thread, and all that waits at once.

A disk that stalls would stop every greenlet, so the work is done in a thread. And a disk takes as long
for the changes of a hundred greenlets as for those of one: what comes while the thread is busy is its
next batch, and nobody waits for more than the batch before its own.
"""

import os
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

from gateway.clock import Clock

J = TypeVar("J")
T = TypeVar("T")

MOST = 128
"""Pieces of one batch: other processes wait no longer than these take."""

_RETRY_S = (0.001, 0.010)


class TooLate(Exception):
    """A piece was not done in time. It is not begun any more; if it had been, it may have been done."""


class WrongProcess(Exception):
    """The thread was made before the process forked, and is not in this one."""


class WorkThread:
    """One native thread of one process, made by its first use."""

    def __init__(self) -> None:
        self._pool: ThreadPool | None = None
        self._process_id = 0

    def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something in the thread, after what it does now. Raises WrongProcess, and what `work` raises."""
        done: T = self._started().apply(work, arguments)
        return done

    def require_own_process(self) -> None:
        """Raise WrongProcess in a process that holds only a copy."""
        self._started()

    def close(self, last: Callable[[], None]) -> None:
        """Do one last thing and end the thread; the next use makes another one."""
        pool, self._pool = self._pool, None
        # An idle pool has the length 0 and so is false.
        if pool is not None and self._process_id == os.getpid():
            pool.apply(last)
            pool.kill()

    def _started(self) -> ThreadPool:
        if self._pool is None:
            self._pool = ThreadPool(1)
            self._process_id = os.getpid()
        if self._process_id != os.getpid():
            raise WrongProcess
        return self._pool


@dataclass(slots=True, eq=False)
class Piece(Generic[J]):
    """What one greenlet wants done, and what became of it. The thread calls `finish`."""

    job: J
    deadline_s: float
    value: object = None
    error: Exception | None = None
    is_finished: bool = False
    is_given_up: bool = False
    settled: Event = field(default_factory=Event)

    def finish(self, value: object = None, error: Exception | None = None) -> None:
        """Say that it is done, or why it is not."""
        self.value, self.error = value, error
        self.is_finished = True


class Batches(Generic[J]):
    """Pieces of one kind of work, in the order in which they came.

    `work` is called in the thread with one piece or more and has to finish each; or it answers False,
    having done nothing, when another process is in its way: then it is tried again, with what has
    come meanwhile. An exception that it raises is the error of all its pieces.
    """

    def __init__(
        self,
        thread: WorkThread,
        work: Callable[[Sequence[Piece[J]]], bool],
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self._thread = thread
        self._work = work
        self._clock = clock
        self._timeout_s = timeout_s
        self._waiting: deque[Piece[J]] = deque()
        self._is_running = False

    def do(self, job: J) -> object:
        """Have a piece done and return its value.

        Raises TooLate, WrongProcess, and the piece's error.
        """
        self._thread.require_own_process()
        piece = Piece(job, self._clock.monotonic_s() + self._timeout_s)
        self._waiting.append(piece)
        if not self._is_running:
            self._is_running = True
            gevent.spawn(self._run)
        try:
            piece.settled.wait(self._timeout_s)
        finally:
            piece.is_given_up = True
        # The thread may be done with it although this hub came too late to hear of it in time.
        if not piece.is_finished:
            raise TooLate
        if piece.error is not None:
            raise piece.error
        return piece.value

    def _run(self) -> None:
        """Work until nothing waits; greenlet of its own, so that no caller's end ends it."""
        try:
            while batch := self._next_batch():
                if not self._thread.run(self._attempt, batch):
                    gevent.sleep(random.uniform(*_RETRY_S))  # noqa: S311 - spreads competitors, guards nothing
                    continue
                for piece in batch:
                    self._waiting.popleft()
                    piece.settled.set()
        finally:
            self._is_running = False

    def _next_batch(self) -> list[Piece[J]]:
        """What waits, without what nobody waits for any more."""
        now_s = self._clock.monotonic_s()
        wanted = [each for each in self._waiting if not each.is_given_up and now_s < each.deadline_s]
        if len(wanted) < len(self._waiting):
            self._waiting = deque(wanted)
        return wanted[:MOST]

    def _attempt(self, batch: list[Piece[J]]) -> bool:
        try:
            return self._work(batch)
        except Exception as error:  # noqa: BLE001 - carried to the greenlets that asked, and raised there
            for piece in batch:
                piece.finish(error=error)
            return True
