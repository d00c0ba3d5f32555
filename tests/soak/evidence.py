"""All that was recorded of a run, with the indexes by which the records are joined."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from soak.client import Ask, Kind
from soak.harm import SETTLE_S, Excuse
from soak.harmer import Done
from soak.listener import SocketLog
from soak.stage import Halt, Missetting, Size, Stage
from three_records import REMARK_PREFIX, Entry, Records

from gateway.audit import verify
from gateway.ledger.base import IntentRecord

EVERYTHING = 10_000_000


class Terms(NamedTuple):
    """What a change makes of an order."""

    order_id: int
    qty: Decimal
    price: Decimal


class Execution(NamedTuple):
    """An order or a change that OpenD executed, with the requests that can have led to it.

    `value` is what it added to the day's value of its key, in `currency`.
    """

    entry: Entry
    asks: Sequence[Ask]
    value: Decimal
    currency: str

    @property
    def sent_s(self) -> float:
        """The earliest time at which it can have been asked for."""
        return min(ask.sent_s for ask in self.asks)


@dataclass(frozen=True)
class Evidence:
    """The three records and what stands beside them. `failures` are what did not work at the end."""

    told: Sequence[Ask]
    audit: Sequence[Entry]
    audit_breaks: Sequence[str]
    journal: Sequence[Entry]
    intents: Mapping[str, IntentRecord]
    sockets: Sequence[SocketLog]
    halts: Sequence[Halt]
    missettings: Sequence[Missetting]
    done: Sequence[Done]
    before: Size
    after: Size
    finals: Sequence[tuple[str, str]]
    """What was tried at the end, and what was wrong with it; empty where it worked."""

    def excuses(self, excuse: Excuse, from_s: float, to_s: float) -> bool:
        """Whether a harm that has the excuse was done at any moment of the time."""
        return any(
            done.begin_s <= to_s and from_s <= done.end_s + SETTLE_S for done in self._done_with[excuse]
        )

    def missing_s(self, from_s: float, to_s: float) -> float:
        """By how much a length of time between these may have looked longer to the gateway than it was."""
        return sum(
            abs(each.ahead_s) for each in self.missettings if each.begin_s <= to_s and from_s <= each.end_s
        )

    def ends(self, excuse: Excuse) -> list[Done]:
        """The harms that have an excuse, in the order of their begins."""
        return self._done_with[excuse]

    @cached_property
    def _done_with(self) -> dict[Excuse, list[Done]]:
        by_begin = sorted(self.done, key=lambda done: done.begin_s)
        return {each: [done for done in by_begin if each in done.harm.excuses] for each in Excuse}

    def of(self, *kinds: Kind) -> Iterator[Ask]:
        """Requests of these kinds."""
        return (ask for ask in self.told if ask.kind in kinds)

    @cached_property
    def placed(self) -> dict[str, list[Entry]]:
        """Executed orders by their remark."""
        return _grouped((entry["remark"], entry) for entry in self.journal if entry["event"] == "placed")

    @cached_property
    def changed(self) -> dict[Terms, list[Entry]]:
        """Executed changes by what they made."""
        return _grouped(
            (terms_of_entry(entry), entry) for entry in self.journal if entry["event"] == "modified"
        )

    @cached_property
    def events_of(self) -> dict[int, list[Entry]]:
        """The journal's entries by order."""
        return _grouped((entry["order_id"], entry) for entry in self.journal)

    @cached_property
    def lines_of_intent(self) -> dict[str, list[Entry]]:
        """The audit's lines by intent."""
        return _grouped((line["intent_id"], line) for line in self.audit if "intent_id" in line)

    @cached_property
    def intents_of_request(self) -> dict[str, list[str]]:
        """The intents that the audit knows for a request."""
        found = _grouped(
            (line["request_id"], line["intent_id"])
            for line in self.audit
            if "intent_id" in line and "request_id" in line
        )
        return {request_id: list(dict.fromkeys(ids)) for request_id, ids in found.items()}

    @cached_property
    def asks_of_intent(self) -> dict[str, list[Ask]]:
        """The requests that the audit knows for an intent."""
        by_id = {ask.request_id: ask for ask in self.told}
        return _grouped(
            (intent_id, by_id[request_id])
            for request_id, ids in self.intents_of_request.items()
            if request_id in by_id
            for intent_id in ids
        )

    @cached_property
    def changes_of_terms(self) -> dict[Terms, list[Ask]]:
        """The requests that asked for a change."""
        return _grouped((terms_of_ask(ask), ask) for ask in self.of(Kind.CHANGE))

    def placed_by(self, ask: Ask) -> list[Entry]:
        """The orders that OpenD executed for a request."""
        ids = self.intents_of_request.get(ask.request_id, ())
        return [entry for each in ids for entry in self.placed.get(REMARK_PREFIX + each, ())]

    def executions(self) -> dict[str, list[Execution]]:
        """Everything that took from limits, by key, in the order in which it was executed."""
        found: defaultdict[str, list[Execution]] = defaultdict(list)
        worth: dict[int, Decimal] = {}
        for entry in self.journal:
            if entry["event"] not in ("placed", "modified"):
                continue
            now = Decimal(str(entry["qty"])) * Decimal(str(entry["price"]))
            added = max(now - worth.get(entry["order_id"], Decimal(0)), Decimal(0))
            worth[entry["order_id"]] = now
            asks = self._asks_of(entry)
            if asks:
                currency = "USD" if entry["trd_market"] == US_MARKET else "HKD"
                found[asks[0].key_id].append(Execution(entry, asks, added, currency))
        return found

    def _asks_of(self, entry: Entry) -> Sequence[Ask]:
        if entry["event"] == "modified":
            return self.changes_of_terms.get(terms_of_entry(entry), ())
        return self.asks_of_intent.get(entry["remark"].removeprefix(REMARK_PREFIX), ())

    def timeline(self, ask: Ask) -> str:
        """What all three records say of the order that a request is about."""
        ids = self.intents_of_request.get(ask.request_id, [])
        asks = {each.request_id: each for intent_id in ids for each in self.asks_of_intent.get(intent_id, ())}
        asks[ask.request_id] = ask
        lines = [line for intent_id in ids for line in self.lines_of_intent.get(intent_id, ())]
        placed = [entry for each in ids for entry in self.placed.get(REMARK_PREFIX + each, ())]
        events = [event for entry in placed for event in self.events_of[entry["order_id"]]]
        known = {intent_id: self.intents[intent_id] for intent_id in ids if intent_id in self.intents}
        records = Records(list(asks.values()), lines, events, known)
        parts = [records.timeline(request_id) for request_id in asks]
        if ask.kind is Kind.CHANGE:
            parts += [json.dumps(entry) for entry in self.events_of.get(terms_of_ask(ask).order_id, ())]
        harms = [
            f"{done.begin_s:.3f} to {done.end_s:.3f} harm: {done.harm.name}"
            for done in self.done
            if done.begin_s <= ask.told_s + 10 and ask.sent_s - 10 <= done.end_s
        ]
        return "\n".join([*parts, *harms])


