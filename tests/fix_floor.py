"""A whole trading floor: a simulated OpenD, a ledger, keys with limits, and the gateway under gunicorn."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import pytest
from fix_gateway import ROOT, GatewayProcess, children_of, free_port, wait_until
from fix_simulator import SimulatorProcess
from fix_store import RedisServer, connect, short_directory
from three_records import Entry, Records, Told
from trap import CONFIG_FILE, VARIABLE, Trap

from gateway.audit import verify
from gateway.ledger.base import IntentState, Ledger, TradingState
from gateway.policy.token import format_hash, hash_token, new_token
from gateway.simulator.journal import read_journal

PAPER_HK = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
CHEAP_ORDER = {
    "header": PAPER_HK,
    "trd_side": "BUY",
    "order_type": "NORMAL",
    "code": "06998",
    "qty": 500,
    "price": 2.0,
    "sec_market": "HK",
}
"""A lot for 1,000 HKD, so far below the market that it rests."""

ALL_SCOPES = ["qot:read", "acc:read", "trade:real"]
OPEND_TIMEOUT_S = 1.5
RESOLVED_WITHIN_S = 5.0
"""How long an order may stay unknown once OpenD can be asked again."""

_REDIS_OPTIONS = ("--appendonly", "yes", "--appendfsync", "always")


class Floor:
    """All parts run from `open` to `close`; the gateway may be ended and started again in between.

    Requests go to `front`, which is the gateway unless something stands before it. `keys` maps the id
    of a key to its limits. `store` is `sqlite` or `redis`. With `frequency_limits` the gateway keeps
    those of its OpenD, which has none. `gunicorn_file` is the configuration that gunicorn runs with, and
    `environ` what its environment has beside this process's own.
    """

    gunicorn_file = CONFIG_FILE
    environ: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        directory: Path,
        keys: dict[str, dict[str, Any]],
        *,
        store: str = "sqlite",
        workers: int = 2,
        opend_timeout_s: float = OPEND_TIMEOUT_S,
        frequency_limits: bool = False,
    ) -> None:
        self.directory = directory
        self.tokens = {key_id: new_token() for key_id in keys}
        self.told: list[Told] = []
        self.trap = Trap(directory / "trap")
        self._starts = 0
        self.policy_file = directory / "policy.yaml"
        self.write_policy(keys)
        self.audit_file = directory / "audit.jsonl"
        self.audit_files = [self.audit_file]
        self.journal_file = directory / "journal.jsonl"
        self.ledger_file = directory / "store" / "ledger.db"
        self.opend_port = free_port()
        self._parts = ExitStack()
        self.redis = self._start_redis() if store == "redis" else None
        self._workers = workers
        self._opend_timeout_s = opend_timeout_s
        self._frequency_limits = frequency_limits

    def open(self) -> "Floor":
        """Start the simulator and the gateway."""
        self.opend = SimulatorProcess(
            *("--port", str(self.opend_port), "--frequency-limits", "off"),
            *("--journal", str(self.journal_file)),
        )
        self._parts.callback(self.opend.stop)
        self._parts.callback(self._stop_gateway)
        self.start_gateway(self._workers)
        return self

    def write_policy(self, keys: dict[str, dict[str, Any]]) -> None:
        """Replace the policy file. A key's `acc_ids` and `scopes` stand beside its limits."""
        self.policy_file.touch(0o600)
        self.policy_file.write_text(
            json.dumps({"version": 1, "keys": list(map(self._key, keys, keys.values()))})
        )

    def _key(self, key_id: str, limits: dict[str, Any]) -> dict[str, Any]:
        own = {"scopes": ALL_SCOPES, "id": key_id, "hash": format_hash(hash_token(self.tokens[key_id]))}
        limits = dict(limits)
        own |= {name: limits.pop(name) for name in ("allowed_acc_ids", "scopes") if name in limits}
        return {**own, "limits": limits} if limits else own

    def _start_redis(self) -> RedisServer:
        directory = short_directory()
        self._parts.callback(shutil.rmtree, directory)
        self._redis_port = free_port()
        server = RedisServer(directory, "--port", str(self._redis_port), *_REDIS_OPTIONS)
        self._parts.callback(server.kill)
        return server

    @property
    def ledger_setting(self) -> str:
        """What stands in `gateway.yaml`."""
        return f"redis://127.0.0.1:{self._redis_port}/0" if self.redis else f"sqlite:{self.ledger_file}"

    def start_gateway(self, workers: int) -> None:
        """Start gunicorn with traps in its workers, on the records that are there."""
        self.gateway = self.front = self.start_process(workers, self.audit_file)
        self.wait_workers(workers)

    def start_process(self, workers: int, audit_file: Path) -> GatewayProcess:
        """A gunicorn that is ready, with traps in its workers."""
        self._starts += 1
        directory = self.directory / f"gateway-{self._starts}"
        directory.mkdir()
        settings = {
            "server": {"bind": f"127.0.0.1:{free_port()}", "workers": workers},
            "opend": {
                "embedded": False,
                "endpoints": [self.opend.address],
                "timeout_s": self._opend_timeout_s,
                "frequency_limits": self._frequency_limits,
            },
            "auth": {"mode": "keys", "policy": str(self.policy_file)},
            "ledger": self.ledger_setting,
            "audit": str(audit_file),
        }
        gateway = GatewayProcess(
            directory,
            settings,
            *("-c", str(self.gunicorn_file)),
            **{VARIABLE: str(self.trap.directory)},
            **self.environ,
        )
        gateway.port = int(settings["server"]["bind"].rpartition(":")[2])
        return gateway.wait_ready()

    def restart_gateway(self, workers: int = 2) -> None:
        """End gunicorn and start it again."""
        self.gateway.stop()
        self.start_gateway(workers)

    def wait_workers(self, count: int) -> None:
        """Wait until so many workers have started in full, each with its connections to OpenD."""
        wait_until(lambda: len(children_of(self.gateway.process.pid)) == count)
        wait_until(lambda: self.request("GET", "/api/global-state", key=next(iter(self.tokens)))[0] == 200)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """One request with a key: status, headers, JSON."""
        sent = self._bearer(key) | (headers or {})
        response, answer = self.front.request(method, path, body, sent)
        return response.status, dict(response.getheaders()), json.loads(answer)

    def order(self, key: str, headers: dict[str, str] | None = None, **changes: Any) -> Told:
        """Place the cheap order with some changes; what came back is also kept in `told`."""
        return self.post_order(key, {**CHEAP_ORDER, **changes}, headers)

    def post_order(self, key: str, body: Any, headers: dict[str, str] | None = None) -> Told:
        """Place an order with this body."""
        request_id = f"test-{uuid4().hex}"
        sent_s = time.time()
        try:
            status, answered, answer = self.request(
                "POST", "/api/order", body, key=key, headers={"X-Request-Id": request_id, **(headers or {})}
            )
        except (HTTPException, ConnectionError):
            status, answered, answer = None, {}, None
        told = Told(request_id, body, sent_s, time.time(), status, answered, answer)
        self.told.append(told)
        return told

    def order_held_at(self, point: str, key: str) -> "Meanwhile":
        """Place an order that waits at the point until the trap is released."""
        self.trap.hold_at(point)
        waiting = self.order_meanwhile(key)
        self.trap.wait_sprung()
        return waiting

    def order_meanwhile(self, key: str, **changes: Any) -> "Meanwhile":
        """Place an order in a thread of its own."""
        return Meanwhile(lambda: self.order(key, **changes))

    def orders_at_once(self, key: str, count: int) -> list[Told]:
        """Place so many orders, each on a connection of its own, before any answer is read."""
        connections = [self.front.connect(timeout_s=60) for _ in range(count)]
        body, told = json.dumps(CHEAP_ORDER), []
        names = [f"test-{uuid4().hex}" for _ in connections]
        sent_s = time.time()
        for connection, request_id in zip(connections, names, strict=True):
            headers = {"Content-Type": "application/json", "X-Request-Id": request_id, **self._bearer(key)}
            connection.request("POST", "/api/order", body, headers)
        for connection, request_id in zip(connections, names, strict=True):
            with closing(connection), connection.getresponse() as answer:
                status, headers, read = answer.status, dict(answer.getheaders()), json.loads(answer.read())
            told.append(Told(request_id, CHEAP_ORDER, sent_s, time.time(), status, headers, read))
        self.told += told
        return told

    def _bearer(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The store, as another process opens it."""
        ledger = connect(self.ledger_setting)
        try:
            yield ledger
        finally:
            ledger.close()

    def gw(self, *words: str) -> str:
        """Run the command line on this floor's settings; it has to succeed."""
        command = [sys.executable, "-m", "gateway.cli", "--config", str(self.gateway.file), *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set_trading(self, state: TradingState, key: str | None) -> None:
        """Set the kill switch of a key, or that for all."""
        with self.ledger() as ledger:
            ledger.set_trading(state, time.time(), key)

    def has_open_intents(self) -> bool:
        """Whether any order is neither done nor resolved."""
        with self.ledger() as ledger:
            return bool(ledger.open_intents())

    @property
    def journal(self) -> list[dict[str, Any]]:
        """What OpenD executed so far."""
        return read_journal(self.journal_file)

    def records(self, told: Sequence[Told] | None = None) -> Records:
        """The three records, of all orders or of some."""
        told = self.told if told is None else told
        lines = [line for file in self._written_audits() for line in file.read_bytes().splitlines()]
        audit = [json.loads(line) for line in lines if line.endswith(b"}")]
        known = Records(told, audit, self.journal, {})
        ids = [intent_id for each in told for intent_id in known.intents_of(each.request_id)]
        with self.ledger() as ledger:
            found = {intent_id: ledger.find_intent(intent_id) for intent_id in ids}
        return replace(known, intents={name: record for name, record in found.items() if record})

    def _written_audits(self) -> list[Path]:
        """The audits that exist: a gateway makes its own with the first line."""
        return [file for file in self.audit_files if file.exists()]

    def assert_agreement(self, told: Sequence[Told] | None = None) -> Records:
        """Fails, with the timeline of each order concerned, unless the three records agree."""
        records = self.records(told)
        problems = records.disagreements()
        problems += [str(each) for file in self._written_audits() for each in verify(file).breaks]
        assert not problems, "\n".join(problems)
        return records

    def wait_settled(self) -> None:
        """Wait until no worker has an outcome left to put into the ledger."""
        with self.ledger() as ledger:
            wait_until(lambda: all(each.state is not IntentState.SENT for each in ledger.open_intents()))

    def assert_resolved(self, within_s: float = RESOLVED_WITHIN_S) -> None:
        """Fails unless every order is done or resolved within the time that is promised."""
        wait_until(lambda: not self.has_open_intents(), within_s)

    def assert_unharmed(self, told: Told, back_s: float | None = None) -> list[Entry]:
        """The orders that OpenD executed for this one, once all records agree and nothing is open.

        Fails if it was resolved later than promised after `back_s`, when everything ran again; left
        out, when the caller was told.
        """
        records = self.assert_agreement([told])
        intent_ids = records.intents_of(told.request_id)
        for record in records.intents.values():
            late_s = record.updated_s - (back_s or told.told_s)
            assert late_s <= RESOLVED_WITHIN_S, records.timeline(told.request_id)
        return records.placed(intent_ids)

    def timeline(self, told: Told) -> str:
        """All that the three records say of an order."""
        return self.records([told]).timeline(told.request_id)

    def close(self) -> None:
        """End all parts, also where only some had started."""
        self.trap.release()
        self._parts.close()

    def _stop_gateway(self) -> None:
        if self.gateway.process.poll() is None:
            self.gateway.stop()


class Meanwhile(threading.Thread):
    """Something that is done in a thread; `result` waits for what it gave."""

    def __init__(self, action: Callable[[], Told]) -> None:
        super().__init__(daemon=True)
        self._action = action
        self.start()

    def run(self) -> None:
        self._told = self._action()

    def result(self) -> Told:
        """What the action gave."""
        self.join(30)
        return self._told


@pytest.fixture(scope="module")
def open_floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Floor]]:
    """Opens floors: `open_floor(keys, store=..., workers=...)`; all close with the module."""
    opened: list[Floor] = []

    def open_one(keys: dict[str, dict[str, Any]], **options: Any) -> Floor:
        opened.append(Floor(tmp_path_factory.mktemp("floor"), keys, **options))
        return opened[-1].open()

    yield open_one
    for floor in opened:
        floor.close()
