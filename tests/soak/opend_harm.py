"""Harms to OpenD beyond a dropped connection: it is hung, slow, away, or answers with rubbish."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from random import Random

from fix_gateway import wait_until
from soak.harm import Excuse, Harm, Lane
from soak.key import TRADERS
from soak.stage import Stage

from gateway.simulator.faults import FaultKind

ORDER_PROTO_IDS = (2202, 2205)
KEEP_ALIVE = 1004
UNLOCK = {"unlock": True, "pwd_md5": "e10adc3949ba59abbe56e057f20f883e", "security_firm": 1}
STRIKE_LIMIT_S = 20.0
SILENT_FOR_S = 22.0
"""Longer than two of OpenD's intervals of 10 s between signs of life."""


def spoil(kind: FaultKind) -> Callable[[Stage, Random], None]:
    """What OpenD does in place of a good answer to one of the next orders, changes, or calls of any kind."""

    def do(stage: Stage, pick: Random) -> None:
        proto = pick.choice([*({"proto": each} for each in ORDER_PROTO_IDS), {}])
        stage.opend.fault(kind, **proto)
        wait_until(lambda: not stage.opend.admin("state")["faults"], STRIKE_LIMIT_S)

    return do


def stall(stage: Stage, pick: Random) -> None:
    """Half of an answer comes, and nothing more on this connection, until it is dropped."""
    spoil(FaultKind.STALL)(stage, pick)
    time.sleep(pick.uniform(1.0, 10.0))
    stage.opend.admin("drop-connections")
    wait_back(stage)


@contextmanager
def faulty(stage: Stage, kind: FaultKind, **settings: object) -> Iterator[None]:
    """A fault that strikes every time for as long as the context lasts."""
    stage.opend.fault(kind, times=0, **settings)
    try:
        yield
    finally:
        stage.opend.admin("clear-faults")


def slow_down(stage: Stage, pick: Random) -> None:
    """Every answer is late, by up to more than a read may take."""
    with faulty(stage, FaultKind.DELAY, delay_s=round(pick.uniform(0.1, 3.0), 3)):
        time.sleep(pick.uniform(2.0, 5.0))


def swallow_heartbeats(stage: Stage, pick: Random) -> None:
    """KeepAlive is not answered, long enough for a connection without traffic to count as dead."""
    with faulty(stage, FaultKind.MUTE, proto=KEEP_ALIVE):
        time.sleep(SILENT_FOR_S)


def hang(stage: Stage, pick: Random) -> None:
    """The whole process stands still: connections stay open and nothing comes."""
    os.kill(stage.opend.process.pid, signal.SIGSTOP)
    try:
        time.sleep(pick.uniform(0.5, 8.0))
    finally:
        os.kill(stage.opend.process.pid, signal.SIGCONT)
    wait_back(stage)


def go_away(stage: Stage, pick: Random) -> None:
    """Nothing listens on its port for a while, as when it is being installed anew."""
    stage.opend.admin("refuse")
    stage.opend.admin("drop-connections")
    try:
        time.sleep(pick.uniform(0.5, 4.0))
    finally:
        stage.opend.admin("listen")
    wait_back(stage)


def restart(stage: Stage, pick: Random) -> None:
    """All sessions end; those that follow have new conn_ids, nothing subscribed, and trading is locked."""
    stage.opend.admin("restart")
    wait_back(stage)
    wait_until(lambda: _is_unlocked(stage))


def log_out(stage: Stage, pick: Random) -> None:
    """Futu's servers are out of its reach for trading: what it does not show then proves nothing."""
    stage.opend.admin("login", trade=False)
    try:
        time.sleep(pick.uniform(0.5, 3.0))
    finally:
        stage.opend.admin("login")


def wait_back(stage: Stage) -> None:
    """Wait until a worker has a session again; the others follow within the same second."""
    wait_until(lambda: _has_session(stage))


def _has_session(stage: Stage) -> bool:
    try:
        return bool(stage.gateway.get("/health")["opend"]["is_ready"])
    except (HTTPException, OSError):
        return False  # the worker that was asked ended just then


def _is_unlocked(stage: Stage) -> bool:
    try:
        return stage.request("POST", "/api/unlock-trade", UNLOCK, key=next(iter(TRADERS)))[0] == 200
    except (HTTPException, OSError):
        return False


_AWAY = frozenset({Excuse.BLIND})

HARMS = (
    Harm("OpenD never answers a call", Lane.OPEND, 10, spoil(FaultKind.HANG)),
    Harm("OpenD executes and does not answer", Lane.OPEND, 10, spoil(FaultKind.MUTE)),
    Harm("OpenD sends half a frame and drops", Lane.OPEND, 10, spoil(FaultKind.HALF_FRAME)),
    Harm("OpenD sends half a frame and stalls", Lane.OPEND, 5, stall, _AWAY),
    Harm("OpenD sends a bad SHA-1", Lane.OPEND, 10, spoil(FaultKind.BAD_SHA1)),
    Harm("OpenD sends a body that is none", Lane.OPEND, 10, spoil(FaultKind.BAD_BODY)),
    Harm("OpenD sends garbage", Lane.OPEND, 10, spoil(FaultKind.GARBAGE)),
    Harm("OpenD answers with a wrong serial", Lane.OPEND, 10, spoil(FaultKind.WRONG_SERIAL)),
    Harm("OpenD is slow", Lane.OPEND, 8, slow_down, _AWAY),
    Harm("OpenD's heartbeat is swallowed", Lane.OPEND, 2, swallow_heartbeats),
    Harm("OpenD hangs", Lane.OPEND, 8, hang, _AWAY),
    Harm("OpenD is away", Lane.OPEND, 8, go_away, _AWAY),
    Harm("OpenD restarts with new conn_ids", Lane.OPEND, 8, restart, _AWAY),
    Harm("OpenD is logged out of trading", Lane.OPEND, 4, log_out, _AWAY),
)
