"""Values made from moments, kept until the security's next tick."""

from collections.abc import Callable
from typing import TypeVar

from gateway.simulator.market.moment import Moment
from gateway.simulator.model import SecurityKey

T = TypeVar("T")


class Memo:
    """Keeps up to `limit` values, each under its name and security; the one kept longest goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[tuple[str, SecurityKey], tuple[Moment, object]] = {}

    def get(self, name: str, moment: Moment, build: Callable[[Moment], T]) -> T:
        """What `build` makes of a moment. A name must always stand for the same way to build."""
        slot = (name, moment.instrument.key)
        kept = self._kept.pop(slot, None)
        if kept is None or kept[0] is not moment:
            kept = (moment, build(moment))
        self._kept[slot] = kept
        if len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]
        return kept[1]  # type: ignore[return-value]  # the name fixes the type
