"""What every ledger does: the records that must survive a restart, and the steps that change them.

Each method of `Ledger` is one atomic step: it happens whole or not at all, whatever dies in the
middle, and its effect is durable when it returns. Times are wall seconds since the epoch, UTC, that
the caller's clock gave; money is Decimal. Every method raises `LedgerUnavailable` when the store
cannot answer within its deadline; whether the step took effect is then not known, and repeating it
does nothing twice: steps are keyed by the intent's id.

A wall clock that steps back opens no window. The ledger remembers the latest time at which it
charged anything, and charges no earlier: within `CLOCK_TOLERANCE_S` the remembered time counts, and
a clock further behind is refused (`Check.CLOCK`) until it catches up or a person calls
`reset_clock`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from gateway.errors import GatewayError
from gateway.ledger.claim_store import ClaimStore
from gateway.order import Closing, Intent

CLOCK_TOLERANCE_S = 5
"""How far a clock may be behind the ledger; gateways on several machines differ by less."""

INTENT_RETENTION_S = 7 * 24 * 3600
"""How long an intent that reached its end is kept."""

GC_ROWS = 20
"""How many outdated rows of a kind one step removes at most."""

MICROS = 10**6
"""Units in 1 of a currency: amounts are kept as whole millionths."""

_MICRO = Decimal("0.000001")

MAX_AMOUNT = Decimal(10**12)
"""No cap lies above this; an amount above it exceeds every cap, and is kept as just above it."""


class LedgerUnavailable(GatewayError):
    """The store did not do a step in time. An order that needed it is not sent."""


class IntentNotFound(GatewayError):
    """No intent has this id, or it is past its retention."""

    status: ClassVar[int] = 404


class WrongIntentState(GatewayError):
    """A step that does not follow from the state an intent is in: a defect of the caller."""


class IntentState(StrEnum):
    """Where an intent stands. `ABANDONED` was never sent; `RESOLVED` was unknown and no longer is."""

    RESERVED = "reserved"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"
    ABANDONED = "abandoned"


OPEN_STATES = frozenset({IntentState.RESERVED, IntentState.SENT, IntentState.UNKNOWN})
"""States that something has to follow: their intents are kept without limit of time."""

NEXT_STATES: Mapping[IntentState, frozenset[IntentState]] = {
    IntentState.RESERVED: frozenset({IntentState.SENT, IntentState.ABANDONED}),
    IntentState.SENT: frozenset({IntentState.ACCEPTED, IntentState.REJECTED, IntentState.UNKNOWN}),
    IntentState.UNKNOWN: frozenset({IntentState.RESOLVED}),
    IntentState.ACCEPTED: frozenset(),
    IntentState.REJECTED: frozenset(),
    IntentState.RESOLVED: frozenset(),
    IntentState.ABANDONED: frozenset(),
}
"""What may follow on each state."""


class Resolution(StrEnum):
    """What an unknown order turned out to be. `ABSENT`: OpenD does not know it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ABSENT = "absent"


NOT_TRADED = (IntentState.ABANDONED, IntentState.REJECTED, Resolution.ABSENT)
"""States, and resolutions, after which nothing was traded and nothing will be."""


class TradingState(StrEnum):
    """The kill switch: everything, only what reduces a position, or no order at all."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


_SEVERITY = tuple(TradingState)


def strictest(states: Sequence[TradingState]) -> TradingState:
    """The state that holds where several do; ACTIVE where none is set."""
    return max(states, key=_SEVERITY.index, default=TradingState.ACTIVE)


@dataclass(frozen=True, slots=True)
class RateCharge:
    """One slot of at most `cap` in `window_s` seconds; a slot taken at t is free again at t + window_s."""

    cap: int
    window_s: int = 60


@dataclass(frozen=True, slots=True)
class DailyCharge:
    """`amount` of a day's `cap` in `currency`. The day is [day_start_s, day_end_s)."""

    currency: str
    amount: Decimal
    cap: Decimal
    day_start_s: float
    day_end_s: float


@dataclass(frozen=True, slots=True)
class DuplicateCharge:
    """Refuses a fingerprint seen less than `window_s` ago, unless the repetition `is_meant`; records it."""

    fingerprint: str
    window_s: int
    is_meant: bool = False


CALL_TRAVEL_S = 0.5
"""How long a call may be on its way to OpenD, which counts it when it comes."""


@dataclass(frozen=True, slots=True)
class CallCharge:
    """One call of OpenD, of at most `cap` in `window_s` seconds, and `gap_s` after the one before it.

    `window` names the calls that count together. What was counted more than `CLOCK_TOLERANCE_S` after
    now was counted by a clock that was wrong, and is not.
    """

    window: str
    cap: int
    window_s: int
    gap_s: float = 0.0

    @property
    def held_s(self) -> float:
        """How long a call holds its place among the `cap`."""
        return self.window_s + CALL_TRAVEL_S


