"""What the comments of the .proto files say, for people: of protocols, messages, fields and enumerations."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from gateway.schema.enums import MARKS
from gateway.schema.names import snake_case
from gateway.schema.protocols import Protocol

_CAMEL_CASE = re.compile(r"\b[a-z]+[A-Z]\w*\b")
_FIELD_DEPTH = 2
"""How many dots the full name of a field has; no message of the contract is nested in another."""


class Comments:
    """All comments of the contract. They take some memory, so keep them no longer than needed."""

    def __init__(self) -> None:
        self._entries: Mapping[str, Mapping[str, Any]] = json.loads(
            files(__package__).joinpath(MARKS).read_bytes()
        )
        self._fields = {name.rpartition(".")[2] for name in self._entries if name.count(".") == _FIELD_DEPTH}

    def of(self, full_name: str) -> str:
        """The comment of a message, field, enumeration or value, empty where it has none.

        Fields that it mentions are in snake_case, as they stand in JSON.
        """
        text = self._entries.get(full_name, {}).get("doc", "")
        return _CAMEL_CASE.sub(self._json_name, text)

    def _json_name(self, found: re.Match[str]) -> str:
        return snake_case(found[0]) if found[0] in self._fields else found[0]

    def purpose(self, protocol: Protocol) -> str:
        """What a protocol is for, as a clause without a full stop."""
        return self._sentences(protocol)[0]

    def conditions(self, protocol: Protocol) -> str:
        """What else there is to say of a protocol, such as how often OpenD lets it be asked."""
        return self._sentences(protocol)[2]

    def _sentences(self, protocol: Protocol) -> tuple[str, str, str]:
        purpose, dot, rest = self.of(protocol.name).partition(": ")[2].partition(". ")
        return purpose.rstrip("."), dot, rest
