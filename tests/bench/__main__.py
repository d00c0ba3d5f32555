"""How fast the gateway is, beside what a user would write instead and what the stack allows.

`make bench` starts everything by itself, on loopback, and ends it; `make bench-short` does so in less
time, and judges nothing.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import click
from bench.measure import codec, latency, throughput
from bench.plan import FULL, LONG, SHORT, Plan
from bench.reading import Reading, Readings
from bench.report import as_json, machine, print_figures, print_machine, print_readings
from bench.stand import Stand, running_stand

Measurement: TypeAlias = Callable[[Stand, Plan], list[Reading]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "quote": throughput.measure_quote,
    "latency": latency.measure,
    "history": throughput.measure_history,
    "snapshot": throughput.measure_snapshot,
    "codec": codec.measure,
}


@click.command()
@click.option(
    "--short", "plan", flag_value=SHORT, type=click.UNPROCESSED, help="One short round, no verdicts."
)
@click.option(
    "--long",
    "plan",
    flag_value=LONG,
    type=click.UNPROCESSED,
    help="With what takes 10 minutes: growth of memory.",
)
@click.option("--only", type=click.Choice(list(MEASUREMENTS)), multiple=True, help="Of all, these alone.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Keep everything in this file.")
def main(plan: Plan | None, only: tuple[str, ...], file: Path | None) -> None:
    """Measure, and print medians, spread, and ratios."""
    plan = plan or FULL
    found, readings = machine(), Readings()
    print_machine(found)
    with running_stand() as stand:
        for name, measure in MEASUREMENTS.items():
            if not only or name in only:
                click.echo(f"measuring {name} ...", err=True)
                readings.add(*measure(stand, plan))
    print_readings(readings)
    print_figures(readings, plan)
    if file:
        file.write_text(json.dumps(as_json(found, readings, plan), indent=1) + "\n")


if __name__ == "__main__":
    main()
