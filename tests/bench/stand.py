"""All that runs beside the load: a simulator, the gateway as it is used, and the baselines behind HTTP."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import worker_of
from fix_gateway import END_LIMIT_S, START_LIMIT_S, GatewayProcess, free_port, send_request, wait_until
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
    """A server under load: its port, the headers that it wants, its one worker."""

    port: int
    pid: int
    headers: dict[str, str]

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


def write_policy(directory: Path, *key_ids: str, limits: dict[str, Any] | None = None) -> dict[str, str]:
    """A policy with these keys; returns their tokens."""
    tokens = {key_id: new_token() for key_id in key_ids}
    keys = [
        {
            "id": key_id,
            "hash": format_hash(hash_token(token)),
            "scopes": ["qot:read", "acc:read", "trade:simulate"],
            "limits": limits or {},
        }
        for key_id, token in tokens.items()
    ]
    file = directory / "policy.yaml"
    file.write_text(json.dumps({"version": 1, "keys": keys}))
    file.chmod(DIRECTORY_MODE)
    return tokens


def settings(opend: str, **sections: Any) -> dict[str, Any]:
    """A gateway before `opend`, with keys, ledger and audit in the directory of its settings."""
    return {
        "opend": {"embedded": False, "endpoints": [opend]},
        "auth": {"mode": "keys", "policy": "policy.yaml"},
        "ledger": "sqlite:ledger.db",
        "audit": "audit.jsonl",
        "log": {"format": "text"},
        **sections,
    }


@contextmanager
def running_gateway(
    directory: Path, opend: str, limits: dict[str, Any] | None = None, app: str = "wsgi:app", **sections: Any
) -> Iterator[Served]:
    """The gateway, or another application under its gunicorn configuration; ends with the context."""
    directory.mkdir(parents=True)
    (token,) = write_policy(directory, "bench", limits=limits).values()
    process = GatewayProcess(directory, settings(opend, **sections), app=app, PYTHONPATH=str(TESTS))
    try:
        process.wait_ready()
        yield Served(process.port, process.process.pid, {"Authorization": f"Bearer {token}"})
    finally:
        process.stop()


@contextmanager
def running_sdk(directory: Path, opend_port: int) -> Iterator[Served]:
    """Baseline (b) in an environment of its own: the SDK writes its logs under HOME."""
    directory.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread"]
    command += ["--threads", str(SDK_THREADS), "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    command += ["--graceful-timeout", "1"]  # the SDK's threads do not end by themselves
    command += ["--chdir", str(Path(__file__).with_name("baseline")), "sdk_app:app"]
    environment = {"HOME": str(directory), "OPEND_PORT": str(opend_port), "PYTHONWARNINGS": "ignore"}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: _answers(port, process), START_LIMIT_S)
        yield Served(port, process.pid, {})
    finally:
        process.terminate()
        process.wait(END_LIMIT_S)


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError("the baseline with the SDK ended")
    try:
        return bool(post(port, "/api/quote", {"security_list": ["HK.00700"]}, {}))
    except OSError:
        return False


def post(port: int, path: str, body: Any, headers: dict[str, str]) -> Any:
    """The JSON of a POST, which has to succeed. Raises RuntimeError."""
    from http.client import HTTPConnection

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
        simulator = SimulatorProcess("--frequency-limits", "off", module="bench.remembering_opend")
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
