"""A Redis that is gone, deaf, forgetful, or started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_charge import NOON, intent, rate
from fix_store import RedisServer, short_directory
from redis import Redis

from gateway.claim import AccountClaim, Claim, Holder, Subscription
from gateway.ledger.base import Charge, LedgerUnavailable, Reserved
from gateway.ledger.redis import RedisLedger

DEADLINE_S = 2


def assert_unavailable_in_time(ledger: RedisLedger) -> None:
    begun = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        ledger.reserve(intent(99), Charge(), NOON)
    assert time.monotonic() - begun < DEADLINE_S


def test_server_gone_and_back(own_redis: RedisServer) -> None:
    ledger = RedisLedger(own_redis.url)
    ledger.reserve(intent(1), rate(1), NOON)
    own_redis.kill()
    assert_unavailable_in_time(ledger)
    own_redis.start()
    assert ledger.find_intent("i-1") is not None
    assert not isinstance(ledger.reserve(intent(2), rate(1), NOON), Reserved)
    ledger.close()


def test_deaf_server_ends_at_the_deadline(own_redis: RedisServer) -> None:
    ledger, fresh = RedisLedger(own_redis.url), RedisLedger(own_redis.url)
    ledger.generations()
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    try:
        assert_unavailable_in_time(ledger)
        assert_unavailable_in_time(fresh)
    finally:
        os.kill(own_redis.process.pid, signal.SIGCONT)
    # The deaf server has the script and runs it now: the repetition must not be a second charge.
    assert isinstance(ledger.reserve(intent(99), rate(1), NOON), Reserved)
    ledger.close()
    fresh.close()


def test_deaf_server_never_stops_a_patched_hub(own_redis: RedisServer) -> None:
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    script = Path(__file__).with_name("hub_probe.py")
    paths = os.pathsep.join(map(str, script.parents[:3]))
    try:
        probe = subprocess.run(
            [sys.executable, str(script), own_redis.url],
            capture_output=True,
            text=True,
            timeout=30,
            env=os.environ | {"PYTHONPATH": paths},
        )
    finally:
        os.kill(own_redis.process.pid, signal.SIGCONT)
    assert probe.returncode == 0, probe.stderr
    assert float(probe.stdout) < 0.05


@pytest.fixture
def forgetful(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    server = RedisServer(short_directory(), *request.param)
    yield server
    server.kill()


@pytest.mark.parametrize(
    ("forgetful", "advice"),
    [
        (["--appendonly", "no"], "set appendonly yes"),
        (
            ["--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"],
            "set maxmemory-policy noeviction",
        ),
    ],
    indirect=["forgetful"],
)
def test_server_that_forgets_is_refused(forgetful: RedisServer, advice: str) -> None:
    ledger = RedisLedger(forgetful.url)
    with pytest.raises(LedgerUnavailable, match=advice):
        ledger.reserve(intent(1), Charge(), NOON)
    ledger.close()


def test_scripts_forgotten_by_the_server_are_loaded_again(own_redis: RedisServer) -> None:
    ledger = RedisLedger(own_redis.url)
    ledger.reserve(intent(1), Charge(), NOON)
    with Redis.from_url(own_redis.url) as client:
        client.script_flush()
    assert isinstance(ledger.reserve(intent(2), Charge(), NOON), Reserved)
    ledger.close()


def test_all_keys_share_one_hash_tag(own_redis: RedisServer) -> None:
    ledger = RedisLedger(own_redis.url)
    ledger.reserve(intent(1), rate(1), NOON)
    ledger.bump_generation("policy")
    holder = Holder("bot", "s-1")
    subscription = Subscription(1, "00700", 1)
    ledger.renew_lease("w-1", NOON, NOON + 2.5)
    ledger.put_claims([Claim(holder=holder, subscription=subscription, expires_s=NOON + 1, lease_id="w-1")])
    ledger.put_account_claims(holder, [AccountClaim(holder=holder, acc_id=1, lease_id="w-1")])
    with Redis.from_url(own_redis.url) as client:
        assert all(key.startswith(b"{gateway}:") for key in client.scan_iter())
    ledger.close()


def test_claims_that_are_over_leave_no_key_behind(own_redis: RedisServer) -> None:
    ledger = RedisLedger(own_redis.url)
    ledger.renew_lease("w-0", NOON, NOON + 2.5)
    with Redis.from_url(own_redis.url) as client:
        before = set(client.scan_iter())
        for number in range(30):
            holder = Holder(f"key-{number}", "s-1")
            claims = [
                Claim(
                    holder=holder,
                    subscription=Subscription(1, str(code), 1),
                    expires_s=NOON + 1 if code else None,
                    lease_id="w-1",
                )
                for code in range(3)
            ]
            ledger.put_claims(claims)
            ledger.put_account_claims(holder, [AccountClaim(holder=holder, acc_id=1, lease_id="w-1")])
        ledger.end_lease("w-1")
        for _ in range(10):
            ledger.renew_lease("w-0", NOON + 1, NOON + 2.5)
        assert set(client.scan_iter()) - before == {b"{gateway}:generation"}
    ledger.close()
