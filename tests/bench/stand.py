"""All that runs beside the load: a simulator, the gateway as it is used, and the baselines behind HTTP."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.process import worker_of
from fix_gateway import END_LIMIT_S, ROOT, START_LIMIT_S, GatewayProcess, free_port, send_request, wait_until
from fix_simulator import SimulatorProcess

from gateway.policy.token import format_hash, hash_token, new_token

TESTS = Path(__file__).parents[1]
SDK_THREADS = 8
DIRECTORY_MODE = 0o600

WIDE_LIMITS: dict[str, Any] = {
    "allowed_markets": ["HK"],
    "allowed_symbols": ["HK.00700", "HK.06186"],
    "allowed_trd_sides": ["BUY", "SELL"],
    "max_order_value": {"HKD": 10**6},
    "max_daily_value": {"HKD": 10**12},
    "max_orders_per_minute": 10**6,
    "hours_window": "00:00-24:00",
    "max_price_deviation": 20,
    "duplicate_window": 10,
}
"""Every limit is checked, and none is reached."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server under load: its port, the headers that it wants, its one worker.

    `other_headers` are those of another key of the gateway.
    """

    port: int
    pid: int
    headers: dict[str, str] = field(default_factory=dict)
    other_headers: dict[str, str] = field(default_factory=dict)

    @property
    def worker(self) -> int:
        return worker_of(self.pid)


@dataclass(frozen=True, slots=True)
class Stand:
    """The servers of a run, and a directory for its files."""

    directory: Path
    simulator: SimulatorProcess
    gateway: Served
    empty: Served
    sdk: Served


ROOMY = {"ws": {"max_sockets": 2000, "max_sockets_per_key": 2000}}
"""Settings for many sockets of few keys."""


def write_policy(directory: Path, limits: dict[str, Any]) -> list[dict[str, str]]:
    """A policy with two keys; returns the headers that each of them sends."""
    tokens = {key_id: new_token() for key_id in ("bench", "other")}
    keys = [
        {
            "id": key_id,
            "hash": format_hash(hash_token(token)),
            "scopes": ["qot:read", "acc:read", "trade:simulate"],
            "limits": limits,
        }
        for key_id, token in tokens.items()
    ]
    file = directory / "policy.yaml"
    file.write_text(json.dumps({"version": 1, "keys": keys}))
    file.chmod(DIRECTORY_MODE)
    return [{"Authorization": f"Bearer {token}"} for token in tokens.values()]


def settings(opend: str, **sections: Any) -> dict[str, Any]:
    """A gateway before `opend`, with keys, ledger and audit in the directory of its settings."""
    return {
        "opend": {"embedded": False, "endpoints": [opend], "frequency_limits": False},
        "auth": {"mode": "keys", "policy": "policy.yaml"},
        "ledger": "sqlite:ledger.db",
        "audit": "audit.jsonl",
        "log": {"format": "text"},
        **sections,
    }


@contextmanager
def running_gateway(
    directory: Path,
    opend: str,
    limits: dict[str, Any] | None = None,
    app: str = "wsgi:app",
    sections: dict[str, Any] | None = None,
    **environ: str,
) -> Iterator[Served]:
    """The gateway, or another application under its gunicorn configuration; ends with the context.

    Its settings, its ledger and what else it writes are in `directory`, which may hold some already.
    """
    directory.mkdir(exist_ok=True)
    headers = write_policy(directory, limits or {})
    chosen = settings(opend, **(sections or {}))
    process = GatewayProcess(directory, chosen, app=app, PYTHONPATH=str(TESTS), **environ)
    try:
        process.wait_ready()
        yield Served(process.port, process.process.pid, *headers)
    finally:
        process.stop()


@contextmanager
def running_baseline(directory: Path, arguments: Sequence[str], **environ: str) -> Iterator[Served]:
    """An application under gunicorn with one worker, which is ready when somebody can connect."""
    directory.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "--graceful-timeout", "1", *arguments]
    environment = os.environ | {"HOME": str(directory), "PYTHONWARNINGS": "ignore"} | environ
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _listens(port), START_LIMIT_S)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.wait(END_LIMIT_S)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def running_sdk(directory: Path, opend_port: int) -> Iterator[Served]:
    """Baseline (b) in an environment of its own: the SDK writes its logs under HOME."""
    command = ["--worker-class", "gthread", "--threads", str(SDK_THREADS)]
    command += ["--chdir", str(Path(__file__).with_name("baseline")), "sdk_app:app"]
    with running_baseline(directory, command, OPEND_PORT=str(opend_port)) as served:
        post(served.port, "/api/quote", {"security_list": ["HK.00700"]}, {})
        yield served


def post(port: int, path: str, body: Any, headers: dict[str, str]) -> Any:
    """The JSON of a POST, which has to succeed. Raises RuntimeError."""
    connection = HTTPConnection("127.0.0.1", port, timeout=END_LIMIT_S)
    response, answer = send_request(connection, "POST", path, body, headers)
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}: {answer[:500]!r}")
    return json.loads(answer)


@contextmanager
def running_stand() -> Iterator[Stand]:
    """Start everything; all of it ends with the context."""
    with ExitStack() as parts:
        directory = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        simulator = SimulatorProcess("--frequency-limits", "off", module="bench.opend")
        parts.callback(simulator.stop)
        gateway = running_gateway(directory / "gateway", simulator.address, WIDE_LIMITS)
        empty = running_gateway(directory / "empty", simulator.address, app="bench.baseline.empty_app:app")
        yield Stand(
            directory,
            simulator,
            parts.enter_context(gateway),
            parts.enter_context(empty),
            parts.enter_context(running_sdk(directory / "sdk", simulator.port)),
        )
