"""A worker's connections to OpenD: kept up for ever, shared by all its calls.

Each slot of the pool holds one connection and has one greenlet that opens it, waits for its end, and
opens the next one: endpoints in order, then a delay. A call that finds no connection wakes the slots
out of their delay, so OpenD's return is seen within half a second while there is demand.

Slot 0 is the pinned one: real-time data, subscriptions and notifications travel on it, since OpenD
keeps subscriptions by connection.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from gateway.clock import Clock
from gateway.opend.backoff import Backoff
from gateway.opend.connection import Connection
from gateway.opend.errors import OpenDUnavailable, TooManyInFlight, WrongProcess
from gateway.opend.protocol import SessionState
from gateway.opend.settings import ClientSettings, Endpoint

MIN_GAP_S = 0.25
"""Between two tries of a slot however many calls ask for one."""

_log = logging.getLogger(__name__)

Connect: TypeAlias = Callable[[Endpoint, bool], Connection]
"""Opens a connection to an endpoint, pinned or not. Raises `OpenDUnavailable`."""


@dataclass(slots=True)
class PoolCounters:
    """What has happened since the pool was opened."""

    connects: int = 0
    connect_failures: int = 0
    drops: int = 0
    refused_full: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One slot as it stands. `conn_id` and `server_version` are None while it has no session."""

    is_pinned: bool
    state: SessionState
    endpoint: Endpoint | None
    conn_id: int | None
    server_version: int | None
    in_flight: int


@dataclass(slots=True, eq=False)
class _Slot:
    """A place for one connection, and how many calls wait for that connection just now."""

    is_pinned: bool
    backoff: Backoff
    connection: Connection | None = None
    seekers: int = 0
    sought: Event = field(default_factory=Event)

    @property
    def is_ready(self) -> bool:
        """Whether its connection takes requests."""
        return self.connection is not None and self.connection.state is SessionState.READY

    @contextmanager
    def seeking(self) -> Iterator[None]:
        """While a call waits for the slot's connection, its keeper tries more often."""
        self.seekers += 1
        self.sought.set()
        try:
            yield
        finally:
            self.seekers -= 1

    def pause(self) -> None:
        """Wait out the back-off; at most `MIN_GAP_S` of it while a call seeks a connection."""
        delay_s = self.backoff.next_delay_s()
        gevent.sleep(min(delay_s, MIN_GAP_S))
        self.sought.clear()
        if not self.seekers:
            self.sought.wait(max(0.0, delay_s - MIN_GAP_S))

    def status(self) -> ConnectionStatus:
        """The slot for a status page."""
        if self.connection is None or not self.is_ready:
            return ConnectionStatus(self.is_pinned, SessionState.CONNECTING, None, None, None, 0)
        info = self.connection.info
        return ConnectionStatus(
            self.is_pinned,
            self.connection.state,
            self.connection.endpoint,
            info.conn_id,
            info.server_version,
            self.connection.in_flight,
        )


