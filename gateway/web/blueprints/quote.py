"""The quote rows of the route table."""

from typing import Any

from flask import Blueprint

from gateway.routes import Domain, Route
from gateway.schema.errors import FieldError
from gateway.web.dispatch import bind_rows
from gateway.web.exchange import Environ
from gateway.web.question import Question, fields_of, post_object, question_of_body
from gateway.web.services import Services

SUB_TYPE_SPELLINGS = ("sub_type_list", "subTypeList")


def quote_blueprint(services: Services) -> Blueprint:
    """The endpoints of the quote domain."""
    blueprint = Blueprint("quote", __name__)
    bind_rows(blueprint, Domain.QUOTE, services, {"quote": decode_quote})
    return blueprint


def decode_quote(services: Services, route: Route, environ: Environ) -> Question:
    """`/api/quote` takes a `sub_type_list` that the protocol's message lacks (decisions D3)."""
    body = post_object(services, environ)
    sub_types = _take_sub_types(services, fields_of(body))
    return question_of_body(services, route, environ, body, sub_types)


def _take_sub_types(services: Services, fields: dict[str, Any]) -> tuple[int, ...]:
    spellings = [name for name in SUB_TYPE_SPELLINGS if name in fields]
    if len(spellings) > 1:
        raise FieldError(spellings[1], f"is given twice, as {' and as '.join(spellings)}")
    if not spellings:
        return ()
    name = spellings[0]
    return tuple(services.codec.decode_enum_list(fields.pop(name), "Qot_Common.SubType", name))
