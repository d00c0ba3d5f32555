"""Finds out what became of orders whose outcome nobody waits for any more.

Such an order is UNKNOWN, because its answer never came, or it belongs to a worker that died: RESERVED,
so never sent, or SENT. That a worker died shows at once, when its lease in the ledger has ended, or else
when the time of an attempt to send is over; in both cases the worker itself sends nothing any more.
OpenD's list of orders tells. An order that is there is resolved at once; that
one is not there counts after two answers of an OpenD that is logged in, taken apart from each other,
since an order may take a moment to appear. What the lists leave unclear stays UNKNOWN, for a person.

Every worker does this for all orders. Their steps in the ledger happen once, whoever comes first.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import gevent
from gevent.event import Event

from gateway.audit import AuditLog
from gateway.clock import Clock
from gateway.clock_watch import ClockWatch
from gateway.errors import GatewayError
from gateway.ledger.base import (
    CLOCK_TOLERANCE_S,
    IntentRecord,
    IntentState,
    Ledger,
    Resolution,
    Step,
    WrongIntentState,
    to_us,
)
from gateway.ledger.lease import Lease
from gateway.ledger.paging import PAGE
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDError, OpenDRefused
from gateway.order import Environment, IntentKind
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.schema.text import text_of
from gateway.trading.account import HISTORY_ORDER_LIST, orders
from gateway.trading.audit_trail import note_later
from gateway.trading.resolution import (
    Finding,
    OrderList,
    find_outcome,
    is_signed,
    may_have_become,
    resolution_of,
)
from gateway.trading.rival import owners, rivals
from gateway.trading.settlement import Settlements
from gateway.trading.wire import ENVIRONMENT_NUMBERS, MARKET_NUMBERS

GLOBAL_STATE = protocol_named("GetGlobalState")

INTERVAL_S = 0.25
STALE_MARGIN_S = 0.5
"""How much longer than a call's deadline a worker that lives may take to record its outcome."""

FOREIGN_MARGIN_S = CLOCK_TOLERANCE_S + STALE_MARGIN_S
"""The same of another worker, which may have sent it by the clock of another machine."""

LOOK_AFTER_S = 1.0
"""How long after an order was sent the lists are first asked for it."""

REST_SHARE = 2.0
"""After a look OpenD is left alone for so many times as long as the look took. Its lists have all orders of
the day; one that is slow already, so that many orders wait for their answers, would else never recover."""

REST_AT_MOST_S = 1.0

READ_TIMEOUT_S = 2.0

ABSENT_TWICE_S = 1.0
"""The least time between the two answers that show that OpenD does not have an order."""

HISTORY_AFTER_S = 3600.0
"""Orders of today may have left the list of orders when their market's day has ended: after this time
the history is asked too. It has a rate limit, which `HISTORY_INTERVAL_S` keeps to."""

HISTORY_INTERVAL_S = 5.0
_ONE_DAY = timedelta(days=1)

PEOPLE_INTERVAL_S = 30.0
"""How often an order that is left to people is looked for."""

CLOCK_STEP_S = 1.0
"""A wall clock that moves by more than this against the monotonic one was set."""

_CLOSE_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class AccountKey(NamedTuple):
    """An account as a trade header names it, for which orders can be listed."""

    environment: Environment
    acc_id: int
    market: str

    @classmethod
    def of(cls, record: IntentRecord) -> "AccountKey":
        """The account of an intent."""
        return cls(record.intent.environment, record.intent.acc_id, record.intent.market)

    @property
    def header(self) -> Mapping[str, int]:
        """The fields of its `TrdHeader`."""
        return {
            "trdEnv": ENVIRONMENT_NUMBERS[self.environment],
            "accID": self.acc_id,
            "trdMarket": MARKET_NUMBERS[self.market],
        }


@dataclass(frozen=True, slots=True)
class _OpenD:
    """OpenD's own state: how far its clock is ahead of ours, and whether it is logged in to trade."""

    ahead_s: float
    is_trading: bool


