"""Orders that are asked for twice, by Idempotency-Key or by a packet id of the caller's own."""

import json
from types import SimpleNamespace

import gevent
import pytest
from e2e.examples import BODIES, PAGE_ORDER

from gateway.ledger.base import IntentState, LedgerUnavailable, Resolution, Step
from gateway.opend.errors import ConnectionLost, NotSent, OpenDTimeout, OutcomeUnknown
from gateway.web.replay import REPLAYED_HEADER
from gateway.web.write import WriteOptions

ORDER = BODIES["order"]
CANCEL = BODIES["modify-order"] | {"order_id": 4883217202603317248}
PLACED = {
    "s2c": {"header": {"trdEnv": 0, "accID": 987654, "trdMarket": 1}, "orderID": 7, "orderIDEx": "1741803"}
}
PACKET = {"packet_id": {"conn_id": 12345, "serial_no": 1}}
LIMIT_S = 10
DAY_S = 24 * 3600


@pytest.fixture
def gateway(gateway):
    gateway.opend.script("Trd_PlaceOrder", PLACED)
    gateway.opend.script("Trd_ModifyOrder", PLACED)
    return gateway


def place(gateway, body=None, key="k1", route="order", **headers):
    named = {} if key is None else {"Idempotency-Key": key}
    return gateway.post(f"/api/{route}", ORDER if body is None else body, headers=named | headers)


def sent(gateway):
    """How many orders and changes of orders went to OpenD."""
    return sum(name in ("Trd_PlaceOrder", "Trd_ModifyOrder") for name in gateway.opend.names())


def assert_replayed(answer, first):
    assert (answer.status_code, answer.data) == (first.status_code, first.data)
    assert answer.headers[REPLAYED_HEADER] == "true"
    assert answer.headers["X-Intent-Id"] == first.headers["X-Intent-Id"]
    assert answer.content_type == "application/json"


@pytest.mark.parametrize(("route", "body"), [("order", ORDER), ("modify-order", CANCEL)])
def test_the_same_key_gets_the_first_answer_again(gateway, route, body):
    first = place(gateway, body, route=route)
    assert first.status_code == 200
    assert REPLAYED_HEADER not in first.headers
    for _ in range(2):
        assert_replayed(place(gateway, body, route=route), first)
    assert sent(gateway) == 1


def test_without_a_key_each_request_is_an_order(gateway):
    assert [place(gateway, key=None).status_code for _ in range(2)] == [200, 200]
    assert sent(gateway) == 2


def test_the_first_answer_is_kept_for_24_hours(gateway):
    first = place(gateway)
    gateway.clock.advance(DAY_S - 1)
    assert_replayed(place(gateway), first)
    gateway.clock.advance(1)
    assert REPLAYED_HEADER not in place(gateway).headers
    assert sent(gateway) == 2


@pytest.mark.parametrize("step_s", [61, 25 * 3600])
@pytest.mark.parametrize("name", [{}, {"key": None, "body": ORDER | PACKET}])
def test_a_clock_that_is_set_ahead_forgets_no_answer_early(gateway, step_s, name):
    first = place(gateway, **name)
    gateway.clock.advance(10)
    gateway.clock.wall += step_s
    place(gateway, key="another")
    assert_replayed(place(gateway, **name), first)
    gateway.clock.advance(49)
    assert_replayed(place(gateway, **name), first)
    assert sent(gateway) == 2


def test_another_body_is_422(gateway):
    place(gateway)
    answer = place(gateway, ORDER | {"qty": 200})
    assert answer.status_code == 422
    assert set(answer.json) == {"error"}
    assert sent(gateway) == 1


def test_the_same_order_in_other_words_is_the_same_body(gateway):
    first = place(gateway)
    spelled = {"c2s": {**ORDER, "trd_side": 1, "order_type": "Normal", "sec_market": 1, **PACKET}}
    assert_replayed(place(gateway, spelled), first)


def test_a_key_counts_for_each_route_and_each_caller(gateway_with):
    keys = [{"id": each, "scopes": ["trade:simulate"]} for each in ("a", "b")]
    gateway = gateway_with(keys=keys)
    for gateway.key_id in ("a", "b"):
        assert REPLAYED_HEADER not in place(gateway).headers
        assert REPLAYED_HEADER not in place(gateway, CANCEL, route="modify-order").headers
    assert sent(gateway) == 4


