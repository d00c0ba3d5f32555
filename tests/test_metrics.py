"""The table of metrics: names, labels, what the functions write, and what they cost nobody."""

import ast
import subprocess
import sys
from pathlib import Path

import gevent
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.clock import ManualClock, SystemClock
from gateway.metrics import hub, table
from gateway.metrics.process import ProcessWatch

ROOT = Path(__file__).parents[1]

NAMES_AND_LABELS = {
    "gateway_build_info": ("version", "python"),
    "gateway_workers": (),
    "gateway_worker_starts_total": (),
    "gateway_cpu_seconds_total": (),
    "gateway_resident_memory_bytes": (),
    "gateway_open_files": (),
    "gateway_open_files_limit": (),
    "gateway_settings_are_stale": (),
    "gateway_http_requests_total": ("route", "status"),
    "gateway_http_request_duration_seconds": ("route",),
    "gateway_refusals_total": ("reason",),
    "gateway_opend_calls_total": ("protocol", "outcome"),
    "gateway_opend_call_duration_seconds": ("protocol",),
    "gateway_shared_reads_total": ("protocol",),
    "gateway_kept_answers_total": ("route", "result"),
    "gateway_kept_answer_bytes": (),
    "gateway_opend_connections": ("state",),
    "gateway_opend_is_logged_in": ("purpose",),
    "gateway_opend_in_flight": (),
    "gateway_opend_queued": (),
    "gateway_opend_connects_total": (),
    "gateway_opend_connect_failures_total": (),
    "gateway_opend_drops_total": (),
    "gateway_opend_refused_full_total": (),
    "gateway_orders_total": ("route", "outcome"),
    "gateway_orders_resolved_total": ("outcome",),
    "gateway_order_denials_total": ("reason",),
    "gateway_orders_unknown_open": (),
    "gateway_ws_sockets": (),
    "gateway_ws_events_total": ("type", "result"),
    "gateway_ws_closes_total": ("code",),
    "gateway_trading_switches": ("scope", "state"),
    "gateway_ledger_steps_total": ("step", "outcome"),
    "gateway_ledger_step_duration_seconds": ("step",),
    "gateway_audit_lines_total": ("kind",),
    "gateway_audit_errors_total": ("kind",),
    "gateway_policy_reloads_total": ("result",),
    "gateway_policy_is_stale": (),
    "gateway_hub_lateness_seconds": (),
    "gateway_claims": (),
    "gateway_subscriptions_pending": (),
    "gateway_subscription_quota_used": (),
    "gateway_subscription_quota_remaining": (),
}


def value(name, **labels):
    """A sample as it stands; 0 where there is none yet."""
    return table.REGISTRY.get_sample_value(name, labels) or 0.0


def growth(name, action, **labels):
    before = value(name, **labels)
    action()
    return value(name, **labels) - before


def test_the_metrics_and_their_labels_are_these():
    assert {row.name: row.labels for row in table.CATALOGUE} == NAMES_AND_LABELS


def test_every_metric_of_the_registry_is_in_the_catalogue():
    exposed = {family.name for family in table.REGISTRY.collect()}
    assert exposed == {row.name.removesuffix("_total") for row in table.CATALOGUE}


@pytest.mark.parametrize("row", table.CATALOGUE, ids=lambda row: row.name)
def test_a_name_says_what_it_counts_and_in_which_unit(row):
    assert row.name.endswith("_total") is (row.kind == "counter")
    assert row.name.endswith("_seconds") is (row.kind == "histogram")
    assert row.text.endswith(".")


