"""The stage of the proof: simulator, ledger, gunicorn with two workers, and the real nginx before it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fix_floor import Floor
from fix_gateway import wait_until
from fix_nginx import NginxProcess, make_certificate
from soak.key import KEYS

from gateway.ledger.base import TradingState

WORKERS = 2
OPEND_TIMEOUT_S = 5.0
START_LIMIT_S = 60.0
GUNICORN_FILE = Path(__file__).with_name("soaked.conf.py")
VARIABLE = "SOAK_DIRECTORY"
COMMANDS = {TradingState.HALTED: "halt", TradingState.ACTIVE: "resume"}

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Halt:
    """A time in which no new order might pass: from the switch's answer until it was asked to let them."""

    key_id: str | None
    answered_s: float
    resumed_s: float


@dataclass(frozen=True, slots=True)
class Missetting:
    """A time in which the workers' wall clock was ahead of the machine's by so much, or (below 0) behind."""

    begin_s: float
    end_s: float
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Size:
    """What the gateway takes of the machine: of each figure that of the worker which has the most."""

    memory_bytes: int
    files: int
    greenlets: int
    master_memory_bytes: int
    master_files: int


class Stage(Floor):
    """A floor whose callers come through nginx. All parts may be harmed while it is open.

    `halts` are the times for which trading was halted, `missettings` those of a wrong clock.
    Attributes that harms use: `gateway` (the master:
    `signal`, `process.pid`), `workers`, `opend` (`fault`, `admin`), `redis` (None on SQLite),
    `ledger_file`, `nginx`, `tokens`, `write_policy`.
    """

    gunicorn_file = GUNICORN_FILE

    def __init__(self, directory: Path, store: str) -> None:
        super().__init__(directory, KEYS, store=store, workers=WORKERS, opend_timeout_s=OPEND_TIMEOUT_S)
        self.store = store
        self.halts: list[Halt] = []
        self.missettings: list[Missetting] = []
        self._marks = directory / "workers"
        self._marks.mkdir()
        self.environ = {VARIABLE: str(self._marks)}

    def open(self) -> "Stage":
        """Start it all."""
        super().open()
        directory = self.directory / "nginx"
        directory.mkdir()
        certificate = make_certificate(directory)
        self.trust = certificate.trust
        self.nginx = self.front = NginxProcess(directory, certificate, [self.gateway.port])
        # First of all, since a gateway that ends waits for the connections that nginx keeps to it.
        self._parts.callback(self.nginx.stop)
        self.wait_served()
        return self

    @property
    def workers(self) -> list[int]:
        """The processes of the workers that live, also of those that are still starting."""
        return self.gateway.children

    @property
    def served_by(self) -> list[int]:
        """The workers that have started in full."""
        return [pid for pid in self.workers if (self._marks / str(pid)).exists()]

    def wait_served(self, without: frozenset[int] = frozenset()) -> None:
        """Wait until all workers there should be have started in full, none of them one of `without`."""
        wait_until(
            lambda: len(self.workers) == WORKERS == len(self.served_by) and without.isdisjoint(self.workers),
            START_LIMIT_S,
        )

    @contextmanager
    def halted(self, key_id: str | None, *, by_command: bool) -> Iterator[None]:
        """Halt trading, for a key or (None) for all; then let orders pass again.

        By `gw trading`, or by the step of the ledger that it does, which takes no time.
        """
        self._switch(TradingState.HALTED, key_id, by_command=by_command)
        answered_s = time.time()
        try:
            yield
        finally:
            self.halts.append(Halt(key_id, answered_s, time.time()))
            self._switch(TradingState.ACTIVE, key_id, by_command=by_command)

    def next_halted(self) -> Callable[[], bool]:
        """Tells whether, since now, an order was refused since trading is halted."""
        with self.audit_file.open("rb") as audit:
            begin = audit.seek(0, os.SEEK_END)

        def was_refused() -> bool:
            with self.audit_file.open("rb") as audit:
                audit.seek(begin)
                return b'"halted"' in audit.read()

        return was_refused

    def _switch(self, state: TradingState, key_id: str | None, *, by_command: bool) -> None:
        if by_command:
            self.gw("trading", COMMANDS[state], *(["--key", key_id] if key_id else []))
        else:
            self.set_trading(state, key_id)

    @contextmanager
    def clock_ahead(self, ahead_s: float) -> Iterator[None]:
        """Set the wall clock of all workers so far ahead of the machine's; then right again."""
        begin_s = time.time()
        self._set_clock(ahead_s)
        try:
            yield
        finally:
            self._set_clock(0.0)
            self.missettings.append(Missetting(begin_s, time.time(), ahead_s))

    def _set_clock(self, ahead_s: float) -> None:
        new = self._marks / "clock.new"
        new.write_text(str(ahead_s))
        new.replace(self._marks / "clock")

    def size(self) -> Size:
        """What workers and master take now."""
        counts = self._greenlets()
        return Size(
            memory_bytes=max(map(_memory_bytes, counts)),
            files=max(map(_files, counts)),
            greenlets=max(counts.values()),
            master_memory_bytes=_memory_bytes(self.gateway.process.pid),
            master_files=_files(self.gateway.process.pid),
        )

    def _greenlets(self) -> dict[int, int]:
        """How many greenlets each worker has, by its process."""
        ask = self._marks / "ask"
        workers = self.served_by
        for pid in workers:
            (self._marks / str(pid)).write_text("")
        ask.touch()
        wait_until(lambda: all((self._marks / str(pid)).read_text() for pid in workers))
        ask.unlink()
        return {pid: int((self._marks / str(pid)).read_text()) for pid in workers}


def _memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
