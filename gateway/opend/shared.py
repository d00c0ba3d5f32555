"""One call of OpenD for all who ask the same at the same moment: single flight, in one worker.

For reads alone whose answer is the same whoever asks, and that follow on no write of the caller's: an
answer that is on its way already may have been made before that write took effect.
"""

from collections.abc import Callable, Hashable
from typing import TypeAlias

from gevent.event import Event

from gateway.clock import Clock
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDError, OpenDTimeout
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import Protocol

JOIN_WITHIN_S = 0.25
"""How long after its begin a call is joined. It bounds how much older an answer may be than its question
where OpenD is slow, and by how much a caller may be told of a timeout before its own deadline."""

_Key: TypeAlias = tuple[int, bytes]
"""Protocol number and the request's bytes."""

JoinObserver: TypeAlias = Callable[[Protocol], None]
"""Told of each read that another one's call answers, or fails."""


class Reading:
    """A read of OpenD, for all who share it; its answer is not to be changed.

    `began_s` (monotonic) is from before it was asked. `made` is for what its readers make of the answer,
    so that one of them makes it for all.
    """

    __slots__ = ("_answer", "_ended", "began_s", "error", "has_ended", "made")

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.error: OpenDError | None = None
        self.has_ended = False
        self.made: dict[Hashable, bytes] = {}
        self._answer: WireMessage | None = None
        self._ended: Event | None = None

    @property
    def answer(self) -> WireMessage:
        """OpenD's answer. Raises the error that the call ended with."""
        if self._answer is None:
            # Each greenlet that raises it would add its own frames to those of the others.
            raise (self.error or OpenDTimeout("nobody waits for this answer any more")).with_traceback(None)
        return self._answer

    @property
    def is_abandoned(self) -> bool:
        """Whether whoever asked went away before OpenD answered."""
        return self.has_ended and self._answer is None and self.error is None

    def end(self, answer: WireMessage | None = None, error: OpenDError | None = None) -> None:
        """It is over, with an answer, with an error, or (neither) since its caller went away."""
        self._answer, self.error, self.has_ended = answer, error, True
        if self._ended is not None:
            self._ended.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is over; says whether it is."""
        if self._ended is None:
            self._ended = Event()
        return self.has_ended or self._ended.wait(timeout_s)


class SharedReads:
    """The shared reads of one worker. Each caller waits `timeout_s` at most, whenever the call began.

    What OpenD or the way to it says no with is the reading's `error`, and raised by its `answer`.
    """

    def __init__(self, client: Client, clock: Clock, timeout_s: float) -> None:
        self.on_join: JoinObserver | None = None
        self._client = client
        self._clock = clock
        self._timeout_s = timeout_s
        self._readings: dict[_Key, Reading] = {}

    def ask(self, protocol: Protocol, request: WireMessage, *, kind: CallKind) -> Reading:
        """Ask OpenD, or wait for what is being asked already.

        A caller that goes away takes its call with it, and one of those who wait asks anew. Raises
        protobuf's `EncodeError` for a request that lacks a required field.
        """
        key = _key(protocol, request)
        now_s = self._clock.monotonic_s()
        deadline_s = now_s + self._timeout_s
        while (reading := self._readings.get(key)) is not None and now_s - reading.began_s <= JOIN_WITHIN_S:
            if now_s >= deadline_s or not reading.wait(deadline_s - now_s):
                return _timed_out(protocol, reading)
            if not reading.is_abandoned:
                if self.on_join is not None:
                    self.on_join(protocol)
                return reading
            now_s = self._clock.monotonic_s()
        return self._lead(key, protocol, request, kind, deadline_s)

    def ask_anew(self, protocol: Protocol, request: WireMessage, *, kind: CallKind) -> Reading:
        """Ask OpenD by a call that begins now, for a caller who has changed what the answer hangs on."""
        deadline_s = self._clock.monotonic_s() + self._timeout_s
        return self._lead(_key(protocol, request), protocol, request, kind, deadline_s)

    def _lead(
        self, key: _Key, protocol: Protocol, request: WireMessage, kind: CallKind, deadline_s: float
    ) -> Reading:
        reading = self._readings[key] = Reading(self._clock.monotonic_s())
        answer: WireMessage | None = None
        failure: OpenDError | None = None
        try:
            answer = self._client.call(protocol, request, kind=kind, deadline_s=deadline_s)
        except OpenDError as error:
            failure = error
        finally:
            if self._readings.get(key) is reading:  # a later call may have taken the place of a slow one
                del self._readings[key]
            reading.end(answer, failure)
        return reading


def _key(protocol: Protocol, request: WireMessage) -> _Key:
    return protocol.proto_id, request.SerializeToString(deterministic=True)


def _timed_out(protocol: Protocol, reading: Reading) -> Reading:
    late = Reading(reading.began_s)
    late.end(error=OpenDTimeout(f"OpenD did not answer {protocol.name} in time"))
    return late
