"""The answer of a call that succeeded: the protocol's Response as JSON (decisions D4)."""

from flask import Response

from gateway.schema.codec import Int64Format
from gateway.schema.descriptors import WireMessage
from gateway.web.errors import json_answer
from gateway.web.services import Services

SUCCESS = {"ret_type": 0, "ret_msg": "", "err_code": 0}
"""What every answer begins with, also when OpenD leaves its optional fields unset."""


def success(services: Services, answer: WireMessage, int64: Int64Format) -> Response:
    """HTTP 200 with OpenD's answer."""
    return json_answer(200, SUCCESS | services.codec.encode(answer, int64))
