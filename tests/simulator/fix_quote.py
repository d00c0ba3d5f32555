"""A market at a fixed time, its quote handlers, and the securities that tests go through."""

from dataclasses import dataclass, field
from typing import Any

from fix_simulator import outcome_of

from gateway.clock import ManualClock
from gateway.schema.descriptors import message_class
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.market import Hours, Market
from gateway.simulator.model import Call, Handler, SecurityKey
from gateway.simulator.quote import quote_handlers
from gateway.simulator.universe import key_from_text

MONDAY_AFTERNOON_HK = 1_795_412_000.0
"""2026-11-23 13:33:20 in Hong Kong, 00:33:20 in New York."""

ONE_OF_EACH_TYPE = (
    "HK.00700",
    "US.AAPL",
    "SH.600519",
    "HK.02800",
    "HK.800000",
    "HK.HSImain",
    "HK.HSI2612",
    "HK.13027",
    "HK.18752",
    "HK.53021",
    "HK.61204",
    "HK.47388",
    "US.AAPL261218C230000",
    "US.AAPL261218P230000",
    "HK.TCH261230C500000",
    "HK.BK1001",
)


@dataclass(frozen=True)
class Asker:
    """The connection that a call comes from."""

    conn_id: int = 1


@dataclass
class Desk:
    """A market and its handlers; `ask` fails when an answer is not a complete message."""

    seed: int = 1
    hours: Hours = Hours.ALWAYS
    clock: ManualClock = field(default_factory=lambda: ManualClock(MONDAY_AFTERNOON_HK))

    def __post_init__(self) -> None:
        self.market = Market(self.seed, self.clock, self.hours)
        self.handlers: dict[int, Handler] = quote_handlers(self.market)

    def start(self, proto_id: int, **c2s: Any) -> Any:
        """What the handler gives back: its answer, or the steps to it."""
        return self.handlers[proto_id](self._call(proto_id, c2s))

    def _call(self, proto_id: int, c2s: dict[str, Any]) -> Call:
        request = message_class(f"{PROTOCOLS[proto_id].name}.C2S")(**c2s)
        return Call(proto_id, request, Asker(), self.clock)

    def ask(self, proto_id: int, **c2s: Any) -> Any:
        return complete(proto_id, outcome_of(self.handlers[proto_id], self._call(proto_id, c2s)))


def complete(proto_id: int, s2c: Any) -> Any:
    """The S2C as a message; fails when a required field is missing or a name is wrong."""
    message = message_class(f"{PROTOCOLS[proto_id].name}.S2C")(**s2c)
    assert message.IsInitialized(), message.FindInitializationErrors()
    return message


def key(text: str) -> SecurityKey:
    return key_from_text(text)


def security(text: str) -> dict[str, Any]:
    market, code = key_from_text(text)
    return {"market": int(market), "code": code}
