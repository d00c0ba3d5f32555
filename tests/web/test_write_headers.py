import pytest
from e2e.examples import BODIES

from gateway.opend.client import CallKind
from gateway.opend.errors import OutcomeUnknown

ORDER = BODIES["order"]
WRITES = ["order", "modify-order", "unlock-trade"]
ONE_A_MINUTE = {"id": "a", "scopes": ["trade:simulate", "acc:read"], "limits": {"max_orders_per_minute": 1}}


def dry(gateway, name="order", body=None, **headers):
    return gateway.post(f"/api/{name}", body or ORDER, headers={"X-Dry-Run": "true", **headers})


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("header", ["X-Dry-Run", "X-Allow-Duplicate"])
@pytest.mark.parametrize("value", ["", "1", "yes", "True", "TRUE", "true,true", " true x", "falsch"])
def test_a_flag_that_is_neither_true_nor_false_is_400(gateway, body_of, name, header, value):
    answer = gateway.post(f"/api/{name}", body_of(name), headers={header: value})
    assert (answer.status_code, answer.json["field"]) == (400, header)
    assert not gateway.opend.calls


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("header", ["X-Dry-Run", "X-Allow-Duplicate"])
def test_false_is_as_if_nothing_was_said(gateway, body_of, name, header):
    answer = gateway.post(f"/api/{name}", body_of(name), headers={header: "false"})
    assert (answer.status_code, "dry_run" in answer.json) == (200, False)


@pytest.mark.parametrize("name", WRITES)
def test_a_dry_run_sends_nothing_and_leaves_no_intent(gateway, body_of, name):
    answer = dry(gateway, name, body_of(name))
    assert answer.status_code == 200
    assert answer.json["dry_run"] is True
    assert "X-Intent-Id" not in answer.headers
    assert CallKind.WRITE not in {call.kind for call in gateway.opend.calls}
    assert not gateway.parts.ledger.intents_since(0)


def test_a_dry_run_says_what_would_be_sent(gateway):
    answer = dry(gateway)
    told = {"kind": "place", "trd_env": "simulate", "acc_id": 987654, "security": "HK.00700"}
    assert answer.json.items() >= (told | {"trd_side": "BUY", "qty": 100.0, "price": 300.0}).items()
    as_text = gateway.post("/api/order?int64=string", ORDER, headers={"X-Dry-Run": "true"})
    assert as_text.json["acc_id"] == "987654"


def test_a_dry_run_charges_nothing_and_is_denied_as_the_order_would_be(gateway_with):
    gateway = gateway_with(keys=[ONE_A_MINUTE], key_id="a")
    assert [dry(gateway).status_code for _ in range(3)] == [200] * 3
    assert gateway.post("/api/order", ORDER).status_code == 200
    denied = dry(gateway)
    assert denied.status_code == 429
    assert denied.json == {
        "error": "limit check failed: rate limit exceeded: 1 orders in the last 60s (cap 1)"
    }
    assert denied.headers["Retry-After"] == "60"


def test_a_dry_run_claims_no_name(gateway):
    for headers in ({"Idempotency-Key": "k"}, {}):
        body = ORDER | {"packet_id": {"conn_id": 1, "serial_no": 1}}
        assert dry(gateway, body=body, **headers).json["dry_run"] is True
        assert "dry_run" not in gateway.post("/api/order", body, headers=headers).json


def test_a_duplicate_passes_when_it_is_meant(gateway_with):
    key = {"id": "a", "scopes": ["trade:simulate"], "limits": {"duplicate_window": 10}}
    gateway = gateway_with(keys=[key], key_id="a")
    assert gateway.post("/api/order", ORDER).status_code == 200
    denied = gateway.post("/api/order", ORDER)
    assert denied.json["error"].startswith("limit check failed: duplicate order")
    assert gateway.post("/api/order", ORDER, headers={"X-Allow-Duplicate": "true"}).status_code == 200


PAGE_TEXT = b'{"error":"limit check failed: rate limit exceeded: 3 orders in the last 60s (cap 3)"}'


