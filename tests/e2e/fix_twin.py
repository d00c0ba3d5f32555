"""The whole product, as `make run` starts it, and a twin of its simulator to compare answers with."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fix_gateway import GatewayProcess, free_port
from fix_simulator import outcome_of

from gateway.clock import ManualClock
from gateway.routes import ROUTES, Route
from gateway.schema.codec import Codec, Int64Format, Numbering
from gateway.schema.protocols import Protocol
from gateway.simulator.assembly import Settings, assemble
from gateway.simulator.broker import trade_handlers
from gateway.simulator.clocks import parse_clock
from gateway.simulator.model import Answer, Call
from gateway.simulator.quote import quote_handlers

NOON = "2026-11-20T12:00:00+08:00"
SEED = 20

BY_NAME: dict[str, Route] = {route.name: route for route in ROUTES}


def started(directory: Any, clock: str, **simulator: Any) -> GatewayProcess:
    """A gateway of one worker with an embedded simulator, ready."""
    chosen = {"clock": clock, "seed": SEED, "frequency_limits": False, **simulator}
    opend = {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": chosen}
    return GatewayProcess(directory, {"opend": opend}).wait_ready()


@pytest.fixture
def live_gateway(tmp_path) -> Iterator[GatewayProcess]:
    """The same from noon on, with time that passes and a journal of the executed orders."""
    process = started(tmp_path, f"{NOON}@1", journal="journal.jsonl")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory) -> Iterator[GatewayProcess]:
    """One worker and an embedded simulator at noon of a Friday in Hong Kong, where time stands still."""
    process = started(tmp_path_factory.mktemp("gateway"), NOON)
    yield process
    process.stop()


class Twin:
    """The same simulator in this process: what it says is what the gateway has to say in JSON."""

    def __init__(self) -> None:
        self.clock = parse_clock(NOON)
        assert isinstance(self.clock, ManualClock)
        simulation = assemble(self.clock, Settings(seed=SEED))
        self.market, self.broker = simulation.market, simulation.broker
        self._handlers = {**quote_handlers(self.market), **trade_handlers(self.broker)}
        self._codec = Codec(Numbering.DOCUMENTED)

    def knows(self, protocol: Protocol) -> bool:
        """Whether the answer depends on the market and the broker alone, and on no connection."""
        return protocol.proto_id in self._handlers

    def s2c(self, protocol: Protocol, body: dict[str, Any]) -> dict[str, Any]:
        """The `s2c` that an endpoint has to answer with."""
        request = self._codec.decode_request(protocol, body)
        connection = SimpleNamespace(conn_id=1)
        call = Call(protocol.proto_id, request.c2s, connection, self.clock)
        answer = outcome_of(self._handlers[protocol.proto_id], call)
        fields = answer.s2c if isinstance(answer, Answer) else answer
        response = protocol.response(retType=0, s2c=fields)
        return self._codec.encode(response, Int64Format.NUMBER)["s2c"]


@pytest.fixture(scope="session")
def twin() -> Twin:
    """A simulator with the same seed at the same moment."""
    return Twin()
