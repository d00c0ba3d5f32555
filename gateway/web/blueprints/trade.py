"""The trade rows of the route table, and what became of an order."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from gateway.routes import ORDER_INTENT, Domain, Route
from gateway.trading.intent import is_intent_id
from gateway.web.auth import require_scope
from gateway.web.dispatch import bind_rows, serve
from gateway.web.errors import json_answer
from gateway.web.exchange import Environ, Exchange
from gateway.web.intent import intent_body
from gateway.web.question import PacketId, Question, fields_of, int64_alone, post_object, question_of_body
from gateway.web.services import Services


def trade_blueprint(services: Services) -> Blueprint:
    """The endpoints of the trade domain."""
    blueprint = Blueprint("trade", __name__)
    bind_rows(blueprint, Domain.TRADE, services, {"order": decode_order, "modify-order": decode_order})

    def order_intent(intent_id: str) -> Response:
        return serve(services, ORDER_INTENT.path, lambda: answer_intent(services, intent_id))

    blueprint.add_url_rule(ORDER_INTENT.path, ORDER_INTENT.name, order_intent, methods=[ORDER_INTENT.method])
    return blueprint


def decode_order(services: Services, route: Route, environ: Environ) -> Question:
    """Orders and their changes keep the packet id that the caller gave, which no message to OpenD does."""
    body = post_object(services, environ)
    question = question_of_body(services, route, environ, body)
    return replace(question, packet_id=_packet_id(fields_of(body)))


def _packet_id(fields: dict[str, Any]) -> PacketId | None:
    """The packet id of a body that was decoded without an error."""
    given = fields.get("packet_id", fields.get("packetID"))
    if given is None:
        return None
    parts = {name[0]: int(value) for name, value in given.items()}
    return parts["c"], parts["s"]


def answer_intent(services: Services, intent_id: str) -> Response:
    """What became of an order of the caller's own; any other looks like one that does not exist."""
    principal = services.guard.principal(request.environ)
    Exchange.of(request.environ).key_id = principal.key_id
    require_scope(principal, ORDER_INTENT)
    int64 = int64_alone(services, request.environ)
    record = services.ledger.find_intent(intent_id) if is_intent_id(intent_id) else None
    if record is None or record.intent.key_id != principal.key_id:
        raise NotFound
    if not principal.may_use_account(record.intent.acc_id):
        raise NotFound
    return json_answer(200, intent_body(record, int64))