def test_the_fourth_order_in_60_s_gets_the_pages_text(gateway_with):
    gateway = gateway_with(keys=[ONE_A_MINUTE | {"limits": {"max_orders_per_minute": 3}}], key_id="a")
    assert [gateway.post("/api/order", ORDER).status_code for _ in range(3)] == [200] * 3
    gateway.clock.advance(59)
    answer = gateway.post("/api/order", ORDER)
    assert (answer.status_code, answer.data, answer.headers["Retry-After"]) == (429, PAGE_TEXT, "1")
    gateway.clock.advance(1)
    assert gateway.post("/api/order", ORDER).status_code == 200


# GET /api/orders/intent/<id>


def intent_of(gateway, intent_id, **kwargs):
    return gateway.get(f"/api/orders/intent/{intent_id}", **kwargs)


def test_an_orders_state_is_told(gateway):
    gateway.opend.script("Trd_PlaceOrder", {"s2c": {"header": header(), "orderID": 2**62, "orderIDEx": "x1"}})
    placed = gateway.post("/api/order", ORDER, headers={"X-Request-Id": "r1"})
    intent_id = placed.headers["X-Intent-Id"]
    assert intent_of(gateway, intent_id).json == {
        "intent_id": intent_id,
        "state": "accepted",
        "kind": "place",
        "trd_env": "simulate",
        "acc_id": 987654,
        "trd_market": "HK",
        "security": "HK.00700",
        "trd_side": "BUY",
        "qty": 100.0,
        "price": 300.0,
        "order_id": 2**62,
        "order_id_ex": "x1",
        "remark": f"gw-{intent_id}",
        "request_id": "r1",
        "created_at": "2023-11-14T22:13:20.000Z",
        "sent_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:20.000Z",
    }
    as_text = intent_of(gateway, intent_id + "?int64=string").json
    assert (as_text["acc_id"], as_text["order_id"]) == ("987654", str(2**62))


def header():
    return {"trdEnv": 0, "accID": 987654, "trdMarket": 1}


def test_an_unknown_outcome_is_told(gateway):
    gateway.opend.script("Trd_PlaceOrder", OutcomeUnknown("it may have taken effect"))
    intent_id = gateway.post("/api/order", ORDER).json["intent_id"]
    told = intent_of(gateway, intent_id).json
    assert (told["state"], told["detail"]) == ("unknown", "it may have taken effect")
    assert "order_id" not in told


STRANGE = ["0" * 26, "x", "0" * 25, "%00" * 26, "%ff", "I" * 26, "..", "0" * 26 + "%2f"]


@pytest.mark.parametrize("intent_id", STRANGE)
def test_an_intent_that_does_not_exist_is_not_found(gateway, intent_id):
    answer = intent_of(gateway, intent_id)
    assert (answer.status_code, answer.data) == (404, b'{"error": "not found"}')


def test_an_intent_of_another_key_or_account_looks_like_none(gateway_with):
    scopes = ["acc:read", "trade:simulate"]
    gateway = gateway_with(keys=[{"id": each, "scopes": scopes} for each in ("a", "b")], key_id="a")
    intent_id = gateway.post("/api/order", ORDER).headers["X-Intent-Id"]
    assert intent_of(gateway, intent_id).status_code == 200
    gateway.key_id = "b"
    assert intent_of(gateway, intent_id).data == b'{"error": "not found"}'
    gateway.key_id = "a"
    narrow(gateway, scopes)
    assert intent_of(gateway, intent_id).data == b'{"error": "not found"}'


def narrow(gateway, scopes):
    """Take the account from the key, as a change of the policy file does."""
    from fix_web import write_policy

    write_policy(gateway.directory / "policy.yaml", {"id": "a", "scopes": scopes, "allowed_acc_ids": [1]})
    gateway.parts.policy_watch.look()


def test_an_intent_takes_no_parameter_but_int64(gateway):
    answer = intent_of(gateway, "0" * 26 + "?verbose=1")
    assert (answer.status_code, answer.json["field"]) == (400, "verbose")
