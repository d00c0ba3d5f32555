"""HUP and TERM while clients call without a pause: every request that was taken gets its answer."""

import json
import signal
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException

import pytest
from e2e.examples import BODIES
from fix_gateway import END_LIMIT_S, ROOT, GatewayProcess, free_port, is_running, wait_until

CLIENTS = 6
KEEPING = 3
"""So many of them keep their connection, the others open one for each request."""

TWO_LOOKS_S = 3.0
"""Longer than a worker serves on by itself after it was told to end."""


class Client(threading.Thread):
    """Asks until it is told to stop, or nobody listens any more; keeps what it got."""

    def __init__(self, port, *, is_keeping, is_over):
        super().__init__(daemon=True)
        self._port, self._is_keeping, self._is_over = port, is_keeping, is_over
        self.statuses, self.lost = Counter(), []
        self.start()

    def run(self):
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=END_LIMIT_S)) as connection:
            while not self._is_over.is_set() and not self.lost:
                try:
                    if connection.sock is None:
                        connection.connect()
                except ConnectionError:
                    return  # nothing was sent, and nobody took anything
                self._ask(connection)
                if not self._is_keeping:
                    connection.close()

    def _ask(self, connection):
        try:
            connection.request("GET", "/api/accounts")
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
        except (HTTPException, OSError) as error:
            self.lost.append(repr(error))


@contextmanager
def load(gateway):
    """Clients that call from here on; at the end each has had an answer to each of its requests."""
    is_over = threading.Event()
    clients = [
        Client(gateway.port, is_keeping=number < KEEPING, is_over=is_over) for number in range(CLIENTS)
    ]

    def answered():
        return [client.statuses.total() for client in clients]

    try:
        wait_until(lambda: min(answered()) > 5)
        yield lambda: sum(answered())
    finally:
        is_over.set()
        for client in clients:
            client.join(END_LIMIT_S)
    assert [client.lost for client in clients] == [[]] * CLIENTS
    assert set(sum((client.statuses for client in clients), Counter())) == {200}


@contextmanager
def order_in_flight(gateway, simulator):
    """An order that OpenD has executed and not answered yet; at the end it has had that answer."""
    before = len(simulator.admin("journal")["entries"])
    simulator.fault("delay", proto=2202, delay_s=2.0)
    answers = []
    ordering = threading.Thread(
        target=lambda: answers.append(gateway.request("POST", "/api/order", BODIES["order"]))
    )
    ordering.start()
    wait_until(lambda: len(simulator.admin("journal")["entries"]) > before)
    yield
    ordering.join(END_LIMIT_S)
    ((response, body),) = answers
    assert response.status == 200, body
    assert json.loads(body)["s2c"]["order_id"]
    assert len(simulator.admin("journal")["entries"]) == before + 1


@pytest.fixture
def gateway(start_gateway, simulator):
    """Two workers in front of a simulator."""
    opend = {"embedded": False, "endpoints": [simulator.address]}
    server = {"bind": f"127.0.0.1:{free_port()}", "workers": 2}
    gateway = start_gateway({"server": server, "opend": opend, "auth": {"mode": "local"}})
    gateway.port = int(server["bind"].rpartition(":")[2])
    gateway.wait_ready()
    wait_until(lambda: len(gateway.children) == 2)
    wait_until(lambda: gateway.request("GET", "/ready")[0].status == 200)
    return gateway


def reload_under_load(gateway, settings, workers):
    """Send HUP while clients call, and wait until all workers are new ones that serve."""
    old = gateway.children
    gateway.write(settings)
    with load(gateway) as answered:
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: len(gateway.children) == workers and not any(is_running(worker) for worker in old))
        count = answered()
        wait_until(lambda: answered() > count + 10 * CLIENTS)


def staleness(gateway):
    lines = gateway.request("GET", "/metrics")[1].decode().splitlines()
    return [line for line in lines if line.startswith("gateway_settings_are_stale")]


def numberings(gateway):
    """What the workers say, each of them with near certainty."""
    return {gateway.get("/health")["trd_env_numbering"] for _ in range(20)}


def test_reloads_cost_no_request_whatever_the_file_says(gateway, simulator):
    changed = {
        **gateway.settings,
        "server": {**gateway.settings["server"], "workers": 3},
        "api": {"trd_env_numbering": "official"},
    }
    with order_in_flight(gateway, simulator):
        reload_under_load(gateway, changed, workers=3)
    assert numberings(gateway) == {"official"}
    assert staleness(gateway) == ["gateway_settings_are_stale 0.0"]

    reload_under_load(gateway, "server: {workers: 1, wrkers: 1}", workers=3)
    assert numberings(gateway) == {"official"}
    assert "server.wrkers: unknown name; did you mean workers?" in gateway.log
    assert staleness(gateway) == ["gateway_settings_are_stale 1.0"]

    reload_under_load(gateway, gateway.settings, workers=2)
    assert numberings(gateway) == {"documented"}
    assert staleness(gateway) == ["gateway_settings_are_stale 0.0"]


def test_a_stop_cuts_nobody_off_who_was_taken(gateway, simulator):
    with order_in_flight(gateway, simulator), load(gateway):
        gateway.signal(signal.SIGTERM)
        assert gateway.wait_end() == 0


@pytest.fixture
def may_start(tmp_path):
    """The file without which no worker of `slow_gateway` begins."""
    file = tmp_path / "may-start"
    file.touch()
    return file


@pytest.fixture
def slow_gateway(tmp_path, may_start):
    gateway = GatewayProcess(
        tmp_path,
        {"server": {"bind": f"127.0.0.1:{free_port()}", "workers": 2}, "auth": {"mode": "local"}}
        | {"opend": {"embedded": False, "endpoints": [f"127.0.0.1:{free_port()}"]}},
        app="e2e.held_wsgi:app",
        PYTHONPATH=str(ROOT / "tests"),
        MAY_START_FILE=str(may_start),
    )
    gateway.port = int(gateway.settings["server"]["bind"].rpartition(":")[2])
    gateway.wait_ready()
    wait_until(lambda: "gateway_workers 2.0" in gateway.request("GET", "/metrics")[1].decode())
    yield gateway
    may_start.touch()
    if gateway.process.poll() is None:
        gateway.stop()


def test_the_old_workers_serve_until_the_new_ones_do(slow_gateway, may_start):
    old = slow_gateway.children
    may_start.unlink()
    slow_gateway.signal(signal.SIGHUP)
    wait_until(lambda: len(slow_gateway.children) == 4)
    served_s = time.monotonic()
    while time.monotonic() < served_s + TWO_LOOKS_S:
        assert slow_gateway.request("GET", "/health")[0].status == 200
    assert all(is_running(worker) for worker in old)
    may_start.touch()
    wait_until(lambda: not any(is_running(worker) for worker in old))
    assert slow_gateway.request("GET", "/health")[0].status == 200
