"""What went wrong, as an HTTP answer: the one place where errors become statuses and bodies."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.errors import GatewayError
from gateway.schema.text import json_bytes
from gateway.web.body import JSON_TYPE
from gateway.web.exchange import Exchange

NOT_FOUND_BODY = b'{"error": "not found"}'
"""The same bytes for every method and path that is not in the route table (decisions D4)."""

_log = logging.getLogger(__name__)


def register_error_handlers(app: Flask) -> None:
    """Make every error of every view, and of routing itself, one of the answers below."""
    app.register_error_handler(GatewayError, gateway_error)
    app.register_error_handler(HTTPException, not_found)
    app.register_error_handler(Exception, internal_error)


def json_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json_bytes(body), status, headers, content_type=JSON_TYPE)


def gateway_error(error: GatewayError) -> Response:
    """An error that knows its answer. What became of an order names the order's intent."""
    exchange = Exchange.of(request.environ)
    body = {"error": str(error), **error.details()}
    if exchange.intent_id and "outcome" in body:
        body["intent_id"] = exchange.intent_id
    if error.status >= 500:
        _log.warning(
            "%s answers %d: %s (request %s)", exchange.route, error.status, error, exchange.request_id
        )
    return json_answer(error.status, body, error.headers())


def not_found(error: HTTPException) -> Response:
    """All that routing refuses, and nothing that tells why: a wrong method looks like a wrong path."""
    return Response(NOT_FOUND_BODY, 404, content_type=JSON_TYPE)


def internal_error(error: Exception) -> Response:
    """A defect of the gateway. The log has the traceback, the caller the request's id to find it by."""
    exchange = Exchange.of(request.environ)
    _log.error("defect in %s (request %s)", exchange.route, exchange.request_id, exc_info=error)
    body = {"error": "internal error", "request_id": exchange.request_id}
    if exchange.intent_id:
        body |= {"outcome": "unknown", "intent_id": exchange.intent_id}
    return json_answer(500, body)
