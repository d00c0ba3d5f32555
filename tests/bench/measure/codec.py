"""The codec against protobuf's json_format: what the simulator answers to all 41 requests, and those."""

import statistics
from collections.abc import Iterator
from typing import Any

from bench.baseline.bare_socket import BareSocket
from bench.bench_codec import Pair, decode_pair, encode_pair, medians_us
from bench.plan import Plan
from bench.reading import GATEWAY, JSON_FORMAT, Reading
from e2e.examples import BODIES
from fix_simulator import SimulatorProcess

from gateway.routes import ROUTES, Route
from gateway.schema.codec import Codec, Numbering
from gateway.schema.descriptors import WireMessage

NOON = "2026-11-20T12:00:00+08:00@1"
"""When the dates of the examples are right."""

QUERIES: dict[str, dict[str, Any]] = {
    "global-state": {"user_id": 0},
    "user-info": {},
    "delay-statistics": {"type_list": [1, 2, 3]},
    "sub-info": {"is_req_all_conn": True},
    "accounts": {"user_id": 0},
}
EXAMPLES = {**BODIES, **QUERIES, "modify-order": {**BODIES["modify-order"], "order_id": 1}}
SUBSCRIBED = {"securityList": [{"market": 1, "code": "00700"}], "subTypeList": [1, 2, 4, 5, 6, 14]}
PUSHES_BEGIN = "sub-acc-push"
"""Asked last: a bare socket takes whatever comes for the reply."""

TURNS = {True: 3, False: 9}
"""How often a function is measured in a round: in a short run, and in others."""


def measure(stand: object, plan: Plan) -> list[Reading]:
    """Microseconds of both for the 41 together, as geometric means."""
    codec = Codec(Numbering.DOCUMENTED)
    answers = dict(_answers(codec))
    works: dict[str, list[Pair]] = {
        "decode": [decode_pair(codec, route.protocol, _body(route.name)) for route in ROUTES],
        "encode": [encode_pair(codec, answers[route.name]) for route in ROUTES],
    }
    return [reading for work, pairs in works.items() for reading in _readings(work, pairs, plan)]


def _readings(work: str, pairs: list[Pair], plan: Plan) -> list[Reading]:
    means = [
        [statistics.geometric_mean(column) for column in zip(*_times(pairs, plan), strict=True)]
        for _ in range(plan.rounds)
    ]
    return [
        Reading(work, contender, "time", "us", tuple(each[index] for each in means))
        for index, contender in enumerate((GATEWAY, JSON_FORMAT))
    ]


def _times(pairs: list[Pair], plan: Plan) -> list[list[float]]:
    return [medians_us(*pair, rounds=TURNS[plan.is_short]) for pair in pairs]


def _body(name: str) -> dict[str, Any]:
    return {key: value for key, value in EXAMPLES[name].items() if (name, key) != ("quote", "sub_type_list")}


def _answers(codec: Codec) -> Iterator[tuple[str, WireMessage]]:
    """What the simulator answers to each route's example, by the route's name."""
    simulator = SimulatorProcess("--clock", NOON, "--frequency-limits", "off")
    try:
        opend = BareSocket(simulator.port)
        opend.ask("Qot_Sub", {**SUBSCRIBED, "isSubOrUnSub": True})
        order_id = 0
        for route in sorted(ROUTES, key=lambda route: route.name == PUSHES_BEGIN):
            answer = _answer(codec, opend, route, order_id)
            order_id = answer.s2c.orderID if route.name == "order" else order_id
            yield route.name, answer
        opend.close()
    finally:
        simulator.stop()


def _answer(codec: Codec, opend: BareSocket, route: Route, order_id: int) -> WireMessage:
    request = codec.decode_request(route.protocol, _body(route.name))
    if route.name == "modify-order":
        request.c2s.orderID = order_id
    return opend.ask_message(route.protocol, request)
