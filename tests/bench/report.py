"""The one place that prints, and the form that --json keeps."""

import os
import platform
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.figure import FIGURES, Figure
from bench.plan import Plan
from bench.reading import Readings

BUSY_LIMIT_PER_CENT = 85


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu_info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(": ")[2] for line in cpu_info.splitlines() if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
    }


def print_machine(found: dict[str, Any]) -> None:
    print(
        "{cores} cores of {processor}, Python {python}, load average {load_average:.1f} at the start".format(
            **found
        )
    )


def print_readings(readings: Readings) -> None:
    """Medians, and the least and most of all rounds."""
    print(f"\n{'work':22} {'contender':18} {'quantity':18} {'median':>10}  {'least':>9} {'most':>9}  unit")
    last = None
    for each in readings:
        if last not in (None, each.work):
            print()
        last = each.work
        print(
            f"{each.work:22} {each.contender:18} {each.quantity:18} {_number(each.median):>10}  "
            f"{_number(min(each.values)):>9} {_number(max(each.values)):>9}  {each.unit}"
        )
    _print_limits(readings)


def _print_limits(readings: Readings) -> None:
    """Say of which throughputs something else than the worker was the limit."""
    idle = [
        f"{each.contender} in {each.work} ({each.median:.0f} %)"
        for each in readings
        if each.quantity == "worker busy" and each.median < BUSY_LIMIT_PER_CENT
    ]
    if idle:
        print(
            "\nSimulator and load share the cores with the servers. These workers waited for them, or for the"
            f"\nmachine, and could do more requests a second: {', '.join(idle)}."
        )


def print_figures(readings: Readings, plan: Plan) -> None:
    """Each figure with its limit; a short run judges none.

    The column by cpu has the ratio in processor time of the workers instead of requests a second.
    """
    print(f"\n{'figure':54} {'median':>9}  {'least':>8} {'most':>8}  {'limit':>14}  {'by cpu':>7}")
    for figure in FIGURES:
        try:
            values = figure.values(readings)
        except KeyError:
            continue
        median = statistics.median(values)
        limit = f"{'>=' if figure.is_at_least else '<='} {figure.limit:g} {figure.unit}"
        verdict = "" if plan.is_short else ("reached" if figure.is_reached(median) else "not reached")
        print(
            f"{figure.work + ': ' + figure.what:54} {_number(median):>9}  {_number(min(values)):>8} "
            f"{_number(max(values)):>8}  {limit:>14}  {_by_cpu(figure, readings):>7}  {verdict}".rstrip()
        )


def _by_cpu(figure: Figure, readings: Readings) -> str:
    return _number(statistics.median(figure.by_cpu(readings))) if figure.by_cpu else ""


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(found: dict[str, Any], readings: Readings, plan: Plan) -> dict[str, Any]:
    """Everything, with the values of each round."""
    return {
        "machine": found,
        "rounds": plan.rounds,
        "readings": [
            {
                "work": each.work,
                "contender": each.contender,
                "quantity": each.quantity,
                "unit": each.unit,
                "median": each.median,
                "values": each.values,
            }
            for each in readings
        ],
        "figures": list(_judged(FIGURES, readings)),
    }


def _judged(figures: Iterable[Figure], readings: Readings) -> Iterable[dict[str, Any]]:
    for figure in figures:
        try:
            values = figure.values(readings)
        except KeyError:
            continue
        median = statistics.median(values)
        yield {
            "work": figure.work,
            "what": figure.what,
            "unit": figure.unit,
            "limit": figure.limit,
            "is_at_least": figure.is_at_least,
            "median": median,
            "values": values,
            "median_by_cpu": statistics.median(figure.by_cpu(readings)) if figure.by_cpu else None,
            "reached": figure.is_reached(median),
        }
