"""Files that an earlier version made go on with all that they hold."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from fix_charge import BUY, NOON, daily, duplicate, intent, rate
from pysqlite3 import dbapi2 as sqlite3

from gateway.claim import Claim, Holder, Subscription
from gateway.ledger.base import Charge, Check, Exceeded, IntentState, LedgerUnavailable, Step, TradingState
from gateway.ledger.sqlite import VERSIONS, SqliteLedger

HERE = Path(__file__).parent
SQL = files("gateway.ledger").joinpath("sql")

RELEASED = {1: "43387fa0cf61d15b7493d075589cf03ca9c4232748293337e4550fbf754956cc"}
"""SHA-256 of the scripts that made files which people have."""

ROWS_OF_VERSION_1 = """
INSERT INTO intent VALUES ('i-0', 'bot', 'r-0', 'place', 'simulate', '987654', 'HK', 'HK.00700', 'BUY', '100',
    '300.05', 'gw:i-0', NULL, 'sent', 1767268800000000, 1767268800000000, 1767268800000000, NULL, NULL, NULL,
    '', 'HKD', 60000000, 1767225600000000, 0);
INSERT INTO rate_slot VALUES ('bot', 1767268800000000, 'i-0');
INSERT INTO daily_sum VALUES ('bot', 'HKD', 1767225600000000, 60000000);
INSERT INTO fingerprint VALUES ('bot', 'same', 1767268800000000);
INSERT INTO trading VALUES ('other', 'halted', 1767268800000000);
INSERT INTO generation VALUES ('trading', 7);
UPDATE clock SET latest_us = 1767268800000000;
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of version 1 in use, as that version's gateway left it."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SQL.joinpath("1.sql").read_text(encoding="utf-8"))
        connection.executescript(ROWS_OF_VERSION_1)
    return path


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(path)
    yield ledger
    ledger.close()


def schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        return [(name, *row) for name in tables for row in connection.execute(f"PRAGMA table_xinfo({name})")]


@pytest.mark.parametrize("version", RELEASED)
def test_released_scripts_stay_as_they_were(version: int) -> None:
    content = SQL.joinpath(f"{version}.sql").read_bytes()
    assert hashlib.sha256(content).hexdigest() == RELEASED[version]


def test_intents_and_limits_go_on(ledger: SqliteLedger) -> None:
    (record,) = ledger.open_intents()
    assert (record.intent, record.state) == (BUY, IntentState.SENT)
    assert record.intent.lease_id is None
    for check, charge in (
        (Check.RATE, rate(1)),
        (Check.DAILY_VALUE, daily("40.000001", "100")),
        (Check.DUPLICATE, duplicate()),
    ):
        outcome = ledger.reserve(intent(1), charge, NOON + 1)
        assert isinstance(outcome, Exceeded)
        assert outcome.check is check
    assert ledger.trading_state("other") is TradingState.HALTED
    assert ledger.generations()["trading"] == 7
    assert ledger.advance("i-0", Step(state=IntentState.ACCEPTED), NOON).intent == BUY


def test_what_the_new_version_brings_works_on_it(ledger: SqliteLedger) -> None:
    leased = replace(intent(2), lease_id="w-1")
    ledger.reserve(leased, Charge(), NOON + 1)
    record = ledger.find_intent("i-2")
    assert record is not None
    assert record.intent == leased
    ledger.put_claims([Claim(holder=Holder("bot"), subscription=Subscription(1, "00700", 1))])
    assert not ledger.renew_lease("w-1", NOON, NOON + 2.5)
    assert len(ledger.claims(NOON).subscriptions) == 1


def test_file_is_then_as_a_new_one(path: Path, ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.generations()
    new = SqliteLedger(tmp_path / "new.db")
    new.generations()
    new.close()
    assert schema(path) == schema(tmp_path / "new.db")


def test_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema(path)
    good, broken = SqliteLedger(path), SqliteLedger(path)
    migrations = (broken._file._migrations[0], broken._file._migrations[1] + "; CREATE TABLE claim (x)")
    monkeypatch.setattr(broken._file, "_migrations", migrations)
    with pytest.raises(LedgerUnavailable, match="claim already exists"):
        broken.generations()
    assert schema(path) == before
    assert good.generations()["trading"] == 7
    good.close()


def test_many_workers_that_start_at_once_on_an_old_file_all_go_on(path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, str(HERE / "reserver.py"), f"sqlite:{path}", f"w{number}", "1", "100"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (HERE, *HERE.parents[:2])))},
        )
        for number in range(4)
    ]
    told = [worker.communicate("go\n", timeout=60)[0].split() for worker in workers]
    assert told == [["ready", f"i-w{number}-0"] for number in range(4)]
    with closing(SqliteLedger(path)) as ledger:
        assert len(ledger.open_intents()) == 5
        assert ledger.generations()["trading"] == 7
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSIONS[-1],)
