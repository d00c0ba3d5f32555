"""Requests a second of 32 clients: quotes, snapshots and K-lines through the gateway and the baselines."""

from functools import partial
from typing import Any

from bench import body
from bench.http_load import MANY_UNITS, many_clients
from bench.plan import Plan
from bench.reading import EMPTY, GATEWAY, SDK, Reading, Round, in_turns
from bench.stand import Served, Stand

CLIENTS = 32


def measure_quote(stand: Stand, plan: Plan) -> list[Reading]:
    """`/api/quote`, one symbol."""
    contenders = {GATEWAY: stand.gateway, EMPTY: stand.empty, SDK: stand.sdk}
    return _measure("quote", stand, plan, contenders, "/api/quote", body.QUOTE)


def measure_history(stand: Stand, plan: Plan) -> list[Reading]:
    """`/api/history-kline`, 1,000 rows."""
    contenders = {GATEWAY: stand.gateway, SDK: stand.sdk}
    return _measure("history K-line", stand, plan, contenders, "/api/history-kline", body.HISTORY_KLINE)


def measure_snapshot(stand: Stand, plan: Plan) -> list[Reading]:
    """`/api/snapshot`, 20 securities."""
    contenders = {GATEWAY: stand.gateway, SDK: stand.sdk}
    return _measure("snapshot of 20", stand, plan, contenders, "/api/snapshot", body.SNAPSHOT)


def _measure(
    work: str, stand: Stand, plan: Plan, contenders: dict[str, Served], path: str, asked: dict[str, Any]
) -> list[Reading]:
    def turn(served: Served, seconds: int) -> dict[str, float]:
        return many_clients(
            served,
            path,
            [asked],
            clients=CLIENTS,
            seconds=seconds,
            directory=stand.directory,
            opend_pid=None if served is stand.empty else stand.simulator.process.pid,
        )

    for served in contenders.values():
        turn(served, 1)  # the first answers compile and subscribe
    turns: dict[str, Round] = {
        name: partial(turn, served, plan.seconds) for name, served in contenders.items()
    }
    return in_turns(work, turns, MANY_UNITS, plan.rounds)
