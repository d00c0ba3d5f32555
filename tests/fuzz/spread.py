"""A campaign on several processors. Apart from `__main__`, which a new process cannot import."""

from collections.abc import Callable
from multiprocessing import get_context

from fuzz.campaign import Report, Target, run_campaign


def part(make: Callable[[], Target], count: int, seed: int) -> Report:
    """One process's part of a campaign."""
    return run_campaign(make(), count, seed)


def spread(make: Callable[[], Target], count: int, seed: int, jobs: int) -> Report:
    """A campaign by several processes, each with its own seed and cases, as one report."""
    shares = [(make, count // jobs + (number < count % jobs), seed * 1000 + number) for number in range(jobs)]
    with get_context("spawn").Pool(jobs) as pool:
        first, *others = pool.starmap(part, shares)
    for other in others:
        first.cases += other.cases
        first.seconds = max(first.seconds, other.seconds)
        first.longest_s = max(first.longest_s, other.longest_s)
        first.outcomes += other.outcomes
        first.findings += other.findings
    return first
