"""Orders that must not happen twice: a request that was here before gets the first answer again.

A caller names a request by its `Idempotency-Key`, or by a packet id of its own. The first request
claims that name in the ledger before anything is done, and its answer is kept there. What is kept:
successes and definite refusals, and that an outcome is unknown. What was never sent is not kept, so
that it may be sent later under the same name. Where the first request died, the ledger's record of
its order tells what became of it; nothing is sent a second time.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import gevent
from flask import Response

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ledger.base import (
    OPEN_STATES,
    IntentRecord,
    IntentState,
    Ledger,
    LedgerUnavailable,
    Replay,
    ReplayKey,
    ReplayKind,
)
from gateway.opend.errors import OpenDRefused, OutcomeUnknown
from gateway.policy.reasons import Denied, DenyReason
from gateway.trading.context import OrderDenied
from gateway.trading.intent import made_s
from gateway.web.body import JSON_TYPE
from gateway.web.errors import gateway_error
from gateway.web.exchange import Exchange

REPLAYED_HEADER = "Idempotency-Replayed"

KEPT = (OpenDRefused, OutcomeUnknown)
"""Errors that are answers. After another one that is not safe to repeat the order's record will answer."""

DROP_MARGIN_S = 3.0
"""More than what the ledger's step takes that frees a name."""

LOOK_INTERVAL_S = 0.05
"""How often a repeated packet looks whether the first one has its answer."""

_log = logging.getLogger(__name__)


class StillRunning(GatewayError):
    """The first request with this name has no answer yet."""

    status: ClassVar[int] = 409

    def headers(self) -> Mapping[str, str]:
        """When to look again."""
        return {"Retry-After": "1"}