class Reconciler:
    """The search of one worker, in a greenlet of its own between `open` and `close`.

    `timeout_s` is what the desk gives one attempt to send; what is longer in flight has nobody who
    waits for it. `settlements`, `clock_watch` and `lease` are the desk's.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        audit: AuditLog,
        clock: Clock,
        *,
        settlements: Settlements,
        clock_watch: ClockWatch,
        timeout_s: float,
        lease: Lease | None = None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._audit = audit
        self._clock = clock
        self._settlements = settlements
        self._clock_watch = clock_watch
        self._timeout_s = timeout_s
        self._lease = lease
        self._clock_offset_s: float | None = None
        self._clock_set_s = float("-inf")
        self._seen_since_s: dict[str, float] = {}
        self._absent_since_s: dict[str, float] = {}
        self._history_asked_s: dict[AccountKey, float] = {}
        self._left_to_people: dict[str, float] = {}
        self._next_look_s = float("-inf")
        self._trouble = ""
        self._live_leases: frozenset[str] = frozenset()
        self._page_end: IntentRecord | None = None
        self._seen_ids: set[str] = set()
        self._closing = Event()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def open(self) -> None:
        """Begin, in the process that shall do it."""
        self._closing.clear()
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """End, after the step that is being done."""
        self._closing.set()
        if self._greenlet is not None:
            self._greenlet.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self.step()
            except GatewayError as error:
                self._tell_trouble(str(error))
            except Exception:  # noqa: BLE001 - a defect must not end the search: orders would stay unknown
                _log.exception("a step of the search for unknown orders failed")
            else:
                self._tell_trouble("")
            self._closing.wait(INTERVAL_S)

    def _tell_trouble(self, text: str) -> None:
        """Log what holds the search up, once."""
        if text and text != self._trouble:
            _log.warning("unknown orders cannot be looked for: %s", text)
        self._trouble = text

    def step(self) -> None:
        """Move on every open intent of a page for which the time has come.

        With more than a page of them, as when very many wait for a person, each step takes the next page.
        Raises LedgerUnavailable, and what a read of OpenD raises.
        """
        self._watch_clock()
        self._settlements.retry()
        open_intents = self._next_page()
        # Read after the intents: each of them was reserved under a lease that was live then.
        self._live_leases = self._ledger.live_leases(self._clock.wall_s()) if open_intents else frozenset()
        waiting = [kept for record in open_intents if (kept := self._give_up_waiting(record))]
        begun_s = self._clock.monotonic_s()
        if not waiting or begun_s < self._next_look_s:
            return
        try:
            self._look_for(waiting)
        finally:
            ended_s = self._clock.monotonic_s()
            self._next_look_s = ended_s + min(REST_SHARE * (ended_s - begun_s), REST_AT_MOST_S)

    def _next_page(self) -> list[IntentRecord]:
        """The open intents that follow on those of the last step; after the newest begin the oldest."""
        page = self._ledger.open_intents(PAGE, after=self._page_end)
        self._page_end = page[-1] if len(page) == PAGE else None
        self._remember([record.intent.intent_id for record in page])
        return page

    def _watch_clock(self) -> None:
        """Note when the wall clock was set: ages that it tells are not to be trusted for a while."""
        self._clock_watch.look()
        offset_s = self._clock.wall_s() - self._clock.monotonic_s()
        if self._clock_offset_s is not None and abs(offset_s - self._clock_offset_s) > CLOCK_STEP_S:
            self._clock_set_s = self._clock.monotonic_s()
        self._clock_offset_s = offset_s

    def _remember(self, intent_ids: Iterable[str]) -> None:
        """Note since when these intents are seen, and after the last page forget those on none of them."""
        now_s = self._clock.monotonic_s()
        for intent_id in intent_ids:
            self._seen_since_s.setdefault(intent_id, now_s)
            self._seen_ids.add(intent_id)
        if self._page_end is not None:
            return
        for remembered in (self._seen_since_s, self._absent_since_s, self._left_to_people):
            for intent_id in remembered.keys() - self._seen_ids:
                del remembered[intent_id]
        self._seen_ids.clear()

    def _age_s(self, record: IntentRecord) -> float:
        """How long ago the intent came into its state."""
        return self._clock.wall_s() - record.updated_s

    def _is_stale(self, record: IntentRecord) -> bool:
        """Whether no living worker can still be about to move the intent on."""
        lease_id = record.intent.lease_id
        if lease_id is not None and lease_id not in self._live_leases:
            return True
        since_set_s = self._clock.monotonic_s() - self._clock_set_s
        return min(self._age_s(record), since_set_s) >= self._timeout_s + self._margin_s(record)

    def _margin_s(self, record: IntentRecord) -> float:
        """What is only reserved may be given up early: then its worker cannot send it any more."""
        is_foreign_and_sent = not self._is_own(record) and record.state is IntentState.SENT
        return FOREIGN_MARGIN_S if is_foreign_and_sent else STALE_MARGIN_S

    def _give_up_waiting(self, record: IntentRecord) -> IntentRecord | None:
        """Move on an intent that nobody else will; the intent if it now has to be looked for."""
        if record.state is IntentState.RESERVED:
            if self._is_stale(record):
                step = Step(state=IntentState.ABANDONED, detail="its worker ended before it was sent")
                self._advance(record, step, "abandoned")
            return None
        if record.state is IntentState.SENT and self._is_stale(record):
            text = "its worker ended before OpenD answered"
            detail = f"{text}; {record.detail}" if record.detail else text
            step = Step(state=IntentState.UNKNOWN, detail=detail)
            record = self._advance(record, step, IntentState.UNKNOWN) or record
        return record if self._is_due(record) else None

    def _is_due(self, record: IntentRecord) -> bool:
        """Whether it is time to look for a sent order, by monotonic time for one that is left to people."""
        sent_s = record.sent_s if record.sent_s is not None else record.updated_s
        next_look_s = self._left_to_people.get(record.intent.intent_id, float("-inf"))
        is_over = self._clock.monotonic_s() >= next_look_s
        seen_s = self._clock.monotonic_s() - self._seen_since_s[record.intent.intent_id]
        return is_over and max(seen_s, self._clock.wall_s() - sent_s) >= LOOK_AFTER_S

    def _ahead_s(self, record: IntentRecord, opend: _OpenD) -> float | None:
        """How far OpenD's clock is ahead of the one that an order was sent by; None if that was set since."""
        was_set = self._seen_since_s[record.intent.intent_id] <= self._clock_set_s + CLOCK_STEP_S
        return None if was_set else opend.ahead_s

    def _advance(self, record: IntentRecord, step: Step, outcome: str) -> IntentRecord | None:
        """Do a step, and note it in the audit if it was not somebody else's; None if it came too late."""
        now_s = self._clock.wall_s()
        try:
            moved = self._ledger.advance(record.intent.intent_id, step, now_s)
        except WrongIntentState as error:
            _log.info("somebody was faster: %s", error)
            return None
        if to_us(moved.updated_s) == to_us(now_s):
            _log.warning("intent %s is %s: %s", record.intent.intent_id, outcome, moved.detail)
            note_later(self._audit, moved, outcome)
        return moved

    def _look_for(self, records: list[IntentRecord]) -> None:
        """Look in all accounts. What OpenD refuses for one holds up no other; it is raised in the end."""
        refusals = []
        try:
            opend = self._ask_opend()
            for account, group in groupby(sorted(records, key=AccountKey.of), key=AccountKey.of):
                refusals += self._look_unless_refused(account, list(group), opend)
        except OpenDError:
            # What OpenD did not show before it went away proves nothing after it has come back.
            self._absent_since_s.clear()
            raise
        if refusals:
            raise refusals[0]

    def _ask_opend(self) -> _OpenD:
        request = GLOBAL_STATE.request(c2s={"userID": 0})
        response = self._client.call(GLOBAL_STATE, request, kind=CallKind.READ, timeout_s=READ_TIMEOUT_S)
        state = response.s2c
        return _OpenD(state.time - self._clock.wall_s(), state.trdLogined)

    def _look_unless_refused(
        self, account: AccountKey, records: list[IntentRecord], opend: _OpenD
    ) -> list[OpenDRefused]:
        """Look in an account; what OpenD refuses is returned."""
        try:
            self._look_in(account, records, opend)
        except OpenDRefused as error:
            for record in records:
                self._absent_since_s.pop(record.intent.intent_id, None)
            return [error]
        return []

    def _look_in(self, account: AccountKey, records: list[IntentRecord], opend: _OpenD) -> None:
        """Look for intents, oldest first, among the orders of their account."""
        asked_s = self._clock.monotonic_s()
        listed = orders(self._client, account.header, READ_TIMEOUT_S)
        history = self._history(account, records)
        # Orders that ended today are in both lists.
        everything = tuple({order.orderID: order for order in (*(history or ()), *listed)}.values())
        for record in sorted(records, key=lambda each: each.created_s):
            found = self._find(record, OrderList(everything, self._ahead_s(record, opend)))
            is_old = self._is_of_history(record)
            if found is None:
                continue
            if not isinstance(found, Finding):
                self._resolve(record, found)
            elif found is Finding.UNCLEAR:
                self._leave_to_people(record)
            elif opend.is_trading and (history is not None or not is_old):
                self._note_absent(record, asked_s)

    def _is_of_history(self, record: IntentRecord) -> bool:
        return self._clock.wall_s() - record.created_s >= HISTORY_AFTER_S

    def _history(self, account: AccountKey, records: list[IntentRecord]) -> list[WireMessage] | None:
        """Past orders from the days of the old ones among the intents; None when they are not asked now.

        Market times are at most a day away from UTC.
        """
        old = [record.created_s for record in records if self._is_of_history(record)]
        now_s = self._clock.monotonic_s()
        asked_s = self._history_asked_s.get(account, float("-inf"))
        if not old or now_s - asked_s < HISTORY_INTERVAL_S:
            return None
        self._history_asked_s[account] = now_s
        period = {
            "beginTime": _market_time(min(old), -_ONE_DAY),
            "endTime": _market_time(self._clock.wall_s(), _ONE_DAY),
        }
        request = HISTORY_ORDER_LIST.request(c2s={"header": account.header, "filterConditions": period})
        try:
            response = self._client.call(
                HISTORY_ORDER_LIST, request, kind=CallKind.READ, timeout_s=READ_TIMEOUT_S
            )
        except OpenDRefused as error:
            _log.info("the history of account %d is not to be had now: %s", account.acc_id, error)
            return None
        return list(response.s2c.orderList)

    def _find(self, record: IntentRecord, listed: OrderList) -> WireMessage | Finding | None:
        """What the lists say of an intent; None while the answer to another one may tell more.

        An order that may be another intent's as well is taken for neither: the two may have different
        callers, who would be told the wrong thing. The ledger is read after the lists, so that who sent an
        order in them has said so there.
        """
        found = find_outcome(record, listed)
        if is_signed(record.intent) or record.intent.kind is IntentKind.MODIFY:
            return found
        if found is Finding.ABSENT:
            return found if self._is_own(record) else self._find_at_any_time(record, listed)
        others = rivals(self._ledger, record, _since_s(record, listed))
        listed = replace(listed, claimed=owners(others).keys())
        found = find_outcome(record, listed)
        if isinstance(found, Finding):
            return found
        states = {other.state for other in others if may_have_become(other, found, listed)}
        if IntentState.SENT in states:
            return None
        return Finding.UNCLEAR if states else found

    def _find_at_any_time(self, record: IntentRecord, listed: OrderList) -> Finding:
        """The same where the clock may have been set before this worker began to look at it.

        An order that fits but for its time is then for a person to tell.
        """
        listed = replace(listed, ahead_s=None)
        if find_outcome(record, listed) is Finding.ABSENT:
            return Finding.ABSENT
        listed = replace(listed, claimed=owners(rivals(self._ledger, record)).keys())
        return Finding.ABSENT if find_outcome(record, listed) is Finding.ABSENT else Finding.UNCLEAR

    def _is_own(self, record: IntentRecord) -> bool:
        """Whether this worker has sent it, and so knows when the clock was set since."""
        return record.intent.lease_id in (None, self._lease.lease_id if self._lease else None)

    def _resolve(self, record: IntentRecord, order: WireMessage) -> None:
        """Take an order for the intent's; while its worker may live, by the gateway's own remark alone."""
        if record.state is IntentState.SENT and not is_signed(record.intent):
            return
        resolution = resolution_of(record, order)
        learnt = {"order_id": order.orderID, "order_id_ex": text_of(order.orderIDEx) or None}
        detail = text_of(order.lastErrMsg) or None if resolution is Resolution.REJECTED else None
        if record.state is IntentState.SENT:
            step = Step(state=IntentState(resolution), detail=detail, **learnt)
        else:
            step = Step(state=IntentState.RESOLVED, resolution=resolution, detail=detail, **learnt)
        self._advance(record, step, resolution)

    def _note_absent(self, record: IntentRecord, asked_s: float) -> None:
        """Count an answer without the order. An order of a living worker may not have gone out yet."""
        if record.state is not IntentState.UNKNOWN:
            return
        first_s = self._absent_since_s.setdefault(record.intent.intent_id, asked_s)
        if asked_s - first_s >= ABSENT_TWICE_S:
            step = Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT)
            self._advance(record, step, Resolution.ABSENT)

    def _leave_to_people(self, record: IntentRecord) -> None:
        intent = record.intent
        self._absent_since_s.pop(intent.intent_id, None)
        if intent.intent_id not in self._left_to_people:
            what = "order" if intent.kind is IntentKind.PLACE else "change"
            _log.critical("which %s at OpenD is intent %s? A person has to tell", what, intent.intent_id)
        self._left_to_people[intent.intent_id] = self._clock.monotonic_s() + PEOPLE_INTERVAL_S


def _since_s(record: IntentRecord, listed: OrderList) -> float:
    """From when on others may have become an order that fits; from any time, where times cannot be told."""
    can_tell = listed.ahead_s is not None and all(each.HasField("createTimestamp") for each in listed.orders)
    return record.created_s - HISTORY_AFTER_S if can_tell else 0.0


def _market_time(time_s: float, shift: timedelta) -> str:
    return (datetime.fromtimestamp(time_s, UTC) + shift).strftime("%Y-%m-%d %H:%M:%S")
