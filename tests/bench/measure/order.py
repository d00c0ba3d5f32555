"""Placing orders: all checks of a key with every limit, SQLite with synchronous FULL, and the audit."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench import body
from bench.http_load import LATENCY_UNITS, MANY_UNITS, OneClient, many_clients, percentiles_ms
from bench.plan import Plan
from bench.reading import EMPTY, GATEWAY, Reading, Round, in_turns
from bench.stand import WIDE_LIMITS, Served, Stand, post, running_gateway

CLIENTS = 32
WARM_UP = 20
UNITS = {**MANY_UNITS, **LATENCY_UNITS, "added p50": "ms", "added p99": "ms"}


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """Orders of 32 clients against the empty view; and of one client, with the time inside the desk."""
    times = stand.directory / "times"
    limits, opend = WIDE_LIMITS, stand.simulator.address
    with ExitStack() as parts:
        timed = parts.enter_context(
            running_gateway(
                stand.directory / "timed", opend, limits, app="bench.timed_app:app", TIMES_FILE=str(times)
            )
        )
        timed = meant(timed)
        turns: dict[str, Round] = {
            GATEWAY: lambda: (
                _many(stand, meant(stand.gateway), "/api/order", plan) | _one(timed, times, plan)
            ),
            EMPTY: lambda: _many(stand, stand.empty, "/api/quote", plan),
        }
        return in_turns("order", turns, UNITS, plan.rounds)


def meant(served: Served) -> Served:
    """The same orders again and again are meant; that they are looked for stays."""
    return replace(served, headers={**served.headers, "X-Allow-Duplicate": "true"})


def last_price(served: Served) -> float:
    """Of what is ordered."""
    answer = post(served.port, "/api/quote", {"security_list": [body.TRADED]}, served.headers)
    price: float = answer["s2c"]["basic_qot_list"][0]["cur_price"]
    return price


def _many(stand: Stand, served: Served, path: str, plan: Plan) -> dict[str, float]:
    order = body.order(last_price(stand.gateway))
    return many_clients(served, path, order, clients=CLIENTS, seconds=plan.seconds, directory=stand.directory)


def _one(timed: Served, times: Path, plan: Plan) -> dict[str, float]:
    """What one client waits, and the part of it that checks, ledger and audit take: see `timed_app`."""
    client = OneClient(timed, "/api/order", body.order(last_price(timed)))
    client.latencies_s(WARM_UP)
    took = client.latencies_s(plan.requests // 3)
    client.close()
    lines = [line.split() for line in times.read_text().splitlines()[-len(took) :]]
    added = percentiles_ms([(float(desk) - float(placing)) / 1e6 for desk, placing in lines])
    return {**percentiles_ms(took), **{f"added {name}": value for name, value in added.items()}}
