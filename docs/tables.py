"""Write the tables of README.md that come from the code: `make docs`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; what is between the marks is replaced.
"""

import json
import re
from importlib.resources import files
from pathlib import Path

from gateway.metrics.table import CATALOGUE, Row
from gateway.policy.reasons import reasons_table
from gateway.routes import OWN_ROUTES, ROUTES, Route

README = Path(__file__).parents[1] / "README.md"

STATUSES = {
    200: "The call succeeded.",
    400: "The request is wrong (`field` names the place), or OpenD refused it (`ret_type`, `ret_msg`, "
    "`err_code` are its words).",
    401: "In mode `keys`: no token, or one that is unknown, expired or revoked. Always the same body, with "
    "`WWW-Authenticate: Bearer`.",
    403: "The caller may not do this: a scope is missing, or the account is not the key's. In mode `local`: "
    "the request did not come from this machine.",
    404: "Method and path are not in the route table, whoever asks. Always the same body: "
    '`{"error": "not found"}`.',
    409: "The first request with this `Idempotency-Key` is still running.",
    422: "This `Idempotency-Key` was used with another body.",
    429: "A limit of the key, or OpenD's own frequency or quota limit; `Retry-After` says when to come back, "
    "where time heals it.",
    500: "A defect of the gateway, OpenD is gone or silent, or the ledger is out of reach. After a trade "
    "write `outcome` says what is known: `not_sent`, `unknown`, or `absent`.",
    503: "`GET /ready` alone: the gateway cannot do its work now; `reasons` lists why.",
}
"""When the gateway answers with which HTTP status."""


def routes_table() -> str:
    """One row an endpoint, in the order of the route table; last those that the page does not have."""
    documentation = json.loads(files("gateway.schema").joinpath("wire_fields.json").read_text())
    rows = ["| endpoint | scope | what it does | body |", "| --- | --- | --- | --- |"]
    rows += [_row(route, documentation[route.protocol.name]["doc"]) for route in ROUTES]
    rows += [f"| `{own.method} {own.path}` | `{own.scope}` | {own.purpose} | |" for own in OWN_ROUTES]
    return "\n".join(rows)


def _row(route: Route, doc: str) -> str:
    purpose = doc.partition(": ")[2].partition(". ")[0].rstrip(".")
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
