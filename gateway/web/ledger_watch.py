"""The ledger as a worker uses it, with a memory of whether it answered: `/health` must not ask it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from gateway.clock import Clock
from gateway.ledger.base import Ledger, LedgerUnavailable


@dataclass(slots=True)
class LedgerHealth:
    """What the last steps showed: `failing_since_s` is wall time, None while the ledger answers.

    `has_answered` stays false until the first step was done.
    """

    clock: Clock
    failing_since_s: float | None = None
    has_answered: bool = False

    def note_success(self) -> None:
        """A step was done, or refused for a reason that is not the store's."""
        self.failing_since_s = None
        self.has_answered = True

    def note_failure(self) -> None:
        """The store did not do a step in time."""
        if self.failing_since_s is None:
            self.failing_since_s = self.clock.wall_s()


class _Watched:
    """Passes every step on, and notes whether the store did it."""

    def __init__(self, ledger: Ledger, health: LedgerHealth) -> None:
        self._ledger = ledger
        self._health = health

    def __getattr__(self, name: str) -> Callable[..., Any]:
        step: Callable[..., Any] = getattr(self._ledger, name)

        def watched(*arguments: Any, **keywords: Any) -> Any:
            try:
                value = step(*arguments, **keywords)
            except LedgerUnavailable:
                self._health.note_failure()
                raise
            self._health.note_success()
            return value

        return watched


def watched(ledger: Ledger, health: LedgerHealth) -> Ledger:
    """The same ledger; `health` tells how it fares."""
    return cast(Ledger, _Watched(ledger, health))
