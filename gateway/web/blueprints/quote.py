"""The quote rows of the route table."""

import re
from typing import Any

from flask import Blueprint

from gateway.routes import Domain, Route
from gateway.schema.errors import FieldError
from gateway.web.body import query_pairs, take_parameter
from gateway.web.dispatch import bind_rows
from gateway.web.exchange import Environ
from gateway.web.question import Question, fields_of, int64_of_rest, post_object, question_of_body
from gateway.web.services import Services

SUB_TYPE_SPELLINGS = ("sub_type_list", "subTypeList")

TTL_PARAMETER = "ttl_s"
LONGEST_TTL_S = 30 * 24 * 3600


def quote_blueprint(services: Services) -> Blueprint:
    """The endpoints of the quote domain."""
    blueprint = Blueprint("quote", __name__)
    bind_rows(blueprint, Domain.QUOTE, services, {"quote": decode_quote, "subscribe": decode_subscribe})
    return blueprint


def decode_quote(services: Services, route: Route, environ: Environ) -> Question:
    """`/api/quote` takes a `sub_type_list` that the protocol's message lacks (decisions D3)."""
    body = post_object(services, environ)
    sub_types = _take_sub_types(services, fields_of(body))
    return question_of_body(services, route, environ, body, sub_types)


def decode_subscribe(services: Services, route: Route, environ: Environ) -> Question:
    """`/api/subscribe` takes `ttl_s` in the query, in which a subscription ends by itself (decisions D8)."""
    message = services.codec.decode_request(route.protocol, post_object(services, environ))
    pairs = query_pairs(environ)
    ttl_s = _ttl_s(take_parameter(pairs, TTL_PARAMETER))
    if ttl_s is not None and (message.c2s.isUnsubAll or not message.c2s.isSubOrUnSub):
        raise FieldError(TTL_PARAMETER, "belongs to a subscription, and this request drops some")
    int64 = int64_of_rest(services, pairs, f"int64 and {TTL_PARAMETER}")
    return Question(route, message, int64, ttl_s=ttl_s)


def _ttl_s(written: str | None) -> int | None:
    if written is None:
        return None
    ttl_s = int(written) if re.fullmatch(r"[0-9]{1,9}", written) else 0
    if not 1 <= ttl_s <= LONGEST_TTL_S:
        raise FieldError(TTL_PARAMETER, f"has to be whole seconds from 1 to {LONGEST_TTL_S}")
    return ttl_s


def _take_sub_types(services: Services, fields: dict[str, Any]) -> tuple[int, ...]:
    spellings = [name for name in SUB_TYPE_SPELLINGS if name in fields]
    if len(spellings) > 1:
        raise FieldError(spellings[1], f"is given twice, as {' and as '.join(spellings)}")
    if not spellings:
        return ()
    name = spellings[0]
    return tuple(services.codec.decode_enum_list(fields.pop(name), "Qot_Common.SubType", name))
