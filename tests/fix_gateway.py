"""The gateway under its own gunicorn configuration, as a process that tests can call, signal and kill."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 40.0
END_LIMIT_S = 30.0
LOOK_INTERVAL_S = 0.02


PORTS = range(12_000, 32_000)
"""Below those that the system gives to outgoing connections, any of which could take one meanwhile."""

PROCESSES = 8
"""So many processes of pytest may ask for ports at once and never get the same."""


def free_port() -> int:
    """A loopback port that nobody listens on just now, and that no other process of this test run gets."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    while True:
        port = random.choice(PORTS[process::PROCESSES])
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(holds: Callable[[], Any], limit_s: float = END_LIMIT_S) -> Any:
    """Look again and again until `holds` is true, and return what it gave; fails after `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(LOOK_INTERVAL_S)
    return found


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send_request(
    connection: HTTPConnection, method: str, path: str, body: Any, headers: Mapping[str, str] | None
) -> tuple[HTTPResponse, bytes]:
    """One request on a connection, which is closed after it; a body that is not bytes is sent as JSON."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    json_type = {} if body is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, path, sent, {**json_type, **(headers or {})})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


class GatewayProcess:
    """One gunicorn master with its workers. `settings` is what stands in its gateway.yaml."""

    def __init__(
        self,
        directory: Path,
        settings: dict[str, Any],
        *arguments: str,
        app: str = "wsgi:app",
        **environ: str,
    ) -> None:
        self.port = free_port()
        self.settings = {"server": {"bind": f"127.0.0.1:{self.port}", "workers": 1}, **settings}
        self.file = directory / "gateway.yaml"
        self.write(self.settings)
        self.log_file = directory / "log"
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", *arguments, app]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "GATEWAY_CONFIG": str(self.file), **environ},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def write(self, settings: dict[str, Any] | str) -> None:
        """Replace the settings file."""
        self.file.write_text(settings if isinstance(settings, str) else json.dumps(settings))

    @property
    def log(self) -> str:
        """All that was written to stdout and stderr so far."""
        return self.log_file.read_text()

    @property
    def children(self) -> list[int]:
        """The processes of the master: its workers, and the simulator."""
        return children_of(self.process.pid)

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the log holds a text; fails at once when the gateway has ended without it."""
        wait_until(lambda: self.log.count(text) >= count or self.process.poll() is not None, START_LIMIT_S)
        assert self.log.count(text) >= count, self.log

    def wait_ready(self) -> "GatewayProcess":
        """Wait until it listens and says so."""
        self.wait_for("Ready. Try:")
        return self

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        return send_request(self.connect(), method, path, body, headers)

    def connect(self, timeout_s: float = END_LIMIT_S) -> HTTPConnection:
        """An open connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        connection.connect()
        return connection

    def get(self, path: str) -> Any:
        """The JSON of a GET that has to succeed."""
        response, body = self.request("GET", path)
        assert response.status == 200, body
        return json.loads(body)

    def post(self, path: str, body: Any) -> Any:
        """The JSON of a POST that has to succeed."""
        response, answer = self.request("POST", path, body)
        assert response.status == 200, answer
        return json.loads(answer)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        self.process.send_signal(number)

    def wait_end(self) -> int:
        """The exit status, once it has ended."""
        return self.process.wait(END_LIMIT_S)

    def stop(self) -> int:
        """End it by SIGTERM and return the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_end()


@pytest.fixture
def start_gateway(tmp_path) -> Iterator[Callable[..., GatewayProcess]]:
    """Starts gateways from settings; all end with the test."""
    started: list[GatewayProcess] = []

    def start(settings: dict[str, Any], *arguments: str, **environ: str) -> GatewayProcess:
        directory = tmp_path / f"gateway-{len(started)}"
        directory.mkdir()
        started.append(GatewayProcess(directory, settings, *arguments, **environ))
        return started[-1]

    yield start
    for gateway in started:
        if gateway.process.poll() is None:
            gateway.stop()
