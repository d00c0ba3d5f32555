"""`python -m gateway.simulator`: an OpenD to develop against."""

import asyncio
import ipaddress
import logging
import os
import signal
import sys
from pathlib import Path

import click

from gateway.clock import Clock
from gateway.opend.errors import RsaKeyError
from gateway.simulator.admin import Admin, ControlChannel
from gateway.simulator.assembly import Settings, Simulation, assemble
from gateway.simulator.clocks import parse_clock
from gateway.simulator.faults import Fault, FaultPlan, parse_fault
from gateway.simulator.market import Hours
from gateway.simulator.server import SimulatorServer
from gateway.simulator.subscriptions import Quota

_PARENT_CHECK_S = 0.5


def _clock(ctx: click.Context, param: click.Parameter, text: str) -> Clock:
    try:
        return parse_clock(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not `real`, nor a time such as 2026-03-02T10:00:00+08:00@1: {error}"
        ) from error


def _faults(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[Fault, ...]:
    try:
        return tuple(map(parse_fault, texts))
    except ValueError as error:
        raise click.BadParameter(f"{' '.join(texts)!r}: {error}") from error


@click.command(context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=11111, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--seed", default=1, help="The market that this number makes is the same each time.")
@click.option(
    "--clock", callback=_clock, default="real", help="`real`, or TIME[@SPEED]; TIME alone stands still."
)
@click.option(
    "--hours",
    type=click.Choice([each.value for each in Hours]),
    default=Hours.ALWAYS.value,
    help="When markets are open.",
)
@click.option("--rsa-key", type=click.Path(path_type=Path), help="PEM file that turns encryption on.")
@click.option(
    "--journal", type=click.Path(path_type=Path), help="File that keeps a record of every executed order."
)
@click.option("--parent-pid", type=int, help="Exit when this process is no longer the parent.")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Loopback port for control commands.")
@click.option(
    "--frequency-limits", type=click.Choice(["on", "off"]), default="on", help="OpenD's limits per 30 s."
)
@click.option("--subscription-quota", default=Quota().securities, help="Subscriptions over all connections.")
@click.option(
    "--fault", "faults", callback=_faults, multiple=True, help="KIND[:proto=N][,times=N][,delay_s=S]."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def main(
    host: str,
    port: int,
    seed: int,
    clock: Clock,
    hours: str,
    rsa_key: Path | None,
    journal: Path | None,
    parent_pid: int | None,
    admin_port: int | None,
    frequency_limits: str,
    subscription_quota: int,
    faults: tuple[Fault, ...],
    log_level: str,
) -> None:
    """Simulate OpenD: the same protocol, a market of its own, no money.

    Prints `listening on HOST:PORT`, and with --admin-port `control on HOST:PORT`, once ready.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s simulator %(levelname)s %(message)s")
    settings = Settings(
        seed=seed,
        hours=Hours(hours),
        rsa_key=rsa_key,
        journal=journal,
        quota=Quota(securities=subscription_quota),
        frequency_limits=frequency_limits == "on",
        trading_allowed=rsa_key is not None or is_loopback(host),
    )
    try:
        simulation = assemble(clock, settings, FaultPlan(*faults))
        asyncio.run(_serve(simulation, host, port, admin_port, parent_pid))
    except (RsaKeyError, OSError) as error:
        sys.exit(f"the simulator cannot start: {error}")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can connect to the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _serve(
    simulation: Simulation, host: str, port: int, admin_port: int | None, parent_pid: int | None
) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = SimulatorServer(simulation.opend, host, port)
    await server.start()
    control = ControlChannel(Admin(server, simulation))
    if admin_port is not None:
        click.echo(f"control on 127.0.0.1:{await control.listen(admin_port)}")
    click.echo(f"listening on {host}:{server.port}")
    sys.stdout.flush()
    watch = asyncio.create_task(_watch_parent(parent_pid, ended)) if parent_pid else None
    await ended.wait()
    if watch:
        watch.cancel()
    server.stop()
    await control.close()
    simulation.journal.close()


async def _watch_parent(parent_pid: int, ended: asyncio.Event) -> None:
    """A process whose parent died is handed to another one."""
    while os.getppid() == parent_pid:
        await asyncio.sleep(_PARENT_CHECK_S)
    ended.set()


if __name__ == "__main__":
    main()
