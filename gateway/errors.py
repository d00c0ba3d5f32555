"""The base of every error that a caller of the HTTP interface can see."""

from collections.abc import Mapping
from typing import Any, ClassVar


class GatewayError(Exception):
    """An error that knows its answer.

    `status` is the HTTP status it becomes (decisions D4). `retry_safe` says whether the same
    request may be repeated without the risk of doing a thing twice. `str(error)` is the sentence
    for the caller: what was wrong, where, what to do.
    """

    status: ClassVar[int] = 500
    retry_safe: ClassVar[bool] = False

    def details(self) -> Mapping[str, Any]:
        """What stands in the JSON body beside `error`."""
        return {}

    def headers(self) -> Mapping[str, str]:
        """HTTP headers that the answer carries, such as `Retry-After` or `WWW-Authenticate`."""
        return {}
