"""The answer of a call that succeeded: the protocol's Response as JSON (decisions D4)."""

from collections.abc import Mapping

from flask import Response

from gateway.opend.shared import Reading
from gateway.schema.codec import Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.schema.text import json_bytes
from gateway.web.body import JSON_TYPE
from gateway.web.services import Services

SUCCESS = {"ret_type": 0, "ret_msg": "", "err_code": 0}
"""What every answer begins with, also when OpenD leaves its optional fields unset."""


def success(services: Services, answer: WireMessage, int64: Int64Format) -> Response:
    """HTTP 200 with OpenD's answer."""
    return success_of(_body(services, answer, int64))


def success_of(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """HTTP 200 with a body that `shared_body` made."""
    return Response(body, 200, headers, content_type=JSON_TYPE)


def shared_body(services: Services, reading: Reading, int64: Int64Format) -> bytes:
    """The body with OpenD's answer to a shared read, made once for all who share it."""
    body = reading.made.get(int64)
    if body is None:
        body = reading.made[int64] = _body(services, reading.answer, int64)
    return body


def _body(services: Services, answer: WireMessage, int64: Int64Format) -> bytes:
    return json_bytes(SUCCESS | services.codec.encode(answer, int64))
