"""`gw doctor`: what a report of a defect needs, without anything that is secret."""

import platform
import re
from collections import Counter
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any
from urllib.parse import urlsplit

import click

from gateway.audit import verify
from gateway.cli.checkup import check_up
from gateway.cli.installation import Installation, pass_installation
from gateway.cli.output import json_option, print_json, print_table
from gateway.errors import GatewayError
from gateway.ledger.paging import all_open
from gateway.policy.loader import load_policy
from gateway.settings import AuthMode, Settings, is_loopback_host
from gateway.web.blueprints.ops import DISTRIBUTION
from gateway.yaml_text import ConfigurationError

_PACKAGE_NAME = re.compile(r"[A-Za-z0-9._-]+")


@click.command()
@json_option
@pass_installation
def doctor(installation: Installation, as_json: bool) -> None:
    """Print what a report of a defect needs.

    No token, hash, key, password, account, symbol, or address of another machine stands in it, and no name of
    yours in a path. Read it all the same before you send it.

    \b
    Examples:
      gw doctor
      gw doctor --json > report.json
    """
    report = {name: part(installation) for name, part in _PARTS}
    if as_json:
        print_json(report)
        return
    for name, content in report.items():
        click.echo(f"\n[{name}]")
        if isinstance(content, dict):
            print_table(("NAME", "VALUE"), list(content.items()), "Nothing.")
        else:
            print_table(("WHAT", "STATE", "FOUND"), [tuple(row.values()) for row in content], "Nothing.")


def _versions(installation: Installation) -> dict[str, str]:
    names = [_PACKAGE_NAME.match(line) for line in requires(DISTRIBUTION) or () if "extra ==" not in line]
    packages = {match[0]: _version(match[0]) for match in names if match}
    return {
        DISTRIBUTION: _version(DISTRIBUTION),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **packages,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _settings(installation: Installation) -> dict[str, Any]:
    try:
        settings = installation.settings
    except ConfigurationError as error:
        return {"problems": len(error.problems)}
    return dict(_flat("", _harmless(settings)))


def _harmless(settings: Settings) -> dict[str, Any]:
    """The settings without names of files and of other machines."""
    words = settings.model_dump(mode="json")
    words["server"]["bind"] = _place(settings.server.bind.host)
    words["opend"]["endpoints"] = [_place(endpoint.host) for endpoint in settings.opend.endpoints]
    words["opend"]["rsa_key"] = settings.opend.rsa_key is not None
    words["opend"]["simulator"]["journal"] = settings.opend.simulator.journal is not None
    words["auth"]["policy"] = settings.auth.policy.name
    words["audit"] = settings.audit.name
    words["ledger"] = _store(settings.ledger)
    words["ws"]["allowed_origins"] = len(settings.ws.allowed_origins)
    words["ops"]["metrics_allow"] = len(settings.ops.metrics_allow)
    return words


def _place(host: str) -> str:
    return "loopback" if is_loopback_host(host) else "another address"


def _store(setting: str) -> str:
    """Which ledger it is; of its address, and its password, nothing."""
    scheme, _, _ = setting.partition(":")
    return scheme if scheme == "sqlite" else f"{scheme} at {_place(urlsplit(setting).hostname or '')}"


def _flat(prefix: str, words: dict[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in words.items():
        flat += _flat(f"{prefix}{name}.", value) if isinstance(value, dict) else [(prefix + name, value)]
    return flat


def _policy(installation: Installation) -> dict[str, Any]:
    try:
        if installation.settings.auth.mode is AuthMode.LOCAL:
            return {"mode": "local"}
        keys = load_policy(installation.policy_file).keys
    except ConfigurationError as error:
        return {"problems": len(error.problems)}
    now_s = installation.clock.wall_s()
    scopes = Counter(scope for key in keys for scope in key.principal.scopes)
    return {
        "keys": len(keys),
        "expired": sum(key.principal.is_expired(now_s) for key in keys),
        **{f"with {scope}": count for scope, count in sorted(scopes.items())},
    }


def _ledger(installation: Installation) -> dict[str, Any]:
    try:
        with installation.ledger() as ledger:
            opened = Counter(str(record.state) for record in all_open(ledger))
            switches = Counter(str(switch.state) for switch in ledger.trading_switches())
    except (ConfigurationError, GatewayError, OSError) as error:
        return {"problem": type(error).__name__}
    return {**{f"intents {state}": count for state, count in opened.items()}, **_prefixed(switches)}


def _prefixed(switches: Counter[str]) -> dict[str, int]:
    return {f"switches {state}": count for state, count in switches.items()}


def _audit(installation: Installation) -> dict[str, Any]:
    try:
        report = verify(installation.settings.audit)
    except (ConfigurationError, OSError) as error:
        return {"problem": type(error).__name__}
    return {"lines": report.lines, "is_intact": report.is_intact, "findings": len(report.findings)}


def _checks(installation: Installation) -> list[dict[str, str]]:
    hide = _hiding(installation)
    return [
        {"name": found.name, "verdict": found.verdict, "text": hide(found.text)}
        for found in check_up(installation)
    ]


def _hiding(installation: Installation) -> Callable[[str], str]:
    """Takes directories, the names of keys and other machines, and their addresses, out of a text."""
    names = [rf"(?<=key ){re.escape(key_id)}\b" for key_id in _key_ids(installation)]
    names += [rf"(?<![\w.]){re.escape(host)}(?![\w.])" for host in _hosts(installation)]
    directory = r"(?:/[^/\s:]+)+/"
    pattern = re.compile("|".join([*names, directory]))
    return lambda text: pattern.sub("...", text)


def _key_ids(installation: Installation) -> list[str]:
    try:
        return installation.key_ids()
    except ConfigurationError:
        return []


def _hosts(installation: Installation) -> list[str]:
    """The machines that the settings name, this one aside."""
    try:
        settings = installation.settings
    except ConfigurationError:
        return []
    hosts = [settings.server.bind.host, *(endpoint.host for endpoint in settings.opend.endpoints)]
    hosts += [urlsplit(settings.ledger).hostname or ""]
    return [host for host in hosts if host and not is_loopback_host(host)]


_PARTS = (
    ("versions", _versions),
    ("settings", _settings),
    ("policy", _policy),
    ("ledger", _ledger),
    ("audit", _audit),
    ("checks", _checks),
)
