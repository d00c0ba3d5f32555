"""The answers of every status, with their bodies and headers (decisions D4)."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from gateway.openapi.component import Schema, reference
from gateway.openapi.status import STATUSES

Answer: TypeAlias = dict[str, Any]

JSON = "application/json"

_ERROR: Schema = {"type": "string", "description": "What was wrong and where, for a person."}
_OPEND: Mapping[str, Schema] = {
    "ret_type": {
        "type": "integer",
        "format": "int32",
        "description": "OpenD's result, -1 for most refusals.",
    },
    "ret_msg": {"type": "string", "description": "OpenD's own words."},
    "err_code": {"type": "integer", "format": "int32", "description": "OpenD's own code."},
}
_REQUEST_ID: Schema = {"type": "string", "description": "The request's id, to find it in the log by."}


def _error(text: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": text,
        "properties": {"error": _ERROR, **properties},
        "required": ["error"],
    }


ERROR_SCHEMAS: Mapping[str, Schema] = {
    "Error": _error("What went wrong."),
    "BadRequest": _error(
        "A request that is wrong, or that OpenD refused.",
        field={"type": "string", "description": "The path of the field that is wrong, as it was written."},
        **_OPEND,
        request_id=_REQUEST_ID,
    ),
    "NotFound": {
        "type": "object",
        "description": "The same for everything that is not there.",
        "properties": {"error": {"type": "string", "const": "not found"}},
        "required": ["error"],
    },
    "TooMany": _error(
        "A limit of the key, or of OpenD.",
        outcome={
            "type": "string",
            "const": "not_sent",
            "description": "OpenD's limit on calls in 30 s is known to leave no room: OpenD was not asked.",
        },
        **_OPEND,
    ),
    "Failure": _error(
        "The gateway or OpenD failed.",
        outcome={
            "type": "string",
            "enum": ["not_sent", "unknown", "absent"],
            "description": "What became of it: OpenD never saw it; it may have taken effect; OpenD does "
            "not know the order.",
        },
        intent_id={"type": "string", "description": "The order's intent, as in `X-Intent-Id`."},
        **_OPEND,
        request_id=_REQUEST_ID,
    ),
    "NotReady": _error(
        "The gateway cannot do its work now.",
        reasons={"type": "array", "items": {"type": "string"}, "description": "What is away, and how."},
    ),
}

_BODIES: Mapping[int, str] = {
    400: "BadRequest",
    404: "NotFound",
    429: "TooMany",
    500: "Failure",
    503: "NotReady",
}
"""The schema of a status's body; `Error` for the others."""

_OWN_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After",),
    500: ("Retry-After",),
}

_NAMES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "StillRunning",
    422: "AnotherBody",
    429: "TooMany",
    500: "Failure",
    503: "NotReady",
}

READ = (400, 401, 403, 429, 500)
"""What can go wrong with a call that changes no order."""

WRITE = (400, 401, 403, 409, 422, 429, 500)
"""What can go wrong with an order, or a change of one."""

WRITE_HEADERS = ("X-Intent-Id", "Idempotency-Replayed")

KEPT_HEADERS = ("Age", "Cache-Control")


def headers(names: Iterable[str]) -> Schema:
    """References to headers of answers, `X-Request-Id` among them."""
    return {name: reference(name, "headers") for name in ("X-Request-Id", *names)}


def success(body: Schema, names: Iterable[str] = (), media_type: str = JSON) -> Answer:
    """The answer of a call that succeeded."""
    return {
        "description": STATUSES[200],
        "headers": headers(names),
        "content": {media_type: {"schema": body}},
    }


def upgrade() -> Answer:
    """The answer to a handshake: from there on the connection is a WebSocket."""
    return {"description": "The connection is a WebSocket now.", "headers": headers(())}


def failures(statuses: Iterable[int], *, of_write: bool = False) -> dict[str, Answer]:
    """References to the answers of what went wrong, by status."""
    suffix = "OfOrder" if of_write else ""
    return {str(status): reference(f"{_NAMES[status]}{suffix}", "responses") for status in statuses}


def failure_components() -> dict[str, Answer]:
    """The answers that `failures` refers to."""
    plain = {_NAMES[status]: _failure(status, ()) for status in (*READ, 404, 503)}
    of_orders = {f"{_NAMES[status]}OfOrder": _failure(status, WRITE_HEADERS) for status in WRITE}
    return {**plain, **of_orders}


def _failure(status: int, more_headers: tuple[str, ...]) -> Answer:
    body = reference(_BODIES.get(status, "Error"))
    names = (*_OWN_HEADERS.get(status, ()), *more_headers)
    return {"description": STATUSES[status], "headers": headers(names), "content": {JSON: {"schema": body}}}
