"""The embedded ledger: one SQLite file beside the gateway, shared by its workers and the command line."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from gateway.clock import Clock, SystemClock
from gateway.ledger import sqlite_call, sqlite_limit
from gateway.ledger.base import (
    GC_ROWS,
    INTENT_RETENTION_S,
    MICROS,
    NOT_TRADED,
    TRADING_TOPIC,
    CallCharge,
    Charge,
    Exceeded,
    Generations,
    IntentNotFound,
    IntentRecord,
    Replay,
    ReplayKey,
    Reserved,
    Step,
    TradingState,
    TradingSwitch,
    WrongIntentState,
    from_us,
    strictest,
    to_us,
)
from gateway.ledger.row import COLUMNS, from_row, to_row
from gateway.ledger.sqlite_claim import SqliteClaimStore
from gateway.ledger.sqlite_file import Connection, SqliteFile
from gateway.ledger.sqlite_generation import bump
from gateway.ledger.sqlite_limit import OPEN
from gateway.order import Intent

VERSIONS = (1, 2, 3)
"""Of the file; `sql/N.sql` makes version N from the one before. A script that was released never changes."""

_MIGRATIONS = tuple(
    files("gateway.ledger").joinpath("sql", f"{version}.sql").read_text(encoding="utf-8")
    for version in VERSIONS
)
_COLUMN_LIST = ", ".join(COLUMNS)
_WRITE_INTENT = f"REPLACE INTO intent ({_COLUMN_LIST}) VALUES ({', '.join(':' + name for name in COLUMNS)})"
_READ_INTENTS = f"SELECT {_COLUMN_LIST} FROM intent "
_NOT_TRADED_LIST = ", ".join(f"'{outcome}'" for outcome in NOT_TRADED)
_WAS_NOT_TRADED = f"state IN ({_NOT_TRADED_LIST}) OR coalesce(resolution, '') IN ({_NOT_TRADED_LIST})"
_ALL_KEYS = ""


class SqliteLedger(SqliteClaimStore):
    """A `Ledger` in a file. Many workers may share it; a network file system may not hold it.

    `inode` is that of the file which `prepare` found or made; without it a file that is missing is made.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        timeout_s: float = 2.0,
        inode: int | None = None,
    ) -> None:
        super().__init__(SqliteFile(path, _MIGRATIONS, clock or SystemClock(), timeout_s, inode))

    def prepare(self) -> int:
        """Make the file unless it is there; its inode. Nothing stays open. Raises LedgerUnavailable."""
        return self._file.prepare()

    def reserve(
        self, intent: Intent, charge: Charge, now_s: float, *, dry_run: bool = False
    ) -> Reserved | Exceeded:
        """See `Ledger.reserve`."""
        run = self._file.read if dry_run else self._file.write
        return run(lambda db: _reserve(db, intent, charge, to_us(now_s), dry_run))

    def advance(self, intent_id: str, step: Step, now_s: float) -> IntentRecord:
        """See `Ledger.advance`."""
        return self._file.write(lambda db: _advance(db, intent_id, step, now_s))

    def find_intent(self, intent_id: str) -> IntentRecord | None:
        """See `Ledger.find_intent`."""
        return self._file.read(lambda db: _find_intent(db, intent_id))

    def open_intents(self, limit: int = 1000, *, after: IntentRecord | None = None) -> list[IntentRecord]:
        """See `Ledger.open_intents`."""
        return self._intents(OPEN, float("-inf"), limit, after)

    def intents_since(
        self, since_s: float, limit: int = 1000, *, after: IntentRecord | None = None
    ) -> list[IntentRecord]:
        """See `Ledger.intents_since`."""
        return self._intents("TRUE", to_us(since_s), limit, after)

    def _intents(
        self, condition: str, since_us: float, limit: int, after: IntentRecord | None
    ) -> list[IntentRecord]:
        """The next page of those that meet a condition. No intent's id is the empty text."""
        place = (to_us(after.created_s), after.intent.intent_id) if after else (since_us, "")
        question = (
            f"{_READ_INTENTS} WHERE {condition} AND (created_us, intent_id) > (?, ?) "
            "ORDER BY created_us, intent_id LIMIT ?"
        )
        return self._file.read(lambda db: [_record(row) for row in db.execute(question, (*place, limit))])

    def count_call(self, call: CallCharge, now_s: float, *, must_fit: bool = True) -> Exceeded | None:
        """See `Ledger.count_call`."""
        return self._file.write(lambda db: _count_call(db, call, to_us(now_s), must_fit))

    def fill_calls(self, call: CallCharge, now_s: float) -> None:
        """See `Ledger.fill_calls`."""
        self._file.write(lambda db: sqlite_call.fill_calls(db, call, to_us(now_s)))

    def begin_replay(
        self, key: ReplayKey, body_hash: str, intent_id: str, now_s: float, *, stretch_s: int = 0
    ) -> Replay | None:
        """See `Ledger.begin_replay`."""
        stretch_us = stretch_s * MICROS
        return self._file.write(
            lambda db: _begin_replay(db, key, body_hash, intent_id, to_us(now_s), stretch_us)
        )

    def finish_replay(self, key: ReplayKey, intent_id: str, status: int, body: bytes) -> None:
        """See `Ledger.finish_replay`."""
        self._execute(
            f"UPDATE replay SET status = ?, body = ? WHERE {_REPLAY} AND intent_id = ?",
            (status, body, *_replay_key(key), intent_id),
        )

    def drop_replay(self, key: ReplayKey, intent_id: str, *, needs_record: bool = False) -> None:
        """See `Ledger.drop_replay`."""
        self._execute(
            f"DELETE FROM replay WHERE {_REPLAY} AND intent_id = ? "
            f"AND coalesce((SELECT {_WAS_NOT_TRADED} FROM intent WHERE intent_id = replay.intent_id), ?)",
            (*_replay_key(key), intent_id, not needs_record),
        )

    def set_trading(self, state: TradingState, now_s: float, key_id: str | None = None) -> None:
        """See `Ledger.set_trading`."""

        def step(db: Connection) -> None:
            db.execute(
                "REPLACE INTO trading (key_id, state, changed_us) VALUES (?, ?, ?)",
                (key_id or _ALL_KEYS, state, to_us(now_s)),
            )
            bump(db, TRADING_TOPIC)

        self._file.write(step)

    def trading_state(self, key_id: str) -> TradingState:
        """See `Ledger.trading_state`."""
        return self._file.read(lambda db: _trading_state(db, key_id))

    def trading_switches(self) -> list[TradingSwitch]:
        """See `Ledger.trading_switches`."""
        rows = self._fetch("SELECT key_id, state, changed_us FROM trading ORDER BY key_id")
        return [TradingSwitch(key_id or None, TradingState(state), from_us(at)) for key_id, state, at in rows]

    def bump_generation(self, topic: str) -> int:
        """See `Ledger.bump_generation`."""
        return self._file.write(lambda db: bump(db, topic))

    def generations(self) -> Generations:
        """See `Ledger.generations`."""
        return Generations(dict(self._fetch("SELECT topic, counter FROM generation")))

    def reset_clock(self, now_s: float) -> None:
        """See `Ledger.reset_clock`."""
        self._file.write(lambda db: sqlite_limit.reset_clock(db, to_us(now_s)))

    def close(self) -> None:
        """See `Ledger.close`."""
        self._file.close()

    def _execute(self, statement: str, values: tuple[Any, ...]) -> None:
        self._file.write(lambda db: db.execute(statement, values) and None)

    def _fetch(self, statement: str) -> list[tuple[Any, ...]]:
        return self._file.read(lambda db: db.execute(statement).fetchall())


