"""What those who run the gateway ask of it. Nothing here asks OpenD, and nothing here is secret."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from gateway.audit.event import format_time
from gateway.opend.client import ClientStatus
from gateway.policy_watch import PolicyWatch
from gateway.routes import HEALTH_PATH, METRICS_PATH, READY_PATH
from gateway.web.errors import json_answer
from gateway.web.exchange import Exchange
from gateway.web.ledger_watch import LedgerHealth
from gateway.web.metrics import metrics_view
from gateway.web.readiness import unready_reasons
from gateway.web.services import Services
from gateway.yaml_text import Problem

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
        body: dict[str, Any] = {
            "status": "ok",
            "version": built,
            "uptime_s": round(services.clock.monotonic_s() - started_s, 3),
            "trd_env_numbering": settings.api.trd_env_numbering,
            "auth_mode": settings.auth.mode,
            "opend": _opend_state(services.client.status()),
            "ledger": _ledger_state(services.ledger_health),
        }
        if services.policy_watch is not None:
            body["policy"] = _policy_state(services.policy_watch)
        return json_answer(200, body)

    def ready() -> Response:
        """Readiness: 200 when requests can succeed, else 503, which nothing else answers with."""
        Exchange.of(request.environ).route = READY_PATH
        reasons = unready_reasons(services)
        if reasons:
            return json_answer(503, {"error": "not ready", "reasons": reasons})
        return json_answer(200, {"status": "ready"})

    blueprint.add_url_rule(HEALTH_PATH, "health", health, methods=["GET"])
    blueprint.add_url_rule(READY_PATH, "ready", ready, methods=["GET"])
    metrics = metrics_view(services.settings.ops.metrics_allow)
    blueprint.add_url_rule(METRICS_PATH, "metrics", metrics, methods=["GET"])
    return blueprint


def _opend_state(status: ClientStatus) -> dict[str, Any]:
    """The connections by state; no address and no connection id, since anybody may ask."""
    return {
        "is_ready": status.is_ready,
        "connections": Counter(connection.state.value for connection in status.connections),
        "in_flight": status.in_flight,
        "is_encrypted": status.is_encrypted,
    }


def _ledger_state(health: LedgerHealth) -> dict[str, Any]:
    """What the last step showed. While it fails, orders are denied; reads and cancels go on."""
    if health.failing_since_s is None:
        return {"state": "ok"}
    return {"state": "failing", "since": format_time(health.failing_since_s)}


def _policy_state(watch: PolicyWatch) -> dict[str, Any]:
    """Whether the policy file is what is in force. Of what is wrong with it, the place alone."""
    keys = len(watch.policy.keys)
    stale = watch.staleness
    if stale is None:
        return {"state": "ok", "keys": keys}
    places = ", ".join(_place(problem) for problem in stale.problems)
    why = f"{places}: the file is wrong, the log says how; the policy before it holds"
    return {"state": "stale", "keys": keys, "since": format_time(stale.since_s), "why": why}


def _place(problem: Problem) -> str:
    name = Path(problem.file).name
    return f"{name}:{problem.mark.line}:{problem.mark.column}" if problem.mark else name