def test_a_rejection_of_opend_is_kept(gateway):
    gateway.opend.script("Trd_PlaceOrder", {"retType": -1, "retMsg": "账户购买力不足"}, PLACED)
    first = place(gateway)
    assert (first.status_code, first.json["ret_msg"]) == (400, "账户购买力不足")
    assert_replayed(place(gateway), first)
    assert sent(gateway) == 1


NOT_KEPT = [
    NotSent("late"),
    {"retType": -1, "retMsg": "频率太高，每30秒最多15次。"},
]


@pytest.mark.parametrize("outcome", NOT_KEPT, ids=["not sent", "limited"])
def test_what_opend_did_not_take_may_be_sent_later_with_the_same_key(gateway, outcome):
    gateway.opend.script("Trd_PlaceOrder", outcome, PLACED)
    assert place(gateway).status_code in (429, 500)
    second = place(gateway)
    assert second.status_code == 200
    assert REPLAYED_HEADER not in second.headers


def test_a_denial_may_be_sent_later_with_the_same_key(gateway_with):
    key = {"id": "a", "scopes": ["trade:simulate"], "limits": {"max_orders_per_minute": 1}}
    gateway = gateway_with(keys=[key], key_id="a")
    place(gateway, key="other")
    denied = place(gateway)
    assert denied.status_code == 429
    assert "X-Intent-Id" not in denied.headers
    gateway.clock.advance(60)
    assert place(gateway).status_code == 200
    assert sent(gateway) == 2


def test_a_wrong_body_claims_nothing(gateway):
    assert place(gateway, ORDER | {"qty": "x"}).status_code == 400
    assert place(gateway).status_code == 200


CAUSES = [ConnectionLost("gone"), OpenDTimeout("silent")]


@pytest.mark.parametrize("cause", CAUSES, ids=["lost", "timeout"])
@pytest.mark.parametrize("body", [ORDER, CANCEL], ids=["place", "cancel"])
def test_an_unknown_outcome_is_kept_and_never_sent_again(gateway, cause, body):
    route = "order" if body is ORDER else "modify-order"
    gateway.opend.script(
        "Trd_PlaceOrder" if body is ORDER else "Trd_ModifyOrder", OutcomeUnknown("it may have", cause), PLACED
    )
    first = place(gateway, body, route=route)
    assert (first.status_code, first.json["outcome"]) == (500, "unknown")
    gateway.clock.advance(3600)
    assert_replayed(place(gateway, body, route=route), first)
    assert sent(gateway) == 1


RESOLVED = [
    (Step(state=IntentState.RESOLVED, resolution=Resolution.ACCEPTED, order_id=9, order_id_ex="x9"), 200),
    (Step(state=IntentState.RESOLVED, resolution=Resolution.REJECTED, detail="no money"), 400),
    (Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT), 500),
]


@pytest.mark.parametrize(("step", "status"), RESOLVED, ids=["accepted", "rejected", "absent"])
def test_once_it_is_known_what_became_of_it_that_is_the_answer(gateway, step, status):
    gateway.opend.script("Trd_PlaceOrder", OutcomeUnknown("it may have"), PLACED)
    intent_id = place(gateway).json["intent_id"]
    gateway.parts.ledger.advance(intent_id, step, gateway.clock.wall_s())
    answer = place(gateway)
    assert answer.status_code == status
    assert answer.headers[REPLAYED_HEADER] == "true"
    if status == 200:
        assert (answer.json["s2c"]["order_id"], answer.json["s2c"]["order_id_ex"]) == (9, "x9")
        assert answer.json["s2c"]["header"] == {"trd_env": 1, "acc_id": 987654, "trd_market": 1}
    if status == 400:
        assert answer.json["error"] == "OpenD rejected this order: no money"
    if status == 500:
        assert (answer.json["outcome"], answer.json["intent_id"]) == ("absent", intent_id)
    assert sent(gateway) == 1


class Death(BaseException):
    """Ends a request as the end of its worker does: nothing after it is done."""


