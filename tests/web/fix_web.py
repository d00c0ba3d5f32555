"""An application over a scripted OpenD, with a real ledger and a real audit."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.examples import BODIES
from flask.testing import FlaskClient
from scripted_client import ScriptedClient

from gateway.clock import ManualClock
from gateway.feed.hub import Hub
from gateway.ledger.lease import Lease
from gateway.ledger.sqlite import SqliteLedger
from gateway.policy.token import format_hash, hash_token
from gateway.policy_watch import PolicyFile, PolicyWatch
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.web.app import Parts, create_app, make_subscriptions
from gateway.web.ledger_watch import LedgerHealth, watched
from gateway.web.login_watch import LoginWatch
from gateway.web.measured import MeasuredAudit

LOCAL = {"Host": "localhost:22222"}
START_S = 1_700_000_000.0


def body_of(name):
    """A valid body for a route, None for the GET routes."""
    return BODIES.get(name) if name != "modify-order" else BODIES[name] | {"order_id": "4883217202603317248"}


def token_of(key_id):
    """The token of a key of the tests."""
    return "fc_" + key_id.encode().hex().ljust(64, "0")


def write_policy(path, *keys):
    """A policy file. A key is its id and what else it has; its token is `token_of(id)`."""
    entries = [{"hash": format_hash(hash_token(token_of(key["id"]))), "scopes": [], **key} for key in keys]
    path.touch(0o600)
    path.write_text(json.dumps({"version": 1, "keys": entries}))


@dataclass
class Gateway:
    """An application over a scripted OpenD, and a way to call it as curl on the same machine would."""

    opend: ScriptedClient
    http: FlaskClient
    clock: ManualClock
    parts: Parts
    directory: Path
    key_id: str | None = None

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, json=None, **kwargs):
        if json is not None:
            kwargs["json"] = json
        return self.request("POST", path, **kwargs)

    def request(self, method, path, headers=(), **kwargs):
        token = {} if self.key_id is None else {"Authorization": f"Bearer {token_of(self.key_id)}"}
        merged = {**LOCAL, **token, **dict(headers)}
        return self.http.open(path, method=method, headers=merged, buffered=True, **kwargs)

    def audit(self):
        """The lines of the audit but the one that every file begins with."""
        file = self.directory / "audit.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()[1:]] if file.exists() else []


@contextmanager
def gateways_in(home: Path) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways from the values of a settings file, and from keys as `write_policy` takes them."""
    made: list[tuple[Parts, PolicyFile | None]] = []

    def make(values=None, keys=None, key_id=None, ledger=None):
        directory = home / f"gateway-{len(made)}"
        directory.mkdir()
        chosen: dict[str, Any] = {**(values or {})}
        if keys is not None:
            chosen["auth"] = {"mode": "keys"}
        settings = Settings.model_validate_json(json.dumps(chosen))
        clock = ManualClock(wall=START_S)
        policy_file = None
        if keys is not None:
            write_policy(directory / "policy.yaml", *keys)
            policy_file = PolicyFile(directory / "policy.yaml")
            policy_file.load()
        client, audit = ScriptedClient(), MeasuredAudit(directory / "audit.jsonl", clock)
        health = LedgerHealth(clock)
        store = watched(ledger or SqliteLedger(directory / "ledger.db", clock), health)
        policy_watch = PolicyWatch(policy_file, clock) if policy_file else None
        lease = Lease(store, clock)
        parts = Parts(
            clock=clock,
            client=client,
            ledger=store,
            ledger_health=health,
            lease=lease,
            login_watch=LoginWatch(client, clock),
            audit=audit,
            desk=Desk(client, store, audit, clock, lease=lease),
            subscriptions=make_subscriptions(settings, client, store, clock, policy_watch, lease),
            hub=Hub(Codec(settings.api.trd_env_numbering), clock),
            policy_watch=policy_watch,
        )
        lease.open()
        made.append((parts, policy_file))
        http = create_app(settings, parts).test_client()
        return Gateway(parts.client, http, clock, parts, directory, key_id)

    yield make
    for parts, policy_file in made:
        parts.lease.close()
        parts.ledger.close()
        parts.audit.close()
        if policy_file:
            policy_file.close()


@pytest.fixture
def gateway_with(tmp_path):
    """Makes gateways that end with the test, see `gateways_in`."""
    with gateways_in(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory):
    """The same as `gateway`, for all tests of a file that leave nothing behind in it."""
    with gateways_in(tmp_path_factory.mktemp("shared")) as make:
        yield make()


@pytest.fixture
def gateway(gateway_with):
    """A gateway with the embedded default's settings."""
    return gateway_with()


@pytest.fixture
def real_gateway(gateway_with):
    """A gateway in local mode in front of a real OpenD."""
    return gateway_with({"opend": {"embedded": False}, "auth": {"mode": "local"}})
