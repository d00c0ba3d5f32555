"""How long a run takes, and how thorough it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` is the length of one contender's turn in one round, `requests` that of one client's.

    What is measured once for each size, in processor time, has its own counts.
    """

    rounds: int = 5
    seconds: int = 4
    requests: int = 1500
    scaling_rounds: int = 3
    scaling_requests: int = 600
    scaling_events: int = 5000
    is_short: bool = False
    is_long: bool = False


FULL = Plan()
LONG = Plan(is_long=True)
SHORT = Plan(
    rounds=1,
    seconds=1,
    requests=300,
    scaling_rounds=1,
    scaling_requests=150,
    scaling_events=500,
    is_short=True,
)
