"""OpenD's limits over two workers: what would break one is answered at once, and OpenD is not asked."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from fix_gateway import free_port, wait_until

PLATES = {"market": 1, "plate_set_type": "All"}
CAP = 10


@pytest.fixture
def gateway(start_gateway, start_simulator):
    """Two workers before a simulator that keeps OpenD's limits."""
    simulator = start_simulator()
    bind = f"127.0.0.1:{free_port()}"
    gateway = start_gateway(
        {
            "server": {"bind": bind, "workers": 2},
            "opend": {"embedded": False, "endpoints": [simulator.address]},
            "auth": {"mode": "local"},
        }
    )
    gateway.port = int(bind.rpartition(":")[2])
    gateway.wait_ready()
    wait_until(lambda: len(gateway.children) == 2)
    wait_until(lambda: gateway.request("GET", "/ready")[0].status == 200)
    return gateway


def calls(gateway, protocol):
    """What became of the calls of a protocol, by outcome, in all workers."""
    _, text = gateway.request("GET", "/metrics")
    found = re.findall(
        rb'^gateway_opend_calls_total\{outcome="(\w+)",protocol="%s"\} ([0-9.]+)' % protocol,
        text,
        re.MULTILINE,
    )
    return {outcome.decode(): float(count) for outcome, count in found}


def test_ten_reads_of_two_workers_reach_opend_and_no_more(gateway):
    # Each asks another question, so that none is shared.
    bodies = [
        PLATES | {"plate_set_type": kind, "market": market} for kind in range(5) for market in (1, 11, 21, 22)
    ]
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda body: gateway.request("POST", "/api/plate-set", body)[0], bodies))
    limited = [answer for answer in answers if answer.status == 429]
    assert len(answers) - len(limited) == CAP
    assert all(1 <= int(answer.headers["Retry-After"]) <= 31 for answer in limited)
    outcomes = calls(gateway, b"Qot_GetPlateSet")
    assert outcomes.pop("held_back") == len(bodies) - CAP
    assert "limited" not in outcomes
    assert sum(outcomes.values()) == CAP
