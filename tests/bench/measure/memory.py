"""Resident memory of a worker: idle, after all kinds of load, and, in a long run, how it grows."""

import time
from typing import Any

from bench import body
from bench.http_load import many_clients
from bench.plan import Plan
from bench.process import resident_mb
from bench.reading import GATEWAY, Reading
from bench.stand import WIDE_LIMITS, Served, Stand, post, running_gateway

CLIENTS = 32
LOADS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/api/quote", body.QUOTE),
    ("/api/snapshot", body.SNAPSHOT),
    ("/api/history-kline", body.HISTORY_KLINE),
)
FIRST_MINUTE, LAST_MINUTE = 2, 10


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """A gateway of its own, once."""
    with running_gateway(stand.directory / "memory", stand.simulator.address, WIDE_LIMITS) as served:
        post(served.port, "/api/quote", body.QUOTE, served.headers)
        worker = served.worker
        found = {"idle": resident_mb(worker)}
        _load_all(stand, served, plan.seconds)
        if plan.is_long:
            found["growth"] = _growth(stand, served)
        found["after the load"] = resident_mb(worker)
    return [Reading("memory", GATEWAY, quantity, "MB", (value,)) for quantity, value in found.items()]


def _load_all(stand: Stand, served: Served, seconds: int) -> None:
    for path, asked in LOADS:
        many_clients(served, path, asked, clients=CLIENTS, seconds=seconds, directory=stand.directory)


def _growth(stand: Stand, served: Served) -> float:
    """How much more there is after 10 minutes than after 2, all loads taking turns."""
    started_s, worker = time.monotonic(), served.worker
    at_minute: dict[int, float] = {}
    for minute in (FIRST_MINUTE, LAST_MINUTE):
        while time.monotonic() < started_s + 60 * minute:
            _load_all(stand, served, 4)
        at_minute[minute] = resident_mb(worker)
    return at_minute[LAST_MINUTE] - at_minute[FIRST_MINUTE]
