"""Fixtures of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_store import RedisServer

from gateway.ledger.sqlite import SqliteLedger


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    shared_redis.flush()
    return shared_redis.url
