"""A request's way through the simulator: known, parsed, allowed, answered."""

import logging
from collections.abc import Callable, Generator, Mapping

from google.protobuf.message import DecodeError

from gateway.clock import Clock
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import PROTOCOLS
from gateway.simulator.delays import Delays
from gateway.simulator.model import Answer, Call, Handler, Outcome, Refusal, Work
from gateway.simulator.session import Session

INVALID = -500
"""`Common.RetType` for a body that is not what it should be. Third parties report the texts below
without their retType."""

UNKNOWN_PROTOCOL = "未知的协议ID"
UNPARSABLE = "解析protobuf协议失败"
BAD_SHA1 = "The packet body SHA1 signature is incorrect"

PLACE_ORDER = 2202

Guard = Callable[[Call], None]
"""Raises `Refusal` when a call is not allowed."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """Answers plain request bodies with plain reply bodies. Nothing that a handler does can stop it."""

    def __init__(
        self,
        handlers: Mapping[int, Handler],
        guards: Mapping[int, tuple[Guard, ...]],
        clock: Clock,
        delays: Delays,
    ) -> None:
        self._handlers = handlers
        self._guards = guards
        self._clock = clock
        self._delays = delays
        self._requests = {proto_id: PROTOCOLS[proto_id].request for proto_id in handlers}
        self._responses = {proto_id: PROTOCOLS[proto_id].response for proto_id in handlers}

    def knows(self, proto_id: int) -> bool:
        """Whether there is a request with this number."""
        return proto_id in self._handlers

    def parse(self, proto_id: int, body: bytes) -> WireMessage:
        """The C2S in a body. Raises `Refusal` for bytes that are not the protocol's whole request."""
        try:
            request = self._requests[proto_id].FromString(body)
        except DecodeError as error:
            raise Refusal(UNPARSABLE, INVALID) from error
        if not request.IsInitialized():
            raise Refusal(UNPARSABLE, INVALID)
        return request.c2s

    def answer(self, session: Session, proto_id: int, c2s: WireMessage) -> Work[bytes]:
        """The reply to a request, whatever becomes of it."""
        started_s = self._clock.monotonic_s()
        try:
            outcome = yield from self._run(Call(proto_id, c2s, session, self._clock))
            reply = self._success(proto_id, outcome)
        except Refusal as refusal:
            return self.refusal(proto_id, refusal)
        except Exception:  # noqa: BLE001 - one broken handler must not take the other connections down
            _log.exception("the handler of protocol %d failed", proto_id)
            return self.refusal(proto_id, Refusal(f"the simulator failed at {proto_id}, its log says how"))
        self._record(proto_id, outcome, started_s)
        return reply

    def refusal(self, proto_id: int, refusal: Refusal) -> bytes:
        """The reply that says no. Requests that no protocol knows get the fields that all replies share."""
        response = self._responses.get(proto_id) or PROTOCOLS[1004].response
        reply: bytes = response(
            retType=refusal.ret_type, retMsg=refusal.ret_msg, errCode=refusal.err_code
        ).SerializeToString()
        return reply

    def _run(self, call: Call) -> Work[Outcome]:
        for guard in self._guards.get(call.proto_id, ()):
            guard(call)
        outcome = self._handlers[call.proto_id](call)
        return (yield from outcome) if isinstance(outcome, Generator) else outcome

    def _success(self, proto_id: int, outcome: Outcome) -> bytes:
        s2c, ret_msg = (outcome.s2c, outcome.ret_msg) if isinstance(outcome, Answer) else (outcome, "")
        reply: bytes = self._responses[proto_id](
            retType=0, retMsg=ret_msg, errCode=0, s2c=s2c
        ).SerializeToString()
        return reply

    def _record(self, proto_id: int, outcome: Outcome, started_s: float) -> None:
        now_s = self._clock.monotonic_s()
        self._delays.add_reply(proto_id, now_s - started_s)
        if proto_id == PLACE_ORDER and isinstance(outcome, Mapping):
            self._delays.add_order(outcome["orderID"], now_s - started_s, now_s)
