"""The table of harms: what is done to the gateway and to what it stands on, while it has to keep its word.

A harm is a function `do(stage, pick)`: with the choices of the seeded `pick` it does harm to the `Stage`,
undoes it, waits until what it harmed runs again, and returns. It raises when that does not come about,
which counts as a breach. Harms of one lane come one after another, those of different lanes at the same
time; so a harm touches only what its lane is about. How often each comes is in the table, in which order
the seed decides.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from fix_gateway import wait_until
from soak.key import TRADERS
from soak.stage import Stage

PLACE_ORDER = 2202
STRIKE_LIMIT_S = 60.0


class Lane(StrEnum):
    """What a harm is done to. Within a lane nothing happens twice at a time."""

    WORKER = "worker"
    """gunicorn's workers and its master."""
    OPEND = "OpenD"
    """The simulator, and the connections to it."""
    REST = "rest"
    """All that is left: ledger, policy, clock, nginx, sockets, the kill switch."""


class Excuse(StrEnum):
    """What a harm may do to callers without a breach, from its begin until `SETTLE_S` after its end.

    None of them excuses an order that is executed twice, unannounced, over a cap, or against its answer.
    """

    LOST = "lost"
    """A request that is on its way may end without an answer, or with nginx's 500."""
    LATE = "late"
    """A request may wait for as long as the harm lasts."""
    BLIND = "blind"
    """OpenD or the ledger cannot be asked: the five seconds for unknown orders begin with its end."""
    CLOCK = "clock"
    """The times that the gateway writes are not those of others."""


SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Harm:
    """A row of the table. `times` it comes in a run of 10,000 orders, at least once in any run."""

    name: str
    lane: Lane
    times: int
    do: Callable[[Stage, Random], None]
    excuses: frozenset[Excuse] = frozenset()
    stores: frozenset[str] = frozenset({"sqlite", "redis"})

    def count(self, orders: int) -> int:
        """How often it comes in a run of so many orders."""
        return max(1, round(self.times * orders / 10_000))


def kill_worker(stage: Stage, pick: Random) -> None:
    """`kill -9` of one worker; the master starts another."""
    victim = pick.choice(stage.workers)
    os.kill(victim, signal.SIGKILL)
    stage.wait_served(without=frozenset({victim}))


def kill_all_workers(stage: Stage, pick: Random) -> None:
    """`kill -9` of every worker at the same moment."""
    victims = frozenset(stage.workers)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    stage.wait_served(without=victims)


def stop_worker(stage: Stage, pick: Random) -> None:
    """A worker stands still for a time around the length of its lease, 2.5 s, and then goes on."""
    victim = pick.choice(stage.workers)
    os.kill(victim, signal.SIGSTOP)
    time.sleep(pick.uniform(0.5, 5.0))
    os.kill(victim, signal.SIGCONT)
    stage.wait_served()


def reload_gateway(stage: Stage, pick: Random) -> None:
    """HUP: new workers take over, and the old ones end what they have begun."""
    before = frozenset(stage.workers)
    stage.gateway.signal(signal.SIGHUP)
    stage.wait_served(without=before)


def drop(kind: str) -> Callable[[Stage, Random], None]:
    """OpenD drops the connection of one of the next orders."""

    def do(stage: Stage, pick: Random) -> None:
        stage.opend.fault(kind, proto=PLACE_ORDER)
        wait_until(lambda: not stage.opend.admin("state")["faults"], STRIKE_LIMIT_S)

    return do


def drop_all(stage: Stage, pick: Random) -> None:
    """OpenD drops every connection at once."""
    stage.opend.admin("drop-connections")
    time.sleep(pick.uniform(0.5, 1.5))


def halt_trading(stage: Stage, pick: Random) -> None:
    """The kill switch, of one key or of all, for a moment, in which somebody tries to order."""
    with stage.halted(pick.choice([None, *TRADERS]), by_command=pick.random() < 0.3):
        time.sleep(pick.uniform(0.5, 1.5))
        wait_until(stage.next_halted(), STRIKE_LIMIT_S)


NOBODY_LIVES = frozenset({Excuse.LOST, Excuse.LATE, Excuse.BLIND})

HARMS = (
    Harm("worker killed", Lane.WORKER, 50, kill_worker, frozenset({Excuse.LOST})),
    Harm("all workers killed", Lane.WORKER, 5, kill_all_workers, NOBODY_LIVES),
    Harm("worker stopped for a while", Lane.WORKER, 10, stop_worker, frozenset({Excuse.LATE})),
    Harm("reload (HUP)", Lane.WORKER, 20, reload_gateway),
    Harm("OpenD drops before it executes", Lane.OPEND, 100, drop("drop-before")),
    Harm("OpenD drops after it executed", Lane.OPEND, 100, drop("drop-after")),
    Harm("OpenD drops all connections", Lane.OPEND, 10, drop_all),
    Harm("kill switch", Lane.REST, 15, halt_trading),
)
