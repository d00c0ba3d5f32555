"""Puts into the ledger what this worker knows of an order, however late the ledger can take it."""

import logging
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.ledger.base import (
    IntentNotFound,
    IntentState,
    Ledger,
    LedgerUnavailable,
    Resolution,
    Step,
    WrongIntentState,
)

MAX_KEPT = 10_000
"""Outcomes that wait for the ledger. What does not fit is found out by asking OpenD."""

_LATE = {IntentState.ACCEPTED: Resolution.ACCEPTED, IntentState.REJECTED: Resolution.REJECTED}

_log = logging.getLogger(__name__)


class Settlements:
    """The outcomes of this worker's orders, on their way into the ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._kept: dict[str, tuple[Step, ...]] = {}

    def settle(self, intent_id: str, *steps: Step) -> None:
        """Move an intent on. Never raises: what the ledger cannot take now is kept for `retry`."""
        try:
            self._advance(intent_id, steps)
        except LedgerUnavailable as error:
            _log.error(
                "intent %s is %s, which the ledger did not take: %s", intent_id, steps[-1].state, error
            )
            self._keep(intent_id, *steps)

    def settle_unsent(self, intent_id: str, detail: str) -> None:
        """An order was not sent since the ledger was away: once it is back, it has to know.

        Whether the ledger has it as RESERVED or as SENT is not known before.
        """
        self._keep(intent_id, Step(state=IntentState.ABANDONED, detail=detail))

    def is_known(self, intent_id: str, outcome: IntentState) -> bool:
        """Whether the ledger has this outcome of an intent already, whoever found it out."""
        try:
            record = self._ledger.find_intent(intent_id)
        except LedgerUnavailable:
            return False
        return record is not None and outcome in (record.state, record.resolution)

    def retry(self) -> None:
        """Move on what was kept. Raises LedgerUnavailable when the ledger is still away."""
        for intent_id, steps in list(self._kept.items()):
            self._advance(intent_id, steps)
            if self._kept.get(intent_id) is steps:
                del self._kept[intent_id]

    def _keep(self, intent_id: str, *steps: Step) -> None:
        if len(self._kept) < MAX_KEPT:
            self._kept[intent_id] = steps

    def _advance(self, intent_id: str, steps: Sequence[Step]) -> None:
        for step in steps:
            try:
                self._ledger.advance(intent_id, step, self._clock.wall_s())
            except WrongIntentState as error:
                self._advance_late(intent_id, step, error)
            except IntentNotFound as error:
                _log.error("the outcome %s has no intent: %s", step.state, error)

    def _advance_late(self, intent_id: str, step: Step, error: WrongIntentState) -> None:
        """Somebody had to take the order for unknown before its answer came; now it is resolved.

        One that was never sent, and is SENT in the ledger, turns out to be absent.
        """
        if step.state is IntentState.ABANDONED:
            unknown = Step(state=IntentState.UNKNOWN, detail=step.detail)
            absent = Step(state=IntentState.RESOLVED, resolution=Resolution.ABSENT, detail=step.detail)
            self._advance(intent_id, (unknown, absent))
            return
        resolution = _LATE.get(step.state)
        if resolution is None:
            _log.warning("an outcome came too late: %s", error)
            return
        late = Step(
            state=IntentState.RESOLVED,
            resolution=resolution,
            order_id=step.order_id,
            order_id_ex=step.order_id_ex,
            detail=step.detail,
        )
        try:
            record = self._ledger.advance(intent_id, late, self._clock.wall_s())
        except (WrongIntentState, IntentNotFound) as contradiction:
            _log.critical("intent %s is %s in truth: %s", intent_id, step.state, contradiction)
            return
        if record.resolution is not resolution:
            _log.critical("intent %s is %s in truth, not %s", intent_id, resolution, record.resolution)
