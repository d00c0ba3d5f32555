"""The promises: each a function over the evidence that counts its trials and finds its breaches."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from soak.client import Ask, Kind
from soak.evidence import Evidence, Execution, terms_of_ask, terms_of_line
from soak.harm import Excuse
from soak.key import CAPPED, KEYS, TRADERS
from soak.listener import FILL_EVENT, ORDER_EVENT, Period, SocketLog
from three_records import AUDIT_PRECISION_S, REMARK_PREFIX, Entry, audit_time_s

from gateway.ledger.base import OPEN_STATES, IntentRecord, IntentState

RESOLVED_WITHIN_S = 5.0
HEALTH_WITHIN_S = 5.0
"""As long as monitors commonly wait. The proof keeps every processor busy, and answers take their time."""

RATE_WINDOW_S = 60
TOLD_WITHIN_S = 5.0
MORE_MEMORY_BYTES = 48 * 1024 * 1024
MORE_FILES = 6
MORE_GREENLETS = 6
REAL = 1


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept, and the request whose timeline shows it, if there is one."""

    text: str
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often a promise was put to the test, and what came of it. `note` says what else was counted."""

    trials: int
    breaches: list[Breach]
    note: str = ""


def once(evidence: Evidence) -> Verdict:
    """An intent reaches OpenD at most once, and so do all requests of one `Idempotency-Key` together."""
    breaches = []
    for remark, entries in evidence.placed.items():
        if len(entries) > 1:
            breaches.append(Breach(f"{remark} was executed {len(entries)} times", _ask_of(evidence, remark)))
    for terms, entries in evidence.changed.items():
        if len(entries) > 1:
            asks = evidence.changes_of_terms.get(terms, [None])
            breaches.append(Breach(f"the change {terms} was executed {len(entries)} times", asks[0]))
    named: defaultdict[tuple[str, str], dict[int, Ask]] = defaultdict(dict)
    for ask in evidence.of(Kind.PLACE):
        if ask.name is not None:
            named[ask.key_id, ask.name] |= {entry["order_id"]: ask for entry in evidence.placed_by(ask)}
    for (_, name), orders in named.items():
        if len(orders) > 1:
            breaches.append(
                Breach(f"the name {name} became {len(orders)} orders", next(iter(orders.values())))
            )
    sent = sum(line["kind"] == "sending" and "order_id" not in line for line in evidence.audit)
    return Verdict(sent + len(named), breaches, f"{len(named)} names")


def answered_truly(evidence: Evidence) -> Verdict:
    """What was answered with 200 is there; what was refused, or said not to be sent, is not."""
    verdicts = [
        (ask, text)
        for ask in evidence.of(Kind.PLACE, Kind.CHANGE, Kind.CANCEL)
        if ask.status is not None
        for text in [_lie(evidence, ask)]
    ]
    breaches = [Breach(f"{ask.request_id} {text}", ask) for ask, text in verdicts if text]
    accepted = sum(ask.status == 200 for ask, _ in verdicts)
    return Verdict(len(verdicts), breaches, f"{accepted} answered with 200")


def _lie(evidence: Evidence, ask: Ask) -> str:
    """What is wrong with an answer; empty for one that is true."""
    if ask.kind is Kind.PLACE:
        return _lie_of_order(evidence, ask)
    if ask.kind is Kind.CHANGE:
        is_there = bool(evidence.changed.get(terms_of_ask(ask)))
        if ask.status == 200 and not is_there:
            return "was answered with 200 and not executed"
        return "was refused and executed" if ask.is_refused and is_there else ""
    withdrawn = {entry["event"] for entry in evidence.events_of.get(ask.body["order_id"], ())}
    is_there = bool(withdrawn & {"cancelled", "cancel_requested"})
    return "" if is_there or ask.status != 200 else "was answered with 200 and not cancelled"


def _lie_of_order(evidence: Evidence, ask: Ask) -> str:
    if ask.status == 200:
        events = evidence.events_of.get(ask.order_id, ())
        return (
            ""
            if any(each["event"] == "placed" for each in events)
            else "was answered with 200 and is not there"
        )
    if ask.is_refused and "Idempotency-Replayed" not in ask.headers and evidence.placed_by(ask):
        # Another request of the same name may have sent it under the same intent.
        others = [each for each in _same_name(evidence, ask) if each.status == 200 or each.may_have_sent]
        return "" if others else f"was refused with {ask.status} and executed"
    return ""


def _same_name(evidence: Evidence, ask: Ask) -> Iterator[Ask]:
    for intent_id in evidence.intents_of_request.get(ask.request_id, ()):
        for other in evidence.asks_of_intent.get(intent_id, ()):
            if other.request_id != ask.request_id:
                yield other


def under_caps(evidence: Evidence) -> Verdict:
    """No 60 s and no day over a cap, for any key: by when orders were asked for and executed."""
    executions = evidence.executions()
    breaches, trials = [], 0
    for key_id, caps in KEYS.items():
        executed = executions.get(key_id, [])
        trials += len(executed)
        if "max_orders_per_minute" in caps:
            breaches += _over_rate(evidence, key_id, executed, caps["max_orders_per_minute"])
        for currency, cap in caps.get("max_daily_value", {}).items():
            breaches += _over_day(key_id, executed, currency, Decimal(cap))
    denied = sum(ask.status == 429 and ask.key_id in CAPPED for ask in evidence.of(Kind.PLACE))
    if not denied:
        breaches.append(Breach("no cap was ever hit: nothing was tried"))
    return Verdict(trials, breaches, f"{denied} denied")


def _over_rate(evidence: Evidence, key_id: str, executed: list[Execution], cap: int) -> Iterator[Breach]:
    """An order was charged between its request and its execution: `cap` + 1 of these inside of 60 s are one
    too many. A minute in which the gateway's clock was set ahead is shorter by as much, and no more."""
    if len(executed) <= cap:
        return
    by_sent = sorted(executed, key=lambda each: each.sent_s)
    for index, first in enumerate(by_sent):
        ends = sorted(each.entry["time"] for each in by_sent[index:])
        if len(ends) <= cap:
            return
        window_s = RATE_WINDOW_S - evidence.missing_s(first.sent_s, ends[cap])
        if ends[cap] - first.sent_s < window_s:
            yield Breach(
                f"{key_id}: {cap + 1} orders in {ends[cap] - first.sent_s:.2f} s (cap {cap})", first.asks[0]
            )
            return


