"""What a request and an event cost while there is much that they do not touch.

The cost is processor time of the worker. The request is a quote, with intents in the ledger an order; the
event goes to one socket. What there is beside them belongs to another key.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import body
from bench.crowd import (
    OTHER_SECURITY,
    SECURITY,
    Reader,
    Source,
    claim,
    in_thread,
    running_opend,
    wait_for,
)
from bench.http_load import OneClient
from bench.measure.order import last_price, meant
from bench.plan import Plan
from bench.process import cpu_s
from bench.reading import GATEWAY, INTENTS, SOCKETS, SYMBOLS, Reading
from bench.stand import ROOMY, WIDE_LIMITS, Served, Stand, running_gateway
from fix_intent import BUY
from live.fix_live import FeedOpenD

from gateway.ledger.base import Charge, IntentState, Step
from gateway.ledger.sqlite import SqliteLedger

SIZES: Mapping[bool, tuple[int, ...]] = {True: (1, 100), False: (1, 10, 100, 1000)}
INTENT_COUNTS: Mapping[bool, tuple[int, ...]] = {True: (10, 1000), False: (10, 1000, 100_000)}
"""In a short run, and in others."""

EVENTS_A_BATCH = 50


@dataclass(frozen=True, slots=True)
class _Floor:
    """A gateway whose OpenD is scripted: one socket of a key listens, another key has all the rest."""

    served: Served
    opend: FeedOpenD
    reader: Reader


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """Three tables."""
    found: list[Reading] = []
    for size in SIZES[plan.is_short]:
        with _floor(stand.directory / f"symbols-{size}") as floor:
            claim(
                floor.served,
                floor.served.other_headers,
                [f"{number:05}" for number in range(80_000, 80_000 + size)],
            )
            found += _costs(floor, f"{SYMBOLS}: {size:,}", plan)
    for size in SIZES[plan.is_short]:
        with _floor(stand.directory / f"sockets-{size}") as floor, _sockets(floor, size):
            found += _costs(floor, f"{SOCKETS}: {size:,}", plan)
    for size in INTENT_COUNTS[plan.is_short]:
        found.append(_order_cost(stand, size, plan))
    return found


@contextmanager
def _floor(directory: Path) -> Iterator[_Floor]:
    with ExitStack() as parts:
        opend = parts.enter_context(running_opend())
        served = parts.enter_context(running_gateway(directory, str(opend.endpoint), sections=ROOMY))
        wait_for(lambda: len(opend.peers) >= 2)
        claim(served, served.headers, [SECURITY])
        claim(served, served.other_headers, [OTHER_SECURITY])
        reader = Reader(served, "/ws")
        parts.callback(reader.close)
        yield _Floor(served, opend, reader)


@contextmanager
def _sockets(floor: _Floor, count: int) -> Iterator[None]:
    others = replace(floor.served, headers=floor.served.other_headers)
    readers = [Reader(others, "/ws") for _ in range(count)]
    yield
    for reader in readers:
        reader.close()


def _costs(floor: _Floor, beside: str, plan: Plan) -> list[Reading]:
    source = Source(floor.opend)
    source.push()
    wait_for(lambda: floor.reader.count)
    client = OneClient(floor.served, "/api/quote", body.QUOTE)
    asked, pushed = plan.scaling_requests, plan.scaling_events
    request = _cost_us(floor.served, plan, lambda: len(in_thread(client.latencies_s, asked)))
    event = _cost_us(floor.served, plan, lambda: _push(source, floor.reader, pushed))
    client.close()
    return [
        Reading(beside, GATEWAY, "a request", "us of cpu", request),
        Reading(beside, GATEWAY, "an event", "us of cpu", event),
    ]


def _cost_us(served: Served, plan: Plan, work: Callable[[], int]) -> tuple[float, ...]:
    """What each round cost for one of those that the work says it did."""
    work()  # what is only done once
    costs = []
    for _ in range(plan.scaling_rounds):
        before_s = cpu_s(served.worker)
        done = work()
        costs.append((cpu_s(served.worker) - before_s) / done * 1e6)
    return tuple(costs)


def _push(source: Source, reader: Reader, count: int) -> int:
    """So many events, one batch after the other has arrived; returns how many."""
    batches = count // EVENTS_A_BATCH
    for _ in range(batches):
        goal = reader.count + EVENTS_A_BATCH
        for _ in range(EVENTS_A_BATCH):
            source.push()
        wait_for(lambda goal=goal: reader.count >= goal)
    return batches * EVENTS_A_BATCH


def _order_cost(stand: Stand, size: int, plan: Plan) -> Reading:
    directory = stand.directory / f"intents-{size}"
    directory.mkdir()
    _fill_ledger(directory / "ledger.db", size)
    with running_gateway(directory, stand.simulator.address, WIDE_LIMITS) as served:
        client = OneClient(meant(served), "/api/order", body.order(last_price(served)))
        orders = plan.scaling_requests // 3
        costs = _cost_us(served, plan, lambda: len(client.latencies_s(orders)))
        client.close()
    return Reading(f"{INTENTS}: {size:,}", GATEWAY, "an order", "us of cpu", costs)


def _fill_ledger(file: Path, size: int) -> None:
    """Accepted orders, one a second until now: one by the ledger's own steps, and copies of its row."""
    now_s = time.time()
    ledger = SqliteLedger(file)
    ledger.reserve(BUY, Charge(), now_s)
    for state in (IntentState.SENT, IntentState.ACCEPTED):
        ledger.advance(BUY.intent_id, Step(state=state), now_s)
    ledger.close()
    with closing(sqlite3.connect(file)) as db, db:
        db.row_factory = sqlite3.Row
        (row,) = (dict(each) for each in db.execute("SELECT * FROM intent"))
        insert = f"INSERT INTO intent ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"  # noqa: S608
        db.executemany(insert, (_copy(row, number) for number in range(1, size)))


def _copy(row: dict[str, Any], number: int) -> dict[str, Any]:
    earlier_us = number * 1_000_000
    times = {name: row[name] - earlier_us for name in ("created_us", "updated_us", "sent_us")}
    return {**row, **times, "intent_id": f"copy-{number}"}
