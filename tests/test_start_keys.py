"""The policy file at start, while the gateway runs, and when workers come and go."""

import json
import os
import signal
import stat
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
from fix_gateway import END_LIMIT_S, wait_until

from gateway.policy.token import format_hash, hash_token, new_token

AWAY = {"embedded": False, "endpoints": ["127.0.0.1:1"]}
INTENT = "/api/orders/intent/" + "0" * 26
"""An endpoint that needs a key and no OpenD: 404 with one, 401 without."""
IN_FORCE_WITHIN_S = 1.0
BROKEN = "version: 1\nkyes: []\n"
BROKEN_PLACE = "policy.yaml:2:1"


def entry(key_id, token):
    return {"id": key_id, "hash": format_hash(hash_token(token)), "scopes": ["acc:read"]}


def write_policy(directory, *entries):
    draft = directory / "draft"
    draft.touch(0o600)
    draft.write_text(json.dumps({"version": 1, "keys": entries}))
    os.replace(draft, directory / "policy.yaml")


@pytest.fixture
def start(start_gateway, tmp_path):
    """Starts a gateway in mode keys on a policy that a function writes into its directory."""

    def start(make_policy, workers=1):
        directory = tmp_path / "config"
        directory.mkdir()
        make_policy(directory)
        settings = {"opend": AWAY, "auth": {"mode": "keys", "policy": str(directory / "policy.yaml")}}
        gateway = start_gateway(settings, "--workers", str(workers))
        gateway.policy = directory
        return gateway

    return start


def status(gateway, token):
    return gateway.request("GET", INTENT, headers={"Authorization": f"Bearer {token}"})[0].status


def policy_of(*entries):
    return lambda directory: write_policy(directory, *entries)


class Connections:
    """Connections to each worker: a kept connection stays with the worker that took it."""

    def __init__(self, gateway, count):
        self._open = [HTTPConnection("127.0.0.1", gateway.port, timeout=END_LIMIT_S) for _ in range(count)]

    def statuses(self, token):
        found = set()
        for connection in self._open:
            connection.request("GET", INTENT, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            found.add(answer.status)
        return found

    def close(self):
        for connection in self._open:
            connection.close()


def write_text(text, mode=0o600):
    def write(directory):
        file = directory / "policy.yaml"
        file.write_text(text)
        file.chmod(mode)

    return write


WRONG = [
    (lambda directory: None, "policy.yaml: cannot be read: No such file or directory; gw keys new makes it"),
    (write_text("version: 1\nkeys: [\n"), "policy.yaml:3:1: not YAML"),
    (write_text(BROKEN), f"{BROKEN_PLACE}: kyes: unknown name; did you mean keys?"),
    (write_text("version: 1\nkeys:\n"), "policy.yaml:2:6: keys: has no value"),
    (write_text("version: 2\nkeys: []\n"), "policy.yaml:1:10: version: must be 1"),
    (write_text("version: 1\nkeys: []\n", 0o644), "has mode 0644, so that others can read or change it"),
    (lambda directory: (directory / "policy.yaml").mkdir(), "policy.yaml: cannot be read: Is a directory"),
]


@pytest.mark.parametrize(
    ("make_policy", "problem"), WRONG, ids=["missing", "YAML", "name", "null", "version", "mode", "directory"]
)
def test_a_wrong_policy_is_refused_before_anything_listens(start, make_policy, problem):
    gateway = start(make_policy)
    assert gateway.wait_end() == 1
    assert f"{gateway.policy}/{problem}" in gateway.log or problem in gateway.log
    assert f"{gateway.policy}/policy.yaml" in gateway.log
    assert "Listening" not in gateway.log
    assert "Traceback" not in gateway.log


def test_no_keys_let_nobody_in(start):
    gateway = start(write_policy).wait_ready()
    assert gateway.request("GET", INTENT)[0].status == 401
    assert status(gateway, new_token()) == 401
    assert gateway.get("/health")["policy"] == {"state": "ok", "keys": 0}
    assert "-H 'Authorization: Bearer fc_...'" in gateway.log


def test_a_change_is_in_force_in_every_worker_within_a_second(start):
    token, other = new_token(), new_token()
    gateway = start(policy_of(entry("a", token)), workers=3).wait_ready()
    gateway.wait_for("keys in force: 1", count=3)
    workers = list(gateway.children)
    connections = Connections(gateway, 24)
    assert connections.statuses(token) == {404}

    write_policy(gateway.policy, entry("b", other), entry("c", new_token()))
    time.sleep(IN_FORCE_WITHIN_S)
    assert connections.statuses(token) == {401}
    assert connections.statuses(other) == {404}
    gateway.wait_for("keys in force: 2", count=3)
    connections.close()
    assert gateway.children == workers


def test_a_wrong_file_changes_nothing_and_health_tells(start):
    token = new_token()
    gateway = start(policy_of(entry("a", token))).wait_ready()
    write_text(BROKEN)(gateway.policy)
    policy = wait_until(lambda: stale(gateway))
    assert (policy["state"], policy["keys"]) == ("stale", 1)
    assert BROKEN_PLACE in policy["why"]
    assert str(gateway.policy) not in policy["why"]
    assert status(gateway, token) == 404
    assert gateway.log.count("the policy stays as it was") == 1

    write_policy(gateway.policy)
    wait_until(lambda: gateway.get("/health")["policy"] == {"state": "ok", "keys": 0})
    assert status(gateway, token) == 401


def stale(gateway):
    policy = gateway.get("/health")["policy"]
    return policy if policy["state"] == "stale" else None


@contextmanager
def traffic(gateway, token):
    """Requests without a pause in the background; gives the statuses that they get."""
    statuses, is_over = [], threading.Event()

    def ask():
        while not is_over.is_set():
            statuses.append(status(gateway, token))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join(END_LIMIT_S)


def kill_a_worker(gateway):
    """Kill a worker while it serves nothing, and wait for the one that takes its place."""
    before = gateway.children
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(gateway.children) == len(before) and before[0] not in gateway.children)


