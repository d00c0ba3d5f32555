"""Asks for /health all the time, on a kept connection and on new ones."""

from soak.actor import Actor, Scene
from soak.client import Client, Kind
from soak.key import READER

INTERVAL_S = 0.1


class Prober(Actor):
    """One that asks; `is_keeping` its connection, as monitoring does, or not, as a balancer's check."""

    def __init__(self, scene: Scene, *, is_keeping: bool) -> None:
        super().__init__(scene, f"prober-{is_keeping}")
        self._client = Client(scene.stage, READER, scene.told)
        self._is_keeping = is_keeping

    def act(self) -> None:
        self._client.get(Kind.HEALTH, "/health")
        if not self._is_keeping:
            self._client.close()
        self.scene.is_over.wait(INTERVAL_S if self._is_keeping else 3 * INTERVAL_S)

    def leave(self) -> None:
        self._client.close()


def probers(scene: Scene) -> list[Actor]:
    """One of each."""
    return [Prober(scene, is_keeping=True), Prober(scene, is_keeping=False)]
