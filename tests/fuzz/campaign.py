"""A campaign against one target: cases from a seed, each run, timed and judged.

A case is bytes, so that it can be kept as a file and run again by itself. What a target says of a case
is its outcome, a short text of few values; a case with an outcome that was not seen before joins those
that others are made from. So the campaign is led by what the product answers, which costs nothing,
where leading it by the lines that ran would cost most of the speed.
"""

import random
import re
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG_S = 1.0
"""No case may take longer, in processor time: another program may have the machine meanwhile."""

BREAK_OFF_S = 20
"""After so long by the clock on the wall a case is broken off: it waits for something, or has no end."""

MAX_POOL = 2000
MAX_FINDINGS = 20


class Finding(AssertionError):
    """A case did what none may do."""


class Target:
    """What a campaign is against. `name` is also that of its folder in the corpus.

    `now_s` is the clock that a case is timed by, and `hang_s` the most that it may take.
    """

    name: str
    now_s: Callable[[], float] = staticmethod(time.process_time)
    hang_s = HANG_S

    def seeds(self) -> list[bytes]:
        """Cases that others are made from."""
        raise NotImplementedError

    def case(self, source: bytes, dice: random.Random) -> bytes:
        """A new case from one that there was."""
        raise NotImplementedError

    def run(self, case: bytes) -> str:
        """The outcome of a case. Raises Finding, and whatever the product lets out."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave this process as it was. Some have nothing to do for that."""


@dataclass
class Report:
    """What a campaign saw."""

    name: str
    cases: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[bytes, str]] = field(default_factory=list)

    def line(self) -> str:
        """The campaign in one line."""
        rate = self.cases / self.seconds if self.seconds else 0.0
        return (
            f"{self.name}: {self.cases:,} cases in {self.seconds:.1f} s ({rate:,.0f}/s), "
            f"longest {self.longest_s * 1000:.0f} ms, {len(self.outcomes)} outcomes, "
            f"{len(self.findings)} findings"
        )


class Broken(BaseException):
    """A case was broken off. No `except Exception` of the product may keep it."""


@contextmanager
def broken_off_after(seconds: int) -> Iterator[Callable[[], None]]:
    """Raises Broken in what runs `seconds` after the last call of what this gives: each begins anew."""

    def expire(*_: object) -> None:
        raise Broken

    before = signal.signal(signal.SIGALRM, expire)
    try:
        yield lambda: signal.alarm(seconds) and None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def without_figures(text: str) -> str:
    """What findings of one kind share."""
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*|'[^']*'|b\"[^\"]*\"", "_", text)


def judged(target: Target, case: bytes) -> tuple[str, float]:
    """The outcome of a case, and the seconds that it took. Raises Finding."""
    started_s = target.now_s()
    try:
        outcome = target.run(case)
    except Finding:
        raise
    except Broken:
        raise Finding("it did not come to its end, and was broken off") from None
    except Exception as error:
        raise Finding("".join(traceback.format_exception(error)[-6:])) from error
    seconds = target.now_s() - started_s
    if seconds > target.hang_s:
        raise Finding(f"it took {seconds:.2f} s")
    return outcome, seconds


def run_campaign(target: Target, count: int, seed: int) -> Report:
    """Run `count` cases. The seed and the target's name decide all of them."""
    dice = random.Random(f"{target.name} {seed}")
    pool, report = target.seeds(), Report(target.name)
    started_s = time.monotonic()
    with broken_off_after(max(BREAK_OFF_S, round(2 * target.hang_s))) as begin:
        for _ in range(count):
            begin()
            case = target.case(dice.choice(pool), dice)
            _run_one(target, case, report, pool)
            if len(report.findings) >= MAX_FINDINGS:
                break
    report.seconds = time.monotonic() - started_s
    return report


def _run_one(target: Target, case: bytes, report: Report, pool: list[bytes]) -> None:
    report.cases += 1
    try:
        outcome, seconds = judged(target, case)
    except Finding as finding:
        if without_figures(str(finding)) not in {without_figures(text) for _, text in report.findings}:
            report.findings.append((case, str(finding)))
        return
    report.longest_s = max(report.longest_s, seconds)
    if outcome not in report.outcomes and len(pool) < MAX_POOL:
        pool.append(case)
    report.outcomes[outcome] += 1
