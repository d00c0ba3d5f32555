"""The words of orders against the wire contract, and what the policy may know."""

import subprocess
import sys
from pathlib import Path

from gateway.order import CURRENCIES, TRD_MARKETS, Side
from gateway.schema.descriptors import enum


def wire_names(name: str) -> set[str]:
    """An enumeration's names without their prefix, in capitals, without Unknown."""
    prefix = name.split(".")[1] + "_"
    return {value.removeprefix(prefix).upper() for value in enum(name).values_by_name} - {"UNKNOWN"}


def test_markets_and_currencies_are_those_of_the_protocol() -> None:
    assert wire_names("Trd_Common.TrdMarket") == TRD_MARKETS
    assert wire_names("Trd_Common.Currency") == CURRENCIES


def test_sides_are_those_of_the_protocol() -> None:
    assert wire_names("Trd_Common.TrdSide") == {side.replace("_", "") for side in Side}


def test_policy_needs_no_flask_protobuf_or_socket() -> None:
    script = (
        "import sys, gateway.policy.engine, gateway.policy.key_file\n"
        "heavy = {'flask', 'google.protobuf', 'gevent', 'redis', 'pysqlite3', 'gateway.schema'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    root = Path(__file__).parents[2]
    imported = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert imported.returncode == 0, imported.stderr
