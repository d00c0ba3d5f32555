"""The leases of real workers, as another process reads them from the ledger that they share."""

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest
from e2e.examples import BODIES
from fix_gateway import free_port, wait_until

from gateway.ledger.lease import LEASE_S
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.watched_time import WATCH_GAP_S

WORKERS = 2


@pytest.fixture
def ledger_path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def gateway(start_gateway, ledger_path):
    return start_gateway(settings(f"sqlite:{ledger_path}", ledger_path.parent), "--workers", str(WORKERS))


def settings(ledger, directory):
    endpoint = f"127.0.0.1:{free_port()}"
    return {
        "opend": {"endpoints": [endpoint]},
        "ledger": ledger,
        "audit": str(directory / "audit.jsonl"),
    }


@pytest.fixture
def ledger(ledger_path):
    with closing(SqliteLedger(ledger_path)) as ledger:
        yield ledger


def workers_of(gateway):
    return [pid for pid in gateway.children if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text()]


def leases(ledger):
    return ledger.live_leases(time.time())


def test_each_worker_has_one_that_its_orders_name_and_that_ends_with_it(gateway, ledger):
    gateway.wait_ready()
    wait_until(lambda: len(leases(ledger)) == WORKERS)
    first = leases(ledger)
    gateway.post("/api/order", BODIES["order"])
    (record,) = ledger.intents_since(0)
    assert record.intent.lease_id in first
    os.kill(workers_of(gateway)[0], signal.SIGKILL)
    wait_until(lambda: len(leases(ledger) - first) == 1)
    killed_s = time.monotonic()
    wait_until(lambda: len(leases(ledger)) == WORKERS)
    assert len(leases(ledger) & first) == 1
    # A generous bound: what is asserted is that time ends it at all.
    assert time.monotonic() - killed_s < 10 * (LEASE_S + WATCH_GAP_S)
    gateway.stop()
    assert leases(ledger) == frozenset()


def test_a_ledger_that_is_away_does_not_stop_a_start(start_gateway, tmp_path):
    gateway = start_gateway(settings("redis://127.0.0.1:1/0", tmp_path)).wait_ready()
    gateway.wait_for("this worker cannot renew its lease")
    gateway.post("/api/quote", {"security_list": ["HK.00700"]})
    assert gateway.stop() == 0
    assert gateway.log.count("cannot renew its lease") == 1
