"""`gw intents`: the orders that were asked for, and what became of each."""

from typing import Any

import click

from gateway.cli.installation import Installation, pass_installation
from gateway.cli.output import json_option, moment, print_json, print_table
from gateway.ledger.base import IntentRecord

_HOUR_S = 3600


@click.group()
def intents() -> None:
    """Show orders and changes of orders as the ledger has them.

    \b
    Examples:
      gw intents list --open
      gw intents show 01KD...
    """


@intents.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those whose outcome is not known yet.")
@click.option("--key", "key_id", metavar="ID", help="Only those of one key.")
@click.option("--hours", type=click.IntRange(1, 24 * 7), default=24, show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@json_option
@pass_installation
def list_(
    installation: Installation, only_open: bool, key_id: str | None, hours: int, limit: int, as_json: bool
) -> None:
    """List intents, oldest first.

    States: reserved, sent, accepted, rejected, unknown, resolved, abandoned (never sent).

    \b
    Examples:
      gw intents list
      gw intents list --open
      gw intents list --key bot --hours 1 --json
    """
    since_s = installation.clock.wall_s() - hours * _HOUR_S
    with installation.ledger() as ledger:
        records = ledger.open_intents(limit) if only_open else ledger.intents_since(since_s, limit)
    shown = [record for record in records if key_id in (None, record.intent.key_id)]
    if as_json:
        print_json(list(map(intent_words, shown)))
        return
    print_table(
        ("INTENT", "MADE", "KEY", "ACCOUNT", "ENVIRONMENT", "ORDER", "STATE", "ORDER ID"),
        list(map(_row, shown)),
        "No intent.",
    )
    if len(records) == limit:
        click.echo(f"There may be more: these are the first {limit}.", err=True)


@intents.command("show")
@click.argument("intent_id", metavar="ID")
@json_option
@pass_installation
def show(installation: Installation, intent_id: str, as_json: bool) -> None:
    """Show all that is known of one intent.

    \b
    Example:
      gw intents show 01KD...
    """
    with installation.ledger() as ledger:
        record = ledger.find_intent(intent_id)
    if record is None:
        raise click.ClickException(f"no intent {intent_id}; those that reached their end are kept for 7 days")
    words = intent_words(record)
    if as_json:
        print_json(words)
    else:
        print_table(("NAME", "VALUE"), [pair for pair in words.items() if pair[1] is not None], "")


def intent_words(record: IntentRecord) -> dict[str, Any]:
    """An intent and its state, by the ledger's names."""
    intent, debit = record.intent, record.debit
    return {
        "intent_id": intent.intent_id,
        "state": record.state,
        "resolution": record.resolution,
        "detail": record.detail or None,
        "kind": intent.kind,
        "key_id": intent.key_id,
        "request_id": intent.request_id,
        "environment": intent.environment,
        "acc_id": intent.acc_id,
        "market": intent.market,
        "symbol": intent.symbol,
        "side": intent.side,
        "quantity": intent.quantity,
        "price": intent.price,
        "remark": intent.remark,
        "order_id": record.order_id,
        "order_id_ex": record.order_id_ex,
        "created_at": moment(record.created_s),
        "sent_at": moment(record.sent_s),
        "updated_at": moment(record.updated_s),
        "daily_value": debit.amount if debit else None,
        "daily_currency": debit.currency if debit else None,
        "daily_was_returned": debit.was_returned if debit else None,
    }


def _row(record: IntentRecord) -> tuple[object, ...]:
    intent = record.intent
    price = "" if intent.price is None else f" at {intent.price.normalize():f}"
    state = f"{record.state} ({record.resolution})" if record.resolution else record.state
    return (
        intent.intent_id,
        moment(record.created_s),
        intent.key_id,
        intent.acc_id,
        intent.environment,
        f"{intent.kind} {intent.side} {intent.quantity.normalize():f} {intent.symbol}{price}",
        state,
        record.order_id,
    )