class Pool:
    """Connections of one process. `open` starts them in the background, `close` ends them.

    After a fork the child calls `open` and gets connections of its own; until then it is refused.
    """

    def __init__(
        self,
        settings: ClientSettings,
        connect: Connect,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        on_session: Callable[[Connection], None] | None = None,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._clock = clock
        self._jitter = jitter
        self._on_session = on_session
        self._forget()

    def _forget(self) -> None:
        """The state of a pool that was never opened."""
        self._pid: int | None = None
        self._slots: tuple[_Slot, ...] = ()
        self._keepers: list[gevent.Greenlet[..., None]] = []
        self._places = BoundedSemaphore(self._settings.max_in_flight)
        self._queued = 0
        self._ready_changed = Event()
        self._failures: dict[Endpoint, str] = {}
        self.counters = PoolCounters()
        self.login_user_id = 0

    def open(self) -> None:
        """Start connecting, in the background. Does nothing when it is open in this process."""
        if self._pid == os.getpid():
            return
        self._forget()
        self._pid = os.getpid()
        self._slots = tuple(
            _Slot(is_pinned=index == 0, backoff=Backoff(self._jitter))
            for index in range(self._settings.pool_size)
        )
        self._keepers = [gevent.spawn(self._keep, slot, self._pid) for slot in self._slots]

    def close(self) -> None:
        """End all connections; calls that wait fail at once. In a forked child it touches nothing."""
        if self._pid != os.getpid():
            return
        slots = self._slots
        keepers = self._keepers
        self._pid = None
        self._slots = ()
        gevent.killall(keepers)
        for slot in slots:
            if slot.connection is not None:
                slot.connection.close()
        self._announce()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until the pinned connection is ready; says whether it is."""
        return self._await_ready(self._clock.monotonic_s() + timeout_s, pinned=True) is not None

    @property
    def pinned(self) -> Connection | None:
        """The pinned connection, while it is ready."""
        return self._best_ready(pinned=True)

    @property
    def in_flight(self) -> int:
        """How many calls hold a place."""
        return self._settings.max_in_flight - self._places.counter

    @property
    def queued(self) -> int:
        """How many calls wait for a place."""
        return self._queued

    @property
    def failures(self) -> dict[Endpoint, str]:
        """Endpoints where the last thing that happened is a try that failed or a connection lost, and why."""
        return dict(self._failures)

    def connections(self) -> tuple[ConnectionStatus, ...]:
        """Every slot as it stands, the pinned one first."""
        return tuple(slot.status() for slot in self._slots)

    @contextmanager
    def place(self, deadline_s: float) -> Iterator[None]:
        """A place among the calls in flight, given back at the end.

        Raises `TooManyInFlight`: at once when the queue for a place is full, else at the deadline;
        and `WrongProcess` in a forked child that has not called `open`.
        """
        self._require_open()
        places = self._places
        self._take_place(places, deadline_s)
        try:
            yield
        finally:
            places.release()

    def pick(self, deadline_s: float, *, pinned: bool = False) -> Connection:
        """The ready connection with the fewest requests in flight, or the pinned one.

        One that is doubtful is picked only when all are: else it would draw the calls that it fails,
        since calls that time out leave it with few in flight.

        With none ready it waits for one, `connect_wait_s` at most, and raises `OpenDUnavailable` then.
        """
        self._require_open()
        patience_s = min(deadline_s, self._clock.monotonic_s() + self._settings.connect_wait_s)
        connection = self._best_ready(pinned) or self._await_ready(patience_s, pinned=pinned)
        if connection is None:
            self._require_open()
            raise OpenDUnavailable(self._why_unavailable())
        return connection

    def _await_ready(self, until_s: float, *, pinned: bool) -> Connection | None:
        """Wait for a ready connection, hurrying those who make it; None when none came in time."""
        with ExitStack() as seeking:
            for slot in self._candidates(pinned):
                seeking.enter_context(slot.seeking())
            while (connection := self._best_ready(pinned)) is None:
                if not self._slots or not self._wait_for_change(until_s):
                    return None
            return connection

    def _best_ready(self, pinned: bool) -> Connection | None:
        ready = [slot.connection for slot in self._candidates(pinned) if slot.connection and slot.is_ready]
        return min(ready, key=lambda each: (each.is_doubtful, each.in_flight), default=None)

    def _candidates(self, pinned: bool) -> tuple[_Slot, ...]:
        return self._slots[:1] if pinned else self._slots

    def _take_place(self, places: BoundedSemaphore, deadline_s: float) -> None:
        if places.acquire(blocking=False):
            return
        if self._queued >= self._settings.max_queued:
            self._refuse_full(f"{self._settings.max_in_flight} in flight and {self._queued} queued")
        self._queued += 1
        try:
            if not places.acquire(timeout=max(0.0, deadline_s - self._clock.monotonic_s())):
                self._refuse_full(f"{self._settings.max_in_flight} in flight until the deadline")
        finally:
            self._queued -= 1

    def _refuse_full(self, figures: str) -> None:
        self.counters.refused_full += 1
        raise TooManyInFlight(f"too many requests wait for OpenD: {figures}")

    def _require_open(self) -> None:
        if self._pid is None:
            raise OpenDUnavailable("the client is not open")
        if self._pid != os.getpid():
            raise WrongProcess(f"the client was opened in process {self._pid}; open it again after a fork")

    def _wait_for_change(self, until_s: float) -> bool:
        """Wait until a slot gained or lost its connection; False when `until_s` came first."""
        return self._ready_changed.wait(max(0.0, until_s - self._clock.monotonic_s()))

    def _announce(self) -> None:
        """Wake whoever waits for a change; the next wait begins with a new event."""
        changed, self._ready_changed = self._ready_changed, Event()
        changed.set()

    def _why_unavailable(self) -> str:
        endpoints = self._settings.endpoints
        tried = [self._failures.get(endpoint, f"{endpoint}: not tried yet") for endpoint in endpoints]
        return f"cannot reach OpenD: {'; '.join(tried)}"

    def _keep(self, slot: _Slot, pid: int) -> None:
        """Keep the slot connected for as long as the pool is open in this process."""
        while os.getpid() == pid:
            try:
                connection = self._connect_somewhere(slot)
                if connection is not None:
                    self._serve(slot, connection)
            except Exception:  # noqa: BLE001 - a defect must not leave the slot without a connection for ever
                _log.exception("a connection to OpenD could not be kept")
            slot.pause()

    def _connect_somewhere(self, slot: _Slot) -> Connection | None:
        """A connection to the first endpoint that gives one."""
        for endpoint in self._settings.endpoints:
            try:
                connection = self._connect(endpoint, slot.is_pinned)
            except OpenDUnavailable as error:
                self._note_failure(endpoint, error)
            else:
                self._failures.pop(endpoint, None)
                self.counters.connects += 1
                return connection
        return None

    def _note_failure(self, endpoint: Endpoint, error: OpenDUnavailable) -> None:
        self.counters.connect_failures += 1
        if self._failures.get(endpoint) != str(error):
            _log.warning("cannot reach OpenD: %s", error)
        self._failures[endpoint] = str(error)

    def _serve(self, slot: _Slot, connection: Connection) -> None:
        """Offer the connection to calls until it ends."""
        slot.connection = connection
        self.login_user_id = connection.info.login_user_id
        slot.backoff.reset()
        self._announce()
        if slot.is_pinned and self._on_session is not None:
            gevent.spawn(self._on_session, connection)
        connection.closed.wait()
        slot.connection = None
        self.counters.drops += 1
        self._failures[connection.endpoint] = f"{connection.endpoint}: {connection.end_reason}"
        self._announce()
