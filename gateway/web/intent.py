"""An order's record in the ledger, as its owner may see it."""

from typing import Any

from gateway.audit.event import format_time
from gateway.ledger.base import IntentRecord
from gateway.schema.codec import Int64Format


def intent_body(record: IntentRecord, int64: Int64Format) -> dict[str, Any]:
    """The JSON of a record; what is not known is left out. Times are ISO 8601 in UTC."""
    intent = record.intent
    number = str if int64 is Int64Format.STRING else int
    body = {
        "intent_id": intent.intent_id,
        "state": record.state,
        "resolution": record.resolution,
        "detail": record.detail or None,
        "kind": intent.kind,
        "trd_env": intent.environment,
        "acc_id": number(intent.acc_id),
        "trd_market": intent.market,
        "security": intent.symbol,
        "trd_side": intent.side,
        "qty": float(intent.quantity),
        "price": None if intent.price is None else float(intent.price),
        "order_id": None if record.order_id is None else number(record.order_id),
        "order_id_ex": record.order_id_ex,
        "remark": intent.remark,
        "request_id": intent.request_id,
        "created_at": format_time(record.created_s),
        "sent_at": None if record.sent_s is None else format_time(record.sent_s),
        "updated_at": format_time(record.updated_s),
    }
    return {name: value for name, value in body.items() if value is not None}
