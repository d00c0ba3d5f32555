"""Wrong versions of right things: bytes with bits and stretches changed, JSON values with parts exchanged."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

MAX_CHANGES = 4
STRETCH_BYTES = 60

INTERESTING_BYTES = (
    bytes(4),
    b"\xff" * 4,
    b"\x00\x10\x00\x00",
    b"\x80\x00",
    b"\x7f",
    b"\xed\xa0\x80",
    b"\x00",
)

SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 31, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63, 2**64, -(2**63)),
    *(10**19, 10**400, 0.0, -0.0, 0.1, 1e-320, 1e308, -1e308, 1e16, 0.30000000000000004),
    *(
        "",
        " ",
        "0",
        "-0",
        "1e3",
        "0x10",
        "true",
        "real",
        "simulate",
        "HK.00700",
        "hk.00700",
        ".",
        "HK.",
        ".A",
    ),
    *("US..DJI", "\x00", "\n", "é", "股票", "\U0001f600", "\u202e", "1_000", "٣", "NaN", "A" * 300),
    *(
        "2026-02-30",
        "2026-11-20 25:00:00",
        "0000-00-00",
        "9999-12-31",
        "18446744073709551616",
        "%s%n",
        "../..",
    ),
)
"""Values at the edges of types, ranges and spellings."""

TEXTS = (
    *(
        "00700",
        "00001",
        "AAPL",
        "600519",
        "000001",
        "800000",
        "HSImain",
        "BK1001",
        "..DJI",
        "HK.00700",
        "US.AAPL",
    ),
    *("SH.600519", "SZ.000001", "HK.HSImain", "HK.800000", "2026-11-20", "2026-11-20 10:00:00", "2020-01-01"),
    *(
        "HKD",
        "USD",
        "BUY",
        "SELL",
        "Day",
        "K_1M",
        "HK",
        "US",
        "全部",
        "a remark",
        "e10adc3949ba59abbe56e057f20f883e",
    ),
)
"""Texts that mean something to one field or another."""


def mutated(source: bytes, dice: random.Random, words: Sequence[bytes] = INTERESTING_BYTES) -> bytes:
    """The bytes with a few bits, bytes or stretches changed, lost, doubled or put elsewhere."""
    data = bytearray(source)
    for _ in range(dice.randint(1, MAX_CHANGES)):
        _change(data, dice, words)
    return bytes(data)


def _change(data: bytearray, dice: random.Random, words: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    match dice.randrange(7):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1:
            data[at:at] = dice.randbytes(dice.randint(1, 8))
        case 2:
            del data[at : at + dice.randint(1, STRETCH_BYTES)]
        case 3:
            data[at:at] = data[at : at + dice.randint(1, STRETCH_BYTES)]
        case 4:
            word = dice.choice(words)
            data[at : at + len(word)] = word
        case 5:
            data[at:at] = dice.choice(words)
        case _ if at < len(data):
            data[at] = dice.randrange(256)


def pieces(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """The bytes cut where the dice say; most often whole."""
    while data:
        length = len(data) if dice.random() < 0.7 else dice.randint(1, len(data))
        yield data[:length]
        data = data[length:]


def mutated_value(value: Any, dice: random.Random, inside: float = 0.8) -> Any:
    """A JSON value with one thing changed, with the odds `inside` within it and not instead of it."""
    if isinstance(value, dict) and value and dice.random() < inside:
        return _mutated_object(value, dice)
    if isinstance(value, list) and value and dice.random() < inside:
        return _mutated_list(value, dice)
    return _like(value, dice) if dice.random() < 0.6 else any_value(dice)


def _like(value: Any, dice: random.Random) -> Any:
    """Another value of the same type, which the field may well take."""
    match value:
        case bool():
            return not value
        case int():
            return value + dice.choice((-1, 1, 2, 7, 100)) if dice.random() < 0.5 else dice.randrange(60)
        case float():
            return value * dice.choice((-1, 0, 0.5, 0.9999999, 10, 1e6))
        case str() if dice.random() < 0.7:
            return dice.choice(TEXTS)
        case str():
            return mutated(value.encode("utf-8", "surrogatepass"), dice).decode("utf-8", "replace")
    return any_value(dice)


def _mutated_object(value: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    changed = dict(value)
    name = dice.choice(list(value))
    how = dice.random()
    if how < 0.6:
        changed[name] = mutated_value(value[name], dice)
    elif how < 0.75:
        del changed[name]
    elif how < 0.85:
        changed[mutated(name.encode("utf-8", "surrogatepass"), dice).decode("utf-8", "replace")] = (
            changed.pop(name)
        )
    else:
        changed[str(dice.choice(SCALARS))] = value[name]
    return changed


def _mutated_list(value: list[Any], dice: random.Random) -> list[Any]:
    index = dice.randrange(len(value))
    how = dice.random()
    if how < 0.6:
        return [*value[:index], mutated_value(value[index], dice), *value[index + 1 :]]
    if how < 0.8:
        return [*value, *value[: index + 1] * dice.choice((1, 2, 50))]
    return value[:index]


def any_value(dice: random.Random, depth: int = 0) -> Any:
    """A value of any kind."""
    how = dice.random()
    if how < 0.8 or depth > 3:
        return dice.choice(SCALARS)
    if how < 0.9:
        return [any_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {str(dice.choice(SCALARS)): any_value(dice, depth + 1) for _ in range(dice.randrange(4))}
