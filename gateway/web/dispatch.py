"""The one way through the gateway: every endpoint of the route table is served by `dispatch`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import Blueprint, Response, request

from gateway.clock import Clock
from gateway.feed.subscriptions import Subscriptions
from gateway.opend.client import CallKind, Client
from gateway.routes import ROUTES, Domain, Kind, Route
from gateway.schema.codec import Codec, Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.web.auth import Guard, require_environment, require_scope
from gateway.web.body import json_object, query_pairs, take_parameter
from gateway.web.errors import json_answer
from gateway.web.exchange import Environ, Exchange

INT64_PARAMETER = "int64"

_SUCCESS = {"ret_type": 0, "ret_msg": "", "err_code": 0}
"""What every answer begins with, also when OpenD leaves its optional fields unset."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints of one application work with."""

    settings: Settings
    clock: Clock
    codec: Codec
    client: Client
    guard: Guard
    desk: Desk
    subscriptions: Subscriptions


@dataclass(frozen=True, slots=True)
class Question:
    """A request, decoded. `sub_types` are to be subscribed before it is asked."""

    route: Route
    message: WireMessage
    int64: Int64Format
    sub_types: tuple[int, ...] = ()


Decode: TypeAlias = Callable[[Services, Route, Environ], Question]


def dispatch(services: Services, route: Route, decode: Decode) -> Response:
    """Serve one request of the route table: who, may they, what, ask OpenD, answer."""
    environ = request.environ
    exchange = Exchange.of(environ)
    exchange.route = route.path
    principal = services.guard.principal(environ)
    require_scope(principal, route)
    question = decode(services, route, environ)
    require_environment(principal, route, question.message)
    answer = _ASK[route.kind](services, question, exchange)
    return json_answer(200, _SUCCESS | services.codec.encode(answer, question.int64))


def bind_rows(
    blueprint: Blueprint, domain: Domain, services: Services, decoders: Mapping[str, Decode]
) -> None:
    """Serve the domain's rows of the route table; `decoders` names the routes that differ."""
    for route in ROUTES:
        if route.domain is domain:
            decode = decoders.get(route.name, decode_query if route.method == "GET" else decode_body)
            blueprint.add_url_rule(
                route.path, route.name, _view(services, route, decode), methods=[route.method]
            )


def _view(services: Services, route: Route, decode: Decode) -> Callable[[], Response]:
    return lambda: dispatch(services, route, decode)


def decode_query(services: Services, route: Route, environ: Environ) -> Question:
    """A GET: the fields of the protocol's message as query parameters."""
    pairs = query_pairs(environ)
    int64 = _int64_format(services, pairs)
    return Question(route, services.codec.decode_query(route.protocol, pairs), int64)


def decode_body(services: Services, route: Route, environ: Environ) -> Question:
    """A POST: the protocol's message as a JSON object."""
    return question_of_body(services, route, environ, post_object(services, environ))


def post_object(services: Services, environ: Environ) -> dict[str, Any]:
    """The JSON object of a POST."""
    return json_object(environ, services.settings.api.max_body_bytes)


def question_of_body(
    services: Services, route: Route, environ: Environ, body: dict[str, Any], sub_types: tuple[int, ...] = ()
) -> Question:
    """The question that a JSON object asks; only `int64` may stand in the query."""
    pairs = query_pairs(environ)
    int64 = _int64_format(services, pairs)
    if pairs:
        raise FieldError(pairs[0][0], f"is not a query parameter here; a POST takes {INT64_PARAMETER} alone")
    return Question(route, services.codec.decode_request(route.protocol, body), int64, sub_types)


def _int64_format(services: Services, pairs: list[tuple[str, str]]) -> Int64Format:
    written = take_parameter(pairs, INT64_PARAMETER) if pairs else None
    if written is None:
        return services.settings.api.int64
    try:
        return Int64Format(written)
    except ValueError:
        raise FieldError(INT64_PARAMETER, f"has to be {' or '.join(Int64Format)}") from None


def _ask_read(services: Services, question: Question, exchange: Exchange) -> WireMessage:
    return services.client.call(question.route.protocol, question.message, kind=CallKind.READ)


def _ask_realtime(services: Services, question: Question, exchange: Exchange) -> WireMessage:
    return services.subscriptions.read(question.route.protocol, question.message, question.sub_types)


def _change_subscription(services: Services, question: Question, exchange: Exchange) -> WireMessage:
    return services.subscriptions.change(question.route.protocol, question.message)


def _send_write(services: Services, question: Question, exchange: Exchange) -> WireMessage:
    exchange.intent_id = services.desk.open_intent()
    return services.desk.send(question.route.protocol, question.message, exchange.intent_id)


_ASK: Mapping[Kind, Callable[[Services, Question, Exchange], WireMessage]] = {
    Kind.READ: _ask_read,
    Kind.REALTIME: _ask_realtime,
    Kind.SUBSCRIPTION: _change_subscription,
    Kind.WRITE: _send_write,
}
