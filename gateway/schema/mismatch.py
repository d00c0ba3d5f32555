"""A value that its field does not take: how it is found deep inside and reported with its path."""

import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.schema.errors import FieldError

SHOWN_CHARACTERS = 40
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Mismatch(Exception):
    """What is wrong with a value. Each level that it passes on the way out adds its step to the path.

    So a right body pays nothing for paths.
    """

    def __init__(self, text: str, *steps: str | int) -> None:
        super().__init__(text)
        self.text = text
        self._steps_outwards = list(reversed(steps))

    def within(self, step: str | int) -> "Mismatch":
        """The same mismatch, seen from the object (a name) or the list (an index) around it."""
        self._steps_outwards.append(step)
        return self

    def respelled(self, written: Mapping[str, str]) -> "Mismatch":
        """The same mismatch, with its outermost name as the caller wrote it."""
        outermost = self._steps_outwards[-1]
        if isinstance(outermost, str):
            self._steps_outwards[-1] = written.get(outermost, outermost)
        return self

    def field_error(self) -> FieldError:
        """The error for the caller."""
        return FieldError(path_text(*reversed(self._steps_outwards)), self.text)


def path_text(*steps: str | int) -> str:
    """The steps as one path, such as `c2s.security_list[0].market`; odd names stand in quotes."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


def shown(value: object) -> str:
    """A value of a caller's body as it stands in an error text: short, and printable everywhere."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return _shown_string(value)
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else _shown_scalar(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _shown_scalar(value: object) -> str:
    return "null" if value is None else repr(value)


def _shown_string(value: str) -> str:
    cut = value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}..."
    return json.dumps(cut, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def type_shown(value: Any) -> str:
    """The type alone, for fields whose values are secret."""
    return "null" if value is None else _JSON_TYPES.get(type(value), "a value")


_JSON_TYPES: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def found(value: object, accepted: str) -> Mismatch:
    """The usual sentence; `accepted` begins with "accepted is" or "accepted are"."""
    hint = "; leave the field out instead" if value is None else ""
    return Mismatch(f"found {shown(value)}, {accepted}{hint}")
