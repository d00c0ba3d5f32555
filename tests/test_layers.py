"""The direction of imports that CONTRIBUTING.md draws, read from the source of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "batch": {"clock"},
    "yaml_text": set(),
    "relief": set(),
    "order": set(),
    "claim": set(),
    "scope": set(),
    "schema": {"errors", "clock"},
    "routes": {"schema", "scope"},
    "metrics": {"clock"},
    "opend": {"schema", "errors", "clock"},
    "settings": {"yaml_text", "routes", "schema", "opend"},
    "logs": {"settings"},
    "policy_watch": {"policy", "yaml_text", "errors", "clock", "repetition"},
    "boot": {"settings", "metrics", "policy", "policy_watch", "relief", "ledger", "yaml_text", "opend"},
    "audit": {"batch", "errors", "clock"},
    "ledger": {"order", "claim", "batch", "errors", "clock", "repetition"},
    "policy": {"ledger", "order", "scope", "yaml_text"},
    "clock_watch": {"clock"},
    "repetition": set(),
    "frequency": {"ledger", "opend", "schema", "clock"},
    "trading": {
        *{"frequency", "policy", "ledger", "audit", "order", "opend", "schema", "errors", "clock"},
        "clock_watch",
    },
    "feed": {"claim", "ledger", "policy", "scope", "opend", "schema", "errors", "clock"},
    "openapi": {"routes", "schema", "scope", "settings", "ledger", "order"},
    "simulator": {"schema", "opend", "errors", "clock"},
    "web": {
        "frequency",
        "trading",
        "feed",
        "openapi",
        "opend",
        "schema",
        "errors",
        "clock",
        "repetition",
        "settings",
        "routes",
        "boot",
        "logs",
        "metrics",
        "yaml_text",
        "policy",
        "policy_watch",
        "ledger",
        "audit",
        "order",
        "claim",
        "scope",
    },
    "cli": {
        "web",
        "claim",
        "openapi",
        "boot",
        "settings",
        "trading",
        "audit",
        "policy",
        "ledger",
        "opend",
        "schema",
        "order",
        "scope",
        "errors",
        "clock",
        "yaml_text",
    },
}
"""What each part of the gateway may import of the other parts."""

SANS_IO = (
    "gateway.opend.frame",
    "gateway.opend.crypto",
    "gateway.opend.protocol",
    "gateway.feed.event",
    "gateway.feed.message",
    "gateway.feed.frame",
    "gateway.feed.inbound",
    "gateway.feed.outbox",
)
WIRE_MODULES = {
    "gateway.opend.frame",
    "gateway.opend.crypto",
    "gateway.opend.errors",
    "gateway.opend.protocol",
}
WEB_FRAMEWORK = {"flask", "werkzeug", "jinja2"}
METRICS_LIBRARY = {"prometheus_client", "prometheus_flask_exporter"}
INPUT_OUTPUT = {
    "socket",
    "ssl",
    "select",
    "selectors",
    "asyncio",
    "gevent",
    "threading",
    "time",
    "subprocess",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> set[str]:
    """Dotted names that a module imports, at its top and inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


IMPORTS = {name: imports(tree) for name, tree in modules()}


def part_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "gateway" and len(parts) > 1 else None


@pytest.mark.parametrize("name", IMPORTS)
def test_imports_run_one_way(name):
    own = part_of(name)
    used = {part_of(imported) for imported in IMPORTS[name]} - {None, own}
    if own is None:
        assert not used
        return
    assert own in MAY_IMPORT, f"{own} has no place in the plan of CONTRIBUTING.md and in MAY_IMPORT"
    assert used <= MAY_IMPORT[own]


def test_the_plan_has_no_circle():
    remaining = {part: set(uses) for part, uses in MAY_IMPORT.items()}
    while remaining:
        bottom = {part for part, uses in remaining.items() if not uses & remaining.keys()}
        assert bottom, f"these import each other: {sorted(remaining)}"
        remaining = {part: uses for part, uses in remaining.items() if part not in bottom}


@pytest.mark.parametrize("name", SANS_IO)
def test_the_protocol_knows_no_socket_and_no_clock(name):
    roots = {imported.split(".")[0] for imported in IMPORTS[name]}
    assert not roots & INPUT_OUTPUT
    assert not any(imported.startswith("gateway.clock") for imported in IMPORTS[name])


@pytest.mark.parametrize("name", [name for name in IMPORTS if part_of(name) == "simulator"])
def test_the_simulator_uses_the_wire_modules_of_the_client_alone(name):
    used = {".".join(each.split(".")[:3]) for each in IMPORTS[name] if part_of(each) == "opend"}
    assert used - {"gateway.opend"} <= WIRE_MODULES


@pytest.mark.parametrize("name", [name for name in IMPORTS if part_of(name) != "web"])
def test_only_web_knows_flask(name):
    assert not {imported.split(".")[0] for imported in IMPORTS[name]} & WEB_FRAMEWORK


@pytest.mark.parametrize("name", [name for name in IMPORTS if part_of(name) not in ("metrics", "web")])
def test_only_metrics_and_web_know_prometheus(name):
    assert not {imported.split(".")[0] for imported in IMPORTS[name]} & METRICS_LIBRARY


def test_the_check_sees_imports_inside_functions():
    tree = ast.parse("def f():\n    from gateway.web import app\n    import socket\n")
    assert imports(tree) == {"gateway.web", "gateway.web.app", "socket"}
