"""The shared ledger: a Redis server, for gateways on several machines.

Every step is one script, which Redis runs whole or not at all, and which is keyed by the intent so
that a repetition does nothing twice; the client itself repeats nothing.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import orjson

from gateway.ledger.base import (
    APPEARS_WITHIN_S,
    CLOCK_TOLERANCE_S,
    GC_ROWS,
    INTENT_RETENTION_S,
    MICROS,
    NOT_TRADED,
    OPEN_STATES,
    TRADING_TOPIC,
    CallCharge,
    Charge,
    Check,
    Exceeded,
    Generations,
    IntentNotFound,
    IntentRecord,
    LedgerUnavailable,
    Replay,
    ReplayKey,
    Reserved,
    Step,
    TradingState,
    TradingSwitch,
    WrongIntentState,
    from_micros,
    from_us,
    strictest,
    to_micros,
    to_us,
)
from gateway.ledger.redis_claim import RedisClaimStore
from gateway.ledger.redis_link import GENERATION, PREFIX, RedisLink
from gateway.ledger.row import from_row, to_row
from gateway.order import Intent

_CLOCK, _TRADING = PREFIX + "clock", PREFIX + "trading"
_OPEN, _CREATED, _DONE = PREFIX + "open", PREFIX + "created", PREFIX + "done"
_INTENT, _SLOTS, _FINGERPRINTS, _DAY = (PREFIX + name for name in ("intent:", "slots:", "prints:", "day:"))
_CALLS = PREFIX + "calls:"
_ALL_KEYS = ""
_STATE_CHANGES = 4
"""More moves than an intent can make while somebody else moves it."""


class RedisLedger(RedisClaimStore):
    """A `Ledger` in Redis, by a URL such as `redis://host:6379/0` or `rediss://...`."""

    def __init__(self, url: str) -> None:
        link = RedisLink(url)
        super().__init__(link)
        self._client, self._ask = link.client, link.ask
        self._reserve = link.script("calls", "reserve")
        self._count_call = link.script("calls", "count_call")
        self._advance = link.script("advance")
        self._begin_replay = link.script("begin_replay")
        self._finish_replay = link.script("finish_replay")
        self._drop_replay = link.script("drop_replay")
        self._reset_clock = link.script("reset_clock")

    def reserve(
        self, intent: Intent, charge: Charge, now_s: float, *, dry_run: bool = False
    ) -> Reserved | Exceeded:
        """See `Ledger.reserve`."""
        currency = charge.daily.currency if charge.daily else ""
        keys = (
            *(_CLOCK, _TRADING, _SLOTS + intent.key_id, _day_key(intent.key_id, currency)),
            *(_FINGERPRINTS + intent.key_id, _INTENT + intent.intent_id, _OPEN, _CREATED, _DONE),
            _CALLS + (charge.call.window if charge.call else ""),
        )
        order = orjson.dumps(_order(intent, charge, to_us(now_s), dry_run))
        answer = orjson.loads(self._ask(lambda: self._reserve(keys=keys, args=[order])))
        if "check" in answer:
            return _exceeded(answer)
        return Reserved(_record(answer["record"]), is_new=answer["is_new"])

    def advance(self, intent_id: str, step: Step, now_s: float) -> IntentRecord:
        """See `Ledger.advance`."""
        for _ in range(_STATE_CHANGES):
            record = self.find_intent(intent_id)
            if record is None:
                raise IntentNotFound(f"no intent {intent_id}")
            if record.state is step.state:
                return record
            if not step.is_allowed_after(record.state):
                raise WrongIntentState(f"intent {intent_id} is {record.state}, it cannot become {step.state}")
            moved = step.apply(record, now_s)
            if self._move(record, moved, step):
                return moved
        raise LedgerUnavailable(f"intent {intent_id} is moved by somebody else")

    def _move(self, record: IntentRecord, moved: IntentRecord, step: Step) -> bool:
        row, debit = to_row(moved), record.debit
        order: dict[str, Any] = {
            "intent_id": record.intent.intent_id,
            "expected_state": record.state,
            "row": row,
            "updated_us": row["updated_us"],
            "is_open": moved.state in OPEN_STATES,
        }
        if step.returns_value and debit:
            order["returned"] = {"micros": row["debit_micros"], "day_us": row["debit_day_us"]}
        day = _day_key(record.intent.key_id, debit.currency if debit else "")
        keys = (_INTENT + record.intent.intent_id, _OPEN, _DONE, day)
        return bool(self._ask(lambda: self._advance(keys=keys, args=[orjson.dumps(order)])))

    def find_intent(self, intent_id: str) -> IntentRecord | None:
        """See `Ledger.find_intent`."""
        row = self._ask(lambda: self._client.hgetall(_INTENT + intent_id))
        return from_row(_decoded(row)) if row else None

    def open_intents(self, limit: int = 1000, *, after: IntentRecord | None = None) -> list[IntentRecord]:
        """See `Ledger.open_intents`."""
        return self._intents(_OPEN, float("-inf"), limit, after)

    def intents_since(
        self, since_s: float, limit: int = 1000, *, after: IntentRecord | None = None
    ) -> list[IntentRecord]:
        """See `Ledger.intents_since`."""
        return self._intents(_CREATED, to_us(since_s), limit, after)

    def _intents(
        self, index: str, since_us: float, limit: int, after: IntentRecord | None
    ) -> list[IntentRecord]:
        """The next page of those in an index. No intent's id is the empty text."""
        place = (to_us(after.created_s), after.intent.intent_id.encode()) if after else (since_us, b"")

        def read() -> list[dict[bytes, bytes]]:
            pipeline = self._client.pipeline(transaction=False)
            for intent_id in self._page(index, place, limit):
                pipeline.hgetall(_INTENT + intent_id.decode())
            return pipeline.execute()

        return [from_row(_decoded(row)) for row in self._ask(read) if row]

    def _page(self, index: str, place: tuple[float, bytes], limit: int) -> list[bytes]:
        """The members that follow on a place, which is a score and one of the members that have it."""
        found: list[bytes] = []
        for start in count(0, limit):
            rows: Any = self._client.zrangebyscore(
                index, place[0], "+inf", start=start, num=limit, withscores=True
            )
            found += [member for member, score in rows if (score, member) > place]
            if len(rows) < limit or len(found) >= limit:
                break
        return found[:limit]

    def count_call(self, call: CallCharge, now_s: float, *, must_fit: bool = True) -> Exceeded | None:
        """See `Ledger.count_call`."""
        answer = self._do_call("fit" if must_fit else "count", call, now_s)
        if answer is None:
            return None
        count, heals_at_us = answer
        return Exceeded(Check.FREQUENCY, Decimal(int(count)), from_us(int(heals_at_us)))

    def fill_calls(self, call: CallCharge, now_s: float) -> None:
        """See `Ledger.fill_calls`."""
        self._do_call("fill", call, now_s)

    def _do_call(self, what: str, call: CallCharge, now_s: float) -> Any:
        args = (what, orjson.dumps(_call(call)), to_us(now_s), uuid4().hex)
        return self._ask(lambda: self._count_call(keys=[_CALLS + call.window], args=args))

    def begin_replay(
        self, key: ReplayKey, body_hash: str, intent_id: str, now_s: float, *, stretch_s: int = 0
    ) -> Replay | None:
        """See `Ledger.begin_replay`."""
        ttl_us = key.kind.ttl_s * MICROS
        removal_ms = 2 * key.kind.ttl_s * 1000
        args = (to_us(now_s), ttl_us, body_hash, intent_id, removal_ms, stretch_s * MICROS)
        answer = self._ask(lambda: self._begin_replay(keys=[_replay_key(key), _CLOCK], args=args))
        if answer is None:
            return None
        earlier_hash, earlier_id, status, body = answer
        return Replay(
            earlier_hash.decode(), earlier_id.decode(), None if status is None else int(status), body
        )

    def finish_replay(self, key: ReplayKey, intent_id: str, status: int, body: bytes) -> None:
        """See `Ledger.finish_replay`."""
        self._ask(lambda: self._finish_replay(keys=[_replay_key(key)], args=[intent_id, status, body]))

    def drop_replay(self, key: ReplayKey, intent_id: str, *, needs_record: bool = False) -> None:
        """See `Ledger.drop_replay`."""
        keys = [_replay_key(key), _INTENT + intent_id]
        args: list[str | int] = [intent_id, int(needs_record), *map(str, NOT_TRADED)]
        self._ask(lambda: self._drop_replay(keys=keys, args=args))

    def set_trading(self, state: TradingState, now_s: float, key_id: str | None = None) -> None:
        """See `Ledger.set_trading`."""

        def write() -> None:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hset(_TRADING, key_id or _ALL_KEYS, f"{state} {to_us(now_s)}")
            pipeline.hincrby(GENERATION, TRADING_TOPIC, 1)
            pipeline.execute()

        self._ask(write)

    def trading_state(self, key_id: str) -> TradingState:
        """See `Ledger.trading_state`."""
        switches = self._ask(lambda: self._client.hmget(_TRADING, [_ALL_KEYS, key_id]))
        return strictest([_switch(value)[0] for value in switches if value])

    def trading_switches(self) -> list[TradingSwitch]:
        """See `Ledger.trading_switches`."""
        switches = self._ask(lambda: self._client.hgetall(_TRADING))
        return [
            TradingSwitch(key_id.decode() or None, *_switch(value))
            for key_id, value in sorted(switches.items())
        ]

    def bump_generation(self, topic: str) -> int:
        """See `Ledger.bump_generation`."""
        return int(self._ask(lambda: self._client.hincrby(GENERATION, topic, 1)))

    def generations(self) -> Generations:
        """See `Ledger.generations`."""
        counters = _decoded(self._ask(lambda: self._client.hgetall(GENERATION)))
        return Generations({topic: int(counter) for topic, counter in counters.items()})

    def reset_clock(self, now_s: float) -> None:
        """See `Ledger.reset_clock`."""
        args = (to_us(now_s), _SLOTS, _FINGERPRINTS, _DAY)
        self._ask(lambda: self._reset_clock(keys=[_CLOCK], args=args))

    def close(self) -> None:
        """See `Ledger.close`."""
        self._link.close()


