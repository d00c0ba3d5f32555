"""The gateway that commands work on: what its settings name, opened as its workers open it."""

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from gateway.audit import AuditLog
from gateway.boot import make_directory
from gateway.clock import Clock, SystemClock
from gateway.ledger.base import Ledger
from gateway.ledger.store import open_ledger
from gateway.opend.client import Client, ClientSettings
from gateway.policy.loader import load_policy
from gateway.settings import CONFIG_VARIABLE, AuthMode, Settings, load
from gateway.web.auth import LOCAL_KEY_ID

CONNECT_WAIT_S = 5.0
"""How long a command waits for OpenD to take its connection."""


@dataclass
class Installation:
    """Reads the settings when a command first needs them; `config` None is where the gateway looks."""

    config: Path | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - has no state

    @cached_property
    def settings(self) -> Settings:
        """The gateway's settings. Raises ConfigurationError."""
        chosen = {CONFIG_VARIABLE: str(self.config)} if self.config else {}
        return load({**os.environ, **chosen})

    @property
    def policy_file(self) -> Path:
        """The file with the keys."""
        return self.settings.auth.policy

    def key_ids(self) -> list[str]:
        """Who may trade: the keys of the policy, or the one local caller. Raises ConfigurationError."""
        if self.settings.auth.mode is AuthMode.LOCAL:
            return [LOCAL_KEY_ID]
        return [key.principal.key_id for key in load_policy(self.policy_file).keys]

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger that the workers share."""
        scheme, _, file = self.settings.ledger.partition(":")
        if scheme == "sqlite":
            make_directory(Path(file).parent)
        ledger = open_ledger(self.settings.ledger)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def audit(self) -> Iterator[AuditLog]:
        """The audit that the workers write."""
        make_directory(self.settings.audit.parent)
        log = AuditLog(self.settings.audit, self.clock)
        try:
            yield log
        finally:
            log.close()

    @contextmanager
    def opend(self) -> Iterator[Client]:
        """A connection of its own to the gateway's OpenD."""
        opend = self.settings.opend
        client = Client(
            ClientSettings(
                endpoints=opend.endpoints[:1] if opend.embedded else opend.endpoints,
                pool_size=1,
                timeout_s=opend.timeout_s,
                connect_wait_s=CONNECT_WAIT_S,
                rsa_key=opend.rsa_key,
            ),
            clock=self.clock,
        )
        client.open()
        try:
            yield client
        finally:
            client.close()


pass_installation: Callable[..., Callable[..., None]] = click.make_pass_decorator(Installation)
"""Gives a command the installation that it works on."""


def actor() -> str:
    """Who gives the command, for the audit."""
    return pwd.getpwuid(os.getuid()).pw_name