def prepare(setting: str) -> int | None:
    """Make the file of an embedded ledger unless it is there; its inode, None for another kind of ledger.

    For a process that will fork: those that use the ledger then take no other file for it, and none of them
    begins a new one, whose limits would start from nothing. Raises LedgerUnavailable.
    """
    scheme, _, rest = setting.partition(":")
    return SqliteLedger(Path(rest)).prepare() if scheme == "sqlite" else None


def _reserve(
    db: Connection, intent: Intent, charge: Charge, now_us: int, dry_run: bool
) -> Reserved | Exceeded:
    existing = _find_intent(db, intent.intent_id)
    if existing:
        return Reserved(existing, is_new=False)
    trading = _trading_state(db, intent.key_id)
    exceeded = sqlite_limit.first_exceeded(db, intent, charge, trading, now_us)
    if exceeded:
        return exceeded
    record = IntentRecord.reserved(intent, from_us(now_us))
    if dry_run:
        return Reserved(record)
    debit = sqlite_limit.charge(db, intent, charge, now_us)
    record = replace(record, debit=debit)
    _write_intent(db, record)
    _forget_old_intents(db, now_us)
    return Reserved(record)


def _count_call(db: Connection, call: CallCharge, now_us: int, must_fit: bool) -> Exceeded | None:
    exceeded = sqlite_call.call_exceeded(db, call, now_us) if must_fit else None
    if exceeded is None:
        sqlite_call.take_call(db, call, now_us)
    return exceeded


