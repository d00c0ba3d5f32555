"""The files of the page at /live, as they are served; tests/live has the page in a browser."""

import re

import pytest

from gateway.metrics.table import REGISTRY
from gateway.web.page import page_files

FILES = page_files("live")
PAGE = FILES["/live"].content.decode()


def test_the_page_and_all_it_names_are_served_without_a_token(gateway_with):
    gateway = gateway_with(keys=[])
    named = {f"/{path}" for path in re.findall(r'(?:src|href)="([^"]+)"', PAGE)}
    imported = {
        f"/live/{name}"
        for path, file in FILES.items()
        if path.endswith(".js")
        for name in re.findall(r'^(?:import .*|\} )from "\./([^"]+)"', file.content.decode(), re.MULTILINE)
    }
    assert "/live/main.js" in named
    assert "/live/socket.js" in imported
    assert named | imported | {"/live"} == set(FILES)
    for path in FILES:
        answer = gateway.get(path)
        assert (answer.status_code, answer.data) == (200, FILES[path].content)
    assert not gateway.opend.calls


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/live", "text/html; charset=utf-8"),
        ("/live/main.js", "text/javascript; charset=utf-8"),
        ("/live/theme.css", "text/css; charset=utf-8"),
        ("/live/icon.svg", "image/svg+xml"),
    ],
)
def test_a_browser_may_take_it_for_nothing_else_and_load_nothing_foreign(gateway, path, content_type):
    answer = gateway.get(path)
    assert answer.content_type == content_type
    rules = answer.headers["Content-Security-Policy"].split("; ")
    assert rules[0] == "default-src 'self'"
    assert set(rules[1:]) == {
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_what_the_browser_has_is_not_sent_again(gateway):
    first = gateway.get("/live/main.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = gateway.get("/live/main.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


AS_MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\("


def test_nothing_is_inline_and_no_text_becomes_markup():
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", PAGE)
    for path, file in FILES.items():
        text = file.content.decode()
        assert not re.search(AS_MARKUP, text), path
        assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|https?:\"", "", text), path


def test_off_by_its_setting(gateway_with):
    gateway = gateway_with({"ops": {"live_page": False}})
    nothing = gateway.get("/nothing")
    for path in FILES:
        answer = gateway.get(path)
        assert (answer.status_code, answer.data) == (404, nothing.data)
        assert set(answer.headers.keys()) == set(nothing.headers.keys())


def test_metrics_count_its_files_as_one_route(gateway):
    def count(route):
        labels = {"route": route, "status": "200"}
        return REGISTRY.get_sample_value("gateway_http_requests_total", labels) or 0

    before = count("/live")
    gateway.get("/live")
    gateway.get("/live/main.js")
    assert count("/live") - before == 2
    assert count("/live/main.js") == 0
