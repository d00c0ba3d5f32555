"""Misbehaviour on command: which fault strikes which request, how often, and what it does to a reply."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gateway.opend.frame import HEADER_LENGTH


class FaultKind(StrEnum):
    """What goes wrong. The request is executed unless a kind says that it is not."""

    REFUSE = "refuse"
    """A new connection is reset as soon as it is accepted."""
    HANG = "hang"
    """The request is not executed and never answered."""
    MUTE = "mute"
    """The reply is never sent."""
    DELAY = "delay"
    """The reply is sent late."""
    DROP_BEFORE = "drop-before"
    """The connection is dropped and the request not executed."""
    DROP_AFTER = "drop-after"
    """The connection is dropped in place of the reply."""
    HALF_FRAME = "half-frame"
    """The first half of the reply is sent, then the connection is closed."""
    STALL = "stall"
    """The first half of the reply is sent, and nothing more on this connection for ever."""
    BAD_SHA1 = "bad-sha1"
    """The reply's header carries a wrong SHA-1."""
    BAD_BODY = "bad-body"
    """The reply's body is no protobuf message; its SHA-1 is right."""
    GARBAGE = "garbage"
    """Bytes that are no frame are sent in place of the reply."""
    WRONG_SERIAL = "wrong-serial"
    """The reply carries a serial number that was never asked with."""


PREVENTS_EXECUTION = frozenset({FaultKind.HANG, FaultKind.DROP_BEFORE})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to come: `times` strikes (None: until cleared), of one protocol or (None) of all."""

    kind: FaultKind
    proto_id: int | None = None
    times: int | None = 1
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"a fault strikes once or more, not {self.times} times")
        if (self.kind is FaultKind.DELAY) != (self.delay_s > 0):
            raise ValueError("delay_s above zero belongs to the fault `delay`, and to no other")
        if self.kind is FaultKind.REFUSE and self.proto_id is not None:
            raise ValueError("the fault `refuse` strikes connections, it has no proto id")

    def strikes(self, proto_id: int) -> bool:
        """Whether a request of this protocol is hit."""
        return self.kind is not FaultKind.REFUSE and self.proto_id in (None, proto_id)


def make_fault(kind: str, **settings: Any) -> Fault:
    """A fault from plain words, as the command line and the admin channel have them.

    `settings` may hold `proto`, `times` (0: until cleared) and `delay_s`. Raises ValueError for an
    unknown word or a value that is not a number.
    """
    unknown = settings.keys() - {"proto", "times", "delay_s"}
    if unknown:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has proto, times and delay_s")
    times = int(settings.get("times", 1))
    return Fault(
        FaultKind(kind),
        proto_id=int(settings["proto"]) if "proto" in settings else None,
        times=times or None,
        delay_s=float(settings.get("delay_s", 0)),
    )


def parse_fault(text: str) -> Fault:
    """The fault that `KIND[:proto=N][,times=N][,delay_s=S]` names. Raises ValueError."""
    kind, _, rest = text.partition(":")
    parts = [part.partition("=") for part in rest.split(",") if part]
    return make_fault(kind, **{name: value for name, _, value in parts})


class FaultPlan:
    """The faults that are still to strike, in the order in which they were given."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = list(faults)

    def add(self, fault: Fault) -> None:
        """Let one more fault come."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Behave again."""
        self._faults.clear()

    def pending(self) -> tuple[Fault, ...]:
        """What has still to strike."""
        return tuple(self._faults)

    def take_for_connection(self) -> bool:
        """Use up a `refuse`; whether there was one."""
        return self._take(lambda fault: fault.kind is FaultKind.REFUSE) is not None

    def take_for_request(self, proto_id: int) -> Fault | None:
        """Use up the first fault that strikes this request, if any."""
        if not self._faults:
            return None
        return self._take(lambda fault: fault.strikes(proto_id))

    def _take(self, is_wanted: Callable[[Fault], bool]) -> Fault | None:
        for position, fault in enumerate(self._faults):
            if is_wanted(fault):
                self._use_up(position)
                return fault
        return None

    def _use_up(self, position: int) -> None:
        fault = self._faults[position]
        if fault.times == 1:
            del self._faults[position]
        elif fault.times is not None:
            self._faults[position] = replace(fault, times=fault.times - 1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of a reply: bytes to send, and what happens to the connection after them."""

    data: bytes
    delay_s: float = 0.0
    drops: bool = False
    stalls: bool = False


def _half(frame: bytes) -> bytes:
    return frame[: len(frame) // 2]


_SERIAL_AT = slice(8, 12)
_SHA1_AT = slice(16, 36)


def _with_inverted(frame: bytes, place: slice) -> bytes:
    inverted = bytes(byte ^ 0xFF for byte in frame[place])
    return frame[: place.start] + inverted + frame[place.stop :]


GARBAGE = b"\x00\xff" * HEADER_LENGTH
UNPARSABLE_BODY = b"\xff\xff\xff\xff"
"""No protobuf message begins with a tag that never ends."""

_DELIVERIES: dict[FaultKind, Callable[[bytes], Delivery]] = {
    FaultKind.MUTE: lambda frame: Delivery(b""),
    FaultKind.DROP_AFTER: lambda frame: Delivery(b"", drops=True),
    FaultKind.HALF_FRAME: lambda frame: Delivery(_half(frame), drops=True),
    FaultKind.STALL: lambda frame: Delivery(_half(frame), stalls=True),
    FaultKind.BAD_SHA1: lambda frame: Delivery(_with_inverted(frame, _SHA1_AT)),
    FaultKind.GARBAGE: lambda frame: Delivery(GARBAGE),
    FaultKind.WRONG_SERIAL: lambda frame: Delivery(_with_inverted(frame, _SERIAL_AT)),
}


def deliver(fault: Fault | None, encode: Callable[[bytes], bytes], body: bytes) -> Delivery:
    """How a reply with this plain body goes out. `encode` makes its frame, encrypted and with SHA-1."""
    if fault is None:
        return Delivery(encode(body))
    if fault.kind is FaultKind.BAD_BODY:
        return Delivery(encode(UNPARSABLE_BODY))
    if fault.kind is FaultKind.DELAY:
        return Delivery(encode(body), delay_s=fault.delay_s)
    return _DELIVERIES[fault.kind](encode(body))
