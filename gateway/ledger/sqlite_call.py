"""OpenD's frequency limits in SQLite: which calls count in a window.

All functions run inside the transaction of their caller; times are microseconds.
"""

from decimal import Decimal

from gateway.ledger.base import (
    CLOCK_TOLERANCE_S,
    GC_ROWS,
    MICROS,
    CallCharge,
    Check,
    Exceeded,
    from_us,
    to_us,
)
from gateway.ledger.sqlite_file import Connection


def call_exceeded(db: Connection, call: CallCharge, at_us: int) -> Exceeded | None:
    """Whether one more call would be too much for its window, or come too soon after the last one."""
    taken = _taken(db, call, at_us)
    if len(taken) >= call.cap:
        return Exceeded(Check.FREQUENCY, Decimal(len(taken)), from_us(taken[-call.cap] + to_us(call.held_s)))
    if taken and at_us - taken[-1] < to_us(call.gap_s):
        return Exceeded(Check.FREQUENCY, Decimal(len(taken)), from_us(taken[-1] + to_us(call.gap_s)))
    return None


def take_call(db: Connection, call: CallCharge, at_us: int) -> None:
    """Count a call, and forget some that count no more, of whatever window."""
    db.execute("INSERT INTO call_slot VALUES (?, ?)", (call.window, at_us))
    db.execute(
        "DELETE FROM call_slot WHERE rowid IN (SELECT rowid FROM call_slot WHERE taken_us <= ? "
        f"ORDER BY taken_us LIMIT {GC_ROWS})",
        (at_us - to_us(call.held_s),),
    )


def fill_calls(db: Connection, call: CallCharge, at_us: int) -> None:
    """Make a window full, with calls as old as the oldest one in it."""
    taken = _taken(db, call, at_us)
    oldest_us = taken[0] if taken else at_us
    missing = call.cap - len(taken)
    db.executemany("INSERT INTO call_slot VALUES (?, ?)", [(call.window, oldest_us)] * missing)


def _taken(db: Connection, call: CallCharge, at_us: int) -> list[int]:
    """When the calls that count were made, the oldest first."""
    rows = db.execute(
        "SELECT taken_us FROM call_slot WHERE call_window = ? AND taken_us > ? AND taken_us <= ? "
        "ORDER BY taken_us",
        (call.window, at_us - to_us(call.held_s), at_us + CLOCK_TOLERANCE_S * MICROS),
    )
    return [taken_us for (taken_us,) in rows]