def _over_day(key_id: str, executed: list[Execution], currency: str, cap: Decimal) -> Iterator[Breach]:
    """An order about midnight may count for either day, and counts for none here."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in executed:
        days = {_day(each.sent_s), _day(each.entry["time"])}
        if each.currency == currency and len(days) == 1:
            sums[days.pop()] += each.value
    for day, value in sums.items():
        if value > cap:
            yield Breach(f"{key_id}: {value} {currency} on {day} (cap {cap})", executed[-1].asks[0])


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()


def announced(evidence: Evidence) -> Verdict:
    """Each executed order has its audit line before it, and the chain verifies."""
    breaches = [Breach(text) for text in evidence.audit_breaks]
    lines = [line for line in evidence.audit if line["kind"] == "sending"]
    orders = {REMARK_PREFIX + line["intent_id"]: line for line in lines}
    changes = {terms_of_line(line): line for line in lines if _is_change(line)}
    trials = 0
    for remark, entries in evidence.placed.items():
        trials += 1
        breaches += _unannounced(evidence, entries[0], orders.get(remark), _ask_of(evidence, remark))
    for terms, entries in evidence.changed.items():
        trials += 1
        ask = next(iter(evidence.changes_of_terms.get(terms, ())), None)
        breaches += _unannounced(evidence, entries[0], changes.get(terms), ask)
    return Verdict(trials, breaches, f"{len(evidence.audit)} lines")


def _is_change(line: Entry) -> bool:
    return line.get("route") == "/api/modify-order" and "quantity" in line and "price" in line


def _unannounced(evidence: Evidence, entry: Entry, line: Entry | None, ask: Ask | None) -> Iterator[Breach]:
    if line is None:
        yield Breach(f"order {entry['order_id']} was executed, and no line said that it would be sent", ask)
    elif audit_time_s(line) > entry["time"] + AUDIT_PRECISION_S and not evidence.excuses(
        Excuse.CLOCK, entry["time"], entry["time"]
    ):
        yield Breach(f"order {entry['order_id']} was executed before the line that it would be sent", ask)


def resolved(evidence: Evidence) -> Verdict:
    """Every unknown order is resolved within 5 s of the return of what was away."""
    unknown = [record for record in evidence.intents.values() if _was_unknown(evidence, record)]
    breaches, slowest_s = [], 0.0
    for record in unknown:
        asks = evidence.asks_of_intent.get(record.intent.intent_id)
        ask = asks[0] if asks else None
        if record.state in OPEN_STATES:
            breaches.append(Breach(f"{record.intent.intent_id} is {record.state} at the end", ask))
        elif ask is not None and not evidence.excuses(Excuse.CLOCK, ask.sent_s, record.updated_s):
            late_s = record.updated_s - _may_begin_s(evidence, ask.told_s)
            slowest_s = max(slowest_s, late_s)
            if late_s > RESOLVED_WITHIN_S:
                breaches.append(Breach(f"{record.intent.intent_id} was resolved after {late_s:.1f} s", ask))
    still_open = [
        each for each in evidence.intents.values() if each.state in OPEN_STATES and each not in unknown
    ]
    breaches += [Breach(f"{each.intent.intent_id} is {each.state} at the end") for each in still_open]
    return Verdict(len(unknown), breaches, f"the slowest {slowest_s:.1f} s")


def _was_unknown(evidence: Evidence, record: IntentRecord) -> bool:
    lines = evidence.lines_of_intent.get(record.intent.intent_id, ())
    return record.state in (IntentState.UNKNOWN, IntentState.RESOLVED) or any(
        line.get("outcome") == IntentState.UNKNOWN for line in lines
    )


def _may_begin_s(evidence: Evidence, told_s: float) -> float:
    """From when it could be looked for: a dead or stopped worker is replaced, and OpenD and ledger answer."""
    begin_s = told_s
    for excuse in (Excuse.LOST, Excuse.LATE):
        ends = [done.end_s for done in evidence.ends(excuse) if done.begin_s <= told_s < done.end_s]
        begin_s = max([begin_s, *ends])
    for done in evidence.ends(Excuse.BLIND):
        if done.begin_s <= begin_s + RESOLVED_WITHIN_S and done.end_s > begin_s:
            begin_s = done.end_s
    return begin_s


def halted(evidence: Evidence) -> Verdict:
    """After the kill switch's answer no order that is asked for then is executed, until it is set back."""
    asks = sorted(evidence.of(Kind.PLACE, Kind.CHANGE), key=lambda each: each.sent_s)
    times = [ask.sent_s for ask in asks]
    trials, breaches = 0, []
    for halt in evidence.halts:
        meant = asks[bisect_left(times, halt.answered_s) : bisect_left(times, halt.resumed_s)]
        for ask in meant:
            if halt.key_id not in (None, ask.key_id):
                continue
            trials += 1
            if any(entry["time"] < halt.resumed_s for entry in _executed_by(evidence, ask)):
                breaches.append(Breach(f"{ask.request_id} was executed while trading was halted", ask))
    return Verdict(trials, breaches, f"{len(evidence.halts)} halts")


