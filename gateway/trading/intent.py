"""The identity of one attempt to trade, known before anything is sent.

It is a ULID: 26 characters of Crockford's base 32, first 48 bits of milliseconds since the Unix
epoch, then 80 random bits, so ids sort by the time they were made.
"""

import secrets
from collections.abc import Callable

from gateway.clock import Clock
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError

REMARK_PREFIX = "gw-"
"""Marks a remark as the gateway's. With the id it takes 29 of the 64 bytes that OpenD allows."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BYTES = 10
_CHARACTERS = 26


def new_intent_id(clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new intent's id; `random_bytes` gives as many random bytes as it is asked for."""
    milliseconds = int(clock.wall_s() * 1000)
    number = milliseconds << (8 * _RANDOM_BYTES) | int.from_bytes(random_bytes(_RANDOM_BYTES))
    return "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(_CHARACTERS)))


def is_intent_id(text: str) -> bool:
    """Whether a text has the form of an intent's id."""
    return len(text) == _CHARACTERS and not set(text) - set(_ALPHABET)


def made_s(intent_id: str) -> float:
    """When an intent's id was made, in wall seconds."""
    number = 0
    for character in intent_id:
        number = number << 5 | _ALPHABET.index(character)
    return (number >> (8 * _RANDOM_BYTES)) / 1000


def sign_order(request: WireMessage, intent_id: str) -> None:
    """Write the intent's id into the remark of a `Trd_PlaceOrder.Request`.

    It tells later which of OpenD's orders came from this intent (decisions D6). A remark that the
    caller set is left alone. Raises FieldError for one that names another intent, as that of an order that
    was listed and is placed again: either would be taken for the other.
    """
    if not request.c2s.remark:
        request.c2s.remark = REMARK_PREFIX + intent_id
    named = intent_of(request.c2s.remark)
    if named not in (None, intent_id):
        raise FieldError(
            "remark", f"names another order of the gateway's, {named}; leave it out, or write your own"
        )


def intent_of(remark: str) -> str | None:
    """The id of the intent that an order's remark names; None for a remark that is not the gateway's."""
    intent_id = remark.removeprefix(REMARK_PREFIX)
    return intent_id if remark.startswith(REMARK_PREFIX) and is_intent_id(intent_id) else None
