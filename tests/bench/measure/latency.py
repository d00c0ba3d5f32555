"""How long one client waits for a quote, beside what the two parts of the way take by themselves."""

from functools import partial

from bench import body
from bench.baseline.bare_socket import quote_latencies_s
from bench.http_load import LATENCY_UNITS, OneClient, percentiles_ms
from bench.plan import Plan
from bench.reading import BARE_SOCKET, EMPTY, GATEWAY, SDK, Reading, Round, in_turns
from bench.stand import Served, Stand

WARM_UP = 50


def measure(stand: Stand, plan: Plan) -> list[Reading]:
    """`/api/quote`, one symbol, one client."""
    turns: dict[str, Round] = {
        GATEWAY: partial(_http, stand.gateway, plan.requests),
        EMPTY: partial(_http, stand.empty, plan.requests),
        BARE_SOCKET: lambda: percentiles_ms(quote_latencies_s(stand.simulator.port, plan.requests)),
        SDK: partial(_http, stand.sdk, plan.requests // 4),
    }
    return in_turns("quote, one client", turns, LATENCY_UNITS, plan.rounds)


def _http(served: Served, count: int) -> dict[str, float]:
    client = OneClient(served, "/api/quote", body.QUOTE)
    client.latencies_s(WARM_UP)
    took = client.latencies_s(count)
    client.close()
    return percentiles_ms(took)
