"""Pushes to 200 sockets: as many as go through, and how late they are at half of that."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crowd import (
    SECURITY,
    Reader,
    Source,
    claim,
    latencies_s,
    running_opend,
    saturate,
    wait_for,
)
from bench.http_load import LATENCY_UNITS, percentiles_ms
from bench.plan import Plan
from bench.process import cpu_s
from bench.reading import FLASK_SOCK, GATEWAY, Reading, in_turns
from bench.stand import ROOMY, Served, Stand, running_baseline, running_gateway
from live.fix_live import FeedOpenD

SOCKETS = 200
WINDOW = 32
UNITS = {
    "throughput": "messages/s",
    "worker cpu": "us/message",
    "worker busy": "% of a core",
    "load cpu": "us/message",
    **LATENCY_UNITS,
}


@dataclass(frozen=True, slots=True)
class _Crowd:
    """A server with its sockets, and where its pushes come from."""

    served: Served
    source: Source
    readers: list[Reader]

    def turn(self, seconds: float) -> dict[str, float]:
        """Saturated first, then at half of what went through."""
        count_before, cpu_before, own_before = self._count, cpu_s(self.served.worker), time.process_time()
        peak = saturate(self.source, self.readers, seconds, WINDOW)
        took_s, messages = cpu_s(self.served.worker) - cpu_before, self._count - count_before
        own_s = time.process_time() - own_before
        late_s = latencies_s(self.source, self.readers, seconds, peak / SOCKETS / 2)
        used = {
            "worker cpu": took_s / messages * 1e6,
            "worker busy": took_s / (messages / peak) * 100,
            "load cpu": own_s / messages * 1e6,
        }
        return {"throughput": peak, **used, **percentiles_ms(late_s)}

    @property
    def _count(self) -> int:
        return sum(reader.count for reader in self.readers)


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """The gateway's `/ws` against flask_sock, each with an OpenD of its own."""
    with ExitStack() as parts:
        crowds = {
            GATEWAY: parts.enter_context(_gateway(stand.directory / "fan-out")),
            FLASK_SOCK: parts.enter_context(_flask_sock(stand.directory / "flask-sock")),
        }
        turns = {name: lambda crowd=crowd: crowd.turn(plan.seconds) for name, crowd in crowds.items()}
        return in_turns("fan-out", turns, UNITS, plan.rounds)


@contextmanager
def _gateway(directory: Path) -> Iterator[_Crowd]:
    with (
        running_opend() as opend,
        running_gateway(directory, str(opend.endpoint), sections=ROOMY) as served,
    ):
        wait_for(lambda: len(opend.peers) >= 2)
        claim(served, served.headers, [SECURITY])
        with _readers(served, opend) as crowd:
            yield crowd


@contextmanager
def _flask_sock(directory: Path) -> Iterator[_Crowd]:
    with running_opend() as opend:
        port = opend.endpoint.port
        command = ["--worker-class", "gevent", "bench.baseline.sock_app:app"]
        with running_baseline(directory, command, OPEND_PORT=str(port)) as served:
            wait_for(lambda: any(opend.subscribed.values()))
            with _readers(served, opend) as crowd:
                yield crowd


@contextmanager
def _readers(served: Served, opend: FeedOpenD) -> Iterator[_Crowd]:
    readers = [Reader(served, "/ws") for _ in range(SOCKETS)]
    source = Source(opend)
    try:
        source.push()
        wait_for(lambda: all(reader.count for reader in readers))
        yield _Crowd(served, source, readers)
    finally:
        for reader in readers:
            reader.close()
