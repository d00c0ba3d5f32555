"""The endpoints of the route table as operations."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from gateway.openapi.answer import JSON, KEPT_HEADERS, READ, WRITE, WRITE_HEADERS, failures, success
from gateway.openapi.component import Schema, reference
from gateway.openapi.example import example_body
from gateway.openapi.message import Messages
from gateway.openapi.parameter import (
    ALLOW_DUPLICATE,
    DRY_RUN,
    IDEMPOTENCY_KEY,
    Parameter,
)
from gateway.openapi.situation import Situation
from gateway.routes import Kind, Route, Scope
from gateway.schema.comments import Comments

Operation: TypeAlias = dict[str, Any]

SECURITY_SCHEME = "key"

TAGS: Mapping[str, str] = {
    "system": "OpenD itself and its user.",
    "quote": "Securities, prices and markets.",
    "account": "Accounts, what they hold, and their orders.",
    "order": "What changes orders, or the trade lock. Sent to OpenD at most once.",
    "gateway": "The gateway itself.",
}

_WRITE_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "order": ("DryRun", "IdempotencyKey", "AllowDuplicate"),
    "modify-order": ("DryRun", "IdempotencyKey", "AllowDuplicate"),
    "unlock-trade": ("DryRun",),
}

PARAMETERS: Mapping[str, Parameter] = {
    "DryRun": DRY_RUN,
    "IdempotencyKey": IDEMPOTENCY_KEY,
    "AllowDuplicate": ALLOW_DUPLICATE,
}
"""Parameters of several operations, as components; beside them `Int64` and `RequestId`."""

DRY_RUN_NAME = "DryRun"

_REPLAYABLE = frozenset({"order", "modify-order"})
_INTENT_LINK = {
    "intent": {
        "operationId": "order_intent",
        "parameters": {"intent_id": "$response.header.X-Intent-Id"},
        "description": "What became of this order.",
    }
}


class Operations:
    """Operations of one document."""

    def __init__(self, situation: Situation, messages: Messages, comments: Comments) -> None:
        self._situation = situation
        self._messages = messages
        self._comments = comments

    def operation(self, route: Route) -> Operation:
        """The operation of one row."""
        scopes = scopes_of(route)
        made: Operation = {
            "operationId": operation_id(route.name),
            "tags": [_tag(route)],
            "summary": sentence(self._comments.purpose(route.protocol)),
            "description": self._description(route, scopes),
            "x-scopes": [str(scope) for scope in scopes],
            "security": security(self._situation, scopes),
            "parameters": [*self._query(route), *_shared(route)],
        }
        if route.method == "POST":
            made["requestBody"] = self._body(route)
        made["responses"] = self._responses(route)
        return made

    def _description(self, route: Route, scopes: Iterable[Scope]) -> str:
        parts = (
            self._comments.conditions(route.protocol),
            f"OpenD's protocol {route.proto_id}, {route.protocol.name}.",
            scope_sentence(scopes),
        )
        return " ".join(part for part in parts if part)

    def _query(self, route: Route) -> list[Parameter]:
        if route.method != "GET":
            return []
        return [_query_parameter(*field) for field in self._messages.query_fields(route.protocol)]

    def _body(self, route: Route) -> Schema:
        example = example_body(route.name, self._situation.day)
        content = {"schema": self._messages.request(route.protocol), "example": example}
        return {"required": True, "content": {JSON: content}}

    def _responses(self, route: Route) -> dict[str, Any]:
        answer = self._messages.answer(route.protocol)
        if route.kind is not Kind.WRITE:
            return {"200": success(answer, KEPT_HEADERS if route.may_be_kept else ()), **failures(READ)}
        either = {"anyOf": [answer, reference(DRY_RUN_NAME)]}
        accepted = success(either, WRITE_HEADERS)
        if route.name not in _REPLAYABLE:
            return {"200": accepted, **failures(READ, of_write=True)}
        return {"200": {**accepted, "links": _INTENT_LINK}, **failures(WRITE, of_write=True)}


def operation_id(name: str) -> str:
    """What generated clients call a route."""
    return name.replace("-", "_")


def sentence(clause: str) -> str:
    """A clause as it begins a sentence."""
    return clause[:1].upper() + clause[1:]


def scopes_of(route: Route) -> tuple[Scope, ...]:
    """The scopes of which a key needs one (decisions D5)."""
    if route.name in _REPLAYABLE:
        return (Scope.TRADE_REAL, Scope.TRADE_SIMULATE)
    return (route.scope,)


def scope_sentence(scopes: Iterable[Scope]) -> str:
    """Which scope a key needs, for people."""
    words = " or ".join(f"`{scope}`" for scope in scopes)
    only_simulate = ", which is for paper accounts alone" if Scope.TRADE_SIMULATE in scopes else ""
    return f"Scope: {words}{only_simulate}."


def security(situation: Situation, scopes: Iterable[Scope]) -> list[Schema]:
    """Of whom an operation asks a key: of nobody in the mode without keys."""
    return [{SECURITY_SCHEME: [str(scope)]} for scope in scopes] if situation.is_keyed else []


def _tag(route: Route) -> str:
    if route.kind is Kind.WRITE:
        return "order"
    return "account" if route.scope is Scope.ACCOUNT_READ else str(route.domain)


def _shared(route: Route) -> list[Schema]:
    names = (*_WRITE_PARAMETERS.get(route.name, ()), "Int64", "RequestId")
    return [reference(name, "parameters") for name in names]


def _query_parameter(name: str, schema: Schema, text: str, is_needed: bool) -> Parameter:
    is_list = schema.get("type") == "array"
    made = {"name": name, "in": "query", "description": text, "required": is_needed, "schema": schema}
    return {**made, "style": "form", "explode": False} if is_list else made
