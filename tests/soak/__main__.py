"""`python -m soak`, with `tests` on the path: the proof that the gateway keeps its word."""

import sys

import click
from soak.report import render
from soak.run import soak
from soak.table import HARMS


@click.command(context_settings={"show_default": True})
@click.option("--seed", default=1, help="Decides what clients do and in which order harms come.")
@click.option("--store", type=click.Choice(["sqlite", "redis"]), default="sqlite", help="The ledger.")
@click.option("--orders", default=10_000, help="Orders to be accepted; harms come in proportion.")
@click.option("--clients", default=4, help="Clients for each of the keys whose orders flow.")
@click.option("--only", multiple=True, type=click.Choice([each.name for each in HARMS]), help="These harms.")
def main(seed: int, store: str, orders: int, clients: int, only: tuple[str, ...]) -> None:
    """Harm the gateway while it works, and count what becomes of its promises; exit with 1 for a breach."""
    report = soak(
        seed, store, orders, clients=clients, only=frozenset(only) or None, say=lambda text: click.echo(text)
    )
    click.echo(render(report))
    sys.exit(not report.is_good)


if __name__ == "__main__":
    main()
