"""A stand-in for `gateway.opend.client.Client` that answers from a script and remembers every call."""

from collections import defaultdict, deque
from dataclasses import dataclass

from gateway.opend.client import CallKind, ClientStatus
from gateway.opend.errors import NotSent
from gateway.opend.pool import PoolCounters
from gateway.opend.protocol import parse_response


@dataclass(frozen=True)
class SentCall:
    """One call as the client got it; the request is a copy of what it was at that moment."""

    name: str
    request: object
    kind: CallKind

    @property
    def c2s(self):
        return self.request.c2s


class ScriptedClient:
    """Without a script a protocol answers with an empty success.

    `on_late` is what the last call wants to be told of a late answer.
    `script(name, *outcomes)` queues what the next calls of a protocol get: an exception to raise,
    or the fields of a `Response`. The last one stays.
    """

    def __init__(self):
        self.calls = []
        self.on_session = None
        self.on_late = None
        self.session = object()
        self._outcomes = defaultdict(deque)

    def script(self, name, *outcomes):
        self._outcomes[name] = deque(outcomes)

    def call(
        self,
        protocol,
        request,
        *,
        kind,
        pinned=False,
        timeout_s=None,
        deadline_s=None,
        fence=None,
        on_late=None,
    ):
        self.on_late = on_late
        if fence and (reason := fence()):
            raise NotSent(reason)
        assert request.IsInitialized(), request.FindInitializationErrors()
        kept = type(request)()
        kept.CopyFrom(request)
        self.calls.append(SentCall(protocol.name, kept, kind))
        queue = self._outcomes[protocol.name]
        outcome = (queue.popleft() if len(queue) > 1 else queue[0]) if queue else {}
        if isinstance(outcome, Exception):
            raise outcome
        response = protocol.response(**{"retType": 0, **outcome})
        return parse_response(protocol, response.SerializeToString())

    def wait_ready(self, timeout_s):
        return True

    def status(self):
        return ClientStatus((), 0, 0, PoolCounters(), {}, False)

    def names(self):
        """The protocols called, in order."""
        return [call.name for call in self.calls]
