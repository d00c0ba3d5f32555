"""Every endpoint against every kind of caller, in the mode with keys."""

import pytest
from fix_web import START_S, token_of

from gateway.routes import OWN_ROUTES, ROUTES
from gateway.scope import Scope
from gateway.web.replay import REPLAYED_HEADER

PAPER = {"trd_env": "simulate", "acc_id": 987654, "trd_market": "HK"}
SCOPES = [str(scope) for scope in Scope]
FAR_S = "2099-01-01T00:00:00Z"
PAST_S = "2023-11-14T22:13:20Z"  # START_S itself: at its end a key is expired

KEYS = [
    {"id": "all", "scopes": SCOPES, "expires_at": FAR_S},
    {"id": "none"},
    *(
        {"id": f"but-{scope.replace(':', '-')}", "scopes": [each for each in SCOPES if each != scope]}
        for scope in SCOPES
    ),
    {"id": "paper", "scopes": ["trade:simulate"]},
    {"id": "real", "scopes": ["trade:real"]},
    {"id": "expired", "scopes": SCOPES, "expires_at": PAST_S},
]
EVERY = (*ROUTES, *OWN_ROUTES)


def path_of(route):
    return route.path.replace("<intent_id>", "0" * 26)


def ask(gateway, route, body_of, **kwargs):
    return gateway.request(route.method, path_of(route), json=body_of(route.name), **kwargs)


@pytest.fixture
def keyed(gateway_with):
    """A gateway with the keys above, called without a token."""
    return gateway_with(keys=KEYS)


def by(gateway, key_id):
    gateway.key_id = key_id
    return gateway


REFUSED = b'{"error":"a valid token is needed: Authorization: Bearer fc_..."}'
HEADERS = {
    "none": {},
    "empty": {"Authorization": ""},
    "no token": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic " + token_of("all")},
    "the token alone": {"Authorization": token_of("all")},
    "unknown": {"Authorization": "Bearer " + token_of("nobody")},
    "upper case": {"Authorization": "Bearer " + token_of("all").upper()},
    "cut": {"Authorization": "Bearer " + token_of("all")[:-1]},
    "with more": {"Authorization": "Bearer " + token_of("all") + " x"},
    "two": {"Authorization": f"Bearer {token_of('all')},Bearer {token_of('all')}"},
    "expired": {"Authorization": "Bearer " + token_of("expired")},
    "no ASCII": {"Authorization": "Bearer é"},
}


@pytest.mark.parametrize("route", EVERY, ids=lambda route: route.name)
def test_without_a_valid_token_every_endpoint_is_401_with_the_same_body(keyed, body_of, route):
    answers = [ask(keyed, route, body_of, headers=headers) for headers in HEADERS.values()]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.data for answer in answers} == {REFUSED}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert not keyed.opend.calls


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_key_with_every_scope_is_served(keyed, body_of, route):
    assert ask(by(keyed, "all"), route, body_of).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_has_no_case(keyed, scheme):
    assert (
        keyed.get("/api/accounts", headers={"Authorization": f"{scheme} {token_of('all')}"}).status_code
        == 200
    )


ENOUGH = {"order": {"trade:simulate"}, "modify-order": {"trade:simulate"}}
"""What is enough for an endpoint in place of its own scope; the bodies of these tests are paper orders."""


SERVED = {"order-intent": 404, "ws": 400}
"""What the endpoints answer that are not given here what they need: a known intent, a handshake."""


@pytest.mark.parametrize("key", KEYS[:-1], ids=lambda key: key["id"])
def test_the_scope_decides_and_403_does_not_say_which(keyed, body_of, key):
    scopes = set(key.get("scopes", ()))
    for route in EVERY:
        keyed.opend.calls.clear()
        answer = ask(by(keyed, key["id"]), route, body_of)
        if scopes & ({str(route.scope)} | ENOUGH.get(route.name, set())):
            assert answer.status_code == SERVED.get(route.name, 200), route.name
        else:
            assert answer.status_code == 403, route.name
            assert answer.data == b'{"error":"the caller lacks the scope that this endpoint needs"}'
            assert not keyed.opend.calls


@pytest.mark.parametrize("key_id", [None, "none", "all"])
def test_what_is_not_in_the_table_is_404_whoever_asks(keyed, key_id):
    for route in EVERY:
        path = path_of(route)
        for method, asked in [("PUT", path), ("OPTIONS", path), (route.method, f"{path}x/y")]:
            answer = by(keyed, key_id).request(method, asked)
            assert (answer.status_code, answer.data) == (404, b'{"error": "not found"}')


@pytest.mark.parametrize(
    ("key_id", "name", "status"),
    [
        ("paper", "order", 403),
        ("paper", "modify-order", 403),
        ("paper", "unlock-trade", 403),
        ("real", "order", 200),
        ("real", "modify-order", 200),
        ("real", "unlock-trade", 200),
    ],
)
def test_a_key_for_paper_trades_no_real_account(keyed, body_of, key_id, name, status):
    body = body_of(name)
    real = body | {"header": PAPER | {"trd_env": "real"}} if "header" in body else body
    answer = by(keyed, key_id).post(f"/api/{name}", real)
    assert answer.status_code == status
    assert bool(keyed.opend.calls) is (status == 200)


def test_a_key_expires_while_the_gateway_runs(gateway_with):
    gateway = gateway_with(
        keys=[{"id": "a", "scopes": SCOPES, "expires_at": "2023-11-14T22:13:21Z"}], key_id="a"
    )
    assert gateway.get("/api/accounts").status_code == 200
    gateway.clock.advance(1)
    assert gateway.clock.wall_s() == START_S + 1
    assert gateway.get("/api/accounts").status_code == 401


def test_no_keys_let_nobody_in(gateway_with):
    assert gateway_with(keys=[], key_id="all").get("/api/accounts").status_code == 401


def test_a_revoked_key_is_unknown_after_the_next_look(gateway_with):
    gateway = gateway_with(keys=[{"id": "a", "scopes": SCOPES}], key_id="a")
    assert gateway.get("/api/accounts").status_code == 200
    (gateway.directory / "policy.yaml").write_text("version: 1\nkeys: []\n")
    gateway.parts.policy_watch.look()
    assert gateway.get("/api/accounts").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Host": "gateway.example"}, {"Origin": "https://desk.example"}, {"X-Forwarded-For": "1.2.3.4"}],
)
def test_with_a_key_it_does_not_matter_where_a_request_comes_from(keyed, headers):
    assert by(keyed, "all").get("/api/accounts", headers=headers).status_code == 200


def test_no_page_can_post_from_a_form_with_keys_either(keyed):
    answer = by(keyed, "all").post("/api/funds", data=b"{}", content_type="text/plain")
    assert (answer.status_code, answer.json["error"]) == (400, "Content-Type has to be application/json")


def test_a_refused_caller_learns_nothing_of_the_body(keyed):
    assert keyed.post("/api/funds", data=b"nonsense").status_code == 401
    assert by(keyed, "none").post("/api/funds", data=b"nonsense").status_code == 403


def test_an_answer_says_nothing_of_replays_unless_it_is_one(keyed, body_of):
    assert REPLAYED_HEADER not in by(keyed, "all").post("/api/order", body_of("order")).headers
