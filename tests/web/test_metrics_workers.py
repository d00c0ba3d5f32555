"""The metrics of a whole gateway: sums over its workers, whatever becomes of them."""

import fcntl
import os
import signal
from pathlib import Path

import pytest
from e2e.examples import BODIES
from fix_gateway import free_port, wait_until
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics.files import MEMORY, PREFIX

ACCOUNTS = ("gateway_http_requests_total", "route=/api/accounts", "status=200")
WORKERS = ("gateway_workers",)
READY = ("gateway_opend_connections", "state=ready")


def scrape(gateway):
    response, body = gateway.request("GET", "/metrics")
    assert response.status == 200, body
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def workers_of(gateway):
    return [pid for pid in gateway.children if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text()]


def directory_of(gateway):
    """Where the workers map their files."""
    maps = Path(f"/proc/{workers_of(gateway)[0]}/maps").read_text()
    (directory,) = {
        Path(line.split()[-1]).parent for line in maps.splitlines() if "/gateway-metrics-" in line
    }
    return directory


@pytest.fixture
def two_workers(start_gateway):
    """A gateway of two workers with the embedded simulator."""
    gateway = start_gateway(
        {"opend": {"endpoints": [f"127.0.0.1:{free_port()}"]}}, "--workers", "2"
    ).wait_ready()
    wait_until(lambda: scrape(gateway).get(READY) == 4)
    return gateway


def test_sums_hold_right_after_a_worker_was_killed(two_workers):
    for _ in range(40):
        two_workers.get("/api/accounts")
    for pid in workers_of(two_workers):
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: scrape_or_none(two_workers))[ACCOUNTS] == 40
        wait_until(lambda: len(workers_of(two_workers)) == 2 and scrape(two_workers)[WORKERS] == 2)
        assert scrape(two_workers)[ACCOUNTS] == 40
    wait_until(lambda: scrape(two_workers)[READY] == 4)


def scrape_or_none(gateway):
    """A scrape; None when the request went to the worker that is just dying."""
    try:
        return scrape(gateway)
    except (ConnectionError, OSError):
        return None


def test_reloads_keep_the_sums_and_the_number_of_files(two_workers):
    two_workers.get("/api/accounts")
    directory = directory_of(two_workers)
    for _ in range(3):
        old = set(workers_of(two_workers))
        two_workers.signal(signal.SIGHUP)
        wait_until(
            lambda old=old: len(workers_of(two_workers)) == 2 and not old & set(workers_of(two_workers))
        )
    wait_until(lambda: scrape(two_workers)[WORKERS] == 2)
    assert scrape(two_workers)[ACCOUNTS] == 1
    assert directory_of(two_workers) == directory
    found = {path.stem.rpartition("_")[2] for path in directory.glob("*.db")}
    assert found >= {"ended", *map(str, workers_of(two_workers))}
    # A scrape at the moment in which a worker ends leaves its files until the next one does.
    assert len(found) <= 1 + 2 + 2


def test_the_files_are_private_and_go_with_the_gateway(two_workers):
    directory = directory_of(two_workers)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert two_workers.stop() == 0
    assert not directory.exists()


def abandoned():
    """The directories of metrics that no process holds."""
    return {path for path in MEMORY.glob(PREFIX + "*") if is_free(path)}


def is_free(path):
    held = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def test_a_gateway_that_may_not_start_leaves_no_files(start_gateway):
    before = abandoned()
    gateway = start_gateway({"opend": {"endpoints": [f"127.0.0.1:{free_port()}"]}}, "--bind", "0.0.0.0:0")
    assert gateway.wait_end() != 0
    assert abandoned() <= before


def test_what_happens_to_opend_shows(start_gateway, simulator):
    settings = {"opend": {"embedded": False, "endpoints": [simulator.address]}, "auth": {"mode": "local"}}
    gateway = start_gateway(settings).wait_ready()
    wait_until(lambda: scrape(gateway).get(READY) == 2)
    gateway.get("/api/accounts")
    found = scrape(gateway)
    assert found["gateway_opend_calls_total", "outcome=ok", "protocol=Trd_GetAccList"] == 1
    assert found["gateway_opend_call_duration_seconds_count", "protocol=Trd_GetAccList"] == 1
    assert found["gateway_opend_connects_total",] == 2
    simulator.kill()
    wait_until(lambda: scrape(gateway)[READY] == 0)
    response, _ = gateway.request("GET", "/api/accounts")
    assert response.status == 500
    wait_until(lambda: scrape(gateway)["gateway_opend_connect_failures_total",] > 0)
    found = scrape(gateway)
    assert found["gateway_opend_calls_total", "outcome=not_sent", "protocol=Trd_GetAccList"] == 1
    assert found["gateway_opend_drops_total",] == 2


def test_an_order_shows_in_orders_ledger_and_audit(two_workers):
    two_workers.post("/api/order", BODIES["order"])
    found = scrape(two_workers)
    assert found["gateway_orders_total", "outcome=accepted", "route=/api/order"] == 1
    assert found["gateway_ledger_steps_total", "outcome=ok", "step=reserve"] == 1
    assert found["gateway_ledger_step_duration_seconds_count", "step=reserve"] == 1
    assert found["gateway_audit_lines_total", "kind=sending"] == 1
    assert found["gateway_hub_lateness_seconds_count",] > 0
    (build,) = [series for series in found if series[0] == "gateway_build_info"]
    assert found[build] == 1
