"""How long a worker takes from its fork to its first answer, when the one before it was killed."""

import os
import signal
import time
from functools import partial

from bench import body
from bench.http_load import LIMIT_S, LoadFailed, OneClient
from bench.plan import Plan
from bench.process import age_s, cpu_s
from bench.reading import EMPTY, GATEWAY, Reading, Round, in_turns
from bench.stand import Served, Stand

UNITS = {"first answer": "s", "cpu until then": "s"}


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """A quote from the gateway, beside what an empty view under the same gunicorn takes."""
    turns: dict[str, Round] = {
        GATEWAY: partial(_restart, stand.gateway),
        EMPTY: partial(_restart, stand.empty),
    }
    return in_turns("start", turns, UNITS, plan.rounds)


def _restart(served: Served) -> dict[str, float]:
    killed = served.worker
    os.kill(killed, signal.SIGKILL)
    _wait_for_answer(served)
    worker = served.worker
    if worker == killed:
        raise LoadFailed("the killed worker is still there")
    return {"first answer": age_s(worker), "cpu until then": cpu_s(worker)}


def _wait_for_answer(served: Served) -> None:
    """Ask until there is a success. The master holds the listening socket, so that a connection waits."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            client = OneClient(served, "/api/quote", body.QUOTE)
            client.ask()
        except (OSError, LoadFailed):
            if time.monotonic() > deadline_s:
                raise
        else:
            client.close()
            return