@dataclass(frozen=True, slots=True)
class Charge:
    """What one order takes from its key's limits; what is None is not limited.

    `closing` counts while trading is reducing: then an order without it is refused, and so is one that
    together with what is on its way could trade more than is closable. On their way are orders of the
    same account, security and direction, whatever their key, that are open, or were accepted from
    `APPEARS_WITHIN_S` before the look at OpenD on, unless OpenD listed them; and such changes in any case.
    """

    closing: Closing | None = None
    duplicate: DuplicateCharge | None = None
    rate: RateCharge | None = None
    daily: DailyCharge | None = None
    call: CallCharge | None = None


APPEARS_WITHIN_S = CLOCK_TOLERANCE_S
"""How long an accepted order may be missing in OpenD's list; the clocks of several machines differ too."""


class Check(StrEnum):
    """The checks of `reserve`, in their order."""

    CLOCK = "clock"
    HALTED = "halted"
    REDUCING = "reducing"
    DUPLICATE = "duplicate"
    RATE = "rate"
    DAILY_VALUE = "daily_value"
    FREQUENCY = "frequency"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The first check that said no; nothing was charged.

    `figure` is seconds behind (CLOCK), seconds since the same order (DUPLICATE), orders in the
    window (RATE), the day's sum without this order (DAILY_VALUE) or calls in the window (FREQUENCY).
    `heals_at_s` is when time
    alone frees what is missing; None where it does not.
    """

    check: Check
    figure: Decimal = Decimal(0)
    heals_at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyDebit:
    """What an intent took from a day's sum; `was_returned` once OpenD had definitely rejected it."""

    currency: str
    amount: Decimal
    day_start_s: float
    was_returned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    """An intent and what became of it. `order_id` and `order_id_ex` are OpenD's, once known."""

    intent: Intent
    state: IntentState
    created_s: float
    updated_s: float
    sent_s: float | None = None
    order_id: int | None = None
    order_id_ex: str | None = None
    resolution: Resolution | None = None
    detail: str = ""
    debit: DailyDebit | None = None

    @classmethod
    def reserved(cls, intent: Intent, now_s: float) -> "IntentRecord":
        """The record that an intent begins with."""
        return cls(
            intent=intent,
            state=IntentState.RESERVED,
            created_s=now_s,
            updated_s=now_s,
            order_id=intent.order_id,
        )


@dataclass(frozen=True, slots=True)
class Reserved:
    """All limits are charged and the intent is on disk; in a dry run, they would be.

    `is_new` is False when this intent's id had been reserved before: nothing was charged again.
    """

    record: IntentRecord
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A move of an intent to another state, with what was learnt on the way.

    Fields left None keep what the record has. `resolution` belongs to RESOLVED, and only to it.
    A step to REJECTED, or to RESOLVED as rejected, gives the daily value back.
    """

    state: IntentState
    resolution: Resolution | None = None
    order_id: int | None = None
    order_id_ex: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        if (self.state is IntentState.RESOLVED) is (self.resolution is None):
            raise ValueError("a resolution belongs to the state resolved, and only to it")

    @property
    def returns_value(self) -> bool:
        """Whether OpenD or the broker definitely said no."""
        return IntentState.REJECTED in (self.state, self.resolution)

    def is_allowed_after(self, state: IntentState) -> bool:
        """Whether the move may follow on `state`."""
        return self.state in NEXT_STATES[state]

    def apply(self, record: IntentRecord, now_s: float) -> IntentRecord:
        """The record after the move."""
        learnt: dict[str, Any] = {
            "resolution": self.resolution,
            "order_id": self.order_id,
            "order_id_ex": self.order_id_ex,
            "detail": self.detail,
            "sent_s": now_s if self.state is IntentState.SENT else None,
        }
        known = {name: value for name, value in learnt.items() if value is not None}
        if self.returns_value and record.debit:
            known["debit"] = replace(record.debit, was_returned=True)
        return replace(record, state=self.state, updated_s=now_s, **known)


class ReplayKind(StrEnum):
    """Why an answer is kept: the caller's `Idempotency-Key`, or its own packet id."""

    IDEMPOTENCY = "idempotency"
    PACKET = "packet"

    @property
    def ttl_s(self) -> int:
        """How long a repetition gets the first answer, from the first request's begin."""
        return {ReplayKind.IDEMPOTENCY: 24 * 3600, ReplayKind.PACKET: 60}[self]


@dataclass(frozen=True, slots=True)
class ReplayKey:
    """Which requests are the same one: of one key, on one route, with one token.

    `token` is the header's value, or for a packet id whatever identifies it together with the
    body's hash, since a packet id with another body is another order.
    """

    kind: ReplayKind
    key_id: str
    route: str
    token: str


