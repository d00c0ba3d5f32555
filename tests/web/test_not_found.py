import pytest

from gateway.routes import OWN_ROUTES, ROUTES
from gateway.web.blueprints.docs import ASSETS
from gateway.web.page import page_files

NOT_FOUND = b'{"error": "not found"}'
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO")
STRANGE_PATHS = (
    "/",
    "/api",
    "/api/",
    "//api/accounts",
    "/api//accounts",
    "/api/accounts/",
    "/api/Accounts",
    "/api/accounts/1",
    "/api/accounts%00",
    "/api/../api/accounts",
    "/static/x",
    "/health/",
    "/api/orders/intent",
    "/api/orders/intent/",
    "/api/orders/intent/1/2",
    "/ws/",
    "/docs/",
    "/docs/index.html",
    "/docs/swagger-ui.js",
    "/docs/../openapi.json",
    "/openapi.yaml",
    "/live/",
    "/live/index.html",
    "/live/nothing.js",
    "/live/../settings.py",
    "/static/live/main.js",
    "/favicon.ico",
    "/api/%E8%82%A1",
    "/api/%ff",
)
ALLOWED = {(route.method, route.path) for route in (*ROUTES, *OWN_ROUTES)}
ALLOWED |= {("GET", path) for path in ("/health", "/ready", "/metrics", "/openapi.json", "/docs")}
ALLOWED |= {("GET", f"/docs/{name}") for name in ASSETS}
ALLOWED |= {("GET", path) for path in page_files("live")}
ALLOWED |= {("HEAD", path) for method, path in ALLOWED if method == "GET"}


@pytest.fixture(scope="module")
def gateway(shared_gateway):
    return shared_gateway


def assert_not_found(answer, method):
    assert answer.status_code == 404
    assert answer.data == (b"" if method == "HEAD" else NOT_FOUND)
    assert answer.headers["Content-Length"] == str(len(NOT_FOUND))
    assert answer.content_type == "application/json"
    assert set(answer.headers.keys()) == {"Content-Type", "Content-Length", "X-Request-Id"}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_the_table_lacks_looks_like_an_unknown_path(gateway, method):
    for path in {path for _, path in ALLOWED}:
        if (method, path) not in ALLOWED:
            assert_not_found(gateway.request(method, path), method)
    assert not gateway.opend.calls


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", STRANGE_PATHS)
def test_a_path_that_the_table_lacks_is_not_found(gateway, method, path):
    assert_not_found(gateway.request(method, path), method)


@pytest.mark.parametrize("slashes", ["//", "///"])
@pytest.mark.parametrize("path", ["api/accounts", "health"])
def test_doubled_slashes_at_the_beginning_are_not_found(gateway, slashes, path):
    # As they come over the wire; a URL would take what follows for a host.
    answer = gateway.request("GET", "/", environ_overrides={"PATH_INFO": slashes + path})
    assert_not_found(answer, "GET")
    assert not gateway.opend.calls


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer fc_1"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"Host": "evil.example"},
        {"Host": "a b/c"},
        {"Origin": "https://evil.example"},
        {"Connection": "Upgrade", "Upgrade": "websocket"},
    ],
)
def test_no_header_changes_what_is_not_found(gateway, headers):
    for path in ("/api/nothing", "/ws/"):
        assert_not_found(gateway.get(path, headers=headers), "GET")
