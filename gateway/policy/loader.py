"""`policy.yaml` as a `Policy`: strict, with every error at once by line and column.

A name that is left out is no limit; an empty list allows nothing; a name without a value is refused,
since it could mean either. `gateway.yaml_text` refuses unknown names, names given twice, and what
YAML would quietly read as something else.
"""

import re
import shlex
import stat
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from gateway.ledger.base import MAX_AMOUNT
from gateway.order import CURRENCIES, TRD_MARKETS, Side
from gateway.policy.hours import DailyReset, HoursWindow, parse_moment, parse_reset, parse_window
from gateway.policy.model import Caps, Key, Limits, Policy, Principal
from gateway.policy.token import parse_hash
from gateway.scope import Scope
from gateway.yaml_text import (
    ConfigurationError,
    Document,
    Location,
    Problem,
    build_model,
    parse,
    read_document,
)

FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IRWXO
"""Permissions that a policy file must not give: writing to its group, anything to others."""

FILE_VERSION = 1

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SYMBOL = re.compile(r"[A-Z]{2}\.[!-~]{1,63}")
_ANY_CURRENCY = "any"
_EXACT_DIGITS = 15
"""A number of at most so many digits keeps its exact value on the way through a float."""

T = TypeVar("T")


def _version(value: object) -> int:
    if isinstance(value, bool) or value != FILE_VERSION:
        raise ValueError(f"must be {FILE_VERSION}, found {value!r}")
    return FILE_VERSION


def _text(read: Callable[[str], Any]) -> PlainValidator:
    """Validates a text by a reader that raises ValueError with a sentence."""

    def validate(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"must be a text, found {value!r}; quotes make it one")
        return read(value)

    return PlainValidator(validate)