@dataclass(frozen=True, slots=True)
class Replay:
    """An earlier request: `status` and `body` are None while it runs, or if it died while running.

    `intent_id` is what the earlier request gave; the intent's state then tells what became of it.
    """

    body_hash: str
    intent_id: str
    status: int | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class TradingSwitch:
    """One setting of the kill switch; `key_id` None is the switch for all keys."""

    key_id: str | None
    state: TradingState
    changed_s: float


@dataclass(frozen=True, slots=True)
class Generations:
    """Counters that grow with every change of a topic; equal counters mean that nothing changed."""

    counters: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, topic: str) -> int:
        return self.counters.get(topic, 0)


TRADING_TOPIC = "trading"
"""The generation that every change of the kill switch bumps."""

CLAIMS_TOPIC = "claims"
"""The generation that every change of the claims bumps."""


class Ledger(ClaimStore, Protocol):
    """The store; its steps about claims and leases stand in `ClaimStore`.

    Opened by its first use, in the process that uses it: never before a fork.
    """

    def reserve(
        self, intent: Intent, charge: Charge, now_s: float, *, dry_run: bool = False
    ) -> Reserved | Exceeded:
        """Check all limits in the order of `Check` and, if all hold, charge them and write the intent.

        A dry run checks the same and changes nothing.
        """
        ...

    def advance(self, intent_id: str, step: Step, now_s: float) -> IntentRecord:
        """Move an intent to its next state. Moving to the state it is in changes nothing.

        The daily value comes back with a definite rejection, once; the rate's slot never does.
        Raises IntentNotFound and WrongIntentState.
        """
        ...

    def find_intent(self, intent_id: str) -> IntentRecord | None:
        """The record of an intent."""
        ...

    def open_intents(self, limit: int = 1000, *, after: IntentRecord | None = None) -> list[IntentRecord]:
        """Intents in `OPEN_STATES`, oldest first; those that follow on `after`, the last of another page."""
        ...

    def intents_since(
        self, since_s: float, limit: int = 1000, *, after: IntentRecord | None = None
    ) -> list[IntentRecord]:
        """Intents created at or after a time, in any state, oldest first; in pages as above."""
        ...

    def count_call(self, call: CallCharge, now_s: float, *, must_fit: bool = True) -> Exceeded | None:
        """Count a call of OpenD that no intent is about; one that does not fit is not counted.

        Without `must_fit` it is counted in any case: it is made, or was.
        """
        ...

    def fill_calls(self, call: CallCharge, now_s: float) -> None:
        """OpenD said that the window is full: it is, until the oldest call that is known leaves it."""
        ...

    def begin_replay(
        self, key: ReplayKey, body_hash: str, intent_id: str, now_s: float, *, stretch_s: int = 0
    ) -> Replay | None:
        """Claim a request. None: it is the caller's to run; else the earlier request.

        An earlier one is remembered for `stretch_s` longer, by which the wall clock was set ahead meanwhile.
        """
        ...

    def finish_replay(self, key: ReplayKey, intent_id: str, status: int, body: bytes) -> None:
        """Keep the answer of the request that began with `intent_id`; without such a claim, nothing."""
        ...

    def drop_replay(self, key: ReplayKey, intent_id: str, *, needs_record: bool = False) -> None:
        """Forget the claim that began with `intent_id`: the request changed nothing and may be repeated.

        Not where the record of the intent says that something was traded under it, or may be yet; with
        `needs_record` not without one either.
        """
        ...

    def set_trading(self, state: TradingState, now_s: float, key_id: str | None = None) -> None:
        """Set the kill switch for all keys or for one; latched until it is set again."""
        ...

    def trading_state(self, key_id: str) -> TradingState:
        """What holds for a key: the stricter of its own switch and that for all."""
        ...

    def trading_switches(self) -> list[TradingSwitch]:
        """Every switch that was ever set, that for all keys first."""
        ...

    def bump_generation(self, topic: str) -> int:
        """Tell all processes that a topic changed; the new counter."""
        ...

    def generations(self) -> Generations:
        """All counters, in one cheap read."""
        ...

    def reset_clock(self, now_s: float) -> None:
        """Accept `now_s` as the present, for a clock that had run ahead and was set right.

        Charges that lie later count as made now, so that no window opens.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""
        ...


def to_micros(amount: Decimal) -> int:
    """An amount as whole millionths, rounded up, so that no order is counted below its value."""
    bounded = min(amount, MAX_AMOUNT + 1)
    return int(bounded.quantize(_MICRO, rounding=ROUND_CEILING).scaleb(6))


def from_micros(micros: int) -> Decimal:
    """Whole millionths as an amount."""
    return Decimal(micros).scaleb(-6)


def to_us(time_s: float) -> int:
    """Wall seconds as whole microseconds."""
    return round(time_s * MICROS)


def from_us(time_us: int) -> float:
    """Whole microseconds as wall seconds."""
    return time_us / MICROS
