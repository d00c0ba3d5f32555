"""`gw trading`: the kill switch."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

import click
import gevent

from gateway.audit import AuditEvent, AuditKind, AuditLog
from gateway.cli.cancel import Canceller
from gateway.cli.installation import Installation, actor, pass_installation
from gateway.cli.key_order import is_of_key
from gateway.cli.open_order import DONE, Cancelled, CancelReport
from gateway.cli.output import json_option, moment, print_json, print_table
from gateway.ledger.base import IntentState, Ledger, TradingState
from gateway.ledger.paging import all_open

ON_THEIR_WAY = frozenset({IntentState.RESERVED, IntentState.SENT})
_WAY_PAUSE_S = 0.2
_WAY_MARGIN_S = 1.0

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def trading() -> None:
    """Stop trading, let positions be reduced only, or let it go on.

    Takes effect in all workers within 1 s, and stays so until it is changed here: a restart changes
    nothing. Cancels always pass.

    \b
    Examples:
      gw trading halt
      gw trading halt --key bot --cancel-open
      gw trading show
      gw trading resume
    """


_key_option: Callable[[F], F] = click.option(
    "--key", "key_id", metavar="ID", help="This key alone.  [default: all]"
)
_cancel_option: Callable[[F], F] = click.option(
    "--cancel-open", is_flag=True, help="Cancel the orders that are open as well."
)


@trading.command()
@_key_option
@_cancel_option
@json_option
@pass_installation
def halt(installation: Installation, key_id: str | None, cancel_open: bool, as_json: bool) -> None:
    """Deny every order and every change of an order.

    With --cancel-open it then cancels the open orders of all accounts of OpenD, those placed elsewhere
    too; with --key as well, the orders that the ledger knows to be that key's. Real accounts have to
    be unlocked for it. Exit status 1 says that something may still be open.

    \b
    Examples:
      gw trading halt
      gw trading halt --cancel-open
      gw trading halt --key bot
    """
    _switch(installation, TradingState.HALTED, key_id, cancel_open=cancel_open, as_json=as_json)


@trading.command()
@_key_option
@_cancel_option
@json_option
@pass_installation
def reduce(installation: Installation, key_id: str | None, cancel_open: bool, as_json: bool) -> None:
    """Let only those orders through that reduce a position.

    --cancel-open as with `gw trading halt`.

    \b
    Examples:
      gw trading reduce
      gw trading reduce --key bot
    """
    _switch(installation, TradingState.REDUCING, key_id, cancel_open=cancel_open, as_json=as_json)


@trading.command()
@_key_option
@json_option
@pass_installation
def resume(installation: Installation, key_id: str | None, as_json: bool) -> None:
    """Let orders through again.

    The switch for all keys and that of a key are two: where they differ, the stricter one holds.

    \b
    Examples:
      gw trading resume
      gw trading resume --key bot
    """
    _switch(installation, TradingState.ACTIVE, key_id, cancel_open=False, as_json=as_json)


@trading.command()
@json_option
@pass_installation
def show(installation: Installation, as_json: bool) -> None:
    """Show every switch that was ever set.

    \b
    Examples:
      gw trading show
      gw trading show --json
    """
    with installation.ledger() as ledger:
        switches = ledger.trading_switches()
    if as_json:
        print_json(
            [
                {"key_id": each.key_id, "state": each.state, "changed_at": moment(each.changed_s)}
                for each in switches
            ]
        )
        return
    rows = [(each.key_id or "all keys", each.state, moment(each.changed_s)) for each in switches]
    print_table(("FOR", "STATE", "SINCE"), rows, "Trading is active for all keys; no switch was ever set.")


def _switch(
    installation: Installation,
    state: TradingState,
    key_id: str | None,
    *,
    cancel_open: bool,
    as_json: bool,
) -> None:
    if key_id is not None:
        _require_key(installation, key_id)
    with installation.ledger() as ledger, installation.audit() as audit:
        _set(installation, ledger, audit, state, key_id)
        _say(f"Trading is {state} for {f'key {key_id}' if key_id else 'all keys'}.", as_json)
        report = _cancel(installation, ledger, audit, key_id, as_json) if cancel_open else None
    if as_json:
        print_json({"state": state, "key_id": key_id, **(_report_words(report) if report else {})})
    elif report:
        _print_report(report)
    if report and not report.is_complete:
        raise SystemExit(1)


def _say(text: str, as_json: bool) -> None:
    """Tell a person at once; where JSON is wanted, beside it."""
    click.echo(text, err=as_json)


def _require_key(installation: Installation, key_id: str) -> None:
    """A switch for a key that nobody has would stop nothing, and look as if it did."""
    known = installation.key_ids()
    if key_id in known:
        return
    close = get_close_matches(key_id, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; without --key it is for all keys"
    raise click.ClickException(f"there is no key {key_id}{hint}")


def _set(
    installation: Installation, ledger: Ledger, audit: AuditLog, state: TradingState, key_id: str | None
) -> None:
    """Set the switch. Nothing keeps `halt` back, and nothing is loosened that is not on record."""
    event = AuditEvent(
        kind=AuditKind.TRADING, route="gw trading", key_id=key_id, actor=actor(), decision=state
    )
    now_s = installation.clock.wall_s()
    if state is TradingState.HALTED:
        ledger.set_trading(state, now_s, key_id)
        audit.write(event, durable=True)
    else:
        audit.write(event, durable=True)
        ledger.set_trading(state, now_s, key_id)


def _cancel(
    installation: Installation, ledger: Ledger, audit: AuditLog, key_id: str | None, as_json: bool
) -> CancelReport:
    _await_orders_on_their_way(installation, ledger, key_id, as_json)
    with installation.opend() as client:
        canceller = Canceller(client, gevent.sleep)
        if key_id is None:
            report = canceller.cancel_open()
        else:
            report = canceller.cancel_open(is_of_key(ledger, key_id))
    for each in report.orders:
        audit.write(_cancel_event(each, key_id), durable=False)
    return report


def _await_orders_on_their_way(
    installation: Installation, ledger: Ledger, key_id: str | None, as_json: bool
) -> None:
    """Let orders that had passed before the switch arrive at OpenD, so that they are cancelled too."""
    clock = installation.clock
    deadline_s = clock.monotonic_s() + installation.settings.opend.timeout_s + _WAY_MARGIN_S
    while ids := [
        record.intent.intent_id
        for record in all_open(ledger)
        if record.state in ON_THEIR_WAY and key_id in (None, record.intent.key_id)
    ]:
        if clock.monotonic_s() >= deadline_s:
            _say(f"Orders may still be on their way: {', '.join(ids)}; see gw intents list --open", True)
            return
        gevent.sleep(_WAY_PAUSE_S)


def _cancel_event(each: Cancelled, key_id: str | None) -> AuditEvent:
    order = each.order
    return AuditEvent(
        kind=AuditKind.OUTCOME,
        route="gw trading --cancel-open",
        key_id=key_id,
        actor=actor(),
        acc_id=order.account.acc_id,
        environment=order.account.environment,
        code=order.code,
        side=order.side,
        quantity=order.quantity,
        order_id=order.order_id,
        outcome=each.result,
        detail=each.detail,
    )


def _report_words(report: CancelReport) -> dict[str, Any]:
    return {
        "is_complete": report.is_complete,
        "orders": [
            {
                "acc_id": each.order.account.acc_id,
                "environment": each.order.account.environment,
                "order_id": each.order.order_id,
                "order_id_ex": each.order.order_id_ex,
                "side": each.order.side,
                "quantity": each.order.quantity,
                "filled": each.order.filled,
                "code": each.order.code,
                "result": each.result,
                "detail": each.detail,
            }
            for each in report.orders
        ],
        "unreadable_accounts": [
            {"acc_id": each.account.acc_id, "environment": each.account.environment, "detail": each.detail}
            for each in report.unreadable
        ],
        "left": report.left,
    }


def _print_report(report: CancelReport) -> None:
    heads = ("ACCOUNT", "ENVIRONMENT", "ORDER ID", "SIDE", "QUANTITY", "FILLED", "CODE", "RESULT", "WHY")
    print_table(heads, list(map(_row, report.orders)), "No open order to cancel.")
    for each in report.unreadable:
        account = f"{each.account.environment} account {each.account.acc_id}"
        click.echo(f"Orders of {account} could not be read: {each.detail}", err=True)
    if report.left:
        click.echo(f"Left alone: {report.left} open orders that are not known to be this key's.")
    open_count = sum(each.result not in DONE for each in report.orders)
    if open_count:
        click.echo(f"May still be open: {open_count} of {len(report.orders)} orders.", err=True)


def _row(each: Cancelled) -> tuple[object, ...]:
    order, account = each.order, each.order.account
    place = (account.acc_id, account.environment, order.order_id)
    return (*place, order.side, order.quantity, order.filled, order.code, each.result, each.detail)