def killed(gateway, monkeypatch, target, name, when="before", **request):
    """A first request that dies when it comes to a step; returns its intent's id."""
    step, seen = getattr(target, name), []

    def watching(key, body_hash, intent_id, now_s, **more):
        seen.append(intent_id)
        return begin(key, body_hash, intent_id, now_s, **more)

    def dying(*arguments, **keywords):
        if when == "after":
            step(*arguments, **keywords)
        raise Death

    begin = gateway.parts.ledger.begin_replay
    with monkeypatch.context() as patched:
        patched.setattr(gateway.parts.ledger, "begin_replay", watching)
        patched.setattr(target, name, dying)
        with pytest.raises(Death):
            place(gateway, **request)
    return seen[-1]


def test_died_before_anything_was_reserved_then_sent_once_later(gateway, monkeypatch):
    intent_id = killed(gateway, monkeypatch, gateway.parts.ledger, "reserve")
    assert place(gateway).status_code == 409
    gateway.clock.advance(60)
    answer = place(gateway)
    assert answer.status_code == 200
    assert answer.headers["X-Intent-Id"] == intent_id
    assert_replayed(place(gateway), answer)
    assert sent(gateway) == 1


def test_died_once_reserved_then_nothing_is_sent_until_it_is_given_up(gateway, monkeypatch):
    intent_id = killed(gateway, monkeypatch, gateway.parts.ledger, "reserve", when="after")
    gateway.clock.advance(60)
    assert place(gateway).status_code == 409
    gateway.parts.ledger.advance(intent_id, Step(state=IntentState.ABANDONED), gateway.clock.wall_s())
    answer = place(gateway)
    assert answer.status_code == 200
    assert answer.headers["X-Intent-Id"] != intent_id
    assert sent(gateway) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_died_around_sending_then_the_outcome_is_unknown(gateway, monkeypatch, when):
    intent_id = killed(gateway, monkeypatch, gateway.opend, "call", when)
    assert place(gateway).status_code == 409
    gateway.clock.advance(60)
    answer = place(gateway)
    assert (answer.status_code, answer.json["outcome"], answer.json["intent_id"]) == (
        500,
        "unknown",
        intent_id,
    )
    assert sent(gateway) == (when == "after")


def test_died_before_its_answer_was_kept_then_the_record_answers(gateway, monkeypatch):
    killed(gateway, monkeypatch, gateway.parts.ledger, "finish_replay")
    answer = place(gateway)
    assert answer.status_code == 200
    assert answer.json["s2c"]["order_id"] == 7
    assert answer.json["s2c"]["order_id_ex"] == "1741803"
    assert sent(gateway) == 1


def test_a_cancel_that_died_is_not_sent_again_and_may_have_taken_effect(gateway, monkeypatch):
    request = {"body": CANCEL, "route": "modify-order"}
    killed(gateway, monkeypatch, gateway.opend, "call", **request)
    assert place(gateway, **request).status_code == 409
    gateway.clock.advance(60)
    answer = place(gateway, **request)
    assert (answer.status_code, answer.json["outcome"]) == (500, "unknown")
    assert sent(gateway) == 0


