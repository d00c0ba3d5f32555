"""`keys.json` of another product of this kind, in the words of our policy file."""

import json
import math
from pathlib import Path
from typing import Any

from gateway.policy.loader import LimitsEntry, build_policy
from gateway.policy.token import format_hash, parse_hash
from gateway.yaml_text import ConfigurationError, Document, Problem

_LIMIT_NAMES = frozenset(LimitsEntry.model_fields)


def read_foreign_keys(source: Path) -> list[dict[str, Any]]:
    """The keys of `{"version": 1, "keys": [...]}` as entries of a policy file.

    Limits may stand under `limits` or beside the other names; null is a name left out. Raises
    ConfigurationError with everything that is wrong, an unknown name included.
    """
    file = str(source)
    try:
        content = json.loads(
            source.read_bytes(),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError([Problem(file, f"cannot be read: {error}")]) from error
    if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
        raise ConfigurationError([Problem(file, 'must be {"version": 1, "keys": [...]}')])
    try:
        entries = [_entry(key) for key in content["keys"]]
    except ValueError as error:
        raise ConfigurationError([Problem(file, str(error))]) from error
    build_policy(Document(file, content | {"keys": entries}, {}, {}))
    return [entry | {"hash": format_hash(parse_hash(entry["hash"]))} for entry in entries]


def _entry(key: Any) -> Any:
    """One key with its limits in their place; what is no key at all is left for the policy to refuse."""
    if not isinstance(key, dict):
        return key
    nested = key.get("limits")
    if nested is not None and not isinstance(nested, dict):
        return key
    beside = {name: value for name, value in key.items() if name in _LIMIT_NAMES}
    twice = sorted(beside.keys() & (nested or {}).keys())
    if twice:
        raise ValueError(f"key {key.get('id')!r} has {', '.join(twice)} both under limits and beside them")
    limits = _given({**(nested or {}), **beside})
    entry = _given({name: value for name, value in key.items() if name not in _LIMIT_NAMES | {"limits"}})
    return entry | {"limits": limits} if limits else entry


def _given(names: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if value is not None}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        twice = sorted({name for name, _ in pairs if [other for other, _ in pairs].count(name) > 1})
        raise ValueError(f"{', '.join(twice)} is given twice")
    return names


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number