def _one_of(names: frozenset[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(sorted(names))}")
        return text

    return read


def _key_id(text: str) -> str:
    if not _KEY_ID.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit")
    return text


def _symbol(text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise ValueError(f"{text!r} is no symbol such as HK.00700")
    return text


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a plain number, found {value!r}")
    number = Decimal(str(value))
    if len(number.as_tuple().digits) > _EXACT_DIGITS:
        raise ValueError(f"has more than {_EXACT_DIGITS} digits")
    return number


def _amount(value: object) -> Decimal:
    amount = _number(value)
    if not 0 <= amount <= MAX_AMOUNT:
        raise ValueError(f"must lie between 0 and {MAX_AMOUNT:,}")
    if amount != round(amount, 6):
        raise ValueError("has more than 6 decimals")
    return amount


def _per_cent(value: object) -> Decimal:
    number = _number(value)
    if not 0 < number <= 100:
        raise ValueError("must be above 0 and at most 100, in per cent")
    return number


def _by_currency(value: object) -> object:
    """Make one number a mapping, so that each amount of a written mapping has its own place."""
    return value if isinstance(value, dict) else {_ANY_CURRENCY: _amount(value)}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


AmountByCurrency = Annotated[
    dict[str, Annotated[Decimal, PlainValidator(_amount)]], BeforeValidator(_by_currency)
]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LimitsEntry(_Entry):
    """`limits` of a key, as written."""

    allowed_markets: list[Annotated[str, _text(_one_of(TRD_MARKETS))]] | None = None
    allowed_symbols: list[Annotated[str, _text(_symbol)]] | None = None
    allowed_trd_sides: list[Annotated[str, _text(_one_of(frozenset(Side)))]] | None = None
    max_order_value: AmountByCurrency | None = None
    max_daily_value: AmountByCurrency | None = None
    daily_reset: Annotated[DailyReset, _text(parse_reset)] = DailyReset()
    max_orders_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    hours_window: Annotated[
        list[Annotated[HoursWindow, _text(parse_window)]] | None, BeforeValidator(_as_list)
    ] = None
    max_price_deviation: Annotated[Decimal, PlainValidator(_per_cent)] | None = None
    duplicate_window: Annotated[int, Field(ge=1, le=86_400)] | None = None

    def limits(self) -> Limits:
        """The limits as the engine knows them."""
        return Limits(
            allowed_markets=_given(frozenset, self.allowed_markets),
            allowed_symbols=_given(frozenset, self.allowed_symbols),
            allowed_trd_sides=_given(lambda sides: frozenset(map(Side, sides)), self.allowed_trd_sides),
            max_order_value=_given(_caps, self.max_order_value),
            max_daily_value=_given(_caps, self.max_daily_value),
            daily_reset=self.daily_reset,
            max_orders_per_minute=self.max_orders_per_minute,
            hours_window=_given(tuple, self.hours_window),
            max_price_deviation=self.max_price_deviation,
            duplicate_window_s=self.duplicate_window,
        )


class KeyEntry(_Entry):
    """One of `keys`, as written."""

    id: Annotated[str, _text(_key_id)]
    hash: Annotated[bytes, _text(parse_hash)]
    scopes: list[Annotated[str, _text(_one_of(frozenset(Scope)))]]
    expires_at: Annotated[float, _text(parse_moment)] | None = None
    allowed_acc_ids: list[Annotated[int, Field(ge=1, lt=2**64)]] | None = None
    note: str | None = None
    limits: LimitsEntry = LimitsEntry()

    def key(self) -> Key:
        """The key as the policy knows it."""
        principal = Principal(
            key_id=self.id,
            scopes=frozenset(map(Scope, self.scopes)),
            allowed_acc_ids=_given(frozenset, self.allowed_acc_ids),
            limits=self.limits.limits(),
            expires_s=self.expires_at,
            note=self.note or "",
        )
        return Key(self.hash, principal)


class PolicyEntry(_Entry):
    """The whole of `policy.yaml`, as written."""

    version: Annotated[int, PlainValidator(_version)]
    keys: list[KeyEntry]


def _given(make: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else make(value)


def _caps(amounts: dict[str, Decimal]) -> Caps:
    if _ANY_CURRENCY in amounts:
        return Caps(of_any=amounts[_ANY_CURRENCY])
    return Caps(by_currency=amounts)


def load_policy(path: Path) -> Policy:
    """Read a policy file. Raises ConfigurationError with everything that is wrong with it or its mode."""
    return build_policy(read_policy_document(path))


def read_policy_document(path: Path) -> Document:
    """A policy file as a document that `build_policy` takes. Raises ConfigurationError, as for its mode."""
    document = read_document(path, if_missing="gw keys new makes it")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & FORBIDDEN_MODE:
        text = (
            f"has mode {mode:04o}, so that others can read or change it; chmod 600 {shlex.quote(str(path))}"
        )
        raise ConfigurationError([Problem(str(path), text)])
    return document


def parse_policy(text: str, file: str) -> Policy:
    """The policy of a text; `file` is the name that errors show. Raises ConfigurationError."""
    return build_policy(parse(text, file))


def build_policy(document: Document) -> Policy:
    """The policy of a document. Raises ConfigurationError with every problem found."""
    problems = [*_without_value(document), *_given_twice(document), *_unknown_currencies(document)]
    try:
        entry = build_model(document, PolicyEntry, {})
    except ConfigurationError as error:
        marked = {problem.mark for problem in problems}
        problems += [
            problem for problem in error.problems if problem.mark is None or problem.mark not in marked
        ]
    if problems:
        raise ConfigurationError(problems)
    return Policy(key.key() for key in entry.keys)


def _without_value(document: Document) -> Iterator[Problem]:
    for location, value in _values(document.value, ()):
        if value is None and location:
            yield document.problem(location, "has no value; leave the name out, or write [] to allow nothing")


def _values(value: object, location: Location) -> Iterator[tuple[Location, object]]:
    yield location, value
    inner: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, item in inner:
        yield from _values(item, (*location, name))


def _given_twice(document: Document) -> Iterator[Problem]:
    """Two keys with one id would share counters, two with one hash could not be told apart."""
    seen: set[tuple[str, str]] = set()
    for location, value in _values(document.value, ()):
        if len(location) != 3 or location[0] != "keys" or location[2] not in ("id", "hash"):
            continue
        name = str(location[2])
        same = (name, str(value).lower().removeprefix("sha256:") if name == "hash" else str(value))
        if same in seen:
            yield document.problem(location, f"another key has this {name}")
        seen.add(same)


def _unknown_currencies(document: Document) -> Iterator[Problem]:
    for location, _ in _values(document.value, ()):
        if len(location) != 5 or location[3] not in ("max_order_value", "max_daily_value"):
            continue
        if isinstance(location[4], str) and location[4] not in CURRENCIES:
            yield document.name_problem(location, f"is no currency of {', '.join(sorted(CURRENCIES))}")
