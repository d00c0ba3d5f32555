"""The document and its page: who gets them, what stands around them, and how little they cost."""

import gzip
import json
import re

import pytest

from gateway.web.blueprints import docs
from gateway.web.blueprints.docs import ASSETS, PAGE

PATHS = ("/openapi.json", "/docs", *(f"/docs/{name}" for name in ASSETS))


@pytest.mark.parametrize("path", PATHS)
def test_local_mode_shows_them_to_this_machine_alone(gateway, path):
    assert gateway.get(path).status_code == 200
    for headers in (
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "1.2.3.4"},
    ):
        answer = gateway.get(path, headers=headers)
        assert (answer.status_code, set(answer.json)) == (403, {"error"})
    assert {line["route"] for line in gateway.audit()} == {"/openapi.json" if "json" in path else "/docs"}


@pytest.mark.parametrize("path", PATHS)
def test_mode_keys_shows_them_without_a_key(gateway_with, path):
    keyed = gateway_with(keys=[{"id": "bot"}])
    for headers in ({}, {"Host": "gateway.example"}, {"Authorization": "Bearer fc_wrong"}):
        assert keyed.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_the_setting_takes_them_all_away(gateway_with, path):
    answer = gateway_with({"ops": {"docs_page": False}}).get(path)
    assert (answer.status_code, answer.data) == (404, b'{"error": "not found"}')


def test_the_document_tells_no_secret(gateway_with):
    keyed = gateway_with({"ledger": "redis://:hidden@store:6379/0"}, keys=[{"id": "bot-of-mine"}])
    text = keyed.get("/openapi.json").get_data(as_text=True)
    for secret in ("hidden", "bot-of-mine", str(keyed.directory), "127.0.0.1:11111"):
        assert secret not in text


def test_the_document_is_that_of_the_settings(gateway_with):
    official = gateway_with(
        {"api": {"trd_env_numbering": "official", "int64": "string"}}, keys=[{"id": "bot"}]
    )
    made = official.get("/openapi.json").json
    assert made["x-trd-env-numbering"] == "official"
    assert made["components"]["schemas"]["Int64Format"]["default"] == "string"
    assert made["paths"]["/api/quote"]["post"]["security"] == [{"key": ["qot:read"]}]


def test_it_is_compressed_for_those_who_take_that(gateway):
    plain = gateway.get("/openapi.json")
    packed = gateway.get("/openapi.json", headers={"Accept-Encoding": "gzip, deflate"})
    refused = gateway.get("/openapi.json", headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert {each.headers["Vary"] for each in (plain, packed, refused)} == {"Accept-Encoding"}
    assert len(packed.data) < 80_000 < len(plain.data) < 500_000


def test_it_is_made_once_and_when_it_is_asked_for(gateway, monkeypatch):
    made = []
    monkeypatch.setattr(docs, "build_document", lambda situation: made.append(situation) or {})
    gateway.get("/docs")
    assert made == []
    for _ in range(3):
        assert gateway.get("/openapi.json").json == {}
    assert len(made) == 1


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in ASSETS)])
def test_the_page_may_load_nothing_from_elsewhere(gateway, path):
    answer = gateway.get(path)
    policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert set(" ".join(policy.values()).split()) == {"'none'", "'self'", "data:"}
    assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_no_script_of_its_own_and_asks_for_what_is_there(gateway):
    text = PAGE.read_text()
    assert not re.search(r"<script[^>]*>[^<]|<style|\son\w+=|style=", text)
    asked = set(re.findall(r'(?:src|href)="([^"]+)"', text))
    assert asked == {"openapi.json", *(f"docs/{name}" for name in ASSETS)}
    for path in asked:
        assert gateway.get(f"/{path}").status_code == 200


def test_a_file_that_the_browser_has_is_not_sent_again(gateway):
    first = gateway.get("/docs/swagger-ui.css")
    again = gateway.get("/docs/swagger-ui.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_document_needs_no_opend(gateway):
    assert json.loads(gateway.get("/openapi.json").data)["openapi"] == "3.1.0"
    assert not gateway.opend.calls
