"""One worker's pinned connection: what it has subscribed, what it should have, and the steps between.

OpenD keeps subscriptions, push registrations and the list of pushed accounts for each connection.
What a connection has is known from the answers of OpenD alone; what it should have is the union of all
claims. `align` takes the steps that are due, as often as it is called: a new session, which has
nothing, is no special case.
"""

import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from gevent.lock import BoundedSemaphore

from gateway.claim import Options, Subscription
from gateway.clock import Clock
from gateway.feed.request import (
    PUSH_ACCOUNTS,
    SUBSCRIPTION_INFO,
    Batch,
    Change,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
    batches,
    pushes_a_state,
    pushes_of,
)
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import (
    ConnectionLost,
    NotSent,
    OpenDError,
    OpenDFailed,
    OpenDRefused,
    ReplyUnusable,
    SentOutcomeUnknown,
)
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import Protocol
from gateway.schema.text import text_of

MIN_AGE_S = 60.5
"""How old a subscription has to be before it is given up: OpenD's minute, and a little more."""

CHECK_INTERVAL_S = 30.0
"""How often OpenD is asked what the connection has subscribed."""

RENEW_INTERVAL_S = 60.0
"""How often pushes are asked for again: OpenD tells which subscriptions it has, and not which pushes."""

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
"""How long a step that OpenD refused waits before it is tried again; the wait doubles each time."""

DOUBTFUL = (SentOutcomeUnknown, ReplyUnusable, OpenDFailed)
"""After these nobody knows what OpenD did."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """A subscription that the connection has, since a monotonic time at the earliest.

    `terms` is None when they are not known; `pushed` are the rehab types that are registered.
    """

    since_s: float
    terms: Subscribe | None = None
    pushed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Quota:
    """OpenD's count of subscriptions, over all connections of its login."""

    used: int
    remaining: int


@dataclass(frozen=True, slots=True)
class _Pause:
    """A step that OpenD refused, and when it may be tried again."""

    step: object
    length_s: float
    until_s: float


@dataclass(slots=True)
class _Session:
    """What is known of one session of the pinned connection; another session is another object.

    `pauses` are by what a step is for, and of which type it is.
    """

    held: dict[Subscription, Held] = field(default_factory=dict)
    acc_ids: frozenset[int] = frozenset()
    pauses: dict[tuple[Hashable, type], _Pause] = field(default_factory=dict)
    check_due_s: float = float("-inf")
    renew_due_s: float | None = None


