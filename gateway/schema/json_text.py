"""From a request's bytes to a dict, strictly: what two readers could read in two ways is refused."""

import json
from collections import Counter
from typing import Any, NoReturn

import orjson

from gateway.schema.errors import BodyError
from gateway.schema.mismatch import shown

MAX_DEPTH = 32
"""How deep objects and lists may stand in each other. The deepest request needs five levels."""

_BACKSLASH = ord("\\")


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`.

    Raises BodyError for anything but one UTF-8 JSON object, and for what RFC 8259 leaves open:
    duplicate keys at any depth, NaN and Infinity, lone surrogates, more than `MAX_DEPTH` levels,
    integers of thousands of digits.
    """
    value = _parse_quickly(raw)
    if value is None:
        value = _parse_carefully(raw)
    if not isinstance(value, dict):
        raise BodyError(f"the body has to be a JSON object, found {shown(value)}")
    if len(raw) > 2 * MAX_DEPTH and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    return value


def _parse_quickly(raw: bytes) -> Any:
    """The value of a body that is surely right, None for all others.

    Of two equal keys orjson drops one, and a colon with it. Only an escape can hide a colon. A body
    without spaces is mostly what orjson itself would write, and then nothing is counted.
    """
    if _BACKSLASH in raw:
        return None
    try:
        value = orjson.loads(raw)
        written = orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if written == raw or written.count(b":") == raw.count(b":") else None


def _parse_carefully(raw: bytes) -> Any:
    """The value of any body, or the error that says what is wrong with it."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BodyError(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BodyError(f"the body is not valid JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise BodyError("the body holds an integer with too many digits") from None
    if b"\\u" in raw:
        _check_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BodyError(f"the body has the key {shown(twice)} twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BodyError(f"the body is not valid JSON: it has no {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _too_deep() -> BodyError:
    return BodyError(f"the body is nested too deeply, the limit is {MAX_DEPTH} levels")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(parent: Any) -> list[Any]:
    members = parent.values() if isinstance(parent, dict) else parent
    return [child for child in members if isinstance(child, (dict, list))]


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BodyError("the body is not valid JSON: an escape is half of a surrogate pair") from None
