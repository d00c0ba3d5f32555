"""Every alert rule fires in its own trouble, for that gateway, and no other does."""

import re
import subprocess
from contextlib import suppress

import pytest
import yaml
from fix_gateway import wait_until
from fix_prometheus import CONFIG, DOWN, REAL
from troubles import TROUBLES

from gateway.metrics.table import CATALOGUE

RULES = [
    rule for group in yaml.safe_load((CONFIG / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
EXPECTED = {(name, name) for name in TROUBLES} | {("GatewayDown", DOWN)}

OF_A_BUSY_MACHINE = {"GatewayDown", "GatewaySlow", "GatewayStalls", "LedgerSlow"}
"""What may be true of the real gateway where tests run, and where a scrape has half a second."""


def names_in(expr):
    """The metrics that an expression reads."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bgateway_\w+", expr)}


def test_promtool_finds_the_configuration_good():
    done = subprocess.run(
        ["promtool", "check", "config", str(CONFIG / "prometheus.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert all(rule["annotations"].values())
    assert names_in(rule["expr"]) <= {row.name for row in CATALOGUE}


def test_every_rule_has_its_trouble():
    assert {rule["alert"] for rule in RULES} == {name for name, _ in EXPECTED}


def test_each_alert_fires_in_its_trouble_and_no_other(monitored):
    def fired():
        return {
            (name, instance)
            for name, instance in monitored.prometheus.firing()
            if instance != REAL or name not in OF_A_BUSY_MACHINE
        }

    with suppress(AssertionError):  # the comparison says more
        wait_until(lambda: fired() >= EXPECTED, limit_s=45)
    assert fired() == EXPECTED


def test_an_alert_names_its_gateway_and_its_figure(monitored):
    def alerts():
        return {
            each["labels"]["alertname"]: each["annotations"]
            for each in monitored.prometheus.ask("alerts")["alerts"]
            if each["labels"]["instance"] != REAL
        }

    told = wait_until(lambda: alerts() if len(alerts()) == len(EXPECTED) else None, limit_s=60)
    assert told["GatewayErrors"]["summary"] == "10% of the requests to GatewayErrors fail"
    assert told["OpenDLoggedOut"]["summary"].endswith("OpenDLoggedOut is not logged in for trading")
    assert told["OrdersUnknown"]["summary"] == "3 orders of OrdersUnknown are unknown"
    assert told["TradingRestricted"]["summary"] == "Trading through TradingRestricted is halted"
    assert not [text for each in told.values() for text in each.values() if "<no value>" in text]
