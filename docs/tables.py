"""Write the tables of README.md and README.zh-CN.md that come from the code: `make docs`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; what is between the marks is replaced. The rows
are the same in both files, in the code's own words; the heads are in each file's language.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from gateway.cli.command import gw
from gateway.metrics.table import CATALOGUE, Row
from gateway.openapi.status import STATUSES
from gateway.policy.reasons import reasons_rows
from gateway.routes import OWN_ROUTES, ROUTES, Route
from gateway.schema.comments import Comments

ROOT = Path(__file__).parents[1]

HEADS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "README.md": {
        "routes": ("endpoint", "scope", "what it does", "body"),
        "errors": ("status", "when"),
        "reasons": ("metric label", "HTTP", "`error`", "`Retry-After`", "set by"),
        "commands": ("command", "what it does"),
        "metrics": ("metric", "kind", "what it says"),
    },
    "README.zh-CN.md": {
        "routes": ("接口", "权限", "用途", "请求体"),
        "errors": ("状态码", "何时返回"),
        "reasons": ("指标标签", "HTTP", "`error`", "`Retry-After`", "由何设定"),
        "commands": ("命令", "用途"),
        "metrics": ("指标", "类型", "含义"),
    },
}
"""File -> table -> the head of each column."""


def routes_rows() -> list[str]:
    """One row an endpoint, in the order of the route table; last those that the page does not have."""
    comments = Comments()
    rows = [_route_row(route, comments.purpose(route.protocol)) for route in ROUTES]
    return rows + [f"| `{own.method} {own.path}` | `{own.scope}` | {own.purpose} | |" for own in OWN_ROUTES]


def _route_row(route: Route, purpose: str) -> str:
    name = route.protocol.name
    link = f"[{name}](proto/{name}.proto) {route.proto_id}"
    return f"| `{route.method} {route.path}` | `{route.scope}` | {purpose} | {link} |"


def errors_rows() -> list[str]:
    """One row a status."""
    return [f"| {status} | {when} |" for status, when in STATUSES.items()]


def commands_rows() -> list[str]:
    """One row a command of `gw`, in the order in which they were added."""
    return [f"| `{usage}` | {text} |" for usage, text in _commands(gw, "gw")]


def _commands(command: click.Command, usage: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(inner, f"{usage} {name}")
    else:
        words = [each.human_readable_name for each in command.params if isinstance(each, click.Argument)]
        yield " ".join([usage, *words]), command.get_short_help_str(limit=200)


def metrics_rows() -> list[str]:
    """One row a metric."""
    return [_metric_row(metric) for metric in CATALOGUE]


def _metric_row(metric: Row) -> str:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    return f"| `{metric.name}{labels}` | {metric.kind} | {metric.text} |"


ROWS = {
    "routes": routes_rows,
    "errors": errors_rows,
    "reasons": reasons_rows,
    "commands": commands_rows,
    "metrics": metrics_rows,
}


def with_tables(text: str, file: str) -> str:
    """The text of a README with every table as it should be. Raises ValueError when a mark is missing."""
    for name, head in HEADS[file].items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"{file} has no <!-- {name} --> ... <!-- /{name} -->")
        table = "\n".join([f"| {' | '.join(head)} |", "| --- " * len(head) + "|", *ROWS[name]()])
        text = marks.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    return text


if __name__ == "__main__":
    for each in HEADS:
        (ROOT / each).write_text(with_tables((ROOT / each).read_text(), each))
