import json
from dataclasses import dataclass

import pytest
from e2e.examples import BODIES
from flask.testing import FlaskClient
from scripted_client import ScriptedClient

from gateway.clock import ManualClock
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.web.app import create_app

LOCAL = {"Host": "localhost:22222"}


def body_of(name):
    """A valid body for a route, None for the GET routes."""
    return BODIES.get(name) if name != "modify-order" else BODIES[name] | {"order_id": "4883217202603317248"}


@dataclass
class Gateway:
    """An application over a scripted OpenD, and a way to call it as curl on the same machine would."""

    opend: ScriptedClient
    http: FlaskClient
    clock: ManualClock

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, json=None, **kwargs):
        if json is not None:
            kwargs["json"] = json
        return self.request("POST", path, **kwargs)

    def request(self, method, path, headers=(), **kwargs):
        merged = {**LOCAL, **dict(headers)}
        return self.http.open(path, method=method, headers=merged, **kwargs)


def make_gateway(values=None):
    settings = Settings.model_validate_json(json.dumps(values or {}))
    opend, clock = ScriptedClient(), ManualClock(wall=1_700_000_000.0)
    app = create_app(settings, opend, Codec(settings.api.trd_env_numbering), clock)
    return Gateway(opend, app.test_client(), clock)


@pytest.fixture(name="body_of")
def _body_of():
    return body_of


@pytest.fixture
def gateway_with():
    """Makes a gateway from the values of a settings file."""
    return make_gateway


@pytest.fixture
def gateway():
    """A gateway with the embedded default's settings."""
    return make_gateway()


@pytest.fixture
def real_gateway():
    """A gateway in local mode in front of a real OpenD."""
    return make_gateway({"opend": {"embedded": False}, "auth": {"mode": "local"}})
