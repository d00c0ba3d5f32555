"""What the clients have in common: threads that go on until it is over, each by its own seeded choices."""

import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from soak.client import Ask
from soak.listener import SocketLog
from soak.stage import Stage


@dataclass
class Scene:
    """What the clients of one phase share. `placed` orders were accepted so far; `told` grows meanwhile.

    `seed` is another in each phase of a run, since names for requests are made of it too.
    """

    stage: Stage
    seed: str
    told: list[Ask] = field(default_factory=list)
    sockets: list[SocketLog] = field(default_factory=list)
    intent_ids: dict[str, str] = field(default_factory=dict)
    """The newest intent of each key."""
    defects: list[str] = field(default_factory=list)
    """Ends of threads that were not meant."""
    placed: int = 0
    planned: int | None = None
    """How many orders the harms have come to; clients that are far ahead of them slow down."""
    is_over: threading.Event = field(default_factory=threading.Event)


class Actor(threading.Thread):
    """One thread of the play: `act` again and again until the scene is over, then `leave`."""

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(daemon=True, name=name)
        self.scene = scene

    def act(self) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """Let go of what is held."""

    def run(self) -> None:
        try:
            while not self.scene.is_over.is_set():
                self.act()
        except Exception:  # noqa: BLE001 - it must not end unseen: what it should have done was not tried
            self.scene.defects.append(f"{self.name}: {traceback.format_exc()}")
        finally:
            self.leave()


def end(scene: Scene, actors: Sequence[Actor], limit_s: float = 60.0) -> None:
    """Let all come to an end."""
    scene.is_over.set()
    for actor in actors:
        actor.join(limit_s)
        if actor.is_alive():
            scene.defects.append(f"{actor.name} does not end")
