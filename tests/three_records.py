"""Do the three records of an order agree: what its caller was told, the audit, and OpenD's own journal?

An order is joined over them by the caller's `X-Request-Id`, which the audit ties to an intent, and by
the remark in which the gateway sends the intent's id to OpenD.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.ledger.base import OPEN_STATES, IntentRecord, IntentState, Resolution

REMARK_PREFIX = "gw-"
AUDIT_PRECISION_S = 0.001

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What a caller was told about one order. `status` None: its connection died without an answer."""

    request_id: str
    body: Mapping[str, Any]
    sent_s: float
    told_s: float
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def error(self) -> str:
        """The sentence of a refusal; empty in any other answer."""
        return str(self.answer.get("error", ""))

    @property
    def outcome(self) -> str | None:
        """`unknown` or `not_sent`, where the answer says so."""
        return self.answer.get("outcome") if isinstance(self.answer, dict) else None

    @property
    def is_own_order(self) -> bool:
        """Whether it is about an order of this request, and not a dry run or an earlier request's order."""
        is_dry_run = isinstance(self.answer, dict) and "dry_run" in self.answer
        return not is_dry_run and "Idempotency-Replayed" not in self.headers

    @property
    def may_have_sent(self) -> bool:
        """Whether the caller has to ask what became of it."""
        return self.status is None or self.outcome == "unknown"


@dataclass(frozen=True)
class Records:
    """The three records at one moment, and the ledger's of the intents that they name, by id."""

    told: Iterable[Told]
    audit: Iterable[Entry]
    journal: Iterable[Entry]
    intents: Mapping[str, IntentRecord]

    def disagreements(self) -> list[str]:
        """Everything that does not fit, each with the timeline of its order."""
        own = [each for each in self.told if each.is_own_order]
        return [*self._of_journal(), *(text for each in own for text in self._of_order(each))]

    def intents_of(self, request_id: str) -> list[str]:
        """The intents that the audit knows for a request."""
        lines = [line for line in self.audit if line.get("request_id") == request_id]
        return list(dict.fromkeys(line["intent_id"] for line in lines if "intent_id" in line))

    def placed(self, intent_ids: Iterable[str]) -> list[Entry]:
        """The orders that OpenD executed for the intents."""
        remarks = {REMARK_PREFIX + intent_id for intent_id in intent_ids}
        return [entry for entry in self._all_placed() if entry["remark"] in remarks]

    def timeline(self, request_id: str) -> str:
        """All that the three records say of an order, in the order of time."""
        intent_ids = self.intents_of(request_id)
        remarks = {REMARK_PREFIX + intent_id for intent_id in intent_ids}
        events = [
            *(
                (moment, "caller", text)
                for each in self.told
                if each.request_id == request_id
                for moment, text in _caller_events(each)
            ),
            *(
                (audit_time_s(line), "audit", json.dumps(line))
                for line in self.audit
                if line.get("request_id") == request_id or line.get("intent_id") in intent_ids
            ),
            *(
                (entry["time"], "OpenD", json.dumps(entry))
                for entry in self.journal
                if entry["remark"] in remarks
            ),
        ]
        lines = [f"{moment:.3f} {who:7} {text}" for moment, who, text in sorted(events)]
        return "\n".join([*lines, *(f"at last: {self.intents.get(each)}" for each in intent_ids)])

    def _all_placed(self) -> list[Entry]:
        return [entry for entry in self.journal if entry["event"] == "placed"]

    def _of_journal(self) -> Iterator[str]:
        """No order twice, and none that nobody asked for or that was not announced on disk before."""
        counts = Counter(entry["remark"] for entry in self._all_placed())
        sending = {line["intent_id"]: line for line in self.audit if line["kind"] == "sending"}
        for entry in self._all_placed():
            intent_id = entry["remark"].removeprefix(REMARK_PREFIX)
            line = sending.get(intent_id)
            if counts[entry["remark"]] > 1:
                yield f"order {entry['remark']} was executed {counts[entry['remark']]} times"
            if line is None:
                yield f"order {entry['remark']} was executed and the audit had no line that it would be sent"
            elif audit_time_s(line) > entry["time"] + AUDIT_PRECISION_S:
                yield f"order {entry['remark']} was executed before the audit said that it would be sent"

    def _of_order(self, told: Told) -> Iterator[str]:
        intent_ids = self.intents_of(told.request_id)
        placed = self.placed(intent_ids)
        problems = [*_told_and_placed(told, placed), *self._states_and_placed(intent_ids, placed)]
        if not told.may_have_sent and told.status != 200 and placed:
            problems.append("was refused and executed")
        for problem in problems:
            yield f"order {told.request_id} {problem}\n{self.timeline(told.request_id)}"

    def _states_and_placed(self, intent_ids: list[str], placed: list[Entry]) -> Iterator[str]:
        if len(intent_ids) > 1:
            yield f"has the intents {intent_ids}"
        for record in filter(None, map(self.intents.get, intent_ids)):
            if record.state in OPEN_STATES:
                yield f"is still {record.state}"
            elif is_accepted(record) is not bool(placed):
                yield f"is {record.state} ({record.resolution}) and was executed {len(placed)} times"


def _told_and_placed(told: Told, placed: list[Entry]) -> Iterator[str]:
    order_ids = [entry["order_id"] for entry in placed]
    if told.status == 200 and order_ids != [told.answer["s2c"]["order_id"]]:
        yield f"was answered with {told.answer['s2c']['order_id']} and executed as {order_ids}"
    if len(placed) > 1:
        yield f"was executed {len(placed)} times"


def is_accepted(record: IntentRecord) -> bool:
    """Whether the ledger says that OpenD has the order."""
    return record.state is IntentState.ACCEPTED or record.resolution is Resolution.ACCEPTED


def audit_time_s(line: Entry) -> float:
    """A line's time in seconds since the epoch."""
    return datetime.fromisoformat(line["time"]).timestamp()


def _caller_events(told: Told) -> Iterator[tuple[float, str]]:
    yield told.sent_s, f"asks {json.dumps(told.body)}"
    yield told.told_s, f"is told {told.status} {json.dumps(told.answer)}"
