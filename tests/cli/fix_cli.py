"""A gateway's files for commands to work on, and commands run as click runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.audit import verify
from gateway.cli.command import gw
from gateway.ledger.base import Ledger
from gateway.ledger.sqlite import SqliteLedger


class Site:
    """A directory with the settings of a gateway. `gw` runs a command on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "gateway.yaml"
        self.policy = directory / "policy.yaml"
        self.audit = directory / "var" / "audit.jsonl"
        self.write({})

    def write(self, settings: dict[str, Any]) -> None:
        """Write the settings; those that tests share unless they are given."""
        shared = {"auth": {"mode": "keys"}, "ledger": "sqlite:var/ledger.db", "audit": "var/audit.jsonl"}
        self.config.write_text(json.dumps({**shared, **settings}))

    def gw(self, *arguments: str) -> Result:
        return CliRunner().invoke(gw, ["--config", str(self.config), *arguments])

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints for scripts."""
        result = self.gw(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def ledger(self) -> Ledger:
        return SqliteLedger(self.directory / "var" / "ledger.db")

    def audited(self) -> list[dict[str, Any]]:
        """The lines of the audit without its beginning; their chain holds."""
        assert verify(self.audit).findings == ()
        return [json.loads(line) for line in self.audit.read_bytes().splitlines()][1:]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
