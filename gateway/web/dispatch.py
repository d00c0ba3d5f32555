"""The one way through the gateway: every endpoint of the route table is served by `dispatch`."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from gateway.opend.client import CallKind
from gateway.opend.shared import Reading
from gateway.policy.model import Principal
from gateway.routes import ROUTES, Domain, Kind, Route
from gateway.schema.descriptors import WireMessage
from gateway.web.auth import Refused, hide_accounts, require_accounts, require_environment, require_scope
from gateway.web.exchange import Exchange
from gateway.web.question import Decode, Question, decode_body, decode_query
from gateway.web.services import Services
from gateway.web.success import shared_body, success, success_of
from gateway.web.write import serve_write


def dispatch(services: Services, route: Route, decode: Decode) -> Response:
    """Serve one request of the route table: who, may they, what, ask OpenD, answer."""
    principal = services.guard.principal(request.environ)
    Exchange.of(request.environ).key_id = principal.key_id
    require_scope(principal, route)
    question = decode(services, route, request.environ)
    require_environment(principal, route, question.message)
    if route.kind is Kind.WRITE:
        return serve_write(services, principal, question)
    require_accounts(principal, question.message)
    if route.is_shared:
        body, headers = services.kept.answer(
            route, question.message, question.int64, lambda: _shared(services, principal, question)
        )
        return success_of(body, headers)
    answer = _ASK[route.kind](services, principal, question)
    hide_accounts(principal, answer)
    return success(services, answer, question.int64)


def bind_rows(
    blueprint: Blueprint, domain: Domain, services: Services, decoders: Mapping[str, Decode]
) -> None:
    """Serve the domain's rows of the route table; `decoders` names the routes that differ."""
    for route in ROUTES:
        if route.domain is domain:
            decode = decoders.get(route.name, decode_query if route.method == "GET" else decode_body)
            view = _view(services, route, decode)
            blueprint.add_url_rule(route.path, route.name, view, methods=[route.method])


def _view(services: Services, route: Route, decode: Decode) -> Callable[[], Response]:
    return lambda: serve(services, route.path, lambda: dispatch(services, route, decode))


def serve(services: Services, path: str, answer: Callable[[], Response]) -> Response:
    """Answer a request of the route at `path`, and record it when its caller is refused."""
    exchange = Exchange.of(request.environ)
    exchange.route = path
    try:
        return answer()
    except Refused as refused:
        services.refusals.write(exchange, refused)
        raise


def _shared(services: Services, principal: Principal, question: Question) -> bytes:
    reading = _READ[question.route.kind](services, principal, question)
    return shared_body(services, reading, question.int64)


def _read(services: Services, principal: Principal, question: Question) -> Reading:
    return services.subscriptions.reads.ask(question.route.protocol, question.message, kind=CallKind.READ)


def _read_realtime(services: Services, principal: Principal, question: Question) -> Reading:
    return services.subscriptions.read(
        principal.key_id, question.route.protocol, question.message, question.sub_types
    )


_READ: Mapping[Kind, Callable[[Services, Principal, Question], Reading]] = {
    Kind.READ: _read,
    Kind.REALTIME: _read_realtime,
}
"""How what is shared is asked."""


def _ask_read(services: Services, principal: Principal, question: Question) -> WireMessage:
    return services.client.call(question.route.protocol, question.message, kind=CallKind.READ)


def _change_subscription(services: Services, principal: Principal, question: Question) -> WireMessage:
    return services.subscriptions.change(
        principal.key_id, question.route.protocol, question.message, question.ttl_s
    )


_ASK: Mapping[Kind, Callable[[Services, Principal, Question], WireMessage]] = {
    Kind.READ: _ask_read,
    Kind.SUBSCRIPTION: _change_subscription,
}
"""How what is each caller's own is asked."""
