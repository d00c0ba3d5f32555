from importlib.metadata import version

import pytest


def test_health_tells_what_runs_and_asks_opend_nothing(gateway):
    gateway.clock.advance(12.5)
    answer = gateway.get("/health")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "version": version("opend-gateway"),
        "uptime_s": 12.5,
        "trd_env_numbering": "documented",
        "auth_mode": "local",
        "opend": {"is_ready": False, "connections": {}, "in_flight": 0, "is_encrypted": False},
        "ledger": {"state": "ok"},
    }
    assert not gateway.opend.calls


def test_health_tells_the_numbering_in_force(gateway_with):
    gateway = gateway_with({"api": {"trd_env_numbering": "official"}})
    assert gateway.get("/health").json["trd_env_numbering"] == "official"


@pytest.mark.parametrize(
    "headers", [{"Host": "10.0.0.1"}, {"X-Forwarded-For": "1.2.3.4"}, {"Origin": "https://evil.example"}]
)
def test_a_probe_from_anywhere_is_answered(gateway, headers):
    assert gateway.get("/health", headers=headers).status_code == 200
