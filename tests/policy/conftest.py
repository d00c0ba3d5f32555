"""Fixtures of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.ledger.sqlite import SqliteLedger


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()
