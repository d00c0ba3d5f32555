"""Several gunicorn workers behind one port, and an OpenD that tells what each connection has."""

import json
import os
import re
import shutil
import signal
import uuid
from http.client import HTTPConnection
from pathlib import Path

import pytest
from fix_gateway import END_LIMIT_S, free_port, wait_until
from fix_store import RedisServer, short_directory
from websocket import create_connection

from gateway.policy.token import format_hash, hash_token, new_token

WORKERS = 3
CODES = ["00700", "00001", "00005", "00388", "00941"]
STILL = "2026-11-20T12:00:00+08:00"
BASIC, TICKER = "Basic", "Ticker"


@pytest.fixture
def opend(start_simulator):
    """An OpenD whose clock stands still: a minute passes when the test says so."""
    return start_simulator("--clock", STILL)


@pytest.fixture
def redis_url():
    directory, port = short_directory(), free_port()
    server = RedisServer(directory, "--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes")
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    shutil.rmtree(directory)


@pytest.fixture
def start(start_gateway, opend):
    """Starts a gateway of several workers, with one connection to OpenD each."""

    def start(workers=WORKERS, **settings):
        gateway = start_gateway(
            {
                "opend": {"embedded": False, "endpoints": [opend.address], "pool_size": 1},
                "auth": {"mode": "local"},
                "server": {"bind": f"127.0.0.1:{free_port()}", "workers": workers},
                "log": {"format": "text"},
                **settings,
            },
            app="hurried_wsgi:app",
            PYTHONPATH=str(Path(__file__).parent),
        )
        gateway.port = int(gateway.settings["server"]["bind"].rpartition(":")[2])
        gateway.wait_ready()
        wait_until(lambda: len(ready(opend)) == workers)
        return gateway

    return start


def ready(opend):
    """Each connection that has a session, as OpenD shows it."""
    return [each for each in opend.admin("state")["connections"] if each["ready"]]


def every(opend, what):
    """What each connection has, of a kind: `subscriptions`, `pushes` or `acc_ids`."""
    return [set(each[what]) for each in ready(opend)]


def on_all(opend, what, expected, workers=WORKERS):
    """Wait until each worker's connection has exactly this."""
    wait_until(lambda: every(opend, what) == [set(expected)] * workers)


class OneWorker:
    """A connection to one worker, which stays with it."""

    def __init__(self, gateway, token=None):
        self._http = HTTPConnection("127.0.0.1", gateway.port, timeout=END_LIMIT_S)
        self._token = {} if token is None else {"Authorization": f"Bearer {token}"}
        request_id = uuid.uuid4().hex
        self.ask("GET", "/health", headers={"X-Request-Id": request_id})
        line = wait_until(lambda: re.search(rf"\[(\d+)\].*{request_id}", gateway.log))
        self.pid = int(line[1])

    def ask(self, method, path, body=None, headers=()):
        """Status and JSON of an answer."""
        given = {"Content-Type": "application/json", **self._token, **dict(headers)}
        self._http.request(method, path, None if body is None else json.dumps(body), given)
        response = self._http.getresponse()
        return response.status, json.loads(response.read())

    def post(self, path, **body):
        """The answer of a POST that has to succeed."""
        status, answer = self.ask("POST", path, body)
        assert status == 200, answer
        return answer

    def subscribe(self, *codes, types=(BASIC,), on=True, **more):
        """A `/api/subscribe` that has to succeed."""
        securities = [f"HK.{code}" for code in codes]
        return self.post(
            "/api/subscribe", security_list=securities, sub_type_list=types, is_sub_or_un_sub=on, **more
        )

    def listen(self):
        """The connection as a socket of its worker."""
        address = f"ws://127.0.0.1:{self._http.port}/ws"
        return create_connection(address, timeout=END_LIMIT_S, socket=self._http.sock)

    def close(self):
        self._http.close()


@pytest.fixture
def one_of_each():
    """Makes a connection to each of a gateway's workers."""
    made = []

    def connect(gateway, workers=WORKERS, token=None):
        by_pid = {}
        for _ in range(500):
            made.append(OneWorker(gateway, token))
            by_pid.setdefault(made[-1].pid, made[-1])
            if len(by_pid) == workers:
                return list(by_pid.values())
        raise AssertionError(f"the same {len(by_pid)} workers take all connections")

    yield connect
    for each in made:
        each.close()


def quoted(socket, count):
    """The first so many securities whose quotes a socket gets."""
    found = set()
    while len(found) < count:
        message = json.loads(socket.recv())
        if message["type"] == "quote":
            found.add(message["sec_key"])
    return found


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_a_subscription_made_once_holds_on_every_worker(request, opend, start, one_of_each, store):
    ledger = {"ledger": request.getfixturevalue("redis_url")} if store == "redis" else {}
    gateway = start(quote={"auto_subscribe": False}, **ledger)
    first, second, third = one_of_each(gateway)
    first.subscribe(*CODES, is_reg_or_un_reg_push=True)
    for index in range(100):
        code = CODES[index % len(CODES)]
        answer = (first, second, third)[index % WORKERS].post("/api/quote", security_list=[f"HK.{code}"])
        assert [each["security"]["code"] for each in answer["s2c"]["basic_qot_list"]] == [code]
    subscribed = {f"HK.{code} {BASIC}" for code in CODES}
    on_all(opend, "pushes", subscribed)
    sockets = [each.listen() for each in one_of_each(gateway)]
    opend.admin("advance", seconds=30)
    assert [quoted(socket, len(CODES)) for socket in sockets] == [{f"HK.{code}" for code in CODES}] * WORKERS
    third.post("/api/sub-acc-push", acc_id_list=[987654])
    on_all(opend, "acc_ids", {987654})
    second.subscribe(*CODES[1:], on=False)
    on_all(opend, "pushes", {"HK.00700 Basic"})
    assert every(opend, "subscriptions") == [subscribed] * WORKERS
    opend.admin("advance", seconds=61)
    on_all(opend, "subscriptions", {"HK.00700 Basic"})
    status, answer = first.ask("POST", "/api/quote", {"security_list": ["HK.00001"]})
    assert (status, "请先订阅" in answer["error"]) == (400, True)