def test_a_broken_file_a_killed_worker_and_a_reload_cost_no_request(start):
    token, revoked = new_token(), new_token()
    gateway = start(policy_of(entry("a", token), entry("b", revoked)), workers=2).wait_ready()
    gateway.wait_for("keys in force: 2", count=2)
    write_policy(gateway.policy, entry("a", token))
    gateway.wait_for("keys in force: 1", count=2)
    write_text(BROKEN)(gateway.policy)
    gateway.wait_for("the policy stays as it was", count=2)

    kill_a_worker(gateway)
    kill_a_worker(gateway)
    with traffic(gateway, token) as statuses:
        gateway.signal(signal.SIGHUP)
        gateway.wait_for("reloaded: ")
        gateway.wait_for("Booting worker", count=6)
        wait_until(lambda: len(gateway.children) == 2)
    assert set(statuses) == {404}
    assert "the settings stay as they were: " in gateway.log
    assert BROKEN_PLACE in gateway.log
    assert {status(gateway, revoked) for _ in range(20)} == {401}
    assert gateway.process.poll() is None


def test_a_reload_takes_the_policy_over(start):
    token, other = new_token(), new_token()
    gateway = start(policy_of(entry("a", token))).wait_ready()
    write_policy(gateway.policy, entry("b", other))
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reloaded: ")
    wait_until(lambda: (status(gateway, token), status(gateway, other)) == (401, 404))


def test_a_reload_into_mode_keys_with_a_wrong_policy_changes_nothing(start_gateway):
    gateway = start_gateway({"opend": AWAY, "auth": {"mode": "local"}}).wait_ready()
    gateway.write({**gateway.settings, "auth": {"mode": "keys"}})
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reloaded: ")
    assert "policy.yaml: cannot be read" in gateway.log
    assert gateway.get("/health")["auth_mode"] == "local"


def test_another_ledger_needs_a_restart(start_gateway):
    gateway = start_gateway({"opend": AWAY, "auth": {"mode": "local"}}).wait_ready()
    gateway.write({**gateway.settings, "ledger": "sqlite:another.db"})
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("change with a restart alone")
    assert gateway.get("/health")["status"] == "ok"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_ledger_and_audit_are_made_for_the_own_user_alone(start):
    gateway = start(write_policy).wait_ready()
    directory = gateway.file.parent / "var"
    gateway.request("GET", INTENT)
    wait_until(lambda: (directory / "ledger.db").exists() and (directory / "audit.jsonl").exists())
    assert [mode(each) for each in (directory, directory / "ledger.db", directory / "audit.jsonl")] == [
        0o700,
        0o600,
        0o600,
    ]


@pytest.mark.parametrize("setting", ["ledger", "audit"])
def test_a_directory_that_cannot_be_made_is_told_at_once(start_gateway, tmp_path, setting):
    (tmp_path / "file").touch()
    values = {"ledger": f"sqlite:{tmp_path}/file/ledger.db", "audit": f"{tmp_path}/file/audit.jsonl"}
    gateway = start_gateway({"opend": AWAY, "auth": {"mode": "local"}, setting: values[setting]})
    assert gateway.wait_end() == 1
    assert f"{tmp_path}/file: the directory of {setting} cannot be made: Not a directory" in gateway.log
    assert "Traceback" not in gateway.log
