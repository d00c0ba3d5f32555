"""Measure what the metrics cost a request, and a scrape, with the files that workers of gunicorn write.

Run as `python tests/bench/bench_metrics.py`.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROUNDS = 100_000
SCRAPES = 20
STATUSES = ("200", "400", "500")


def main(directory: Path) -> None:
    """Prometheus's library reads the directory's name when it is imported, hence the imports here."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    from gateway.metrics.table import observe_opend_call, observe_request
    from gateway.routes import ROUTES

    for route in ROUTES:
        observe_opend_call(route.protocol.name, "ok", 0.01)
        for status in STATUSES:
            observe_request(route.path, status, 0.01)
    started_s = time.perf_counter()
    for _ in range(ROUNDS):
        observe_request("/api/quote", "200", 0.003)
    print(f"a request      {(time.perf_counter() - started_s) / ROUNDS * 1e6:8.1f} us")

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    started_s = time.perf_counter()
    for _ in range(SCRAPES):
        text = generate_latest(registry)
    elapsed_ms = (time.perf_counter() - started_s) / SCRAPES * 1000
    print(f"a scrape       {elapsed_ms:8.1f} ms, one worker that served every route, {len(text)} bytes")


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        main(Path(name))
