"""What commands print: tables for people, JSON for scripts."""

import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import click
import orjson

from gateway.policy.hours import format_moment

json_option: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for a script."
)

_GAP = "  "


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under their heads, or one sentence when there are none. None is shown as `-`."""
    if not rows:
        click.echo(empty)
        return
    cells = [list(heads), *[[_cell(value) for value in row] for row in rows]]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True))
        click.echo(_GAP.join(padded).rstrip())


def print_json(value: object) -> None:
    """Print a value as JSON; Decimals as texts, so that no reader rounds them."""
    click.echo(orjson.dumps(value, default=_exact, option=orjson.OPT_INDENT_2).decode())


def moment(time_s: float | None) -> str | None:
    """A time for people and scripts: ISO 8601 in UTC, to the second."""
    return None if time_s is None else format_moment(time_s)


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(type(value).__name__)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return f"{value:f}"
    # A caller's own words reach some cells; nothing in them may move the cursor.
    return "".join(char if char.isprintable() else "?" for char in str(value))


def _width(text: str) -> int:
    """The columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
