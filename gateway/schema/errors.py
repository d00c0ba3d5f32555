"""What is wrong with a caller's body or query: HTTP 400, and a sentence that says where."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import GatewayError


class BodyError(GatewayError):
    """The body is not a JSON object that the gateway takes. Nothing was sent to OpenD."""

    status = 400
    retry_safe = True


class FieldError(BodyError):
    """One field of a body or query is wrong, missing or unknown.

    `path` names it as the caller wrote it, such as `security_list[0].market`.
    """

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path

    def details(self) -> Mapping[str, Any]:
        """`{"field": path}`."""
        return {"field": self.path}
