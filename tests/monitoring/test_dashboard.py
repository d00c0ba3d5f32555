"""The dashboard is fresh, complete, and every query of it gives something of a real gateway."""

import importlib.util
import json
import math
import re

import pytest
import yaml
from fix_gateway import ROOT, wait_until
from fix_prometheus import REAL
from test_alerts import names_in

from gateway.metrics.table import CATALOGUE

GRAFANA = ROOT / "config" / "grafana"
FILE = GRAFANA / "dashboards" / "gateway.json"
DASHBOARD = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]
RATE_INTERVAL = "10s"


def with_values(expr):
    """The query as Grafana sends it, for the real gateway alone."""
    return expr.replace("$__rate_interval", RATE_INTERVAL).replace("$instance", REAL)


def test_the_dashboard_is_fresh():
    spec = importlib.util.spec_from_file_location("dashboard", ROOT / "docs" / "dashboard.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.build() == FILE.read_text(), "run `make docs`"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_a_text_and_named_lines(panel):
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["legendFormat"]
        grouped = re.search(r"\bby \(([^)]*)\)", target["expr"])
        labels = set(re.split(r",\s*", grouped[1])) - {"le"} if grouped else set()
        assert labels == set(re.findall(r"{{(\w+)}}", target["legendFormat"]))


def test_panels_stand_in_rows_without_a_gap():
    for line in {panel["gridPos"]["y"] for panel in PANELS}:
        places = sorted(
            (each["gridPos"]["x"], each["gridPos"]["w"]) for each in PANELS if each["gridPos"]["y"] == line
        )
        ends = [x + width for x, width in places]
        assert [x for x, _ in places] == [0, *ends[:-1]]
        assert ends[-1] == 24


def test_every_metric_of_the_gateway_is_on_it():
    shown = {name for panel in PANELS for target in panel["targets"] for name in names_in(target["expr"])}
    assert shown == {row.name for row in CATALOGUE}


@pytest.mark.parametrize("expr", QUERIES)
def test_every_query_gives_something(monitored, expr):
    def figures():
        samples = monitored.prometheus.query(with_values(expr))
        return [value for value in (float(each["value"][1]) for each in samples) if not math.isnan(value)]

    assert wait_until(figures)


def test_grafana_finds_prometheus_and_the_dashboard():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["url"]) == ("prometheus", "$PROMETHEUS_URL")
    interval = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())["global"][
        "scrape_interval"
    ]
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/gateway.yml").read_text())["providers"]
    assert provider["type"] == "file"
