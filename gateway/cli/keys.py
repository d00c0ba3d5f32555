"""`gw keys`: who may call the gateway."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from gateway.audit import AuditEvent, AuditKind
from gateway.cli.installation import Installation, actor, pass_installation
from gateway.cli.key_words import key_words, limits_text
from gateway.cli.limit_option import account_ids, given, limit_options, reader, words
from gateway.cli.output import json_option, print_json, print_table
from gateway.policy.key_file import add_new_key, import_keys, revoke_key
from gateway.policy.loader import load_policy
from gateway.scope import Scope
from gateway.settings import AuthMode
from gateway.yaml_text import ConfigurationError


@click.group()
def keys() -> None:
    """Make, list, revoke and import keys.

    A running gateway takes a change over within 1 s.

    \b
    Examples:
      gw keys new bot --scopes qot:read,acc:read,trade:simulate
      gw keys list
      gw keys revoke bot
      gw keys import keys.json
    """


@keys.command("new")
@click.argument("key_id", metavar="ID")
@click.option(
    "--scopes", callback=reader(words(Scope)), required=True, metavar=",".join(Scope), help="What it may do."
)
@click.option("--expires-at", metavar="TIME", help="2027-01-01T00:00:00Z.  [default: never]")
@click.option(
    "--allowed-acc-ids", callback=reader(account_ids), metavar="IDS", help="Accounts.  [default: any]"
)
@click.option("--note", help="What it is for.")
@limit_options
@json_option
@pass_installation
def new(installation: Installation, key_id: str, as_json: bool, **options: Any) -> None:
    """Make a key and show its token, this once.

    Limits that are not given do not hold; lists have commas between their words.

    \b
    Examples:
      gw keys new reader --scopes qot:read
      gw keys new bot --scopes qot:read,acc:read,trade:simulate \\
          --allowed-acc-ids 987654 --max-order-value HKD=100000,USD=15000 \\
          --max-orders-per-minute 3 --hours-window "09:30-16:00 Asia/Hong_Kong"
    """
    file = installation.policy_file
    token = _add(file, _entry(key_id, given(options)))
    try:
        _record(installation, "new", key_id)
    finally:
        if as_json:
            print_json({"id": key_id, "token": token, "policy": str(file)})
        else:
            _show_token(installation, key_id, token, options["scopes"])


def _entry(key_id: str, options: dict[str, Any]) -> dict[str, Any]:
    names = ("scopes", "expires_at", "allowed_acc_ids", "note")
    limits = {name: value for name, value in options.items() if name not in names}
    entry = {"id": key_id, **{name: options[name] for name in names if name in options}}
    return entry | {"limits": limits} if limits else entry


def _add(file: Path, entry: dict[str, Any]) -> str:
    try:
        return add_new_key(file, entry)
    except ConfigurationError as error:
        if any(problem.file == str(file) for problem in error.problems):
            raise
        texts = (problem.text.removeprefix("keys.0.") for problem in error.problems)
        raise click.UsageError("\n".join(texts)) from error


_CALLS_TO_TRY = {Scope.QUOTE_READ: "/api/global-state", Scope.ACCOUNT_READ: "/api/accounts"}
"""What needs no body, and answers 200 to the holder of the scope alone."""


def _show_token(installation: Installation, key_id: str, token: str, scopes: Collection[str]) -> None:
    click.echo(f"Key {key_id} is in {installation.policy_file}.")
    click.echo("Its token is shown this once and kept nowhere:\n")
    click.echo(f"    {token}\n")
    if installation.settings.auth.mode is AuthMode.LOCAL:
        click.echo("The settings say auth.mode: local, so no key is asked for yet; auth.mode: keys asks.")
    else:
        click.echo("A running gateway knows it within 1 s.")
    for path in [path for scope, path in _CALLS_TO_TRY.items() if scope in scopes][:1]:
        address = f"http://{installation.settings.server.bind}{path}"
        click.echo(f'Try: curl -H "Authorization: Bearer {token[:3]}..." {address}')
    click.echo(f"Take it back with: gw keys revoke {key_id}")


@keys.command("list")
@json_option
@pass_installation
def list_(installation: Installation, as_json: bool) -> None:
    """List all keys with what they may do.

    \b
    Examples:
      gw keys list
      gw keys list --json
    """
    now_s = installation.clock.wall_s()
    listed = [key_words(key.principal, now_s) for key in load_policy(installation.policy_file).keys]
    if as_json:
        print_json(listed)
        return
    print_table(
        ("ID", "SCOPES", "ACCOUNTS", "EXPIRES", "LIMITS", "NOTE"),
        [_row(words) for words in listed],
        f"No key in {installation.policy_file}: with auth.mode: keys, nobody is let in. See gw keys new.",
    )


def _row(words: dict[str, Any]) -> tuple[object, ...]:
    accounts = words.get("allowed_acc_ids")
    expires = words.get("expires_at", "never") + (" (over)" if words["is_expired"] else "")
    return (
        words["id"],
        ",".join(words["scopes"]) or "none",
        "any" if accounts is None else ",".join(map(str, accounts)) or "none",
        expires,
        limits_text(words.get("limits", {})) or "none",
        words.get("note"),
    )


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@json_option
@pass_installation
def revoke(installation: Installation, key_id: str, as_json: bool) -> None:
    """Remove a key: its token is refused from then on.

    Orders that it placed stay; `gw trading halt --key ID --cancel-open` before cancels them.

    \b
    Example:
      gw keys revoke bot
    """
    try:
        revoke_key(installation.policy_file, key_id)
    except KeyError as error:
        raise click.ClickException(f"no key {key_id} in {installation.policy_file}") from error
    _record(installation, "revoke", key_id)
    _tell(as_json, {"revoked": key_id}, lambda: click.echo(f"Key {key_id} is revoked."))


@keys.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@pass_installation
def import_(installation: Installation, source: Path, as_json: bool) -> None:
    """Add the keys of a keys.json, all or none. Their tokens stay as they are.

    \b
    Example:
      gw keys import keys.json
    """
    ids = import_keys(installation.policy_file, source)
    for key_id in ids:
        _record(installation, "import", key_id)
    _tell(as_json, {"imported": ids}, lambda: click.echo(f"Imported: {', '.join(ids) or 'no key'}."))


def _tell(as_json: bool, value: object, say: Callable[[], None]) -> None:
    if as_json:
        print_json(value)
    else:
        say()


def _record(installation: Installation, command: str, key_id: str) -> None:
    with installation.audit() as audit:
        audit.write(
            AuditEvent(
                kind=AuditKind.KEYS, route=f"gw keys {command}", key_id=key_id, actor=actor(), outcome="done"
            ),
            durable=True,
        )
