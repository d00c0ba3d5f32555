"""`GET /ready`: 200 only when OpenD, ledger and policy are good, and why not; it asks nobody."""

import json

import pytest
from fix_gateway import wait_until

from gateway.ledger.base import LedgerUnavailable
from gateway.opend.client import ClientStatus
from gateway.opend.errors import OpenDRefused, OpenDTimeout
from gateway.opend.pool import ConnectionStatus, PoolCounters
from gateway.opend.protocol import SessionState
from gateway.web.login_watch import MAX_AGE_S, NO_ANSWER, NO_CONNECTION, NOT_ASKED

READY = {"status": "ready"}
STATE = {
    **dict.fromkeys(("marketHK", "marketUS", "marketSH", "marketSZ", "marketHKFuture"), 3),
    "serverVer": 1011,
    "serverBuildNo": 1,
    "time": 1,
}


def global_state(quotes, trading):
    return {"s2c": {**STATE, "qotLogined": quotes, "trdLogined": trading}}


def connected():
    pinned = ConnectionStatus(True, SessionState.READY, None, 1, 1011, 0)
    return ClientStatus((pinned,), 0, 0, PoolCounters(), {}, False)


def reasons(gateway):
    answer = gateway.get("/ready")
    if answer.status_code == 200:
        assert answer.json == READY
        return []
    assert answer.status_code == 503
    assert answer.json["error"] == "not ready"
    assert set(answer.json) == {"error", "reasons"}
    return answer.json["reasons"]


def make_ready(gateway):
    gateway.opend.status = connected
    gateway.opend.script("GetGlobalState", global_state(True, True))
    gateway.parts.login_watch.look()
    gateway.parts.ledger.open_intents()


@pytest.fixture
def ready_gateway(gateway):
    make_ready(gateway)
    return gateway


def look(gateway, *outcomes):
    gateway.opend.script("GetGlobalState", *outcomes)
    gateway.parts.login_watch.look()


def test_it_is_ready_and_asks_nobody(ready_gateway):
    asked = len(ready_gateway.opend.calls)
    assert reasons(ready_gateway) == []
    assert len(ready_gateway.opend.calls) == asked


def test_head_is_answered_as_get_is(ready_gateway):
    assert ready_gateway.request("HEAD", "/ready").status_code == 200
    look(ready_gateway, global_state(False, True))
    answer = ready_gateway.request("HEAD", "/ready")
    assert (answer.status_code, answer.data) == (503, b"")


def test_a_worker_that_has_not_looked_yet_is_not_ready(gateway):
    assert reasons(gateway) == [NO_CONNECTION, "ledger: not asked yet"]
    gateway.opend.status = connected
    assert reasons(gateway) == [NOT_ASKED, "ledger: not asked yet"]


@pytest.mark.parametrize(
    ("quotes", "trading", "expected"),
    [
        (False, True, ["OpenD: not logged in for quotes"]),
        (True, False, ["OpenD: not logged in for trading"]),
        (False, False, ["OpenD: not logged in for quotes", "OpenD: not logged in for trading"]),
    ],
)
def test_a_login_that_is_missing_is_a_reason_until_it_is_back(ready_gateway, quotes, trading, expected):
    look(ready_gateway, global_state(quotes, trading))
    assert reasons(ready_gateway) == expected
    look(ready_gateway, global_state(True, True))
    assert reasons(ready_gateway) == []


@pytest.mark.parametrize("error", [OpenDTimeout("OpenD at 10.9.8.7:1 is silent"), OpenDRefused(-1, "no")])
def test_an_opend_that_does_not_say_is_not_ready_and_its_address_stays_here(ready_gateway, error):
    look(ready_gateway, error)
    assert reasons(ready_gateway) == [NO_ANSWER]


def test_a_connection_that_is_lost_shows_at_once(ready_gateway):
    del ready_gateway.opend.status
    assert reasons(ready_gateway) == [NO_CONNECTION]


def test_without_a_connection_nothing_is_asked(gateway):
    gateway.parts.login_watch.look()
    assert not gateway.opend.calls


def test_an_old_answer_is_not_believed(ready_gateway):
    ready_gateway.clock.advance(MAX_AGE_S)
    assert reasons(ready_gateway) == []
    ready_gateway.clock.advance(0.1)
    assert reasons(ready_gateway) == [NOT_ASKED]


def test_a_ledger_that_fails_is_a_reason_until_it_answers(ready_gateway):
    ready_gateway.parts.ledger_health.note_failure()
    assert reasons(ready_gateway) == ["ledger: no answer"]
    ready_gateway.parts.ledger.open_intents()
    assert reasons(ready_gateway) == []


def test_a_ledger_that_never_answered_is_not_ready(gateway_with):
    class Away:
        def open_intents(self, *_):
            raise LedgerUnavailable("redis at 10.9.8.7 is away")

        renew_lease = end_lease = open_intents

        def close(self):
            pass

    gateway = gateway_with(ledger=Away())
    with pytest.raises(LedgerUnavailable):
        gateway.parts.ledger.open_intents()
    assert reasons(gateway) == [NO_CONNECTION, "ledger: no answer"]


def test_a_policy_that_is_stale_is_a_reason_until_the_file_is_right(gateway_with):
    gateway = gateway_with(keys=[{"id": "sesame"}])
    make_ready(gateway)
    file, watch = gateway.directory / "policy.yaml", gateway.parts.policy_watch
    good = file.read_text()
    for text, expected in [
        (good, []),
        ("keys: [", ["policy: the file is wrong, the one before it holds"]),
        (good, []),
    ]:
        file.write_text(text)
        watch.look()
        assert reasons(gateway) == expected


@pytest.mark.parametrize(
    "headers", [{"Host": "10.0.0.1"}, {"X-Forwarded-For": "1.2.3.4"}, {"Origin": "https://evil.example"}]
)
def test_a_probe_from_anywhere_is_answered(ready_gateway, headers):
    assert ready_gateway.get("/ready", headers=headers).status_code == 200


def test_the_metric_says_the_same(ready_gateway):
    def told():
        lines = ready_gateway.get("/metrics").text.splitlines()
        return [line.split()[-1] for line in lines if line.startswith("gateway_opend_is_logged_in{")]

    assert told() == ["1.0", "1.0"]
    look(ready_gateway, global_state(True, False))
    assert told() == ["1.0", "0.0"]
    look(ready_gateway, OpenDTimeout("silent"))
    assert told() == ["0.0", "0.0"]


def probe(gateway):
    response, body = gateway.request("GET", "/ready")
    answer = json.loads(body)
    return [] if response.status == 200 else answer["reasons"]


def test_a_whole_gateway_follows_its_opend(start_gateway, simulator):
    """A hung OpenD is known as such within the interval and the limit, and no probe waits for it."""
    settings = {"opend": {"embedded": False, "endpoints": [simulator.address]}, "auth": {"mode": "local"}}
    gateway = start_gateway(settings).wait_ready()
    wait_until(lambda: probe(gateway) == [])
    simulator.admin("login", quote=True, trade=False)
    wait_until(lambda: probe(gateway) == ["OpenD: not logged in for trading"])
    assert gateway.get("/health")["status"] == "ok"
    simulator.admin("login")
    wait_until(lambda: probe(gateway) == [])
    simulator.fault("hang", proto=1002, times=0)
    wait_until(lambda: probe(gateway) == [NO_ANSWER])
    simulator.admin("clear-faults")
    wait_until(lambda: probe(gateway) == [])
    simulator.kill()
    wait_until(lambda: probe(gateway) == [NO_CONNECTION])
    assert simulator.address not in json.dumps(probe(gateway))