US_MARKET = 2


def gather(stage: Stage, told: Sequence[Ask], **others: Any) -> Evidence:
    """Read all records once everything has ended."""
    with stage.ledger() as ledger:
        intents = {each.intent.intent_id: each for each in ledger.intents_since(0, EVERYTHING)}
    lines = stage.audit_file.read_bytes().splitlines()
    return Evidence(
        told=told,
        audit=[json.loads(line) for line in lines if line.endswith(b"}")],
        audit_breaks=[str(each) for each in verify(stage.audit_file).breaks],
        journal=stage.journal,
        intents=intents,
        halts=stage.halts,
        missettings=stage.missettings,
        **others,
    )


def terms_of_entry(entry: Entry) -> Terms:
    """What an order is after a change."""
    return Terms(entry["order_id"], Decimal(str(entry["qty"])), Decimal(str(entry["price"])))


def terms_of_ask(ask: Ask) -> Terms:
    """What a change asks for."""
    body = ask.body
    return Terms(body["order_id"], Decimal(str(float(body["qty"]))), Decimal(str(body["price"])))


def terms_of_line(line: Entry) -> Terms:
    """What a change will make of an order, as the audit has it."""
    return Terms(line["order_id"], Decimal(line["quantity"]), Decimal(line["price"]))


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    for key, member in pairs:
        groups[key].append(member)
    return dict(groups)
