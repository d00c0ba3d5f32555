"""`GET /metrics`: who may read it, what it says, and that no caller can make it grow."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.ledger.base import Ledger
from gateway.metrics.table import CATALOGUE, UNMATCHED
from gateway.opend.errors import NotSent, OpenDRefused, OutcomeUnknown
from gateway.policy.reasons import DenyReason
from gateway.routes import OWN_ROUTES, ROUTES
from gateway.schema.protocols import PROTOCOLS
from gateway.web.measured import ORDER_OUTCOMES, ORDER_ROUTES, call_ended
from gateway.web.refusal import BURST

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

LABEL_VALUES = {
    "route": {route.path for route in (*ROUTES, *OWN_ROUTES)}
    | {"/health", "/ready", "/metrics", "/openapi.json", "/docs", UNMATCHED},
    "status": {"200", "206", "304", "400", "401", "403", "404", "409", "422", "429", "500", "503"}
    | {"-"},  # ended before it had an answer
    "protocol": {protocol.name for protocol in PROTOCOLS.values()},
    "outcome": set(ORDER_OUTCOMES)
    | {"ok", "refused", "limited", "failed", "timeout", "lost", "unusable", "unavailable", "error"},
    "reason": {reason.label for reason in DenyReason}
    | {"not_judged", "no_token", "unknown_token", "expired", "scope", "environment"}
    | {"not_local", "forwarded", "host", "origin", "sockets"},
    "scope": {"all", "key"},
    "purpose": {"quotes", "trading"},
    "state": {"reducing", "halted", "connecting", "initialising", "ready", "closed"},
    "kind": {"decision", "sending", "outcome", "refusal", "trading", "keys"},
    "result": {"loaded", "refused"},
    "step": {name for name in dir(Ledger) if not name.startswith("_")},
}
"""What labels may hold, but those that the machine decides: `le`, and the labels of the build."""

ORDER = {
    "trd_env": "simulate",
    "acc_id": 987654,
    "trd_market": "HK",
    "trd_side": "BUY",
    "order_type": "NORMAL",
    "code": "00700",
    "qty": 100,
    "price": 300,
    "sec_market": "HK",
}


def samples(gateway):
    answer = gateway.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(gateway, action):
    """What grew between two scrapes, but what the scrapes themselves let grow."""
    before = samples(gateway)
    action()
    after = samples(gateway)
    growth = {series: value - before.get(series, 0) for series, value in after.items()}
    return {
        series: value
        for series, value in growth.items()
        if value and not any("/metrics" in part for part in series)
    }


def test_it_answers_in_the_text_format(gateway):
    answer = gateway.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == TEXT_FORMAT
    assert {f"# TYPE {row.name} {row.kind}" for row in CATALOGUE} <= set(answer.text.splitlines())
    assert not gateway.opend.calls


def test_every_metric_is_the_gateways_own(gateway):
    names = {family.name for family in text_string_to_metric_families(gateway.get("/metrics").text)}
    assert all(name.startswith("gateway_") for name in names)


@pytest.mark.parametrize("query", ["name[]=x", "name[]=gateway_workers&name[]=", "a=b", "name%5B%5D=%ff"])
@pytest.mark.parametrize(
    "accept", ["*/*", "application/openmetrics-text; version=abc", "text/plain;version=;"]
)
def test_neither_query_nor_accept_changes_the_answer(gateway, query, accept):
    answer = gateway.get(f"/metrics?{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, TEXT_FORMAT)
    assert "gateway_workers" in answer.text


def test_head_is_answered_as_get_is(gateway):
    answer = gateway.request("HEAD", "/metrics")
    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_may_read_it_by_default(gateway, address):
    assert gateway.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "::2", "::ffff:10.0.0.1", "", "unix:", "localhost"])
def test_nobody_else_may_by_default(gateway, address):
    answer = gateway.get("/metrics", environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert answer.json == {"error": "this address may not read the metrics (ops.metrics_allow)"}
    assert gateway.request("HEAD", "/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 403


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["10.1.0.0/16"], "10.1.2.3", 200),
        (["10.1.0.0/16"], "10.2.2.3", 403),
        (["10.1.0.0/16"], "127.0.0.1", 403),
        (["2001:db8::/32"], "2001:db8::7", 200),
        ([], "127.0.0.1", 403),
        (["0.0.0.0/0"], "198.51.100.7", 200),
        (["0.0.0.0/0"], "2001:db8::7", 403),
    ],
)
def test_the_networks_decide(gateway_with, allowed, address, status):
    gateway = gateway_with({"ops": {"metrics_allow": allowed}})
    assert gateway.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [{"Host": "gateway.example"}, {"X-Forwarded-For": "1.2.3.4"}, {"Origin": "https://evil.example"}],
)
def test_headers_decide_nothing(gateway, headers):
    """Prometheus names the gateway as its configuration does, and no header opens or closes the page."""
    assert gateway.get("/metrics", headers=headers).status_code == 200
    elsewhere = {"REMOTE_ADDR": "10.0.0.1"}
    claimed = {**headers, "X-Forwarded-For": "127.0.0.1"}
    assert gateway.get("/metrics", headers=claimed, environ_overrides=elsewhere).status_code == 403


def test_no_key_is_needed(gateway_with):
    assert gateway_with(keys=[{"id": "a"}]).get("/metrics").status_code == 200


def test_a_request_counts_once_under_its_route_and_status(gateway):
    def action():
        gateway.get("/api/accounts")
        gateway.get("/api/accounts?no_such=1")

    counted = grown(gateway, action)
    assert counted["gateway_http_requests_total", "route=/api/accounts", "status=200"] == 1
    assert counted["gateway_http_requests_total", "route=/api/accounts", "status=400"] == 1
    assert counted["gateway_http_request_duration_seconds_count", "route=/api/accounts"] == 2


def test_how_long_a_request_took_is_measured(gateway):
    call = gateway.opend.call

    def slow_call(*arguments, **keywords):
        gateway.clock.advance(1.5)
        return call(*arguments, **keywords)

    gateway.opend.call = slow_call
    counted = grown(gateway, lambda: gateway.get("/api/accounts"))
    assert counted["gateway_http_request_duration_seconds_sum", "route=/api/accounts"] == pytest.approx(1.5)
    assert ("gateway_http_request_duration_seconds_bucket", "le=0.5", "route=/api/accounts") not in counted
    assert counted["gateway_http_request_duration_seconds_bucket", "le=2.0", "route=/api/accounts"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/fc_secret"), ("POST", "/api/accounts"), ("BREW", "/api/quote"), ("GET", "/health/../x")],
)
def test_what_the_table_lacks_counts_under_one_name(gateway, method, path):
    counted = grown(gateway, lambda: gateway.request(method, path))
    assert counted["gateway_http_requests_total", f"route={UNMATCHED}", "status=404"] == 1


@pytest.mark.parametrize(
    ("outcome", "counted_as"),
    [
        ({}, "accepted"),
        (OpenDRefused(-1, "no"), "rejected"),
        (OutcomeUnknown("lost"), "unknown"),
        (NotSent("never"), "not_sent"),
    ],
)
def test_an_order_counts_by_what_became_of_it(gateway, outcome, counted_as):
    gateway.opend.script("Trd_PlaceOrder", outcome)
    counted = grown(gateway, lambda: gateway.post("/api/order", ORDER))
    orders = {series: value for series, value in counted.items() if series[0] == "gateway_orders_total"}
    assert orders == {("gateway_orders_total", f"outcome={counted_as}", "route=/api/order"): 1}


def test_a_denied_order_counts_with_its_reason_and_a_dry_run_does_not(gateway_with):
    limits = {"allowed_markets": ["US"]}
    key = {"id": "k", "scopes": ["trade:simulate"], "limits": limits}
    gateway = gateway_with(keys=[key], key_id="k")
    counted = grown(gateway, lambda: gateway.post("/api/order", ORDER, headers={"X-Dry-Run": "true"}))
    assert not {series for series in counted if "order" in series[0] and "http" not in series[0]}
    counted = grown(gateway, lambda: gateway.post("/api/order", ORDER))
    assert counted["gateway_order_denials_total", "reason=market"] == 1
    assert counted["gateway_orders_total", "outcome=denied", "route=/api/order"] == 1


def test_every_reason_and_outcome_is_there_before_its_first_time(gateway):
    known = samples(gateway)
    for reason in DenyReason:
        assert ("gateway_order_denials_total", f"reason={reason.label}") in known
    for route in ORDER_ROUTES:
        for outcome in ORDER_OUTCOMES:
            assert ("gateway_orders_total", f"outcome={outcome}", f"route={route}") in known


@pytest.mark.parametrize(
    ("scopes", "headers", "reason"),
    [
        (["qot:read"], {}, "scope"),
        (["acc:read"], {"Authorization": "Bearer fc_secret"}, "unknown_token"),
        (["acc:read"], {"Authorization": ""}, "unknown_token"),
    ],
)
def test_a_refused_caller_counts_with_the_reason_each_time(gateway_with, scopes, headers, reason):
    gateway = gateway_with(keys=[{"id": "k", "scopes": scopes}], key_id="k")

    def action():
        for _ in range(BURST + 5):
            gateway.get("/api/accounts", headers=headers)

    assert grown(gateway, action)["gateway_refusals_total", f"reason={reason}"] == BURST + 5


def test_a_policy_that_is_read_again_counts(gateway_with):
    gateway = gateway_with(keys=[{"id": "a"}])
    watch, file = gateway.parts.policy_watch, gateway.directory / "policy.yaml"
    watch.look()

    def broken():
        file.write_text("keys: [")
        watch.look()

    assert grown(gateway, broken)["gateway_policy_reloads_total", "result=refused"] == 1

    def mended():
        file.write_text('{"version": 1, "keys": []}')
        watch.look()

    assert grown(gateway, mended)["gateway_policy_reloads_total", "result=loaded"] == 1


def test_an_error_of_opend_has_its_word(gateway):
    counted = grown(gateway, lambda: call_ended(PROTOCOLS[3004], OutcomeUnknown("lost"), 0.1))
    assert counted["gateway_opend_calls_total", "outcome=unknown", "protocol=Qot_GetBasicQot"] == 1
    counted = grown(gateway, lambda: call_ended(PROTOCOLS[3004], None, 0.1))
    assert counted["gateway_opend_calls_total", "outcome=ok", "protocol=Qot_GetBasicQot"] == 1


def test_hostile_requests_make_no_series_of_theirs(gateway_with):
    limits = {"allowed_symbols": ["HK.00005"]}
    key = {"id": "sesame-desk", "scopes": ["qot:read", "acc:read", "trade:simulate"], "limits": limits}
    gateway = gateway_with(keys=[key], key_id="sesame-desk")
    for number in range(30):
        gateway.request("GET", f"/api/scan{number}")
        gateway.request(f"M{number}", "/api/quote")
        gateway.request("GET", f"/api/orders/intent/ZZ{number}")
        gateway.request(
            "GET", f"/api/accounts?x{number}=scan{number}", headers={"X-Request-Id": f"scan{number}"}
        )
        gateway.post(
            "/api/quote", {"security_list": [f"HK.{number:05}"]}, headers={"Idempotency-Key": f"scan{number}"}
        )
    gateway.post("/api/order", ORDER)
    gateway.get("/api/accounts", headers={"Authorization": "Bearer fc_secret"})
    for family in text_string_to_metric_families(gateway.get("/metrics").text):
        for sample in family.samples:
            for name, value in sample.labels.items():
                assert name in ("le", "version", "python") or value in LABEL_VALUES[name], sample
                assert re.fullmatch(r"[A-Za-z0-9_./<>+-]*", value), sample
