"""`gw claims`: who wants which real-time data."""

from typing import Any

import click

from gateway.claim import AccountClaim, Claim
from gateway.cli.installation import Installation, pass_installation
from gateway.cli.output import json_option, moment, print_json, print_table
from gateway.schema.descriptors import enum
from gateway.schema.security import security_text

_SUB_TYPES = {
    value.number: value.name.removeprefix("SubType_") for value in enum("Qot_Common.SubType").values
}
_REHAB_TYPES = {
    value.number: value.name.removeprefix("RehabType_") for value in enum("Qot_Common.RehabType").values
}
ACCOUNT_PUSHES = "orders and fills"
"""What stands for the pushes of an account, where a subscription has its sub type."""


@click.group()
def claims() -> None:
    """Show the subscriptions that keys and sockets hold, and drop those of a key.

    OpenD's quota is used by what anybody claims.

    \b
    Examples:
      gw claims list
      gw claims drop bot
    """


@claims.command("list")
@click.option("--key", "key_id", metavar="ID", help="Only those of one key.")
@json_option
@pass_installation
def list_(installation: Installation, key_id: str | None, as_json: bool) -> None:
    """List claims by their holders: a key itself, or one of its sockets.

    \b
    Examples:
      gw claims list
      gw claims list --key bot --json
    """
    with installation.ledger() as ledger:
        held = ledger.claims(installation.clock.wall_s())
    held = held if key_id is None else held.of_keys([key_id])
    words = [*map(subscription_words, held.subscriptions), *map(account_words, held.accounts)]
    if as_json:
        print_json(words)
        return
    heads = ("KEY", "SOCKET", "WHAT", "DATA", "PUSHED", "ENDS")
    print_table(heads, list(map(_row, words)), "No claim.")


@claims.command("drop")
@click.argument("key_id", metavar="KEY")
@json_option
@pass_installation
def drop(installation: Installation, key_id: str, as_json: bool) -> None:
    """Drop every claim of a key and of its sockets.

    The sockets stay open and get nothing more of what was dropped. OpenD lets go of a subscription
    when it is a minute old and nobody else claims it.

    \b
    Example:
      gw claims drop bot
    """
    with installation.ledger() as ledger:
        dropped = ledger.drop_claims_of_key(key_id)
    if as_json:
        print_json({"key_id": key_id, "dropped": dropped})
    else:
        click.echo(f"{dropped} subscriptions of {key_id} dropped.")


def subscription_words(claim: Claim) -> dict[str, Any]:
    """A claim of a subscription, by the protocol's names."""
    market, code, sub_type = claim.subscription
    return {
        "key_id": claim.holder.key_id,
        "socket_id": claim.holder.socket_id or None,
        "security": security_text(market, code),
        "sub_type": _SUB_TYPES.get(sub_type, str(sub_type)),
        "is_pushed": claim.options.is_pushed,
        "rehab_types": [_REHAB_TYPES.get(each, str(each)) for each in sorted(claim.options.rehab_types)],
        "expires_at": moment(claim.expires_s),
    }


def account_words(claim: AccountClaim) -> dict[str, Any]:
    """A claim of an account's pushes."""
    return {
        "key_id": claim.holder.key_id,
        "socket_id": claim.holder.socket_id or None,
        "acc_id": claim.acc_id,
        "is_pushed": True,
    }


def _row(words: dict[str, Any]) -> tuple[object, ...]:
    return (
        words["key_id"],
        words["socket_id"],
        words.get("security", words.get("acc_id")),
        words.get("sub_type", ACCOUNT_PUSHES),
        "yes" if words["is_pushed"] else "no",
        words.get("expires_at"),
    )