def _order(intent: Intent, charge: Charge, now_us: int, dry_run: bool) -> dict[str, Any]:
    order = {
        "now_us": now_us,
        "tolerance_us": CLOCK_TOLERANCE_S * MICROS,
        "retention_us": INTENT_RETENTION_S * MICROS,
        "gc_rows": GC_ROWS,
        "key_id": intent.key_id,
        "intent_prefix": _INTENT,
        "dry_run": dry_run,
        "row": to_row(IntentRecord.reserved(intent, from_us(now_us))),
    }
    return order | _charges(charge)


def _charges(charge: Charge) -> dict[str, Any]:
    charges: dict[str, Any] = {}
    if charge.closing:
        charges["closing"] = {
            "quantity": str(charge.closing.quantity),
            "closable": str(charge.closing.closable),
            "since_us": to_us(charge.closing.seen_s - APPEARS_WITHIN_S),
            "seen": [*map(str, charge.closing.seen_orders), *charge.closing.seen_intents],
        }
    if charge.duplicate:
        charges["duplicate"] = {
            "fingerprint": charge.duplicate.fingerprint,
            "window_us": charge.duplicate.window_s * MICROS,
            "is_meant": charge.duplicate.is_meant,
        }
    if charge.rate:
        charges["rate"] = {"cap": charge.rate.cap, "window_us": charge.rate.window_s * MICROS}
    if charge.daily:
        charges["daily"] = {
            "currency": charge.daily.currency,
            "micros": str(to_micros(charge.daily.amount)),
            "cap_micros": str(to_micros(charge.daily.cap)),
            "day_start_us": to_us(charge.daily.day_start_s),
            "day_end_us": to_us(charge.daily.day_end_s),
        }
    if charge.call:
        charges["call"] = _call(charge.call)
    return charges


def _call(call: CallCharge) -> dict[str, int]:
    return {
        "cap": call.cap,
        "window_us": to_us(call.held_s),
        "gap_us": to_us(call.gap_s),
        "tolerance_us": CLOCK_TOLERANCE_S * MICROS,
    }


def _exceeded(answer: dict[str, str]) -> Exceeded:
    check, figure = Check(answer["check"]), Decimal(answer["figure"])
    if check is Check.DAILY_VALUE:
        figure = from_micros(int(answer["figure"]))
    heals_at_us = answer.get("heals_at_us")
    return Exceeded(check, figure, from_us(int(heals_at_us)) if heals_at_us else None)


def _record(pairs: Sequence[str]) -> IntentRecord:
    return from_row(dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _decoded(mapping: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in mapping.items()}


def _switch(value: bytes) -> tuple[TradingState, float]:
    state, changed_us = value.decode().split(" ")
    return TradingState(state), from_us(int(changed_us))


def _day_key(key_id: str, currency: str) -> str:
    return f"{_DAY}{key_id}:{currency}"


def _replay_key(key: ReplayKey) -> str:
    return PREFIX + "replay:" + orjson.dumps([key.kind, key.key_id, key.route, key.token]).decode()
