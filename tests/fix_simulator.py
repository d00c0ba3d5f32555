"""Simulators to test against: as a process of its own, and as a thread of the test's process."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.clock import Clock, SystemClock
from gateway.simulator.assembly import Settings, assemble
from gateway.simulator.model import Call, Handler, Outcome
from gateway.simulator.server import SimulatorServer

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 30
ANSWER_LIMIT_S = 10


@pytest.fixture(scope="session")
def rsa_key_file(tmp_path_factory) -> Path:
    """A private key as OpenD and the official SDK want it: RSA, 1024 bit, PKCS #1."""
    key = generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the protocol's size
    path = tmp_path_factory.mktemp("rsa") / "opend.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return path


class SimulatorProcess:
    """`python -m gateway.simulator` with a control channel. Ports are free ones.

    `module` is another one that takes the same options.
    """

    def __init__(self, *options: str, module: str = "gateway.simulator") -> None:
        command = [sys.executable, "-m", module, "--port", "0", "--admin-port", "0", *options]
        command += ["--log-level", "warning", "--parent-pid", str(os.getpid())]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        lines = dict(self._read_line() for _ in range(2))
        self.port = lines["listening"]
        self._control = socket.create_connection(("127.0.0.1", lines["control"]), timeout=ANSWER_LIMIT_S)
        self._answers = self._control.makefile("rb")

    def _read_line(self) -> tuple[str, int]:
        line = self.process.stdout.readline().split()
        assert line, "the simulator ended before it listened"
        return line[0], int(line[-1].rpartition(":")[2])

    @property
    def address(self) -> str:
        """Host and port, as `opend.endpoints` has them."""
        return f"127.0.0.1:{self.port}"

    def admin(self, command: str, **fields: Any) -> dict[str, Any]:
        """Carry out a control command (see `gateway.simulator.admin`); fails unless it could be done."""
        self._control.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
        answer = json.loads(self._answers.readline())
        assert answer.pop("ok"), answer
        return answer

    def fault(self, kind: str, **settings: Any) -> None:
        """Let a fault come: `proto`, `times` (0: until cleared), `delay_s`."""
        self.admin("fault", kind=kind, **settings)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it by SIGTERM, unless it has ended; returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = self.process.wait(START_LIMIT_S)
        for file in (self._answers, self._control, self.process.stdout):
            file.close()
        return status


@pytest.fixture
def start_simulator() -> Iterator[Callable[..., SimulatorProcess]]:
    """Starts simulator processes with the given command-line options; all end with the test."""
    started: list[SimulatorProcess] = []

    def start(*options: str) -> SimulatorProcess:
        started.append(SimulatorProcess(*options))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()


@pytest.fixture
def simulator(start_simulator) -> SimulatorProcess:
    """A simulator process with its defaults."""
    return start_simulator()


def outcome_of(handler: Handler, call: Call) -> Outcome:
    """What a handler answers, with all of its steps taken at once."""
    outcome = handler(call)
    if not isinstance(outcome, Generator):
        return outcome
    while True:
        try:
            next(outcome)
        except StopIteration as end:
            return end.value


class SimulatorThread:
    """A simulator in this process, on a loop in a thread of its own."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.simulation = assemble(clock, settings)
        self._loop = asyncio.new_event_loop()
        self._server = SimulatorServer(self.simulation.opend, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(START_LIMIT_S)
        self.port = self._server.port

    def run(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Call something of `simulation` in the simulator's own thread, and wait for its result."""

        async def call() -> Any:
            return action(*arguments)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(ANSWER_LIMIT_S)

    def stop(self) -> None:
        self.run(self._server.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_LIMIT_S)
        self._loop.close()


@pytest.fixture
def simulator_thread() -> Iterator[Callable[..., SimulatorThread]]:
    """Starts simulators in this process: `simulator_thread(clock=..., seed=..., ...)`, see `Settings`."""
    started: list[SimulatorThread] = []

    def start(clock: Clock | None = None, **settings: Any) -> SimulatorThread:
        started.append(SimulatorThread(clock or SystemClock(), Settings(**settings)))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()
