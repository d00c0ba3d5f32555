"""What a gateway needs to run, looked at piece by piece: each look is a row of `CHECKS`.

A look changes nothing but what any start of the gateway makes: the directories and files of ledger and audit.
"""

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import orjson

from gateway.boot import StartError, require_free
from gateway.cli.installation import Installation
from gateway.errors import GatewayError
from gateway.ledger.base import CLOCK_TOLERANCE_S
from gateway.ledger.paging import all_open
from gateway.opend.client import CallKind, Client
from gateway.policy.loader import load_policy
from gateway.policy.model import Policy
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import protocol_named
from gateway.settings import AuthMode
from gateway.yaml_text import ConfigurationError

EXPIRY_NOTICE_S = 7 * 24 * 3600
"""A key that ends sooner is told of."""

LOW_DISK_BYTES = 1024**3

HEALTH_TIMEOUT_S = 3.0

_ANY_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not where to listen
_DAY_S = 24 * 3600


class Verdict(StrEnum):
    """How a look ended. A warning lets the gateway start; what is wrong stops it, or orders in it."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a checkup: what was looked at, how it is, and what to do where it is not well."""

    name: str
    verdict: Verdict
    text: str


def check_up(installation: Installation) -> Iterator[Finding]:
    """Look at everything, one finding after the other; with settings that are wrong, at these alone."""
    try:
        _ = installation.settings
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding("settings", Verdict.WRONG, str(problem))
        return
    for name, look in CHECKS:
        try:
            found = list(look(installation))
        except ConfigurationError as error:
            found = [(Verdict.WRONG, str(problem)) for problem in error.problems]
        except (GatewayError, OSError) as error:
            found = [(Verdict.WRONG, str(error))]
        for verdict, text in found:
            yield Finding(name, verdict, text)


_Found = Iterator[tuple[Verdict, str]]


def _settings(installation: Installation) -> _Found:
    settings = installation.settings
    opend = "the embedded simulator" if settings.opend.embedded else "a real OpenD"
    yield (
        Verdict.OK,
        f"auth.mode {settings.auth.mode}, {opend}, trd_env numbering {settings.api.trd_env_numbering}",
    )


def _policy(installation: Installation) -> _Found:
    if installation.settings.auth.mode is AuthMode.LOCAL:
        yield Verdict.OK, "not used in auth.mode local"
        return
    policy = load_policy(installation.policy_file)
    yield from _ending(policy, installation.clock.wall_s())
    if policy.keys:
        yield Verdict.OK, f"keys: {len(policy.keys)}"
    else:
        yield Verdict.WARNING, "no key, so nobody is let in; gw keys new makes one"


def _ending(policy: Policy, now_s: float) -> _Found:
    for key in policy.keys:
        expires_s = key.principal.expires_s
        if expires_s is None or expires_s > now_s + EXPIRY_NOTICE_S:
            continue
        if key.principal.is_expired(now_s):
            yield Verdict.WARNING, f"key {key.principal.key_id} has expired"
        else:
            days = (expires_s - now_s) / _DAY_S
            yield Verdict.WARNING, f"key {key.principal.key_id} expires in {days:.1f} days"


def _files(installation: Installation) -> _Found:
    settings = installation.settings
    scheme, _, ledger_file = settings.ledger.partition(":")
    private = [settings.audit, *([Path(ledger_file)] if scheme == "sqlite" else [])]
    private += [settings.opend.rsa_key] if settings.opend.rsa_key else []
    exposed = [file for file in private if file.exists() and _is_open_to_others(file)]
    for file in exposed:
        yield Verdict.WARNING, f"{file} can be read or written by others: chmod 600 {file}"
    if not exposed:
        yield Verdict.OK, "readable by their owner alone"


def _is_open_to_others(file: Path) -> bool:
    return bool(file.stat().st_mode & (stat.S_IWGRP | stat.S_IRWXO))


def _ledger(installation: Installation) -> _Found:
    with installation.ledger() as ledger:
        ledger.generations()
        waiting = sum(1 for _ in all_open(ledger))
    if waiting:
        yield Verdict.WARNING, f"{waiting} intents are open; gw intents list --open shows them"
    else:
        yield Verdict.OK, "answers; no intent is open"
    scheme, _, file = installation.settings.ledger.partition(":")
    if scheme == "sqlite":
        yield from _room(Path(file).parent)


def _audit(installation: Installation) -> _Found:
    file = installation.settings.audit
    directory = next(each for each in (file.parent, *file.parents) if each.exists())
    if not os.access(file if file.exists() else directory, os.W_OK):
        yield Verdict.WRONG, f"{file} cannot be written; no order is sent without its line there"
        return
    yield Verdict.OK, "can be written; gw audit verify checks what stands in it"
    yield from _room(directory)


def _room(directory: Path) -> _Found:
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < LOW_DISK_BYTES:
        yield Verdict.WARNING, f"{free_bytes // 1024**2} MiB are left on the disk of {directory}"


def _opend(installation: Installation) -> _Found:
    if installation.settings.opend.embedded and not _is_listening(installation):
        yield Verdict.OK, "the embedded simulator starts with the gateway, and neither runs now"
        return
    with installation.opend() as client:
        state = global_state(client)
    logins = {"quotes": state.qotLogined, "trading": state.trdLogined}
    missing = [what for what, is_logged_in in logins.items() if not is_logged_in]
    if missing:
        yield Verdict.WRONG, f"OpenD {state.serverVer} is not logged in for {' and '.join(missing)}"
    else:
        yield Verdict.OK, f"OpenD {state.serverVer} is logged in for quotes and trading"
    behind_s = state.time - installation.clock.wall_s()
    if abs(behind_s) > CLOCK_TOLERANCE_S and not installation.settings.opend.embedded:
        yield (
            Verdict.WRONG,
            f"this machine's clock and OpenD's differ by {abs(behind_s):.0f} s: set it, best by NTP",
        )


def global_state(client: Client) -> WireMessage:
    """OpenD's `GetGlobalState.S2C`. Raises OpenDError."""
    protocol = protocol_named("GetGlobalState")
    answer: WireMessage = client.call(protocol, protocol.request(c2s={"userID": 0}), kind=CallKind.READ)
    return answer.s2c


def _is_listening(installation: Installation) -> bool:
    host, port = installation.settings.opend.endpoints[0]
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(HEALTH_TIMEOUT_S)
        return probe.connect_ex((host, port)) == 0


def _address(installation: Installation) -> _Found:
    host, port = installation.settings.server.bind
    try:
        require_free(host, port, "server.bind")
    except StartError as error:
        version = _gateway_at(_ANY_HOSTS.get(host, host), port)
        if version is None:
            yield Verdict.WRONG, f"{error}; GATEWAY_BIND takes another address"
        else:
            yield Verdict.OK, f"a gateway {version} serves {host}:{port}"
    else:
        yield Verdict.OK, f"{host}:{port} is free; no gateway runs there"


def _gateway_at(host: str, port: int) -> str | None:
    """The version of the gateway that serves an address; None when it is another program."""
    connection = HTTPConnection(host, port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        answer = orjson.loads(connection.getresponse().read())
    except (OSError, HTTPException, orjson.JSONDecodeError):
        return None
    finally:
        connection.close()
    return str(answer["version"]) if isinstance(answer, dict) and "version" in answer else None


CHECKS: tuple[tuple[str, Callable[[Installation], _Found]], ...] = (
    ("settings", _settings),
    ("policy", _policy),
    ("files", _files),
    ("ledger", _ledger),
    ("audit", _audit),
    ("opend", _opend),
    ("address", _address),
)
"""What is looked at, in this order."""