def test_two_that_go_on_for_a_dead_one_send_once(gateway, monkeypatch):
    """Both find that the first one died; the ledger lets one of them reserve."""
    killed(gateway, monkeypatch, gateway.parts.ledger, "reserve")
    gateway.clock.advance(60)
    reserve, answers = gateway.parts.ledger.reserve, []

    def overtaken(*arguments, **keywords):
        with monkeypatch.context() as patched:
            patched.setattr(gateway.parts.ledger, "reserve", reserve)
            answers.append(place(gateway))
        return reserve(*arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(gateway.parts.ledger, "reserve", overtaken)
        answers.append(place(gateway))
    assert sent(gateway) == 1
    assert answers[0].status_code == 200
    assert (answers[1].status_code, answers[1].json["outcome"]) == (500, "unknown")
    assert place(gateway).json["s2c"]["order_id"] == 7


def test_a_late_denial_does_not_free_the_name_of_an_order_that_went_out(gateway, monkeypatch):
    """The first request is so slow that it is taken for dead, and cannot be judged after all."""
    reserve, answers = gateway.parts.ledger.reserve, []

    def overtaken(*arguments, **keywords):
        gateway.clock.advance(60)
        with monkeypatch.context() as patched:
            patched.setattr(gateway.parts.ledger, "reserve", reserve)
            answers.append(place(gateway))
        raise LedgerUnavailable("too slow")

    with monkeypatch.context() as patched:
        patched.setattr(gateway.parts.ledger, "reserve", overtaken)
        assert place(gateway).status_code == 500
    assert_replayed(place(gateway), answers[0])
    assert sent(gateway) == 1


@pytest.mark.parametrize(("late_s", "is_kept"), [(1, False), (60, True)])
def test_a_late_denial_does_not_free_the_name_while_another_is_about_to_send(
    gateway, monkeypatch, late_s, is_kept
):
    """The other one, which took the first for dead, has not reserved yet: nothing tells of it."""
    tried = []

    def refuse(intent, *arguments, **keywords):
        tried.append(intent.intent_id)
        gateway.clock.advance(late_s)
        raise LedgerUnavailable("too slow")

    with monkeypatch.context() as patched:
        patched.setattr(gateway.parts.ledger, "reserve", refuse)
        assert place(gateway).status_code == 500
    answer = place(gateway)
    assert answer.status_code == 200
    assert (answer.headers["X-Intent-Id"] in tried) is is_kept


def in_the_middle(gateway, monkeypatch, act):
    """Run `act` while the first order is at OpenD."""
    call, answers = gateway.opend.call, []

    def called(*arguments, **keywords):
        monkeypatch.setattr(gateway.opend, "call", call)
        answers.append(act())
        return call(*arguments, **keywords)

    monkeypatch.setattr(gateway.opend, "call", called)
    return answers


def test_a_repetition_while_the_first_one_runs_is_409(gateway, monkeypatch):
    answers = in_the_middle(gateway, monkeypatch, lambda: place(gateway))
    first = place(gateway)
    assert (answers[0].status_code, answers[0].headers["Retry-After"]) == (409, "1")
    assert set(answers[0].json) == {"error"}
    assert first.status_code == 200
    assert_replayed(place(gateway), first)
    assert sent(gateway) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a,b", "é", "x" * 129, "a\tb"])
def test_a_key_of_another_form_is_400(gateway, key):
    answer = place(gateway, key=key)
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")
    assert not gateway.opend.calls


@pytest.mark.parametrize("key", ["a", "x" * 128, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a.b:c/d+e=~_-"])
def test_a_key_may_have_what_ids_have(key):
    assert WriteOptions.of({"HTTP_IDEMPOTENCY_KEY": key}).idempotency_key == key


def test_unlocking_is_done_each_time_and_nothing_of_its_password_is_kept(gateway):
    for _ in range(2):
        answer = gateway.post("/api/unlock-trade", BODIES["unlock-trade"], headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
    assert gateway.opend.names() == ["Trd_UnlockTrade"] * 2


# A packet id of the caller's own


def test_the_pages_order_sent_twice_within_60_s_is_one_order(gateway):
    body = json.loads(PAGE_ORDER)
    first = place(gateway, body, key=None)
    gateway.clock.advance(59.9)
    assert_replayed(place(gateway, body, key=None), first)
    assert sent(gateway) == 1
    gateway.clock.advance(0.1)
    assert REPLAYED_HEADER not in place(gateway, body, key=None).headers
    assert sent(gateway) == 2


OTHERS = [
    {"qty": 200},
    {"price": 301},
    {"packet_id": {"conn_id": 12345, "serial_no": 2}},
    {"packet_id": {"conn_id": 12346, "serial_no": 1}},
]


@pytest.mark.parametrize("change", OTHERS)
def test_another_body_or_another_packet_is_another_order(gateway, change):
    place(gateway, ORDER | PACKET, key=None)
    assert REPLAYED_HEADER not in place(gateway, ORDER | PACKET | change, key=None).headers
    assert sent(gateway) == 2


SPELLINGS = [
    {"packetID": {"connID": 12345, "serialNo": 1}},
    {"packet_id": {"conn_id": "12345", "serial_no": 1}},
]


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_packet_is_the_same_however_it_is_spelled(gateway, spelled):
    first = place(gateway, ORDER | PACKET, key=None)
    assert_replayed(place(gateway, {"c2s": ORDER | spelled}, key=None), first)


def test_the_header_is_stronger_than_the_packet(gateway):
    place(gateway, ORDER | PACKET, key="k1")
    assert REPLAYED_HEADER not in place(gateway, ORDER | PACKET, key="k2").headers
    assert sent(gateway) == 2


def test_a_cancel_with_a_packet_is_sent_once(gateway):
    first = place(gateway, CANCEL | PACKET, key=None, route="modify-order")
    assert_replayed(place(gateway, CANCEL | PACKET, key=None, route="modify-order"), first)
    assert sent(gateway) == 1


def test_a_packet_that_comes_again_while_the_first_runs_waits_for_its_answer(gateway, monkeypatch):
    waiting = []

    def repeat():
        waiting.append(gevent.spawn(place, gateway, ORDER | PACKET, None))
        gevent.sleep(0)

    in_the_middle(gateway, monkeypatch, repeat)
    first = place(gateway, ORDER | PACKET, key=None)
    assert_replayed(waiting[0].get(timeout=LIMIT_S), first)
    assert sent(gateway) == 1


def test_a_packet_whose_first_order_has_no_answer_in_time_is_unknown(gateway, monkeypatch):
    intent_id = killed(gateway, monkeypatch, gateway.opend, "call", body=ORDER | PACKET, key=None)
    # Of this module alone: what runs in the background has to go on sleeping.
    monkeypatch.setattr("gateway.web.replay.gevent", SimpleNamespace(sleep=gateway.clock.advance))
    answer = place(gateway, ORDER | PACKET, key=None)
    assert (answer.status_code, answer.json["outcome"]) == (500, "unknown")
    assert answer.json["intent_id"] == intent_id
    assert sent(gateway) == 0


def test_a_packet_that_waits_goes_out_itself_when_the_first_one_was_denied(gateway, monkeypatch):
    waiting = []

    def repeat_then_give_up():
        waiting.append(gevent.spawn(place, gateway, ORDER | PACKET, None))
        gevent.sleep(0.01)
        raise NotSent("late")

    in_the_middle(gateway, monkeypatch, repeat_then_give_up)
    assert place(gateway, ORDER | PACKET, key=None).json["outcome"] == "not_sent"
    answer = waiting[0].get(timeout=LIMIT_S)
    assert (answer.status_code, REPLAYED_HEADER in answer.headers) == (200, False)
    assert sent(gateway) == 1


# The ledger away


def away(gateway, monkeypatch, *names):
    def fail(*arguments, **keywords):
        raise LedgerUnavailable("the ledger is away")

    for name in names:
        monkeypatch.setattr(gateway.parts.ledger, name, fail)


@pytest.mark.parametrize("request_of", [{"key": "k"}, {"key": None, "body": ORDER | PACKET}, {"key": None}])
def test_without_the_ledger_no_order_is_sent_and_the_audit_says_so(gateway, monkeypatch, request_of):
    away(gateway, monkeypatch, "begin_replay", "reserve", "trading_state")
    answer = place(gateway, **request_of)
    assert answer.status_code == 500
    assert answer.json["error"] == "limit check failed: the ledger cannot be asked: the ledger is away"
    assert "X-Intent-Id" not in answer.headers
    assert not gateway.opend.calls
    assert [(line["kind"], line["reason"]) for line in gateway.audit()] == [("decision", "store_unavailable")]


def test_an_order_whose_name_the_ledger_did_not_take_is_not_sent(gateway, monkeypatch):
    away(gateway, monkeypatch, "begin_replay")
    assert place(gateway).json["error"].startswith("limit check failed: the ledger cannot be asked")
    assert not gateway.opend.calls


@pytest.mark.parametrize("request_of", [{"key": "k"}, {"key": None, "body": CANCEL | PACKET}])
def test_without_the_ledger_cancels_go_on(gateway, monkeypatch, request_of):
    away(gateway, monkeypatch, "begin_replay", "finish_replay", "drop_replay", "find_intent")
    answer = place(gateway, **{"body": CANCEL, "route": "modify-order", **request_of})
    assert answer.status_code == 200
    assert sent(gateway) == 1


@pytest.mark.parametrize(
    ("outcome", "status"), [(PLACED, 200), ({"retType": -1, "retMsg": "no"}, 400), (NotSent("late"), 500)]
)
def test_an_answer_that_cannot_be_kept_is_given_nevertheless(gateway, monkeypatch, caplog, outcome, status):
    away(gateway, monkeypatch, "finish_replay", "drop_replay")
    gateway.opend.script("Trd_PlaceOrder", outcome)
    assert place(gateway).status_code == status
    assert "the ledger is away" in caplog.text
