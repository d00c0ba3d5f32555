"""Answers that the configuration lets a worker keep, and what they tell of their age."""

import pytest
from e2e.examples import BODIES

from gateway.opend.errors import OpenDTimeout, answer_error
from gateway.routes import KEEPABLE, ROUTES, Domain, Kind
from gateway.web import kept

PLATES = {"market": 1, "plate_set_type": "All"}
NO_CACHE = {"Cache-Control": "no-cache"}
PLATE = {"plate": {"market": 1, "code": "BK1001"}, "name": "Banks", "plateType": 1}
CHAIN = {"owner": "HK.00700", "begin_time": "2026-03-01", "end_time": "2026-03-30"}


def plates(*names):
    return [{"s2c": {"plateInfoList": [PLATE | {"name": name}]}} for name in names]


@pytest.fixture
def gateway(gateway_with):
    made = gateway_with({"quote": {"keep_s": dict.fromkeys(KEEPABLE, 60) | {"ipo-list": 0}}})
    made.opend.script("Qot_GetPlateSet", *plates("first", "second", "third"))
    return made


def ask(gateway, body=PLATES, query="", **headers):
    """The plate's name, and what the answer tells of its age."""
    answer = gateway.post(f"/api/plate-set{query}", body, headers=headers)
    assert answer.status_code == 200
    name = answer.json["s2c"]["plate_info_list"][0]["name"]
    return name, answer.headers.get("Age"), answer.headers.get("Cache-Control")


def test_an_answer_is_kept_for_its_time_and_tells_its_age(gateway):
    told = "private, max-age=60"
    assert ask(gateway) == ("first", "0", told)
    gateway.clock.advance(59.9)
    assert ask(gateway) == ("first", "59", told)
    gateway.clock.advance(0.1)
    assert ask(gateway) == ("second", "0", told)
    assert len(gateway.opend.calls) == 2


def test_what_is_not_named_is_always_asked_and_tells_nothing(gateway_with):
    gateway = gateway_with()
    gateway.opend.script("Qot_GetPlateSet", *plates("first", "second"))
    assert [ask(gateway) for _ in range(2)] == [("first", None, None), ("second", None, None)]


def test_a_time_of_zero_keeps_nothing(gateway):
    for _ in range(2):
        assert "Age" not in gateway.post("/api/ipo-list", BODIES["ipo-list"]).headers
    assert len(gateway.opend.calls) == 2


def test_no_cache_asks_anew_and_what_it_gets_is_kept(gateway):
    ask(gateway)
    gateway.clock.advance(30)
    assert ask(gateway, **NO_CACHE)[:2] == ("second", "0")
    gateway.clock.advance(40)
    assert ask(gateway)[:2] == ("second", "40")


def test_another_question_and_another_form_have_answers_of_their_own(gateway):
    ask(gateway)
    assert ask(gateway, PLATES | {"market": 11})[0] == "second"
    assert ask(gateway, query="?int64=string")[0] == "third"
    assert ask(gateway, {"c2s": {"plateSetType": 0, "market": "HK_Security"}})[0] == "first"
    assert len(gateway.opend.calls) == 3


@pytest.mark.parametrize("failure", [answer_error(-1, "no"), answer_error(-100, "x"), OpenDTimeout("late")])
def test_only_good_answers_are_kept(gateway, failure):
    gateway.opend.script("Qot_GetPlateSet", failure, *plates("good"))
    answer = gateway.post("/api/plate-set", PLATES)
    assert answer.status_code >= 400
    assert "Age" not in answer.headers
    assert ask(gateway)[0] == "good"


def test_a_failure_leaves_what_was_kept_before(gateway):
    gateway.opend.script("Qot_GetPlateSet", *plates("first"), answer_error(-1, "no"))
    ask(gateway)
    assert gateway.post("/api/plate-set", PLATES, headers=NO_CACHE).status_code == 400
    assert ask(gateway)[0] == "first"


def test_another_session_with_opend_forgets_all(gateway):
    ask(gateway)
    gateway.opend.session = object()
    assert ask(gateway)[:2] == ("second", "0")


def test_without_a_session_nothing_is_kept_or_served(gateway):
    ask(gateway)
    gateway.opend.session = None
    assert ask(gateway)[0] == "second"
    assert ask(gateway)[0] == "third"


def test_an_answer_from_before_another_session_is_not_kept(gateway, monkeypatch):
    call = gateway.opend.call

    def lose_session(*arguments, **named):
        gateway.opend.session = object()
        return call(*arguments, **named)

    monkeypatch.setattr(gateway.opend, "call", lose_session)
    assert ask(gateway)[0] == "first"
    assert ask(gateway)[0] == "second"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("option-chain", CHAIN | {"condition": "WithIn"}),
        ("option-chain", CHAIN | {"data_filter": {"delta_min": 0.1}}),
        ("plate-security", {"plate": "HK.BK1001", "sort_field": "CurPrice"}),
    ],
)
def test_questions_that_hang_on_prices_are_always_asked(gateway, name, body):
    for _ in range(2):
        answer = gateway.post(f"/api/{name}", body)
        assert answer.status_code == 200
        assert "Age" not in answer.headers
    assert len(gateway.opend.calls) == 2


@pytest.mark.parametrize(
    ("name", "body"),
    [("option-chain", CHAIN), ("plate-security", {"plate": "HK.BK1001", "sort_field": "Code"})],
)
def test_the_same_without_prices_are_kept(gateway, name, body):
    for _ in range(2):
        assert gateway.post(f"/api/{name}", body).headers["Age"] == "0"
    assert len(gateway.opend.calls) == 1


def test_what_was_not_asked_for_longest_makes_room(gateway, monkeypatch):
    size = kept.ENTRY_BYTES + 200
    monkeypatch.setattr(kept, "MAX_BYTES", 2 * size)
    markets = (1, 11, 21)
    gateway.opend.script("Qot_GetPlateSet", *plates("a", "b", "c", "d"))
    for market in (*markets[:2], 1, 21):
        ask(gateway, PLATES | {"market": market})
    assert ask(gateway, PLATES | {"market": 1})[0] == "a"
    assert ask(gateway, PLATES | {"market": 11})[0] == "d"


def test_an_answer_that_is_too_large_is_not_kept(gateway, monkeypatch):
    monkeypatch.setattr(kept, "MAX_ANSWER_BYTES", kept.ENTRY_BYTES)
    assert [ask(gateway)[0] for _ in range(2)] == ["first", "second"]


def test_a_caller_without_the_scope_gets_no_kept_answer(gateway_with):
    keys = [{"id": "reader", "scopes": ["qot:read"]}, {"id": "accounts", "scopes": ["acc:read"]}]
    gateway = gateway_with({"quote": {"keep_s": {"plate-set": 60}}}, keys=keys, key_id="reader")
    gateway.opend.script("Qot_GetPlateSet", *plates("first"))
    ask(gateway)
    gateway.key_id = "accounts"
    assert gateway.post("/api/plate-set", PLATES).status_code == 403


def test_what_may_be_kept_is_shared_and_no_price():
    for route in ROUTES:
        if route.may_be_kept:
            assert route.is_shared
            assert (route.domain, route.kind) == (Domain.QUOTE, Kind.READ)
    assert set(KEEPABLE) & {"snapshot", "market-state", "warrant", "stock-filter", "user-security"} == set()
