"""What those who run the gateway ask of it. Nothing here asks OpenD, and nothing here is secret."""

from collections import Counter
from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, request

from gateway.opend.client import ClientStatus
from gateway.web.dispatch import Services
from gateway.web.errors import json_answer
from gateway.web.exchange import Exchange

HEALTH_PATH = "/health"
DISTRIBUTION = "opend-gateway"


def ops_blueprint(services: Services) -> Blueprint:
    """The endpoints outside `/api`."""
    blueprint = Blueprint("ops", __name__)
    started_s = services.clock.monotonic_s()
    built = version(DISTRIBUTION)

    def health() -> Response:
        """Liveness: 200 for as long as this worker serves, whatever OpenD does."""
        Exchange.of(request.environ).route = HEALTH_PATH
        settings = services.settings
        body = {
            "status": "ok",
            "version": built,
            "uptime_s": round(services.clock.monotonic_s() - started_s, 3),
            "trd_env_numbering": settings.api.trd_env_numbering,
            "auth_mode": settings.auth.mode,
            "opend": _opend_state(services.client.status()),
        }
        return json_answer(200, body)

    blueprint.add_url_rule(HEALTH_PATH, "health", health, methods=["GET"])
    return blueprint


def _opend_state(status: ClientStatus) -> dict[str, Any]:
    """The connections by state; no address and no connection id, since anybody may ask."""
    return {
        "is_ready": status.is_ready,
        "connections": Counter(connection.state.value for connection in status.connections),
        "in_flight": status.in_flight,
        "is_encrypted": status.is_encrypted,
    }
