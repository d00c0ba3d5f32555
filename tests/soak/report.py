"""The report of a run, for people."""

from collections import Counter
from collections.abc import Iterator

from soak.client import Kind
from soak.run import Report

TIMELINES = 3
"""How many breaches of a promise are shown with their timeline."""


def render(report: Report) -> str:
    """The whole report."""
    return "\n".join([*_head(report), "", *_harms(report), "", *_table(report), *_breaches(report)])


def _head(report: Report) -> Iterator[str]:
    counts = Counter(ask.kind for ask in report.evidence.told)
    executed = sum(entry["event"] == "placed" for entry in report.evidence.journal)
    asked = ", ".join(f"{counts[kind]} {kind}" for kind in Kind)
    yield f"seed {report.seed}, store {report.store}, {report.seconds:.0f} s"
    yield f"{executed} orders were executed; requests: {asked}"


def _harms(report: Report) -> Iterator[str]:
    counts = Counter(done.harm.name for done in report.evidence.done)
    yield f"{'harm':45} {'times':>7}"
    for name, count in counts.items():
        yield f"{name:45} {count:7}"


def _table(report: Report) -> Iterator[str]:
    yield f"{'promise':45} {'trials':>7} {'breaches':>8}"
    for name, verdict in report.verdicts.items():
        yield f"{name:45} {verdict.trials:7} {len(verdict.breaches):8}  {verdict.note}"


def _breaches(report: Report) -> Iterator[str]:
    for name, verdict in report.verdicts.items():
        for breach in verdict.breaches[:TIMELINES]:
            yield f"\nBREACH of '{name}': {breach.text}"
            if breach.ask is not None:
                yield report.evidence.timeline(breach.ask)
