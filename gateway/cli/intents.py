"""`gw intents`: the orders that were asked for, and what became of each."""

from typing import Any

import click

from gateway.audit import AuditEvent
from gateway.cli.candidate import HEADS, Candidate, look
from gateway.cli.installation import Installation, actor, pass_installation
from gateway.cli.output import json_option, moment, print_json, print_table
from gateway.ledger.base import (
    OPEN_STATES,
    IntentRecord,
    IntentState,
    Ledger,
    Resolution,
    Step,
    WrongIntentState,
)
from gateway.order import IntentKind
from gateway.trading.audit_trail import outcome_event
from gateway.trading.rival import owners, rivals

BY_A_PERSON = "a person told"
"""The detail of an intent that was settled by command; who it was stands in the audit."""

_HOUR_S = 3600


@click.group()
def intents() -> None:
    """Show orders and changes of orders as the ledger has them, and settle those that nothing else can.

    \b
    Examples:
      gw intents list --open
      gw intents show 01KD...
      gw intents resolve 01KD... --as absent
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

    Of one that is unknown, also the orders that OpenD lists and that it may have become.

    \b
    Example:
      gw intents show 01KD...
    """
    with installation.ledger() as ledger:
        record = _find(ledger, intent_id)
        is_unknown = record.state is IntentState.UNKNOWN
        claimed = owners(rivals(ledger, record)) if is_unknown else {}
    candidates, problem = look(installation, record, claimed) if is_unknown else ([], None)
    if as_json:
        print_json(
            intent_words(record) | ({"candidates": candidates, "problem": problem} if is_unknown else {})
        )
        return
    _print_intent(record)
    if is_unknown:
        _print_candidates(record, candidates, problem)


@intents.command("resolve")
@click.argument("intent_id", metavar="ID")
@click.option(
    "--as",
    "resolution",
    type=click.Choice([each.value for each in Resolution]),
    required=True,
    help="What OpenD shows of it.",
)
@click.option("--order-id", type=click.IntRange(1, 2**64 - 1), metavar="N", help="Its number at OpenD.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_installation
def resolve(
    installation: Installation, intent_id: str, resolution: str, order_id: int | None, yes: bool
) -> None:
    """Say what became of an unknown order or change, after a look at OpenD.

    For those that the gateway cannot find out: a change with an adjusted price, two orders that fit one
    intent, or one order that fits two. `gw intents show` lists what OpenD has. accepted: OpenD has it, and
    what it was worth stays counted; rejected: OpenD or the broker said no, and the day's value is given
    back; absent: it never arrived, and stays counted. The audit says who gave the command.

    \b
    Examples:
      gw intents resolve 01KD... --as accepted --order-id 7530394802467110933
      gw intents resolve 01KD... --as absent --yes
    """
    found = Resolution(resolution)
    with installation.ledger() as ledger, installation.audit() as audit:
        record = _find(ledger, intent_id)
        _require_unknown(record)
        number = _order_number(ledger, record, found, order_id)
        if not yes:
            _print_intent(record)
            click.confirm(f"Settle it as {found}?", abort=True)
        step = Step(state=IntentState.RESOLVED, resolution=found, order_id=number, detail=BY_A_PERSON)
        audit.write(resolved_event(record, step, actor()), durable=True)
        try:
            moved = ledger.advance(intent_id, step, installation.clock.wall_s())
        except WrongIntentState as error:
            raise click.ClickException(f"somebody was faster: {error}") from error
    if moved.resolution is not found:
        raise click.ClickException(f"somebody was faster: intent {intent_id} is {moved.resolution}")
    click.echo(f"Intent {intent_id} is resolved as {found}.")


def _find(ledger: Ledger, intent_id: str) -> IntentRecord:
    record = ledger.find_intent(intent_id)
    if record is None:
        raise click.ClickException(f"no intent {intent_id}; those that reached their end are kept for 7 days")
    return record


def _require_unknown(record: IntentRecord) -> None:
    if record.state is IntentState.UNKNOWN:
        return
    if record.state in OPEN_STATES:
        raise click.ClickException(
            f"it is {record.state}: a worker still moves it on; wait until it is unknown"
        )
    state = f"{record.state} ({record.resolution})" if record.resolution else record.state
    raise click.ClickException(f"it is {state}, and nothing about it is left open")


def _order_number(
    ledger: Ledger, record: IntentRecord, found: Resolution, order_id: int | None
) -> int | None:
    """OpenD's number of the order; that of an accepted new order has to be told."""
    intent = record.intent
    if intent.kind is IntentKind.MODIFY:
        if order_id not in (None, intent.order_id):
            raise click.UsageError(f"--order-id: this is a change of order {intent.order_id}")
        return intent.order_id
    if found is Resolution.ABSENT and order_id is not None:
        raise click.UsageError("--order-id: an absent order has no number")
    if found is Resolution.ACCEPTED and order_id is None:
        raise click.UsageError("--order-id: an accepted order has a number; see gw intents show")
    owner = owners(rivals(ledger, record)).get(order_id or 0)
    if owner is not None:
        raise click.UsageError(f"--order-id: order {order_id} is that of intent {owner}")
    return order_id


def resolved_event(record: IntentRecord, step: Step, who: str) -> AuditEvent:
    """The audit's line of what a person says became of an order."""
    return outcome_event(
        record,
        str(step.resolution),
        route="gw intents resolve",
        actor=who,
        order_id=step.order_id,
        detail=step.detail,
    )


def _print_intent(record: IntentRecord) -> None:
    print_table(("NAME", "VALUE"), [pair for pair in intent_words(record).items() if pair[1] is not None], "")


def _print_candidates(record: IntentRecord, candidates: list[Candidate], problem: str | None) -> None:
    click.echo()
    if problem is not None:
        click.echo(problem, err=True)
        return
    print_table(HEADS, [each.row() for each in candidates], "OpenD lists no order that it may have become.")
    click.echo(f"\nTo settle it: gw intents resolve {record.intent.intent_id} --as accepted|rejected|absent")


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
