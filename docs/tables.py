"""Write the tables of README.md that come from the code: `make docs`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; what is between the marks is replaced.
"""

import re
from pathlib import Path

from gateway.metrics.table import CATALOGUE, Row
from gateway.openapi.status import STATUSES
from gateway.policy.reasons import reasons_table
from gateway.routes import OWN_ROUTES, ROUTES, Route
from gateway.schema.comments import Comments

README = Path(__file__).parents[1] / "README.md"


def routes_table() -> str:
    """One row an endpoint, in the order of the route table; last those that the page does not have."""
    comments = Comments()
    rows = ["| endpoint | scope | what it does | body |", "| --- | --- | --- | --- |"]
    rows += [_row(route, comments.purpose(route.protocol)) for route in ROUTES]
    rows += [f"| `{own.method} {own.path}` | `{own.scope}` | {own.purpose} | |" for own in OWN_ROUTES]
    return "\n".join(rows)


def _row(route: Route, purpose: str) -> str:
    name = route.protocol.name
    link = f"[{name}](proto/{name}.proto) {route.proto_id}"
    return f"| `{route.method} {route.path}` | `{route.scope}` | {purpose} | {link} |"


def errors_table() -> str:
    """One row a status."""
    rows = [f"| {status} | {when} |" for status, when in STATUSES.items()]
    return "\n".join(["| status | when |", "| --- | --- |", *rows])


def metrics_table() -> str:
    """One row a metric."""
    rows = [_metric_row(metric) for metric in CATALOGUE]
    return "\n".join(["| metric | kind | what it says |", "| --- | --- | --- |", *rows])


def _metric_row(metric: Row) -> str:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    return f"| `{metric.name}{labels}` | {metric.kind} | {metric.text} |"


def with_tables(text: str) -> str:
    """The README's text with every table as it should be. Raises ValueError when a mark is missing."""
    tables = {
        "routes": routes_table(),
        "errors": errors_table(),
        "reasons": reasons_table().rstrip("\n"),
        "metrics": metrics_table(),
    }
    for name, table in tables.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"README.md has no <!-- {name} --> ... <!-- /{name} -->")
        text = marks.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