class Alignment:
    """The subscriptions of one worker's pinned connection.

    Whatever changes them does so in `exclusive`. A change that OpenD answers on a session that has ended
    meanwhile is not noted for the next one.
    """

    def __init__(self, client: Client, clock: Clock, *, timeout_s: float) -> None:
        self.quota: Quota | None = None
        self.is_connected = False
        self._client = client
        self._clock = clock
        self._timeout_s = timeout_s
        self._lock = BoundedSemaphore()
        self._wanted: Mapping[Subscription, Options] = {}
        self._wanted_acc_ids: frozenset[int] = frozenset()
        self._session = _Session()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """The right to change subscriptions. Raises NotSent when others had it for too long."""
        if not self._lock.acquire(timeout=self._timeout_s):
            raise NotSent("other changes of subscriptions wait for OpenD")
        try:
            yield
        finally:
            self._lock.release()

    def begin_session(self) -> object:
        """A new session, which has nothing. Returns what `end_session` takes."""
        self._session = _Session()
        self.is_connected = True
        return self._session

    def end_session(self, session: object) -> bool:
        """The session is over, and what it had with it; False when it was not the latest one."""
        if session is not self._session:
            return False
        self._session = _Session()
        self.is_connected = False
        return True

    def seek_session(self, timeout_s: float) -> None:
        """Wait for a session; while somebody does, OpenD is tried more often (see `gateway.opend.pool`)."""
        self._client.wait_ready(timeout_s)

    @property
    def is_wanted(self) -> bool:
        """Whether anything is wanted of the connection."""
        return bool(self._wanted or self._wanted_acc_ids)

    def want(self, wanted: Mapping[Subscription, Options], acc_ids: frozenset[int]) -> None:
        """Say what the connection should have."""
        self._wanted = wanted
        self._wanted_acc_ids = acc_ids
        session = self._session
        known = {*wanted, *session.held, *acc_ids}
        session.pauses = {key: pause for key, pause in session.pauses.items() if key[0] in known}

    def has(self, subscription: Subscription) -> bool:
        """Whether the connection has a subscription, as far as is known."""
        return subscription in self._session.held

    def doubt(self, subscriptions: Iterable[Subscription], asked_s: float) -> None:
        """Take it that the connection lacks what OpenD said so of, to a read sent at `asked_s`."""
        held = self._session.held
        for subscription in subscriptions:
            if subscription in held and held[subscription].since_s <= asked_s:
                del held[subscription]

    @property
    def pending(self) -> int:
        """How many wanted subscriptions the connection does not have as they are wanted."""
        return sum(self._step_to(each, options) is not None for each, options in self._wanted.items())

    def subscribe(self, wanted: Mapping[Subscription, Options]) -> WireMessage:
        """Subscribe to all of these at once, but for their pushes; returns OpenD's answer.

        Raises what OpenD says to any of them, `OpenDRefused` for one; those that were asked for before it
        are then given up in time. What the connection lacks is asked for first.
        """
        lacking = {each: options for each, options in wanted.items() if not self.has(each)}
        known = {each: options for each, options in wanted.items() if each not in lacking}
        answer = None
        for part in (lacking, known):
            changes = {each: Subscribe.on_terms_of(options) for each, options in part.items()}
            for batch in batches(changes):
                answer = self._ask(batch)
        if answer is None:
            raise ValueError("nothing was given to subscribe to")
        return answer

    def register(self, wanted: Mapping[Subscription, Options], *, is_first_push: bool) -> None:
        """Bring the pushes of these in line at once. Raises what OpenD says to any of them.

        A first push is asked for those alone that this connection was not pushed: OpenD would send old
        trades a second time.
        """
        changes: dict[Subscription, Change] = {}
        for each, options in wanted.items():
            held = self._session.held.get(each)
            missing = pushes_of(each, options) - (held.pushed if held else frozenset())
            if missing:
                changes[each] = Register(missing, is_first_push)
        for batch in batches(changes):
            self._ask(batch)

    def push_accounts(self, acc_ids: frozenset[int]) -> WireMessage:
        """Have the orders and fills of exactly these accounts pushed. Raises what OpenD says."""
        session = self._session
        answer = self._call(PUSH_ACCOUNTS, PUSH_ACCOUNTS.request(c2s={"accIDList": sorted(acc_ids)}))
        session.acc_ids = acc_ids
        for acc_id in acc_ids:
            session.pauses.pop((acc_id, Protocol), None)
        return answer

    def is_refused(self, acc_id: int) -> bool:
        """Whether OpenD would not push an account when it was last asked to."""
        return self._is_paused(acc_id, PUSH_ACCOUNTS)

    def align(self) -> None:
        """Take every step that is due.

        What OpenD refuses is set aside for a while and holds up nothing else. Raises OpenDError when
        OpenD cannot be asked; the steps that are left stay due.
        """
        while due := self._due_steps():
            for batch in batches(due):
                self._try(batch)
        self._align_accounts()

    def wait_s(self) -> float | None:
        """How long there is nothing to do if nothing changes; None for as long as there is no session."""
        if not self.is_connected:
            return None
        session, now_s = self._session, self._clock.monotonic_s()
        dues = [session.check_due_s]
        dues += [pause.until_s for pause in session.pauses.values() if pause.until_s > now_s]
        dues += [
            held.since_s + MIN_AGE_S
            for each, held in session.held.items()
            if each not in self._wanted and held.since_s + MIN_AGE_S > now_s
        ]
        return max(0.0, min(dues) - now_s)

    def check_when_due(self) -> None:
        """Now and then, ask OpenD what this connection has subscribed, and forget what it has not."""
        session = self._session
        if self._clock.monotonic_s() < session.check_due_s:
            return
        session.check_due_s = self._clock.monotonic_s() + CHECK_INTERVAL_S
        request = SUBSCRIPTION_INFO.request(c2s={"isReqAllConn": False})
        info = self._call(SUBSCRIPTION_INFO, request).s2c
        self.quota = Quota(info.totalUsedQuota, info.remainQuota)
        lost = session.held.keys() - _own_subscriptions(info)
        if lost:
            _log.warning("OpenD has dropped %d subscriptions by itself; they are made again", len(lost))
        for subscription in lost:
            del session.held[subscription]
        self._renew_when_due(session)

    def _renew_when_due(self, session: _Session) -> None:
        """Now and then, ask for all pushes again, in case OpenD has lost some."""
        now_s = self._clock.monotonic_s()
        is_due = session.renew_due_s is not None and now_s >= session.renew_due_s
        if is_due or session.renew_due_s is None:
            session.renew_due_s = now_s + RENEW_INTERVAL_S
        if not is_due:
            return
        pushed = {each: Register(held.pushed) for each, held in session.held.items() if held.pushed}
        for batch in batches(pushed):
            self._try(batch)
        if session.acc_ids:
            self._takes_accounts(session.acc_ids, session.acc_ids)

    def _step_to(self, subscription: Subscription, options: Options) -> Change | None:
        """The next step from what the connection has to what is wanted; None when that is the same."""
        held = self._session.held.get(subscription)
        terms = Subscribe.on_terms_of(options)
        if held is None or not _serves(held.terms, terms):
            return terms
        pushed = pushes_of(subscription, options)
        if held.pushed - pushed:
            return Unregister(held.pushed)
        missing = pushed - held.pushed
        return Register(missing, is_first_push=pushes_a_state(subscription)) if missing else None

    def _step_away(self, subscription: Subscription, held: Held) -> Change | None:
        """The next step to get rid of what nobody wants; None while there is none that OpenD takes."""
        is_old = self._clock.monotonic_s() - held.since_s >= MIN_AGE_S
        if is_old and not self._is_paused(subscription, Unsubscribe()):
            return Unsubscribe()
        return Unregister(held.pushed) if held.pushed else None

    def _due_steps(self) -> dict[Subscription, Change]:
        """One step for each subscription that is not as it should be, unless OpenD refused it just now."""
        steps = {each: self._step_to(each, options) for each, options in self._wanted.items()}
        for each, held in self._session.held.items():
            if each not in self._wanted:
                steps[each] = self._step_away(each, held)
        return {each: step for each, step in steps.items() if step and not self._is_paused(each, step)}

    def _is_paused(self, what: Hashable, step: object) -> bool:
        pause = self._session.pauses.get((what, type(step)))
        return pause is not None and pause.step == step and self._clock.monotonic_s() < pause.until_s

    def _pause(self, what: Hashable, step: object, error: OpenDError) -> None:
        """Set a step aside that OpenD did not take; it is logged the first time."""
        pauses = self._session.pauses
        known = pauses.get((what, type(step)))
        is_repeated = known is not None and known.step == step
        length_s = min(known.length_s * 2, LONGEST_PAUSE_S) if known and is_repeated else FIRST_PAUSE_S
        pauses[what, type(step)] = _Pause(step, length_s, self._clock.monotonic_s() + length_s)
        if not is_repeated:
            _log.warning("not done, and tried again: %s for %s: %s", step, what, error)

    def _try(self, batch: Batch) -> None:
        """Ask for a batch; of one that is refused, for its parts, since OpenD refuses all for one of them."""
        try:
            self._ask(batch)
        except OpenDRefused as refusal:
            for half in batch.halves() or ():
                self._try(half)
            if batch.halves() is None:
                self._pause(batch.subscriptions[0], batch.change, refusal)
        except DOUBTFUL as error:
            if isinstance(error, ConnectionLost):
                raise
            for subscription in batch.subscriptions:
                self._pause(subscription, batch.change, error)

    def _ask(self, batch: Batch) -> WireMessage:
        """Ask for a batch, and note what the session has then. Raises what OpenD says."""
        session = self._session
        try:
            answer = self._call(batch.protocol, batch.request())
        except DOUBTFUL:
            self._note_doubtful(session, batch)
            raise
        for subscription in batch.subscriptions:
            session.pauses.pop((subscription, type(batch.change)), None)
            self._note(session.held, subscription, batch.change)
        return answer

    def _note(self, held: dict[Subscription, Held], subscription: Subscription, change: Change) -> None:
        """Take over a change that OpenD has made."""
        if isinstance(change, Unsubscribe):
            held.pop(subscription, None)
            return
        known = held.setdefault(subscription, Held(self._clock.monotonic_s()))
        match change:
            case Subscribe():
                known.terms = change
            case Register(rehab_types):
                known.pushed |= rehab_types
            case Unregister():
                known.pushed = frozenset()

    def _note_doubtful(self, session: _Session, batch: Batch) -> None:
        """A subscription that OpenD may have made has to be given up in time, if it is not made again."""
        if isinstance(batch.change, Subscribe):
            for subscription in batch.subscriptions:
                held = session.held.setdefault(subscription, Held(self._clock.monotonic_s()))
                held.terms = None

    def _call(self, protocol: Protocol, request: WireMessage) -> WireMessage:
        return self._client.call(protocol, request, kind=CallKind.SUBSCRIPTION)

    def _align_accounts(self) -> None:
        """Bring the list of pushed accounts in line; what OpenD refuses is left out for a while."""
        wanted = self._wanted_acc_ids
        if wanted == self._session.acc_ids or self._takes_accounts(wanted, wanted):
            return
        # A list replaces the one before it, so which account it is that OpenD refuses shows one by one.
        taken = self._session.acc_ids & wanted
        for acc_id in sorted(wanted - taken):
            if self._takes_accounts(taken | {acc_id}, acc_id):
                taken |= {acc_id}
        if taken != self._session.acc_ids:
            self._takes_accounts(taken, taken)

    def _takes_accounts(self, acc_ids: frozenset[int], what: Hashable) -> bool:
        """Whether OpenD takes a list of accounts; a refusal is held against `what`, for a while."""
        if self._is_paused(what, PUSH_ACCOUNTS):
            return False
        try:
            self.push_accounts(acc_ids)
        except OpenDRefused as refusal:
            self._pause(what, PUSH_ACCOUNTS, refusal)
            return False
        return True


def _serves(terms: Subscribe | None, wanted: Subscribe) -> bool:
    """Whether a subscription on these terms is as it is wanted; who names no session takes any."""
    if terms is None:
        return False
    session = terms.session if wanted.session is None else wanted.session
    return terms == Subscribe(wanted.has_order_book_detail, wanted.is_extended_time, session)


def _own_subscriptions(info: WireMessage) -> set[Subscription]:
    """What a `Qot_GetSubInfo.S2C` says of the connection that asked."""
    return {
        Subscription(security.market, text_of(security.code), each.subType)
        for connection in info.connSubInfoList
        if connection.isOwnConnData
        for each in connection.subInfoList
        for security in each.securityList
    }