class AnotherBody(GatewayError):
    """The name belongs to a request with another body."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Claim:
    """The name of a request, and the hash of what it asks."""

    key: ReplayKey
    body_hash: str


class Write(Protocol):
    """A trade write that a claim may stand for."""

    @property
    def is_order(self) -> bool:
        """Whether it places or changes an order, so that the ledger has a record of it."""
        ...

    def send(self, intent_id: str) -> Response:
        """Send it, and answer. Raises GatewayError."""
        ...

    def denied(self, denied: Denied, intent_id: str) -> OrderDenied:
        """The error of a denial, which is in the audit when this returns."""
        ...

    def recall(self, record: IntentRecord) -> Response:
        """The answer that follows from what became of it."""
        ...


class Replays:
    """The claims of one application. A request has its answer within `running_limit_s`, or it died.

    `stretch_s` tells how much longer a time of so many seconds is by a wall clock that was set ahead in it.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, running_limit_s: float, stretch_s: Callable[[float], int]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stretch_s = stretch_s
        self._running_limit_s = running_limit_s

    def once(self, claim: Claim, intent_id: str, write: Write, exchange: Exchange) -> Response:
        """Send `write` as intent `intent_id`, or answer as the first request with this name was answered.

        Raises what `write.send` raises, StillRunning and AnotherBody, and OrderDenied for an order
        while the ledger is away.
        """
        try:
            earlier = self._claim(claim, intent_id)
        except LedgerUnavailable as error:
            if write.is_order:
                denied = Denied(DenyReason.STORE_UNAVAILABLE, {"cause": str(error)})
                raise write.denied(denied, intent_id) from error
            _log.warning("a cancellation goes on without its name, which the ledger did not take: %s", error)
            return write.send(intent_id)
        if earlier is None:
            return self._run(claim, intent_id, write)
        if earlier.body_hash != claim.body_hash:
            raise AnotherBody("this Idempotency-Key was used with another body; a new order needs a new key")
        return self._answer_again(claim, intent_id, earlier, write, exchange)

    def _claim(self, claim: Claim, intent_id: str) -> Replay | None:
        """Claim the name; None when it is free, also where its order was given up before it was sent."""
        earlier = self._begin(claim, intent_id)
        if earlier is None or earlier.status is not None:
            return earlier
        record = self._ledger.find_intent(earlier.intent_id)
        if record is None or record.state is not IntentState.ABANDONED:
            return earlier
        self._ledger.drop_replay(claim.key, earlier.intent_id)
        return self._begin(claim, intent_id)

    def _begin(self, claim: Claim, intent_id: str) -> Replay | None:
        key, now_s = claim.key, self._clock.wall_s()
        stretch_s = self._stretch_s(key.kind.ttl_s)
        return self._ledger.begin_replay(key, claim.body_hash, intent_id, now_s, stretch_s=stretch_s)

    def _answer_again(
        self, claim: Claim, intent_id: str, earlier: Replay, write: Write, exchange: Exchange
    ) -> Response:
        give_up_s = self._clock.monotonic_s() + self._running_limit_s
        while True:
            exchange.intent_id = earlier.intent_id
            answer = self._known_answer(claim, earlier, write)
            if answer is not None:
                answer.headers[REPLAYED_HEADER] = "true"
                return answer
            if claim.key.kind is ReplayKind.IDEMPOTENCY:
                raise StillRunning("the first request with this Idempotency-Key is still running")
            if self._clock.monotonic_s() >= give_up_s:
                raise OutcomeUnknown("the first order with this packet_id has no answer yet")
            gevent.sleep(LOOK_INTERVAL_S)
            looked = self._claim(claim, intent_id)
            if looked is None:
                return self._run(claim, intent_id, write)
            earlier = looked

    def _known_answer(self, claim: Claim, earlier: Replay, write: Write) -> Response | None:
        """What the first request was or would be answered; None while it runs."""
        record = self._ledger.find_intent(earlier.intent_id)
        is_open = record is None or record.state in OPEN_STATES
        if earlier.status is not None and earlier.body is not None and (earlier.status < 500 or is_open):
            return Response(earlier.body, earlier.status, content_type=JSON_TYPE)
        if record is None:
            return self._answer_without_record(claim, earlier, write)
        may_run = record.state is IntentState.RESERVED or (
            record.state is IntentState.SENT and self._is_young(earlier)
        )
        return None if may_run else _recall(write, record)

    def _answer_without_record(self, claim: Claim, earlier: Replay, write: Write) -> Response | None:
        """Where the first request reserved nothing: it has yet to, it died before, or it was no order."""
        if self._is_young(earlier):
            return None
        if write.is_order:
            # Under the same intent: should the first one live after all, the ledger lets one of them reserve.
            return self._run(claim, earlier.intent_id, write)
        text = "the first request with this name ended without an answer; it may have taken effect"
        return gateway_error(OutcomeUnknown(text))

    def _is_young(self, earlier: Replay) -> bool:
        return self._clock.wall_s() - made_s(earlier.intent_id) < self._running_limit_s

    def _run(self, claim: Claim, intent_id: str, write: Write) -> Response:
        try:
            answer = write.send(intent_id)
        except GatewayError as error:
            if error.retry_safe:
                self._drop(claim, intent_id, write)
            if error.retry_safe or not isinstance(error, KEPT):
                raise
            answer = gateway_error(error)
        self._keep(claim, intent_id, answer)
        return answer

    def _keep(self, claim: Claim, intent_id: str, answer: Response) -> None:
        try:
            self._ledger.finish_replay(claim.key, intent_id, answer.status_code, answer.get_data())
        except LedgerUnavailable as error:
            _log.error("the answer to intent %s is not kept; its record will answer: %s", intent_id, error)

    def _drop(self, claim: Claim, intent_id: str, write: Write) -> None:
        """Free the name, unless another request, which took this one for dead, sends the order under it.

        Without a record of the order such a request may be about to: one that is nearly old enough to be
        taken for dead keeps its name, under which the next one will send.
        """
        made_ago_s = self._clock.wall_s() - made_s(intent_id)
        is_old = made_ago_s >= self._running_limit_s - DROP_MARGIN_S
        try:
            self._ledger.drop_replay(claim.key, intent_id, needs_record=write.is_order and is_old)
        except LedgerUnavailable as error:
            _log.error("the name of intent %s, which was never sent, is not free: %s", intent_id, error)


def _recall(write: Write, record: IntentRecord) -> Response:
    try:
        return write.recall(record)
    except GatewayError as error:
        return gateway_error(error)
