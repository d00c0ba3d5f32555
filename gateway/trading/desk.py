"""Sends the trade writes: each once, with an answer that tells whether OpenD may have acted on it."""

from gateway.clock import Clock
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import NotSent
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import Protocol
from gateway.trading.intent import new_intent_id, sign_order

PLACE_ORDER = "Trd_PlaceOrder"


class Desk:
    """The one place from which orders, changes of orders and unlocks go to OpenD."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def open_intent(self) -> str:
        """A new intent's id, before anything is sent."""
        return new_intent_id(self._clock)

    def send(self, protocol: Protocol, request: WireMessage, intent_id: str) -> WireMessage:
        """Send one write, at most once, and return OpenD's `Response`.

        Raises `OpenDRefused` when OpenD rejected it, `NotSent` when OpenD never saw it, and
        `OutcomeUnknown` when it was sent and nobody can tell what became of it.
        """
        if protocol.name == PLACE_ORDER:
            sign_order(request, intent_id)
        try:
            return self._client.call(protocol, request, kind=CallKind.WRITE)
        except NotSent as error:
            raise NotSent(f"{error}; nothing was sent to OpenD, so it is safe to send it again") from error
