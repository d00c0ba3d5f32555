"""The limits of a key in SQLite: what each check reads, and what a charge writes.

All functions run inside the transaction of their caller; times are microseconds.
"""

from decimal import Decimal

from gateway.ledger.base import (
    APPEARS_WITHIN_S,
    CLOCK_TOLERANCE_S,
    GC_ROWS,
    MICROS,
    OPEN_STATES,
    Charge,
    Check,
    DailyCharge,
    DailyDebit,
    DuplicateCharge,
    Exceeded,
    RateCharge,
    TradingState,
    from_micros,
    from_us,
    to_micros,
    to_us,
)
from gateway.ledger.sqlite_call import call_exceeded, take_call
from gateway.ledger.sqlite_file import Connection
from gateway.order import Closing, Intent, IntentKind, Side

OPEN = "state IN ({})".format(", ".join(f"'{state}'" for state in sorted(OPEN_STATES, key=str)))
"""The condition that an intent is open."""


def first_exceeded(
    db: Connection, intent: Intent, charge: Charge, trading: TradingState, now_us: int
) -> Exceeded | None:
    """The first check that says no, in the order of `Check`."""
    key_id = intent.key_id
    latest = latest_us(db)
    if latest - now_us > CLOCK_TOLERANCE_S * MICROS:
        behind_s = Decimal((latest - now_us) // MICROS)
        return Exceeded(Check.CLOCK, behind_s, from_us(latest - CLOCK_TOLERANCE_S * MICROS))
    at_us = max(now_us, latest)
    return (
        _trading_exceeded(db, intent, trading, charge)
        or (_duplicate_exceeded(db, key_id, charge.duplicate, at_us) if charge.duplicate else None)
        or (_rate_exceeded(db, key_id, charge.rate, at_us) if charge.rate else None)
        or (_daily_exceeded(db, key_id, charge.daily) if charge.daily else None)
        or (call_exceeded(db, charge.call, at_us) if charge.call else None)
    )


def _trading_exceeded(
    db: Connection, intent: Intent, trading: TradingState, charge: Charge
) -> Exceeded | None:
    if trading is TradingState.HALTED:
        return Exceeded(Check.HALTED)
    if trading is TradingState.ACTIVE:
        return None
    closing = charge.closing
    if closing is None or closing.quantity + _on_their_way(db, intent, closing) > closing.closable:
        return Exceeded(Check.REDUCING)
    return None


def _on_their_way(db: Connection, intent: Intent, closing: Closing) -> Decimal:
    """What orders may close of the same position that OpenD did not list; see `Charge`."""
    rows = db.execute(
        "SELECT intent_id, kind, side, quantity, order_id FROM intent "
        f"WHERE environment = ? AND acc_id = ? AND symbol = ? AND ({OPEN} OR "
        f"NOT {OPEN} AND updated_us >= ? AND 'accepted' IN (state, resolution))",
        (intent.environment, str(intent.acc_id), intent.symbol, to_us(closing.seen_s - APPEARS_WITHIN_S)),
    )
    quantities = (
        Decimal(quantity)
        for intent_id, kind, side, quantity, order_id in rows
        if Side(side).is_buy is intent.side.is_buy
        and not (
            kind == IntentKind.PLACE
            and (intent_id in closing.seen_intents or int(order_id or 0) in closing.seen_orders)
        )
    )
    return sum(quantities, start=Decimal(0))


def _duplicate_exceeded(db: Connection, key_id: str, charge: DuplicateCharge, at_us: int) -> Exceeded | None:
    row = db.execute(
        "SELECT seen_us FROM fingerprint WHERE key_id = ? AND fingerprint = ?", (key_id, charge.fingerprint)
    ).fetchone()
    if charge.is_meant or not row or row[0] + charge.window_s * MICROS <= at_us:
        return None
    return Exceeded(
        Check.DUPLICATE, Decimal((at_us - row[0]) // MICROS), from_us(row[0] + charge.window_s * MICROS)
    )


def _rate_exceeded(db: Connection, key_id: str, charge: RateCharge, at_us: int) -> Exceeded | None:
    window_us = charge.window_s * MICROS
    taken = "FROM rate_slot WHERE key_id = ? AND taken_us > ?"
    (count,) = db.execute(f"SELECT count(*) {taken}", (key_id, at_us - window_us)).fetchone()
    if count < charge.cap:
        return None
    if charge.cap == 0:
        return Exceeded(Check.RATE, Decimal(count))
    (blocking_us,) = db.execute(
        f"SELECT taken_us {taken} ORDER BY taken_us LIMIT 1 OFFSET ?",
        (key_id, at_us - window_us, count - charge.cap),
    ).fetchone()
    return Exceeded(Check.RATE, Decimal(count), from_us(blocking_us + window_us))


def _daily_exceeded(db: Connection, key_id: str, charge: DailyCharge) -> Exceeded | None:
    used = _day(db, key_id, charge)[1]
    amount, cap = to_micros(charge.amount), to_micros(charge.cap)
    if amount == 0 or used + amount <= cap:
        return None
    heals_at_s = charge.day_end_s if amount <= cap else None
    return Exceeded(Check.DAILY_VALUE, from_micros(used), heals_at_s)


def _day(db: Connection, key_id: str, charge: DailyCharge) -> tuple[int, int]:
    """The day that a charge belongs to and its sum: never an earlier day than one already charged."""
    row = db.execute(
        "SELECT day_us, used_micros FROM daily_sum WHERE key_id = ? AND currency = ?",
        (key_id, charge.currency),
    ).fetchone()
    day_us = to_us(charge.day_start_s)
    return (row[0], row[1]) if row and row[0] >= day_us else (day_us, 0)


def charge(db: Connection, intent: Intent, charge: Charge, now_us: int) -> DailyDebit | None:
    """Take what `first_exceeded` found free; the daily debit, where the key has a daily cap."""
    at_us = max(now_us, latest_us(db))
    db.execute("UPDATE clock SET latest_us = ?", (at_us,))
    if charge.duplicate:
        _record_fingerprint(db, intent.key_id, charge.duplicate, at_us)
    if charge.rate:
        _take_slot(db, intent, charge.rate, at_us)
    if charge.call:
        take_call(db, charge.call, at_us)
    return _debit(db, intent.key_id, charge.daily) if charge.daily else None


def _record_fingerprint(db: Connection, key_id: str, charge: DuplicateCharge, at_us: int) -> None:
    db.execute("REPLACE INTO fingerprint VALUES (?, ?, ?)", (key_id, charge.fingerprint, at_us))
    db.execute(
        "DELETE FROM fingerprint WHERE key_id = ? AND fingerprint IN (SELECT fingerprint "
        f"FROM fingerprint WHERE key_id = ? AND seen_us <= ? LIMIT {GC_ROWS})",
        (key_id, key_id, at_us - charge.window_s * MICROS),
    )


def _take_slot(db: Connection, intent: Intent, charge: RateCharge, at_us: int) -> None:
    db.execute("INSERT INTO rate_slot VALUES (?, ?, ?)", (intent.key_id, at_us, intent.intent_id))
    db.execute(
        "DELETE FROM rate_slot WHERE (key_id, taken_us, intent_id) IN (SELECT key_id, taken_us, intent_id "
        f"FROM rate_slot WHERE key_id = ? AND taken_us <= ? LIMIT {GC_ROWS})",
        (intent.key_id, at_us - charge.window_s * MICROS),
    )


def _debit(db: Connection, key_id: str, charge: DailyCharge) -> DailyDebit:
    day_us, used = _day(db, key_id, charge)
    amount = to_micros(charge.amount)
    db.execute("REPLACE INTO daily_sum VALUES (?, ?, ?, ?)", (key_id, charge.currency, day_us, used + amount))
    return DailyDebit(currency=charge.currency, amount=from_micros(amount), day_start_s=from_us(day_us))


def give_back(db: Connection, key_id: str, debit: DailyDebit) -> None:
    """Return a debit to its day's sum; a day that is over needs nothing back."""
    db.execute(
        "UPDATE daily_sum SET used_micros = used_micros - ? WHERE key_id = ? AND currency = ? AND day_us = ?",
        (to_micros(debit.amount), key_id, debit.currency, to_us(debit.day_start_s)),
    )


def latest_us(db: Connection) -> int:
    """The latest time at which anything was charged."""
    return int(db.execute("SELECT latest_us FROM clock").fetchone()[0])


def reset_clock(db: Connection, now_us: int) -> None:
    """Move what lies after `now_us` to it."""
    db.execute("UPDATE clock SET latest_us = min(latest_us, ?)", (now_us,))
    db.execute("UPDATE rate_slot SET taken_us = min(taken_us, ?)", (now_us,))
    db.execute("UPDATE fingerprint SET seen_us = min(seen_us, ?)", (now_us,))
    db.execute("UPDATE daily_sum SET day_us = min(day_us, ?)", (now_us,))
