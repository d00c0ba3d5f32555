"""The wall clock of the machine, as the workers see it, is set wrong and right again."""

import time
from random import Random

from soak.harm import Excuse, Harm, Lane
from soak.stage import Stage

from gateway.ledger.base import CLOCK_TOLERANCE_S

NOTICED_WITHIN_S = 0.3
"""A worker looks at the file more often."""


def step_back(stage: Stage, pick: Random) -> None:
    """It is behind for a while: by little, which changes nothing, or by more than is tolerated."""
    _step(stage, -round(pick.choice([pick.uniform(0.5, 4.5), pick.uniform(6.0, 90.0)]), 3), pick)


def step_ahead(stage: Stage, pick: Random) -> None:
    """It is ahead for a while. After that it counts as behind until it has caught up."""
    ahead_s = round(pick.uniform(1.0, 12.0), 3)
    _step(stage, ahead_s, pick)
    time.sleep(max(0.0, ahead_s - CLOCK_TOLERANCE_S))


def _step(stage: Stage, offset_s: float, pick: Random) -> None:
    with stage.clock_ahead(offset_s):
        time.sleep(pick.uniform(0.5, 4.0))
    time.sleep(NOTICED_WITHIN_S)


_WRONG = frozenset({Excuse.CLOCK})

HARMS = (
    Harm("clock behind for a while", Lane.REST, 5, step_back, _WRONG),
    Harm("clock ahead for a while", Lane.REST, 5, step_ahead, _WRONG),
)
