"""Texts of OpenD that are not UTF-8, such as a name or a remark that was cut in the middle of a character.

protobuf gives such a string field out as bytes. What is wrong in it is replaced wherever it is used, so
that one odd text takes no whole answer with it.
"""

import orjson


def text_of(value: str | bytes) -> str:
    """A string field's value as a text."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def json_bytes(value: object) -> bytes:
    """JSON in which odd texts are replaced. Raises TypeError for a value that is no JSON."""
    return orjson.dumps(value, _odd_text)


def _odd_text(value: object) -> str:
    """What orjson shall write for a value that it does not know. Raises TypeError for all but odd texts."""
    if isinstance(value, bytes):
        return text_of(value)
    raise TypeError(f"no JSON is made of {type(value).__name__}")
