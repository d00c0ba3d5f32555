"""A real Prometheus with the project's configuration, in front of a real gateway and of troubled ones.

So that nobody waits for minutes, a minute lasts two seconds: `faster` divides every duration by 30.
"""

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from e2e.examples import BODIES
from fix_gateway import GatewayProcess, free_port, wait_until
from fix_simulator import SimulatorProcess
from troubles import TROUBLES, Trouble
from websocket import create_connection

from gateway.policy.token import format_hash, hash_token, new_token

CONFIG = Path(__file__).parents[2] / "config" / "prometheus"
JOB = "opend-gateway"
ANSWER_LIMIT_S = 30.0

FACTOR = 30
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def faster(text: str) -> str:
    """The same text with every duration divided."""
    return re.sub(
        r"\b(\d+)([smh])\b", lambda found: f"{int(found[1]) * _SECONDS[found[2]] * 1000 // FACTOR}ms", text
    )


class PrometheusServer:
    """`prometheus` on a free port; `targets` are host:port, or host:port and a path."""

    def __init__(self, directory: Path, targets: Mapping[str, tuple[str, str]]) -> None:
        executable = shutil.which("prometheus")
        assert executable, "these tests need prometheus on the PATH"
        (directory / "alerts.yml").write_text(faster((CONFIG / "alerts.yml").read_text()))
        config = yaml.safe_load(faster((CONFIG / "prometheus.yml").read_text()))
        (job,) = config["scrape_configs"]
        assert (job["job_name"], config["rule_files"]) == (JOB, ["alerts.yml"])
        job["static_configs"] = [
            {"targets": [address], "labels": {"instance": name, "__metrics_path__": path}}
            for name, (address, path) in targets.items()
        ]
        config["global"]["scrape_timeout"] = config["global"]["scrape_interval"]
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.port = free_port()
        self._log = (directory / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                executable,
                f"--config.file={directory}/prometheus.yml",
                f"--storage.tsdb.path={directory}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait_ready(self) -> "PrometheusServer":
        wait_until(self._is_ready, ANSWER_LIMIT_S)
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "prometheus ended"
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=ANSWER_LIMIT_S) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; fails for an error."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=ANSWER_LIMIT_S) as answer:
            return json.loads(answer.read())["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The samples that an expression has now."""
        return self.ask("query", query=expr)["result"]

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire now, each with its gateway."""
        alerts = self.ask("alerts")["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"]["instance"])
            for each in alerts
            if each["state"] == "firing"
        }

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(ANSWER_LIMIT_S)
        self._log.close()


class TroubledGateways:
    """Serves, for each trouble, the metrics of a healthy gateway with the series of that trouble put in."""

    def __init__(self, healthy: str) -> None:
        self._healthy = dict(line.rsplit(" ", 1) for line in healthy.splitlines() if line[0] != "#")
        self._started_s = time.monotonic()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = server.metrics(TROUBLES[self.path.removeprefix("/")]).encode()
                with suppress(ConnectionError):  # Prometheus has ended
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """No line for each scrape."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def metrics(self, trouble: Trouble) -> str:
        elapsed_s = time.monotonic() - self._started_s
        changed = {name: str(value) for name, value in trouble.series(elapsed_s).items()}
        kept = {
            name: value
            for name, value in self._healthy.items()
            if name.partition("{")[0] not in trouble.replaced
        }
        return "".join(f"{name} {value}\n" for name, value in {**kept, **changed}.items())

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(ANSWER_LIMIT_S)
        self._server.server_close()


REAL = "real"
DOWN = "down"
ORDER = BODIES["order"]
SUBSCRIPTION = {"security_list": ["HK.00700"], "sub_type_list": ["Basic"]}


@dataclass
class Monitored:
    """A gateway under a little load, and the Prometheus that looks at it."""

    gateway: GatewayProcess
    prometheus: PrometheusServer


class Load(threading.Thread):
    """A little of everything, again and again, until it is told to stop."""

    def __init__(self, steps: list[Callable[[], Any]]) -> None:
        super().__init__(daemon=True)
        self._steps, self._is_over, self.rounds = steps, threading.Event(), 0

    def run(self) -> None:
        while not self._is_over.wait(1.0):
            for step in self._steps:
                step()
            self.rounds += 1

    def stop(self) -> None:
        self._is_over.set()
        self.join(ANSWER_LIMIT_S)


def _write_policy(file: Path, token: str) -> None:
    key = {
        "id": "desk",
        "hash": format_hash(hash_token(token)),
        "scopes": ["qot:read", "acc:read", "trade:simulate"],
        "limits": {"allowed_symbols": ["HK.00700"]},
    }
    file.touch(0o600)
    file.write_text(json.dumps({"version": 1, "keys": [key]}))


def _steps(gateway: GatewayProcess, policy: Path, token: str) -> list[Callable[[], Any]]:
    def call(path: str, body: Any = None, token: str = token) -> None:
        gateway.request("GET" if body is None else "POST", path, body, {"Authorization": f"Bearer {token}"})

    def listen() -> None:
        address, header = f"ws://127.0.0.1:{gateway.port}/ws", [f"Authorization: Bearer {token}"]
        with closing(create_connection(address, timeout=ANSWER_LIMIT_S, header=header)) as socket:
            socket.send(json.dumps({"op": "subscribe", **SUBSCRIPTION}))
            while json.loads(socket.recv())["type"] != "quote":
                pass

    def read_the_same_at_once() -> None:
        readers = [
            threading.Thread(target=call, args=("/api/snapshot", BODIES["snapshot"])) for _ in range(8)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(ANSWER_LIMIT_S)

    return [
        listen,
        read_the_same_at_once,
        lambda: call("/api/plate-set", BODIES["plate-set"]),
        lambda: call("/api/accounts"),
        lambda: call("/api/quote", BODIES["quote"]),
        lambda: call("/api/order", ORDER),
        lambda: call("/api/order", {**ORDER, "code": "00001"}),
        lambda: call("/api/snapshot", {"security_list": ["HK.99999"]}),
        lambda: call("/api/accounts", token="fc_guessed"),
        lambda: call("/nothing"),
        lambda: _write_policy(policy, token),
    ]


@pytest.fixture(scope="module")
def monitored(tmp_path_factory) -> Iterator[Monitored]:
    """All of it, once for each file of tests, and gone after it: a gateway, troubled ones, and Prometheus."""
    directory = tmp_path_factory.mktemp("monitored")
    policy, token = directory / "policy.yaml", new_token()
    _write_policy(policy, token)
    with ExitStack() as parts:
        simulator = SimulatorProcess("--frequency-limits", "off")
        parts.callback(simulator.stop)
        settings = {
            "opend": {"embedded": False, "endpoints": [simulator.address], "frequency_limits": False},
            "auth": {"mode": "keys", "policy": str(policy)},
            "quote": {"keep_s": {"plate-set": 60}},
        }
        gateway = GatewayProcess(directory, settings).wait_ready()
        parts.callback(gateway.stop)
        wait_until(lambda: gateway.request("GET", "/ready")[0].status == 200)
        load = Load(_steps(gateway, policy, token))
        # An order whose answer is lost: unknown, then found.
        simulator.fault("drop-after", proto=2202)
        load.start()
        parts.callback(load.stop)
        wait_until(lambda: load.rounds > 1)
        troubled = TroubledGateways(wait_until(lambda: _healthy_metrics(gateway)))
        parts.callback(troubled.stop)
        targets = {REAL: (f"127.0.0.1:{gateway.port}", "/metrics"), DOWN: ("127.0.0.1:1", "/metrics")}
        targets |= {name: (troubled.address, f"/{name}") for name in TROUBLES}
        prometheus = PrometheusServer(directory, targets)
        parts.callback(prometheus.stop)
        yield Monitored(gateway, prometheus.wait_ready())


def _healthy_metrics(gateway: GatewayProcess) -> str | None:
    """Its metrics, once the unknown order is found and the gauge tells."""
    text = gateway.request("GET", "/metrics")[1].decode()
    is_healthy = "gateway_orders_resolved_total{" in text and "\ngateway_orders_unknown_open 0.0\n" in text
    return text if is_healthy else None
