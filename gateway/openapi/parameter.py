"""Headers and query parameters that are not fields of a message."""

from typing import Any, TypeAlias

from gateway.openapi.component import Schema
from gateway.schema.codec import Int64Format

Parameter: TypeAlias = dict[str, Any]


def _header(name: str, text: str, schema: Schema, **more: Any) -> Parameter:
    return {"name": name, "in": "header", "description": text, "schema": schema, **more}


INT64: Parameter = {
    "name": "int64",
    "in": "query",
    "description": "How the answer carries 64-bit integers. JavaScript needs `string`: its numbers cannot "
    "hold an account id of 18 digits.",
    "schema": {"$ref": "#/components/schemas/Int64Format"},
    "example": str(Int64Format.STRING),
}


def int64_format(in_force: Int64Format) -> Schema:
    """What `?int64=` takes; `in_force` holds where it is left out."""
    return {"type": "string", "enum": [str(form) for form in Int64Format], "default": str(in_force)}


REQUEST_ID = _header(
    "X-Request-Id",
    "The caller's own name for this request: 1 to 64 letters, digits or `.`, `_`, `-`. It stands in the "
    "answer and in the log; one of another form is replaced by a new one.",
    {"type": "string"},
)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "A name for this order. For 24 hours the same name with the same body is sent to OpenD once, and gets "
    "the first answer again, with `Idempotency-Replayed: true`; with another body it is 422.",
    {"type": "string", "pattern": '^["A-Za-z0-9._~:+/=-]{1,128}$'},
)
DRY_RUN = _header(
    "X-Dry-Run",
    "`true` goes through every check, and sends and charges nothing. Leave it out, or say `false`, to trade.",
    {"type": "boolean", "default": False},
    example=True,
)
ALLOW_DUPLICATE = _header(
    "X-Allow-Duplicate",
    "`true` says that an order inside the key's `duplicate_window` is meant.",
    {"type": "boolean", "default": False},
)
INTENT_ID: Parameter = {
    "name": "intent_id",
    "in": "path",
    "required": True,
    "description": "The `X-Intent-Id` of the answer to an order.",
    "schema": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"},
}

SOCKET_PARAMETERS: tuple[Parameter, ...] = (
    {
        "name": "token",
        "in": "query",
        "description": "The key's token, where a client cannot send `Authorization`, as browsers cannot.",
        "schema": {"type": "string"},
    },
    {
        "name": "symbols",
        "in": "query",
        "description": "Quotes of these alone, with commas between them, such as `HK.00700,US.AAPL`.",
        "schema": {"type": "string"},
    },
    {
        "name": "types",
        "in": "query",
        "description": "Events of these types alone, with commas between them: `quote`, `trade`, `notify`.",
        "schema": {"type": "string"},
    },
    {
        "name": "body",
        "in": "query",
        "description": "`json`: events carry `data`. `base64`: they carry `body_b64`, OpenD's own bytes.",
        "schema": {"type": "string", "enum": ["json", "base64"], "default": "json"},
    },
)
"""What a handshake of `/ws` takes beside `int64`."""

ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "This request's id, as in the log.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-Intent-Id": {
        "description": "The id of an order that was sent or is on its way, for "
        "`/api/orders/intent/{intent_id}`. A dry run and an order that was denied have none.",
        "schema": INTENT_ID["schema"],
    },
    "Idempotency-Replayed": {
        "description": "`true` where this is the answer that an earlier request of the same name got.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {
        "description": "Seconds after which it may succeed; left out where time alone does not heal it.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Age": {
        "description": "Seconds since OpenD was asked, where `quote.keep_s` has this route kept.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Cache-Control": {
        "description": "How long the answer is kept, where `quote.keep_s` has this route kept. A request "
        "with `Cache-Control: no-cache` gets a new one.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "The scheme that is expected.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}
"""Headers of answers, as components."""