@pytest.mark.parametrize(
    ("write", "name", "labels"),
    [
        (
            lambda: table.observe_request("/api/quote", "200", 0.01),
            "gateway_http_requests_total",
            {"route": "/api/quote", "status": "200"},
        ),
        (
            lambda: table.observe_request("/api/quote", "200", 0.01),
            "gateway_http_request_duration_seconds_count",
            {"route": "/api/quote"},
        ),
        (
            lambda: table.observe_opend_call("Qot_GetKL", "timeout", 10),
            "gateway_opend_calls_total",
            {"protocol": "Qot_GetKL", "outcome": "timeout"},
        ),
        (
            lambda: table.observe_opend_call("Qot_GetKL", "ok", 0.1),
            "gateway_opend_call_duration_seconds_count",
            {"protocol": "Qot_GetKL"},
        ),
        (
            lambda: table.observe_ledger_step("reserve", "unavailable", 1.0),
            "gateway_ledger_steps_total",
            {"step": "reserve", "outcome": "unavailable"},
        ),
        (
            lambda: table.observe_ledger_step("reserve", "ok", 0.001),
            "gateway_ledger_step_duration_seconds_count",
            {"step": "reserve"},
        ),
        (
            lambda: table.count_order("/api/order", "accepted"),
            "gateway_orders_total",
            {"route": "/api/order", "outcome": "accepted"},
        ),
        (
            lambda: table.count_resolved("rejected"),
            "gateway_orders_resolved_total",
            {"outcome": "rejected"},
        ),
        (lambda: table.count_refusal("expired"), "gateway_refusals_total", {"reason": "expired"}),
        (lambda: table.count_denial("rate"), "gateway_order_denials_total", {"reason": "rate"}),
        (
            lambda: table.count_audit_line("outcome", is_written=True),
            "gateway_audit_lines_total",
            {"kind": "outcome"},
        ),
        (
            lambda: table.count_audit_line("outcome", is_written=False),
            "gateway_audit_errors_total",
            {"kind": "outcome"},
        ),
        (
            lambda: table.count_policy_reload(True),
            "gateway_policy_reloads_total",
            {"result": "loaded"},
        ),
        (
            lambda: table.count_policy_reload(False),
            "gateway_policy_reloads_total",
            {"result": "refused"},
        ),
    ],
)
def test_each_function_writes_its_series(write, name, labels):
    assert growth(name, write, **labels) == 1


def test_series_that_begin_at_zero_are_there_before_anything_happens():
    table.ORDERS.clear()
    table.ORDER_DENIALS.clear()
    table.AUDIT_ERRORS.clear()
    table.begin_at_zero(
        routes=["/api/order"], outcomes=["accepted"], denials=["rate"], audit_kinds=["outcome"]
    )
    labels = {"route": "/api/order", "outcome": "accepted"}
    assert table.REGISTRY.get_sample_value("gateway_orders_total", labels) == 0
    assert table.REGISTRY.get_sample_value("gateway_order_denials_total", {"reason": "rate"}) == 0
    assert table.REGISTRY.get_sample_value("gateway_audit_errors_total", {"kind": "outcome"}) == 0


def test_the_text_can_be_read_by_prometheus():
    from prometheus_client import generate_latest

    families = {
        family.name for family in text_string_to_metric_families(generate_latest(table.REGISTRY).decode())
    }
    assert "gateway_http_requests" in families


def test_what_the_process_takes_is_measured():
    watch = ProcessWatch()
    watch.look()
    before = value("gateway_cpu_seconds_total")
    until_s = SystemClock().monotonic_s() + 0.2
    while SystemClock().monotonic_s() < until_s:
        pass
    watch.look()
    assert 0.02 < value("gateway_cpu_seconds_total") - before < 30
    assert 1e6 < value("gateway_resident_memory_bytes") < 1e11
    assert 3 <= value("gateway_open_files") <= value("gateway_open_files_limit")


def test_a_stalled_hub_shows():
    watch = hub.HubWatch(SystemClock())
    watch.open()
    gevent.sleep(0)

    def stall():
        until_s = SystemClock().monotonic_s() + 0.3
        while SystemClock().monotonic_s() < until_s:
            pass
        gevent.sleep(0.01)

    late = {"le": "0.2"}
    before = value("gateway_hub_lateness_seconds_count") - value(
        "gateway_hub_lateness_seconds_bucket", **late
    )
    stall()
    watch.close()
    after = value("gateway_hub_lateness_seconds_count") - value("gateway_hub_lateness_seconds_bucket", **late)
    assert after - before == 1


def test_a_hub_that_runs_is_not_late(monkeypatch):
    clock = ManualClock(wall=0.0)
    ticks = []

    def sleep(seconds):
        clock.advance(seconds)
        ticks.append(seconds)
        if len(ticks) == 3:
            raise gevent.GreenletExit

    monkeypatch.setattr(hub.gevent, "sleep", sleep)
    in_time = {"le": "0.005"}
    watch = hub.HubWatch(clock)
    assert (
        growth(
            "gateway_hub_lateness_seconds_bucket",
            lambda: (watch.open(), watch._greenlet.join()),
            **in_time,
        )
        == 2
    )


def test_the_master_does_not_import_prometheus_before_it_has_named_the_directory():
    """Whoever imports it first decides for all workers, so gunicorn's configuration must not by accident."""
    tree = ast.parse((ROOT / "config/gunicorn.conf.py").read_text())
    imported = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    code = "\n".join([*imported, "import sys", "assert 'prometheus_client' not in sys.modules"])
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
