"""The application that a worker of gunicorn serves, and what it opens and closes in the worker."""

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask

from gateway.boot import MASTER
from gateway.clock import Clock, SystemClock
from gateway.feed.hub import Hub
from gateway.frequency import Frequency
from gateway.ledger.base import Ledger
from gateway.ledger.lease import Lease
from gateway.ledger.store import open_ledger
from gateway.metrics.hub import HubWatch
from gateway.opend.client import Client, ClientSettings
from gateway.opend.errors import RsaKeyError
from gateway.policy_watch import PolicyWatch
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.trading.reconcile import Reconciler
from gateway.web.app import Parts, create_app, make_subscriptions
from gateway.web.ledger_watch import LedgerHealth, watched
from gateway.web.login_watch import LoginWatch
from gateway.web.measured import MeasuredAudit, measured
from gateway.web.sampler import Sampler

WORKER = "gateway_worker"
"""The name of the worker's parts among the application's extensions."""

RETRY_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """What lives in one worker process, beside the application."""

    parts: Parts
    reconciler: Reconciler
    sampler: Sampler
    hub_watch: HubWatch

    def open(self, is_serving: Callable[[], bool]) -> None:
        """Begin, in the worker itself: nothing of it survives a fork. Ledger and audit open at first use.

        Sockets are closed once `is_serving` says no.
        """
        if self.parts.policy_watch is not None:
            self.parts.policy_watch.open()
        self.parts.hub.open(is_serving)
        self.parts.lease.open()
        self.parts.client.open()
        self.parts.subscriptions.following.open()
        self.parts.login_watch.open()
        self.reconciler.open()
        self.sampler.open()
        self.hub_watch.open()

    def close(self) -> None:
        """End it all; what waits for OpenD fails at once, and is recorded before ledger and audit close."""
        self.hub_watch.close()
        self.sampler.close()
        self.reconciler.close()
        self.parts.hub.close()
        self.parts.subscriptions.following.close()
        self.parts.login_watch.close()
        self.parts.client.close()
        self.parts.lease.close()
        if self.parts.policy_watch is not None:
            self.parts.policy_watch.close()
        self.parts.ledger.close()
        self.parts.audit.close()


def app_of_master() -> Flask:
    """The application under the settings and the policy that the master keeps; nothing is open yet.

    Without a master, as under another server, they are read here: raises ConfigurationError.
    """
    settings = MASTER.settings or MASTER.load_settings(os.environ)
    parts = _parts(settings, SystemClock())
    app = create_app(settings, parts)
    app.extensions[WORKER] = Worker(
        parts,
        _reconciler(settings, parts),
        Sampler(
            parts.client,
            parts.ledger,
            parts.subscriptions.following,
            parts.hub,
            parts.policy_watch,
            are_settings_stale=MASTER.are_settings_stale,
        ),
        HubWatch(parts.clock),
    )
    return app


def _parts(settings: Settings, clock: Clock) -> Parts:
    client = _client(settings, clock)
    health = LedgerHealth(clock)
    ledger = measured(watched(open_ledger(settings.ledger, MASTER.ledger_inode), health), clock)
    lease = Lease(ledger, clock)
    frequency = _frequency(settings, client, ledger, clock)
    client.gate = frequency
    audit = MeasuredAudit(settings.audit, clock)
    policy_watch = PolicyWatch(MASTER.policy_file, clock) if MASTER.policy_file else None
    return Parts(
        clock=clock,
        client=client,
        ledger=ledger,
        ledger_health=health,
        lease=lease,
        login_watch=LoginWatch(client, clock),
        audit=audit,
        desk=Desk(
            client,
            ledger,
            audit,
            clock,
            timeout_s=settings.opend.timeout_s,
            lease=lease,
            frequency=frequency,
        ),
        subscriptions=make_subscriptions(settings, client, ledger, clock, policy_watch, lease),
        hub=Hub(Codec(settings.api.trd_env_numbering), clock),
        policy_watch=policy_watch,
    )


def _reconciler(settings: Settings, parts: Parts) -> Reconciler:
    return Reconciler(
        parts.client,
        parts.ledger,
        parts.audit,
        parts.clock,
        settlements=parts.desk.settlements,
        clock_watch=parts.desk.clock_watch,
        timeout_s=settings.opend.timeout_s,
        lease=parts.lease,
    )


def _frequency(settings: Settings, client: Client, ledger: Ledger, clock: Clock) -> Frequency | None:
    if not settings.opend.keeps_frequency_limits:
        return None
    return Frequency(ledger, clock, lambda: client.login_user_id)


def _client(settings: Settings, clock: Clock) -> Client:
    try:
        return Client(client_settings(settings), clock=clock)
    except RsaKeyError as error:
        # The key was good when the master read the settings. An exception here would make gunicorn end
        # the whole gateway; another exit lets the other workers serve on, and this one is tried again.
        _log.critical("this worker cannot start: %s", error)
        time.sleep(RETRY_PAUSE_S)
        sys.exit(1)


def client_settings(settings: Settings) -> ClientSettings:
    """What the OpenD client has to know."""
    opend = settings.opend
    return ClientSettings(
        endpoints=opend.endpoints[:1] if opend.embedded else opend.endpoints,
        pool_size=opend.pool_size,
        max_in_flight=opend.max_in_flight,
        timeout_s=opend.timeout_s,
        rsa_key=opend.rsa_key,
    )


def worker_of(app: Flask) -> Worker:
    """The worker's parts, of an application that `app_of_master` made."""
    return cast(Worker, app.extensions[WORKER])
