"""Does the harms of a lane, in the order that the seed decides, spread over the run."""

import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from soak.actor import Scene
from soak.harm import Harm, Lane
from soak.table import HARMS

PACE_INTERVAL_S = 0.05
SHARE = {Lane.WORKER: 0.75}
"""By which share of the orders a lane is through. Workers live the rest, for what they hold to show."""


@dataclass(frozen=True, slots=True)
class Done:
    """A harm that was done. `problem` is empty unless it could not be undone."""

    harm: Harm
    begin_s: float
    end_s: float
    problem: str = ""


def plan(lane: Lane, seed: str, orders: int, store: str, only: frozenset[str] | None = None) -> list[Harm]:
    """The harms of a lane for a run of so many orders; `only` those of these names, if given."""
    rows = [
        each
        for each in HARMS
        if each.lane is lane and store in each.stores and (only is None or each.name in only)
    ]
    harms = [each for each in rows for _ in range(each.count(orders))]
    Random(f"{seed} {lane}").shuffle(harms)
    return harms


class Harmer(threading.Thread):
    """One lane: the next harm begins when the orders have come as far as the plan has."""

    def __init__(self, scene: Scene, lane: Lane, harms: Sequence[Harm], orders: int) -> None:
        super().__init__(daemon=True, name=f"harmer-{lane}")
        self.done: list[Done] = []
        self._scene = scene
        self._harms = harms
        self._lane = lane
        self._pick = Random(f"{scene.seed} {lane} choices")
        self._step = orders * SHARE.get(lane, 1.0) / max(1, len(harms))

    @property
    def share_done(self) -> float:
        """How far it has come in the run, as a share of the orders."""
        if len(self.done) >= len(self._harms):
            return 1.0
        return SHARE.get(self._lane, 1.0) * (len(self.done) + 1) / len(self._harms)

    def run(self) -> None:
        for index, harm in enumerate(self._harms):
            while self._scene.placed < index * self._step:
                time.sleep(PACE_INTERVAL_S)
                if self._scene.is_over.is_set():
                    return
            self.done.append(self._do(harm))

    def _do(self, harm: Harm) -> Done:
        begin_s = time.time()
        try:
            harm.do(self._scene.stage, self._pick)
        except Exception:  # noqa: BLE001 - whatever it is, the run goes on and the report says so
            return Done(harm, begin_s, time.time(), traceback.format_exc())
        return Done(harm, begin_s, time.time())