def _executed_by(evidence: Evidence, ask: Ask) -> list[Entry]:
    """What a request itself led to: not an order that an earlier one of the same name had sent."""
    if ask.kind is Kind.CHANGE:
        return evidence.changed.get(terms_of_ask(ask), [])
    return [entry for entry in evidence.placed_by(ask) if entry["time"] >= ask.sent_s]


def in_sequence(evidence: Evidence) -> Verdict:
    """A socket's `seq` has no jump without a `gap` that tells of it."""
    breaches = [
        Breach(f"a socket of {log.key_id}: {text}") for log in evidence.sockets for text in log.disorder
    ]
    gaps = sum(log.gaps for log in evidence.sockets)
    return Verdict(
        sum(log.seq for log in evidence.sockets), breaches, f"{len(evidence.sockets)} sockets, {gaps} gaps"
    )


def told_of_trades(evidence: Evidence) -> Verdict:
    """A trade event is never lost while its socket lives, but between `opend_lost` and `opend_back`."""
    trials, breaches = 0, []
    for log in evidence.sockets:
        if log.key_id not in TRADERS:
            continue
        known = _Known(log)
        for period in log.periods:
            for entry in _owed(evidence, log, period):
                trials += 1
                if not known.has(entry):
                    text = f"a socket of {log.key_id} was not told: {entry}; its period {period}"
                    breaches.append(Breach(text, _ask_of(evidence, entry["remark"])))
    return Verdict(trials, breaches)


