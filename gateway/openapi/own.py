"""The gateway's own endpoints as operations: one row each, beside those of the route table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.ledger.base import IntentState, Resolution
from gateway.openapi.answer import Answer, failures, success, upgrade
from gateway.openapi.component import Schema, reference
from gateway.openapi.operation import Operation, operation_id, scope_sentence, security, sentence
from gateway.openapi.parameter import INTENT_ID, SOCKET_PARAMETERS
from gateway.openapi.situation import Situation
from gateway.order import Environment, IntentKind, Side
from gateway.routes import (
    DOCUMENT_PATH,
    HEALTH_PATH,
    LIVE_PATH,
    METRICS_PATH,
    ORDER_INTENT,
    PAGE_PATH,
    READY_PATH,
    SOCKET,
    OwnRoute,
    Scope,
)

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time", "description": "UTC."}


def _words(words: Any, text: str = "") -> Schema:
    schema = {"type": "string", "enum": [str(word) for word in words]}
    return {**schema, "description": text} if text else schema


def _object(properties: Mapping[str, Schema], optional: tuple[str, ...] = (), text: str = "") -> Schema:
    required = [name for name in properties if name not in optional]
    schema = {"type": "object", "properties": properties, "required": required}
    return {**schema, "description": text} if text else schema


_UINT64 = reference("UInt64")

INTENT: Schema = _object(
    {
        "intent_id": INTENT_ID["schema"],
        "state": _words(
            IntentState,
            "`reserved`: about to be sent. `sent`: sent, the answer is awaited. `accepted`, `rejected`: what "
            "OpenD said. `unknown`: sent and never answered; the gateway asks OpenD for it. `resolved`: it "
            "was unknown, and `resolution` says what it was. `abandoned`: never sent.",
        ),
        "resolution": _words(Resolution, "What an unknown order turned out to be; `absent`: OpenD has none."),
        "detail": {"type": "string", "description": "Why, where there is more to say."},
        "kind": _words(IntentKind, "A new order, or a change of one."),
        "trd_env": _words(Environment, "By name, in every numbering."),
        "acc_id": _UINT64,
        "trd_market": {"type": "string", "description": "By name, such as `HK`."},
        "security": {"type": "string", "description": "Such as `HK.00700`."},
        "trd_side": _words(Side),
        "qty": {"type": "number", "format": "double", "description": "Shares or contracts."},
        "price": {"type": "number", "format": "double", "description": "Left out where the type has none."},
        "order_id": {**_UINT64, "description": "OpenD's id of the order, once it is known."},
        "order_id_ex": {"type": "string", "description": "The server's id of the order, once it is known."},
        "remark": {"type": "string", "description": "What OpenD shows as the order's remark."},
        "request_id": {"type": "string", "description": "The `X-Request-Id` that it came with."},
        "created_at": _TIME,
        "sent_at": _TIME,
        "updated_at": _TIME,
    },
    ("resolution", "detail", "price", "order_id", "order_id_ex", "sent_at"),
    "What became of one attempt to trade.",
)

DRY_RUN: Schema = _object(
    {
        "dry_run": {"type": "boolean", "const": True},
        "allowed": {"type": "boolean", "const": True},
        "kind": _words(IntentKind),
        "trd_env": _words(Environment),
        "acc_id": _UINT64,
        "trd_market": _TEXT,
        "security": _TEXT,
        "trd_side": _words(Side),
        "qty": {"type": "number", "format": "double"},
        "price": {"type": ["number", "null"], "format": "double"},
        "currency": {"type": ["string", "null"]},
        "value": {
            "type": ["number", "null"],
            "format": "double",
            "description": "What the order counts for, in `currency`; null where that is not known.",
        },
        "increase": {
            "type": ["number", "null"],
            "format": "double",
            "description": "What it takes of the day's value.",
        },
        "last_price": {"type": ["number", "null"], "format": "double"},
    },
    (
        *("kind", "trd_env", "acc_id", "trd_market", "security", "trd_side", "qty", "price"),
        *("currency", "value", "increase", "last_price"),
    ),
    "The answer to `X-Dry-Run: true`: what would have been sent. Of a cancel and of unlocking the first two.",
)

HEALTH: Schema = _object(
    {
        "status": {"type": "string", "const": "ok"},
        "version": _TEXT,
        "uptime_s": {"type": "number", "minimum": 0, "description": "Seconds since this worker started."},
        "trd_env_numbering": _words(("documented", "official"), "Which numbers mean which environment."),
        "auth_mode": _words(("local", "keys")),
        "opend": _object(
            {
                "is_ready": {"type": "boolean"},
                "connections": {
                    "type": "object",
                    "additionalProperties": _COUNT,
                    "description": "How many of this worker's connections are in which state.",
                },
                "in_flight": {**_COUNT, "description": "Calls that wait for OpenD's answer."},
                "is_encrypted": {"type": "boolean"},
            }
        ),
        "ledger": _object({"state": _words(("ok", "failing")), "since": _TIME}, ("since",)),
        "policy": _object(
            {"state": _words(("ok", "stale")), "keys": _COUNT, "since": _TIME, "why": _TEXT}, ("since", "why")
        ),
    },
    ("policy",),
    "The state of one worker. `policy` is there in mode `keys` alone.",
)

OWN_SCHEMAS: Mapping[str, Schema] = {"Intent": INTENT, "DryRun": DRY_RUN, "Health": HEALTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOperation:
    """One endpoint of the gateway's own. `path` is written as OpenAPI writes it.

    Without a `scope` it asks for no key. `failing` are the statuses of what went wrong; without a `body`
    the connection becomes a WebSocket.
    """

    name: str
    path: str
    summary: str
    body: Schema | None
    media_type: str = "application/json"
    description: str = ""
    scope: Scope | None = None
    failing: tuple[int, ...] = ()
    parameters: tuple[Schema, ...] = field(default=())

    def operation(self, situation: Situation) -> Operation:
        """The operation, under the settings in force."""
        scopes = (self.scope,) if self.scope else ()
        sentences = (self.description, scope_sentence(scopes) if scopes else "")
        return {
            "operationId": operation_id(self.name),
            "tags": ["account" if self.scope is Scope.ACCOUNT_READ else "gateway"],
            "summary": sentence(self.summary),
            "description": " ".join(each for each in sentences if each),
            "x-scopes": [str(scope) for scope in scopes],
            "security": security(situation, scopes),
            "parameters": [*self.parameters, reference("RequestId", "parameters")],
            "responses": {**self._success(), **failures(self.failing)},
        }

    def _success(self) -> dict[str, Answer]:
        if self.body is None:
            return {"101": upgrade()}
        return {"200": success(self.body, (), self.media_type)}


def _path(route: OwnRoute) -> str:
    return route.path.replace("<", "{").replace(">", "}")


OWN_OPERATIONS: tuple[OwnOperation, ...] = (
    OwnOperation(
        name=ORDER_INTENT.name,
        path=_path(ORDER_INTENT),
        summary=ORDER_INTENT.purpose,
        description="An id that is not the caller's looks like one that does not exist.",
        scope=ORDER_INTENT.scope,
        parameters=(INTENT_ID, reference("Int64", "parameters")),
        body=reference("Intent"),
        failing=(400, 401, 403, 404, 500),
    ),
    OwnOperation(
        name=SOCKET.name,
        path=SOCKET.path,
        summary="events over a WebSocket",
        description="The handshake of RFC 6455. The README says what the frames hold, what may be sent, and "
        "the codes of closing.",
        scope=SOCKET.scope,
        parameters=(*SOCKET_PARAMETERS, reference("Int64", "parameters")),
        body=None,
        failing=(400, 401, 403, 429, 500),
    ),
    OwnOperation(
        name="health",
        path=HEALTH_PATH,
        summary="whether a worker serves, and in which state its parts are",
        description="200 as long as it does, whatever OpenD does. OpenD is not asked.",
        body=reference("Health"),
    ),
    OwnOperation(
        name="ready",
        path=READY_PATH,
        summary="whether the gateway can do its work now",
        description="OpenD's login is looked after in the background; this asks nobody.",
        body=_object({"status": {"type": "string", "const": "ready"}}),
        failing=(503,),
    ),
    OwnOperation(
        name="metrics",
        path=METRICS_PATH,
        summary="the figures of all workers, for Prometheus",
        description="For the addresses in `ops.metrics_allow`, without a key.",
        body=_TEXT,
        media_type="text/plain",
        failing=(403,),
    ),
)
"""The endpoints that are always there."""

LIVE_OPERATION = OwnOperation(
    name="live",
    path=LIVE_PATH,
    summary="a page that shows live data",
    description="It holds no secret and asks for no key; what it shows comes by `/api` and `/ws`.",
    body=_TEXT,
    media_type="text/html",
)
"""What `ops.live_page: false` takes away."""

PAGE_OPERATIONS: tuple[OwnOperation, ...] = (
    OwnOperation(
        name="openapi",
        path=DOCUMENT_PATH,
        summary="this document",
        description="In mode `local` for this machine alone. It holds no secret and asks for no key.",
        body={"type": "object", "additionalProperties": True},
        failing=(403,),
    ),
    OwnOperation(
        name="docs",
        path=PAGE_PATH,
        summary="this document as a page for people",
        body=_TEXT,
        media_type="text/html",
        failing=(403,),
    ),
)
"""Those that `ops.docs_page: false` takes away."""


def own_operations(situation: Situation) -> Iterator[OwnOperation]:
    """The rows that this gateway has."""
    yield from OWN_OPERATIONS
    if situation.has_live_page:
        yield LIVE_OPERATION
    if situation.has_page:
        yield from PAGE_OPERATIONS
