"""Intent records as flat rows: one text a field, the same names in every store.

Numbers are text, since an account's id may need 64 bits without sign and a price any precision;
times are whole microseconds, also as text. A field that is None is absent from the row.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway.ledger.base import (
    DailyDebit,
    IntentRecord,
    IntentState,
    Resolution,
    from_micros,
    from_us,
    to_micros,
    to_us,
)
from gateway.order import Environment, Intent, IntentKind, Side

Row = dict[str, str]


def _time(text: str) -> float:
    return from_us(int(text))


_INTENT_FIELDS: Mapping[str, Callable[[str], Any]] = {
    "intent_id": str,
    "key_id": str,
    "request_id": str,
    "kind": IntentKind,
    "environment": Environment,
    "acc_id": int,
    "market": str,
    "symbol": str,
    "side": Side,
    "quantity": Decimal,
    "price": Decimal,
    "remark": str,
    "target_order_id": int,
    "lease_id": str,
}
_RECORD_FIELDS: Mapping[str, Callable[[str], Any]] = {
    "state": IntentState,
    "created_us": _time,
    "updated_us": _time,
    "sent_us": _time,
    "order_id": int,
    "order_id_ex": str,
    "resolution": Resolution,
    "detail": str,
}
_DEBIT_FIELDS = ("debit_currency", "debit_micros", "debit_day_us", "debit_returned")
COLUMNS = (*_INTENT_FIELDS, *_RECORD_FIELDS, *_DEBIT_FIELDS)
"""Every field of a row, the primary key first."""


def to_row(record: IntentRecord) -> Row:
    """A record as texts."""
    intent, debit = record.intent, record.debit
    values: dict[str, object] = {
        name: getattr(intent, "order_id" if name == "target_order_id" else name) for name in _INTENT_FIELDS
    }
    values |= {
        "state": record.state,
        "created_us": to_us(record.created_s),
        "updated_us": to_us(record.updated_s),
        "sent_us": None if record.sent_s is None else to_us(record.sent_s),
        "order_id": record.order_id,
        "order_id_ex": record.order_id_ex,
        "resolution": record.resolution,
        "detail": record.detail,
    }
    if debit:
        values |= {
            "debit_currency": debit.currency,
            "debit_micros": to_micros(debit.amount),
            "debit_day_us": to_us(debit.day_start_s),
            "debit_returned": int(debit.was_returned),
        }
    return {name: str(value) for name, value in values.items() if value is not None}


def from_row(row: Mapping[str, str]) -> IntentRecord:
    """The record of a row."""
    intent = _read(row, _INTENT_FIELDS)
    intent["order_id"] = intent.pop("target_order_id")
    record = {name.replace("_us", "_s"): value for name, value in _read(row, _RECORD_FIELDS).items()}
    debit = None
    if "debit_currency" in row:
        debit = DailyDebit(
            currency=row["debit_currency"],
            amount=from_micros(int(row["debit_micros"])),
            day_start_s=_time(row["debit_day_us"]),
            was_returned=row["debit_returned"] == "1",
        )
    return IntentRecord(intent=Intent(**intent), debit=debit, **record)


def _read(row: Mapping[str, str], fields: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    return {name: read(row[name]) if name in row else None for name, read in fields.items()}