class _Known:
    """What a socket was told, to be asked for an entry of the journal."""

    def __init__(self, log: SocketLog) -> None:
        orders = [event.data["order"] for event in log.trades if event.proto_id == ORDER_EVENT]
        fills = [event.data["order_fill"] for event in log.trades if event.proto_id == FILL_EVENT]
        self._fills = {fill["fill_id"] for fill in fills}
        self._orders: defaultdict[int, list[dict]] = defaultdict(list)
        for order in orders:
            self._orders[order["order_id"]].append(order)

    def has(self, entry: Entry) -> bool:
        """Whether an event of it came."""
        events = self._orders[entry["order_id"]]
        match entry["event"]:
            case "placed":
                return bool(events)
            case "modified":
                return any((each["qty"], each["price"]) == (entry["qty"], entry["price"]) for each in events)
            case "filled":
                is_filled = any(each["fill_qty"] == entry["filled_qty"] for each in events)
                return is_filled and (entry["env"] != REAL or entry["fill_id"] in self._fills)
            case "cancelled":
                return any(each["order_status"] in (14, 15) for each in events)
        return True


def _owed(evidence: Evidence, log: SocketLog, period: Period) -> Iterator[Entry]:
    """What a socket has to have been told of in a period.

    Events of an account come in order, so all before the last that came have to be there. What came after
    that one may have been on its way when the worker died or OpenD's connection broke; but not for long.
    """
    acc_id = TRADERS[log.key_id].acc_id
    last = max(
        (_seq(evidence, event) for event in log.trades if period.begin_s <= event.received_s <= period.end_s),
        default=0,
    )
    for entry in evidence.journal:
        if entry["acc_id"] != acc_id or not period.begin_s < entry["time"] < period.end_s:
            continue
        is_old = entry["time"] < period.end_s - TOLD_WITHIN_S and not any(
            evidence.excuses(excuse, entry["time"], period.end_s) for excuse in (Excuse.LATE, Excuse.BLIND)
        )
        if entry["seq"] < last or is_old:
            yield entry


def _seq(evidence: Evidence, event) -> int:
    """The newest entry of the journal that an event can only have come after."""
    if event.proto_id != ORDER_EVENT:
        return 0
    order = event.data["order"]
    entries = evidence.events_of.get(order["order_id"], ())
    ended = {14: "cancelled", 15: "cancelled"}.get(order["order_status"])
    seqs = [each["seq"] for each in entries if each["event"] in ("placed", ended)]
    return max(seqs, default=0)


def apart(evidence: Evidence) -> Verdict:
    """A reader never gets another key's events, nor what belongs to its orders and accounts."""
    breaches, trials = [], 0
    for log in evidence.sockets:
        own = KEYS[log.key_id].get("allowed_acc_ids", [])
        trials += len(log.trades) + sum(log.quotes.values())
        foreign = {event.acc_id for event in log.trades} - set(own)
        if foreign:
            breaches.append(Breach(f"a socket of {log.key_id} was told of the accounts {foreign}"))
        if len(log.quotes) > 1:
            breaches.append(Breach(f"a socket of {log.key_id} was told of {set(log.quotes)}"))
    for ask in evidence.of(Kind.FOREIGN):
        trials += 1
        if ask.status == 200:
            breaches.append(Breach(f"{ask.key_id} was shown {ask.answer}", ask))
    return Verdict(trials, breaches)


