"""How long a run takes, and how thorough it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` is the length of one contender's turn in one round, `requests` that of one client's."""

    rounds: int
    seconds: int
    requests: int
    is_short: bool = False
    is_long: bool = False


FULL = Plan(rounds=7, seconds=4, requests=1500)
SHORT = Plan(rounds=1, seconds=1, requests=300, is_short=True)
LONG = Plan(rounds=7, seconds=4, requests=1500, is_long=True)
