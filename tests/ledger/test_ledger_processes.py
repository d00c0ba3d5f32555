"""Several processes on one store, and processes that die."""

import itertools
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from fix_charge import NOON, daily, intent, rate
from fix_store import RedisServer, connect

from gateway.claim import Claim, Claims, Holder, Subscription
from gateway.ledger.base import CLAIMS_TOPIC, Charge, Check, Exceeded, IntentState, Reserved, Step

HERE = Path(__file__).parent
CAP = 50
PLENTY = 100_000
ROUNDS = range(60)


def reserver(store: str, name: str, count: int, cap: int) -> AbstractContextManager[subprocess.Popen[str]]:
    return program("reserver.py", store, name, count, cap)


@contextmanager
def program(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready, and waits for `go`."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (HERE, *HERE.parents[:2])))},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def acknowledged(process: subprocess.Popen[str]) -> list[str]:
    """What a process wrote until its end; a line cut off by its death was not acknowledged."""
    assert process.stdout is not None
    return [line.strip() for line in process.stdout if line.endswith("\n")]


def test_two_hundred_orders_of_four_processes_against_a_cap_of_fifty_give_exactly_fifty(store: str) -> None:
    processes = [reserver(store, f"p{number}", 50, CAP) for number in range(4)]
    with processes[0] as a, processes[1] as b, processes[2] as c, processes[3] as d:
        for process in (a, b, c, d):
            go(process)
        told = list(itertools.chain.from_iterable(map(acknowledged, (a, b, c, d))))
    ledger = connect(store)
    kept = [record.intent.intent_id for record in ledger.open_intents()]
    full = ledger.reserve(intent("late"), rate(CAP), NOON)
    ledger.close()
    assert len(told) == len(set(told)) == CAP
    assert sorted(kept) == sorted(told)
    assert isinstance(full, Exceeded)
    assert (full.check, full.figure) == (Check.RATE, CAP)


@pytest.mark.parametrize("delay_s", [0.01, 0.05, 0.15])
def test_process_killed_in_the_middle_loses_nothing_and_doubles_nothing(store: str, delay_s: float) -> None:
    with reserver(store, "p", PLENTY, PLENTY) as process:
        go(process)
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        time.sleep(delay_s)
        process.kill()
        told = [first, *acknowledged(process)]
    ledger = connect(store)
    kept = [record.intent.intent_id for record in ledger.open_intents(PLENTY)]
    full_rate = ledger.reserve(intent("late"), rate(1), NOON)
    full_day = ledger.reserve(intent("late"), daily("1", "1"), NOON)
    ledger.close()
    assert set(told) <= set(kept)
    assert len(kept) - len(told) in (0, 1)
    assert isinstance(full_rate, Exceeded)
    assert isinstance(full_day, Exceeded)
    assert full_rate.figure == full_day.figure == len(kept)


def test_redis_killed_in_the_middle_keeps_what_it_acknowledged(own_redis: RedisServer) -> None:
    with reserver(own_redis.url, "p", PLENTY, PLENTY) as process:
        go(process)
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        own_redis.kill()
        told = [first, *acknowledged(process)]
    own_redis.start()
    ledger = connect(own_redis.url)
    kept = [record.intent.intent_id for record in ledger.open_intents(PLENTY)]
    full = ledger.reserve(intent("late"), rate(1), NOON)
    ledger.close()
    assert set(told) <= set(kept)
    assert len(kept) - len(told) in (0, 1)
    assert isinstance(full, Exceeded)
    assert full.figure == len(kept)


def test_intent_moves_on_in_another_process_after_a_crash(store: str) -> None:
    with reserver(store, "p", 1, CAP) as process:
        go(process)
        (intent_id,) = acknowledged(process)
    ledger = connect(store)
    again = ledger.reserve(intent("p-0"), Charge(), NOON)
    assert isinstance(again, Reserved)
    assert not again.is_new
    assert ledger.advance(intent_id, Step(state=IntentState.SENT), NOON).state is IntentState.SENT
    ledger.close()


def test_claims_of_processes_that_race_come_out_exactly(store: str) -> None:
    """Each claim that all processes drop is counted by one of them; each change bumps once."""
    shared = [
        Claim(holder=Holder("shared"), subscription=Subscription(1, str(number), 1)) for number in ROUNDS
    ]
    ledger = connect(store)
    ledger.put_claims(shared)
    with (
        program("claimer.py", store, "a", len(ROUNDS)) as a,
        program("claimer.py", store, "b", len(ROUNDS)) as b,
    ):
        for process in (a, b):
            go(process)
        dropped = [int(line) for process in (a, b) for line in acknowledged(process)]
    own_dropped = 2 * len(ROUNDS[::3])
    assert sum(dropped) == own_dropped + len(ROUNDS)
    left = ledger.claims(NOON)
    counts = Counter(each.holder for each in left.subscriptions)
    kept = len(ROUNDS) - len(ROUNDS[::3])
    assert counts == {Holder("bot"): len(ROUNDS), Holder("bot", "a"): kept, Holder("bot", "b"): kept}
    assert ledger.live_leases(NOON) == frozenset()
    # The shared claims at once; of both: those of the sockets, put and ended; the key's, by whom came first.
    changes = 1 + 2 * len(ROUNDS) + len(ROUNDS) + 4 * len(ROUNDS) + own_dropped + len(ROUNDS)
    assert ledger.generations()[CLAIMS_TOPIC] == changes
    assert ledger.drop_claims_of_key("bot") == len(ROUNDS) + 2 * kept
    assert ledger.claims(NOON) == Claims()
    ledger.close()


@pytest.mark.parametrize("delay_s", [0.05, 0.15])
def test_process_killed_while_it_claims_leaves_what_ends_with_its_lease(store: str, delay_s: float) -> None:
    with program("claimer.py", store, "a", PLENTY) as process:
        ledger = connect(store)
        go(process)
        while ledger.generations()[CLAIMS_TOPIC] == 0:
            assert process.poll() is None
        time.sleep(delay_s)
        process.kill()
    for half_seconds in range(40):
        ledger.renew_lease("watcher", NOON + half_seconds / 2, NOON + half_seconds / 2 + 2.5)
    left = ledger.claims(NOON + 20).subscriptions
    assert ledger.live_leases(NOON + 20) == {"watcher"}
    assert {each.lease_id for each in left} <= {None}
    assert {each.holder for each in left} <= {Holder("bot"), Holder("bot", "a")}
    # Nothing that had ended is stored any more either.
    assert ledger.drop_claims_of_key("bot") == len(left)
    assert left
    ledger.close()
