import pytest

from gateway.routes import ROUTES, Domain, Kind
from gateway.scope import Scope

MINE, OTHER = 987654, 281756479345015383
SCOPES = [str(scope) for scope in Scope]
TEXT = "this account is not allowed"
WITH_ACCOUNT = [
    route
    for route in ROUTES
    if route.domain is Domain.TRADE and route.name not in ("accounts", "unlock-trade")
]


@pytest.fixture
def mine(gateway_with):
    """A key for one account."""
    return gateway_with(keys=[{"id": "a", "scopes": SCOPES, "allowed_acc_ids": [MINE]}], key_id="a")


def body_for(body_of, route, acc_id):
    body = body_of(route.name)
    if route.name == "sub-acc-push":
        return {"acc_id_list": [MINE, acc_id]}
    return body | {"header": {"trd_env": "simulate", "acc_id": acc_id, "trd_market": "HK"}}


def test_these_are_all_calls_that_name_an_account():
    assert len(WITH_ACCOUNT) == 12


@pytest.mark.parametrize("route", WITH_ACCOUNT, ids=lambda route: route.name)
def test_another_account_is_403_whether_it_exists_or_not(mine, body_of, route):
    for acc_id in (OTHER, 1):
        answer = mine.post(route.path, body_for(body_of, route, acc_id))
        assert (answer.status_code, answer.json) == (403, {"error": TEXT})
    assert not mine.opend.calls


@pytest.mark.parametrize("route", WITH_ACCOUNT, ids=lambda route: route.name)
def test_the_own_account_is_served(mine, body_of, route):
    assert mine.post(route.path, body_for(body_of, route, MINE)).status_code == 200


@pytest.mark.parametrize("operation", ["NORMAL", "CANCEL", "DISABLE", "ENABLE", "DELETE"])
def test_no_change_reaches_another_account(mine, operation):
    header = {"trd_env": "simulate", "acc_id": OTHER, "trd_market": "HK"}
    body = {"header": header, "order_id": 1, "modify_order_op": operation, "qty": 1, "price": 1}
    assert mine.post("/api/modify-order", body).status_code == 403
    everything = {"header": header, "order_id": 0, "modify_order_op": "CANCEL", "for_all": True}
    assert mine.post("/api/modify-order", everything).status_code == 403
    assert not mine.opend.calls


def account(acc_id):
    return {"trdEnv": 0, "accID": acc_id, "trdMarketAuthList": [1]}


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [([MINE], [MINE]), ([1], []), ([], []), (None, [MINE, OTHER, 5]), ([5, OTHER], [OTHER, 5])],
)
def test_the_list_of_accounts_shows_the_callers_alone(gateway_with, allowed, shown):
    key = {"id": "a", "scopes": ["acc:read"]} | ({} if allowed is None else {"allowed_acc_ids": allowed})
    gateway = gateway_with(keys=[key], key_id="a")
    gateway.opend.script("Trd_GetAccList", {"s2c": {"accList": [account(each) for each in (MINE, OTHER, 5)]}})
    listed = gateway.get("/api/accounts").json["s2c"]["acc_list"]
    assert [each["acc_id"] for each in listed] == shown


def test_a_key_without_accounts_reads_none(gateway_with, body_of):
    gateway = gateway_with(keys=[{"id": "a", "scopes": SCOPES, "allowed_acc_ids": []}], key_id="a")
    for route in WITH_ACCOUNT:
        assert gateway.post(route.path, body_for(body_of, route, MINE)).status_code == 403
    assert not gateway.opend.calls


def test_the_desk_denies_what_the_reads_refuse_with_the_same_words(mine, body_of):
    writes = [route for route in WITH_ACCOUNT if route.kind is Kind.WRITE]
    assert {route.name for route in writes} == {"order", "modify-order"}
    for route in writes:
        mine.post(route.path, body_for(body_of, route, OTHER))
    assert [(line["kind"], line["reason"]) for line in mine.audit()] == [("decision", "account")] * 2