def test_a_wrong_code_leaves_nothing_on_any_worker(opend, start, one_of_each):
    first, second = one_of_each(start(2), 2)
    wrong = {"security_list": ["HK.00700", "HK.99999"], "sub_type_list": [1], "is_sub_or_un_sub": True}
    status, answer = first.ask("POST", "/api/subscribe", wrong)
    assert (status, answer["ret_type"]) == (400, -1)
    second.subscribe("00001")
    on_all(opend, "subscriptions", {"HK.00001 Basic"}, 2)


@pytest.fixture
def two_keys(tmp_path):
    """A policy with two keys, and their tokens."""
    tokens = {key_id: new_token() for key_id in ("a", "b")}
    file = tmp_path / "policy.yaml"

    def write(*key_ids):
        scopes = ["qot:read", "acc:read"]
        keys = [
            {"id": key_id, "hash": format_hash(hash_token(tokens[key_id])), "scopes": scopes}
            for key_id in key_ids
        ]
        replacement = file.with_suffix(".new")
        replacement.touch(0o600)
        replacement.write_text(json.dumps({"version": 1, "keys": keys}))
        replacement.rename(file)

    write("a", "b")
    return file, tokens, write


def test_what_one_key_drops_or_loses_leaves_the_others_data(opend, start, one_of_each, two_keys):
    file, tokens, write = two_keys
    gateway = start(2, auth={"mode": "keys", "policy": str(file)})
    first, second = (one_of_each(gateway, 2, tokens[key_id])[0] for key_id in ("a", "b"))
    first.subscribe("00700", "00001", is_reg_or_un_reg_push=True)
    second.subscribe("00700", "00005", is_reg_or_un_reg_push=True)
    on_all(opend, "pushes", {"HK.00700 Basic", "HK.00001 Basic", "HK.00005 Basic"}, 2)
    first.subscribe(types=(), on=False, is_unsub_all=True)
    on_all(opend, "pushes", {"HK.00700 Basic", "HK.00005 Basic"}, 2)
    first.subscribe("00388", is_reg_or_un_reg_push=True)
    first.post("/api/sub-acc-push", acc_id_list=[987654])
    on_all(opend, "acc_ids", {987654}, 2)
    write("b")
    on_all(opend, "pushes", {"HK.00700 Basic", "HK.00005 Basic"}, 2)
    on_all(opend, "acc_ids", (), 2)
    opend.admin("advance", seconds=61)
    on_all(opend, "subscriptions", {"HK.00700 Basic", "HK.00005 Basic"}, 2)


def test_a_restart_of_opend_and_the_death_of_a_worker_lose_nothing(opend, start, one_of_each):
    gateway = start(2)
    first, second = one_of_each(gateway, 2)
    first.subscribe("00700", types=(BASIC, TICKER), is_reg_or_un_reg_push=True)
    second.post("/api/quote", security_list=["HK.00001"])
    second.post("/api/sub-acc-push", acc_id_list=[987654])
    pushed = {"HK.00700 Basic", "HK.00700 Ticker"}

    def is_in_line():
        on_all(opend, "subscriptions", pushed | {"HK.00001 Basic"}, 2)
        on_all(opend, "pushes", pushed, 2)
        on_all(opend, "acc_ids", {987654}, 2)

    is_in_line()
    before = {each["conn_id"] for each in ready(opend)}
    opend.admin("restart")
    wait_until(lambda: len({each["conn_id"] for each in ready(opend)} - before) == 2)
    is_in_line()
    opend.admin("refuse")
    opend.admin("drop-connections")
    gateway.wait_for("cannot reach OpenD", count=2)
    wait_until(lambda: not ready(opend))
    opend.admin("listen")
    is_in_line()
    os.kill(first.pid, signal.SIGKILL)
    gateway.wait_for("connected, conn_id", count=7)
    is_in_line()


def test_a_time_to_live_ends_on_every_worker(opend, start, one_of_each):
    gateway = start(2)
    first, _ = one_of_each(gateway, 2)
    first.subscribe("00001")
    body = {"security_list": ["HK.00700"], "sub_type_list": [1], "is_sub_or_un_sub": True}
    status, _ = first.ask("POST", "/api/subscribe?ttl_s=2", {**body, "is_reg_or_un_reg_push": True})
    assert status == 200
    on_all(opend, "pushes", {"HK.00700 Basic"}, 2)
    on_all(opend, "pushes", (), 2)
    opend.admin("advance", seconds=61)
    on_all(opend, "subscriptions", {"HK.00001 Basic"}, 2)


def test_the_figures_tell_of_claims_and_quota(opend, start, one_of_each):
    gateway = start(2)
    first, _ = one_of_each(gateway, 2)
    first.subscribe(*CODES)

    def figures():
        _, text = gateway.request("GET", "/metrics")
        found = re.findall(rb"^gateway_(claims|subscription\S+) ([\d.]+)$", text, re.MULTILINE)
        return {name.decode(): float(value) for name, value in found}

    wait_until(lambda: figures().get("claims") == 5 and figures()["subscriptions_pending"] == 0)
    assert figures()["subscription_quota_used"] + figures()["subscription_quota_remaining"] == 1000
