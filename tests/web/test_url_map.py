import pytest

from gateway.opend.client import CallKind
from gateway.routes import OWN_ROUTES, ROUTES, Kind
from gateway.web.blueprints.docs import ASSETS
from gateway.web.page import page_files

OPS = {"/health", "/ready", "/metrics", "/openapi.json", "/docs", *page_files("live")}
OPS |= {f"/docs/{name}" for name in ASSETS}


def test_the_url_map_is_the_route_tables_and_ops(gateway):
    rules = {
        (method, rule.rule)
        for rule in gateway.http.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD"}
    }
    tables = {(route.method, route.path) for route in (*ROUTES, *OWN_ROUTES)}
    assert rules == tables | {("GET", path) for path in OPS}


def test_head_is_served_where_get_is_and_nowhere_else(gateway):
    with_head = {
        rule.rule for rule in gateway.http.application.url_map.iter_rules() if "HEAD" in rule.methods
    }
    assert with_head == {route.path for route in (*ROUTES, *OWN_ROUTES) if route.method == "GET"} | OPS


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_row_asks_its_protocol_once_in_its_kind(gateway, body_of, route):
    answer = gateway.request(route.method, route.path, json=body_of(route.name))
    assert answer.status_code == 200, answer.json
    assert answer.json == {"ret_type": 0, "ret_msg": "", "err_code": 0}
    asked = [call for call in gateway.opend.calls if call.name == route.protocol.name]
    assert [call.kind for call in asked] == [CallKind(route.kind.value)]
    others = {call.name for call in gateway.opend.calls} - {route.protocol.name}
    assert others <= ({"Qot_Sub"} if route.kind is Kind.REALTIME else set())