def healthy(evidence: Evidence) -> Verdict:
    """/health is answered with 200 within 5 s, through nginx.

    Excused are those that were on their way when a worker was killed, and lateness while one stands still.
    """
    return _served(evidence, evidence.of(Kind.HEALTH), {200}, HEALTH_WITHIN_S)


def answered(evidence: Evidence) -> Verdict:
    """Every other request is answered, by the gateway and not by nginx, unless a worker was killed."""
    kinds = (Kind.PLACE, Kind.CHANGE, Kind.CANCEL, Kind.READ, Kind.FOREIGN)
    return _served(evidence, evidence.of(*kinds), None, None)


def _served(
    evidence: Evidence, asks: Iterable[Ask], wanted: set[int] | None, within_s: float | None
) -> Verdict:
    trials, excused, breaches, slowest_s = 0, 0, [], 0.0
    for ask in asks:
        trials += 1
        took_s = ask.told_s - ask.sent_s
        is_bad = ask.status not in wanted if wanted else ask.status is None or is_of_nginx(ask)
        is_late = within_s is not None and took_s > within_s
        if not is_bad and not is_late:
            slowest_s = max(slowest_s, took_s)
            continue
        excuses = {Excuse.LOST} if is_bad else {Excuse.LATE, Excuse.LOST}
        if any(evidence.excuses(excuse, ask.sent_s, ask.told_s) for excuse in excuses):
            excused += 1
        else:
            text = f"{ask.request_id} {ask.body} got {ask.status} after {took_s:.2f} s: {ask.error}"
            breaches.append(Breach(text, ask))
    return Verdict(trials, breaches, f"{excused} excused, the slowest other {slowest_s:.2f} s")


def is_of_nginx(ask: Ask) -> bool:
    """Whether nginx had to answer since the gateway did not."""
    return ask.status == 500 and ask.error.startswith(
        ("the gateway is away", "the gateway cannot", "the gateway went")
    )


def works_again(evidence: Evidence) -> Verdict:
    """What was harmed runs again, and 5 s after the last harm everything works."""
    harms = [Breach(f"after '{done.harm.name}': {done.problem}") for done in evidence.done if done.problem]
    finals = [Breach(f"{what}: {problem}") for what, problem in evidence.finals if problem]
    return Verdict(len(evidence.done) + len(evidence.finals), harms + finals)


def size_returns(evidence: Evidence) -> Verdict:
    """Memory, descriptors and greenlets of workers and master are back where they were, but for a margin."""
    before, after = evidence.before, evidence.after
    margins = {
        "memory_bytes": MORE_MEMORY_BYTES,
        "files": MORE_FILES,
        "greenlets": MORE_GREENLETS,
        "master_memory_bytes": MORE_MEMORY_BYTES,
        "master_files": MORE_FILES,
    }
    breaches = [
        Breach(f"{name} grew from {getattr(before, name)} to {getattr(after, name)}")
        for name, margin in margins.items()
        if getattr(after, name) > getattr(before, name) + margin
    ]
    grown = (after.memory_bytes - before.memory_bytes) / 2**20
    counts = (
        f"files {before.files} -> {after.files}, greenlets {before.greenlets} -> {after.greenlets}, "
        f"of the master {before.master_files} -> {after.master_files}"
    )
    return Verdict(len(margins), breaches, f"memory {grown:+.1f} MiB, {counts}")


def _ask_of(evidence: Evidence, remark: str) -> Ask | None:
    return next(iter(evidence.asks_of_intent.get(remark.removeprefix(REMARK_PREFIX), ())), None)


PROMISES: dict[str, Callable[[Evidence], Verdict]] = {
    "an intent reaches OpenD at most once": once,
    "every 200 is there, every refusal is not": answered_truly,
    "no 60 s and no day over a cap": under_caps,
    "an audit line before each order, one chain": announced,
    "every unknown is resolved within 5 s": resolved,
    "no new order after the kill switch": halted,
    "seq without a jump but for a gap": in_sequence,
    "no trade event lost while its socket lives": told_of_trades,
    "no event of another key": apart,
    "/health answers": healthy,
    "every request is answered": answered,
    "everything works 5 s after the last harm": works_again,
    "memory, descriptors, greenlets return": size_returns,
}
"""The rows of the report, in its order."""
