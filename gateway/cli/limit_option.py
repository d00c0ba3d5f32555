"""The rights and limits of a key as options of a command, in the words of `policy.yaml`."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from gateway.order import TRD_MARKETS, Side

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

F = TypeVar("F", bound=Callable[..., Any])


def _number(text: str) -> int | float:
    """A number as a YAML file has it; the policy refuses one that does not keep its exact value."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no plain number")
    return float(text) if "." in text else int(text)


Reader = Callable[[click.Context, click.Parameter, Any], Any]
"""A callback of click: reads the text of an option; one that was not given is None."""


def reader(read: Callable[[str], Any]) -> Reader:
    """Reads an option by a function that raises ValueError with a sentence."""

    def callback(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
        try:
            return None if text is None else read(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


def words(choices: Iterable[str] = ()) -> Callable[[str], list[str]]:
    """Reads words with commas between them; where `choices` are given, of these alone."""
    known = frozenset(map(str, choices))

    def read(text: str) -> list[str]:
        found = [word.strip() for word in text.split(",")]
        for word in found:
            if not word or (known and word not in known):
                hint = f"; known are {', '.join(sorted(known))}" if known else ""
                raise ValueError(f"{word!r} is not accepted{hint}")
        return found

    return read


def account_ids(text: str) -> list[int]:
    """Read account ids with commas between them."""
    found = words()(text)
    if not all(word.isascii() and word.isdigit() for word in found):
        raise ValueError(f"{text!r} are no account ids")
    return list(map(int, found))


def amounts(text: str) -> Any:
    """Read `100000`, in whatever currency, or `HKD=100000,USD=15000`."""
    try:
        if "=" not in text:
            return _number(text)
        pairs = [part.strip().partition("=") for part in text.split(",")]
        found = {currency: _number(amount) for currency, _, amount in pairs}
    except ValueError as error:
        raise ValueError(f"{error}; write 100000, or HKD=100000,USD=15000") from error
    if len(found) != len(pairs):
        raise ValueError("a currency is given twice")
    return found


_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("allowed_markets", {"callback": reader(words(TRD_MARKETS)), "metavar": "HK,US"}),
    ("allowed_symbols", {"callback": reader(words()), "metavar": "HK.00700,..."}),
    ("allowed_trd_sides", {"callback": reader(words(Side)), "metavar": "BUY,SELL"}),
    (
        "max_order_value",
        {"callback": reader(amounts), "metavar": "AMOUNTS", "help": "100000 or HKD=100000,USD=15000."},
    ),
    (
        "max_daily_value",
        {"callback": reader(amounts), "metavar": "AMOUNTS", "help": "The sum of a day's orders."},
    ),
    ("daily_reset", {"metavar": "TIME", "help": 'When the day begins.  [default: "00:00 UTC"]'}),
    ("max_orders_per_minute", {"type": int, "metavar": "N"}),
    (
        "hours_window",
        {"multiple": True, "metavar": "HOURS", "help": '"09:30-12:00 Asia/Hong_Kong"; repeatable.'},
    ),
    (
        "max_price_deviation",
        {"callback": reader(_number), "metavar": "N", "help": "Per cent of the last price."},
    ),
    ("duplicate_window", {"type": int, "metavar": "SECONDS"}),
)


def limit_options(command: F) -> F:
    """Give a command an option for each limit; they arrive by the limits' names."""
    for name, settings in reversed(_OPTIONS):
        command = click.option(f"--{name.replace('_', '-')}", name, **settings)(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as a policy file would have them."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, ())
    }
