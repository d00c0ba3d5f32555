"""The document's `components`: each schema once, by a name of its own."""

from collections.abc import Callable
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema (2020-12) object."""


def reference(name: str, kind: str = "schemas") -> Schema:
    """A `$ref` to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def base_name(full_name: str) -> str:
    """The name of what the contract calls `full_name`, free of package prefixes.

    `Trd_Common.TrdHeader` -> `TrdHeader`, `Trd_PlaceOrder.C2S` -> `PlaceOrderC2S`.
    """
    package, _, name = full_name.rpartition(".")
    short = package.removeprefix("Qot_").removeprefix("Trd_")
    return name if short == "Common" else short + name


class Components:
    """Schemas that are made when they are first referred to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._sources: dict[str, str] = {}

    def refer(self, name: str, source: str, make: Callable[[], Schema]) -> Schema:
        """A `$ref` to the schema `name`. `make` makes it, and may refer to others and to itself.

        `source` is the full name of what it describes. Raises ValueError when two get the same name.
        """
        if self._sources.setdefault(name, source) != source:
            raise ValueError(f"{name} would be {self._sources[name]} and {source}")
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = make()
        return reference(name)
