"""Refused requests stand in the audit, at a rate that no caller can raise."""

import pytest
from fix_web import token_of

from gateway.audit import AuditUnavailable, verify
from gateway.web.refusal import BURST

KEYS = [
    {"id": "reader", "scopes": ["qot:read"]},
    {"id": "mine", "scopes": ["acc:read"], "allowed_acc_ids": [1]},
    {"id": "paper", "scopes": ["trade:simulate"]},
    {"id": "old", "expires_at": "2020-01-01T00:00:00Z"},
]
FUNDS = {"header": {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}}
REAL = {"trd_env": "real", "acc_id": 987654, "trd_market": "HK"}


@pytest.fixture
def keyed(gateway_with):
    return gateway_with(keys=KEYS)


@pytest.mark.parametrize(
    ("key_id", "status", "reason"),
    [
        (None, 401, "no_token"),
        ("nobody", 401, "unknown_token"),
        ("old", 401, "expired"),
        ("reader", 403, "scope"),
        ("mine", 403, "account"),
    ],
)
def test_a_refusal_is_told_without_its_token(keyed, key_id, status, reason):
    keyed.key_id = key_id
    assert keyed.post("/api/funds", FUNDS, headers={"X-Request-Id": "r1"}).status_code == status
    (line,) = keyed.audit()
    known = {"key_id": key_id} if key_id in ("old", "reader", "mine") else {}
    told = {"kind": "refusal", "request_id": "r1", "route": "/api/funds", "decision": "refused"}
    assert line.items() >= (told | known | {"reason": reason, "outcome": str(status)}).items()
    assert ("key_id" in line) is bool(known)
    assert token_of(key_id or "x") not in (keyed.directory / "audit.jsonl").read_text()


def test_a_key_for_paper_is_refused_a_real_order(keyed, body_of):
    keyed.key_id = "paper"
    assert keyed.post("/api/order", body_of("order") | {"header": REAL}).status_code == 403
    assert [line["reason"] for line in keyed.audit()] == ["environment"]


def test_local_mode_tells_what_came_from_elsewhere(gateway):
    for headers in (
        {"Host": "evil.example"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"Origin": "https://evil.example"},
    ):
        assert gateway.get("/api/accounts", headers=headers).status_code == 403
    assert [line["reason"] for line in gateway.audit()] == ["host", "forwarded", "origin"]


def test_what_is_not_found_is_no_refusal(keyed):
    keyed.get("/api/nothing")
    assert not keyed.audit()


def test_many_refusals_are_counted_and_few_are_written(keyed):
    for _ in range(BURST + 30):
        assert keyed.get("/api/accounts").status_code == 401
    assert len(keyed.audit()) == BURST
    keyed.clock.advance(1)
    for _ in range(3):
        keyed.get("/api/accounts")
    assert len(keyed.audit()) == BURST + 1
    assert keyed.audit()[-1]["detail"] == "30 refusals before this one were not written"
    keyed.clock.advance(1)
    keyed.get("/api/accounts")
    assert keyed.audit()[-1]["detail"] == "2 refusals before this one were not written"
    assert not verify(keyed.directory / "audit.jsonl").findings


def test_after_a_quiet_time_no_more_than_a_burst_is_written(keyed):
    keyed.clock.advance(3600)
    for _ in range(2 * BURST):
        keyed.get("/api/accounts")
    assert len(keyed.audit()) == BURST


def test_an_audit_that_fails_changes_no_refusal(keyed, caplog, monkeypatch):
    def fail(event, *, durable):
        raise AuditUnavailable("the disk is full")

    monkeypatch.setattr(keyed.parts.audit, "write", fail)
    assert keyed.get("/api/accounts").status_code == 401
    assert "is not in the audit: the disk is full" in caplog.text