def _advance(db: Connection, intent_id: str, step: Step, now_s: float) -> IntentRecord:
    record = _find_intent(db, intent_id)
    if record is None:
        raise IntentNotFound(f"no intent {intent_id}")
    if record.state is step.state:
        return record
    if not step.is_allowed_after(record.state):
        raise WrongIntentState(f"intent {intent_id} is {record.state}, it cannot become {step.state}")
    if step.returns_value and record.debit:
        sqlite_limit.give_back(db, record.intent.key_id, record.debit)
    moved = step.apply(record, now_s)
    _write_intent(db, moved)
    return moved


def _find_intent(db: Connection, intent_id: str) -> IntentRecord | None:
    row = db.execute(_READ_INTENTS + "WHERE intent_id = ?", (intent_id,)).fetchone()
    return _record(row) if row else None


def _record(values: Iterable[object]) -> IntentRecord:
    return from_row(
        {name: str(value) for name, value in zip(COLUMNS, values, strict=True) if value is not None}
    )


def _write_intent(db: Connection, record: IntentRecord) -> None:
    row: Mapping[str, str | None] = dict.fromkeys(COLUMNS) | to_row(record)
    db.execute(_WRITE_INTENT, row)


def _forget_old_intents(db: Connection, now_us: int) -> None:
    db.execute(
        f"DELETE FROM intent WHERE intent_id IN (SELECT intent_id FROM intent "
        f"WHERE NOT {OPEN} AND updated_us < ? LIMIT {GC_ROWS})",
        (now_us - INTENT_RETENTION_S * MICROS,),
    )


_REPLAY = "kind = ? AND key_id = ? AND route = ? AND token = ?"


def _replay_key(key: ReplayKey) -> tuple[str, str, str, str]:
    return key.kind, key.key_id, key.route, key.token


def _begin_replay(
    db: Connection, key: ReplayKey, body_hash: str, intent_id: str, now_us: int, stretch_us: int
) -> Replay | None:
    now_us = max(now_us, sqlite_limit.latest_us(db))
    over_us = now_us - stretch_us
    row = db.execute(
        f"SELECT body_hash, intent_id, status, body FROM replay WHERE {_REPLAY} AND expires_us > ?",
        (*_replay_key(key), over_us),
    ).fetchone()
    if row:
        return Replay(*row)
    db.execute(
        "REPLACE INTO replay (kind, key_id, route, token, body_hash, intent_id, expires_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*_replay_key(key), body_hash, intent_id, now_us + key.kind.ttl_s * MICROS),
    )
    db.execute(
        "DELETE FROM replay WHERE (kind, key_id, route, token) IN "
        f"(SELECT kind, key_id, route, token FROM replay WHERE expires_us <= ? LIMIT {GC_ROWS})",
        (over_us,),
    )
    return None


def _trading_state(db: Connection, key_id: str) -> TradingState:
    rows = db.execute("SELECT state FROM trading WHERE key_id IN (?, ?)", (_ALL_KEYS, key_id))
    return strictest([TradingState(state) for (state,) in rows])
