"""From an HTTP request to what it asks: the protocol's message, and how the answer shall look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.routes import Route
from gateway.schema.codec import Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.web.body import json_object, query_pairs, take_parameter
from gateway.web.exchange import Environ
from gateway.web.services import Services

INT64_PARAMETER = "int64"

PacketId: TypeAlias = tuple[int, int]
"""Connection id and serial number, as a caller gave them."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, decoded. `sub_types` are to be subscribed before it is asked; `ttl_s` ends a subscription.

    `packet_id` is the caller's own, None when it gave none; it never goes to OpenD.
    """

    route: Route
    message: WireMessage
    int64: Int64Format
    sub_types: tuple[int, ...] = ()
    ttl_s: int | None = None
    packet_id: PacketId | None = None


Decode: TypeAlias = Callable[[Services, Route, Environ], Question]


def decode_query(services: Services, route: Route, environ: Environ) -> Question:
    """A GET: the fields of the protocol's message as query parameters."""
    pairs = query_pairs(environ)
    int64 = take_int64(services, pairs)
    return Question(route, services.codec.decode_query(route.protocol, pairs), int64)


def decode_body(services: Services, route: Route, environ: Environ) -> Question:
    """A POST: the protocol's message as a JSON object."""
    return question_of_body(services, route, environ, post_object(services, environ))


def post_object(services: Services, environ: Environ) -> dict[str, Any]:
    """The JSON object of a POST."""
    return json_object(environ, services.settings.api.max_body_bytes)


def fields_of(body: dict[str, Any]) -> dict[str, Any]:
    """The object that has the message's fields: the body itself, or what it wraps."""
    inner = body.get("c2s")
    return inner if isinstance(inner, dict) else body


def question_of_body(
    services: Services, route: Route, environ: Environ, body: dict[str, Any], sub_types: tuple[int, ...] = ()
) -> Question:
    """The question that a JSON object asks; only `int64` may stand in the query."""
    int64 = int64_alone(services, environ)
    return Question(route, services.codec.decode_request(route.protocol, body), int64, sub_types)


def int64_alone(services: Services, environ: Environ) -> Int64Format:
    """The form of 64-bit integers in the answer. Raises FieldError for any other query parameter."""
    return int64_of_rest(services, query_pairs(environ), f"{INT64_PARAMETER} alone")


def int64_of_rest(services: Services, pairs: list[tuple[str, str]], taken: str) -> Int64Format:
    """The form of 64-bit integers, with nothing else left in the query; `taken` is what may stand in it."""
    int64 = take_int64(services, pairs)
    if pairs:
        raise FieldError(pairs[0][0], f"is not a query parameter here, which takes {taken}")
    return int64


def take_int64(services: Services, pairs: list[tuple[str, str]]) -> Int64Format:
    """Remove `int64` from the query parameters and return what it says, or the setting's value."""
    written = take_parameter(pairs, INT64_PARAMETER) if pairs else None
    if written is None:
        return services.settings.api.int64
    try:
        return Int64Format(written)
    except ValueError:
        raise FieldError(INT64_PARAMETER, f"has to be {' or '.join(Int64Format)}") from None
