"""What was measured: for a work, a contender and a quantity, a value from each round."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

GATEWAY, EMPTY, SDK, BARE_SOCKET = "gateway", "empty view (a)", "SDK (b)", "bare socket (c)"
JSON_FORMAT, FLASK_SOCK = "json_format (d)", "flask_sock (e)"


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of all rounds, in their order, so that those of one round can be set against each other."""

    work: str
    contender: str
    quantity: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Readings:
    """All readings of a run; they are found by work, contender and quantity."""

    def __init__(self) -> None:
        self._readings: dict[tuple[str, str, str], Reading] = {}

    def add(self, *readings: Reading) -> None:
        for each in readings:
            self._readings[each.work, each.contender, each.quantity] = each

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._readings.values())

    def values(self, work: str, contender: str, quantity: str) -> tuple[float, ...]:
        """Raises KeyError for what was not measured."""
        return self._readings[work, contender, quantity].values


Units: TypeAlias = dict[str, str]
Round: TypeAlias = Callable[[], dict[str, float]]


def in_turns(work: str, contenders: dict[str, Round], units: Units, rounds: int) -> list[Reading]:
    """Measure all contenders one after the other, again and again, each round beginning with another one.

    A contender's round gives a value for each quantity of `units`, or for some.
    """
    names = list(contenders)
    seen: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            for quantity, value in contenders[name]().items():
                seen.setdefault((name, quantity), []).append(value)
    return [
        Reading(work, name, quantity, units[quantity], tuple(values))
        for name in names
        for (measured, quantity), values in seen.items()
        if measured == name
    ]
