"""Puts the parts of one application together. Nothing here is global, and nothing opens a socket."""

from dataclasses import dataclass

from flask import Flask

from gateway.audit import AuditLog
from gateway.clock import Clock
from gateway.feed.alignment import Alignment
from gateway.feed.following import Following
from gateway.feed.hub import Hub
from gateway.feed.subscriptions import Subscriptions
from gateway.ledger.base import Ledger
from gateway.ledger.lease import Lease
from gateway.metrics.table import count_policy_reload
from gateway.opend.client import Client
from gateway.opend.shared import SharedReads
from gateway.policy_watch import PolicyWatch
from gateway.routes import LIVE_PATH
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.web.auth import Guard, KeysGuard, LocalGuard
from gateway.web.bare_flask import BareFlask
from gateway.web.blueprints.docs import docs_blueprint
from gateway.web.blueprints.ops import ops_blueprint
from gateway.web.blueprints.quote import quote_blueprint
from gateway.web.blueprints.system import system_blueprint
from gateway.web.blueprints.trade import trade_blueprint
from gateway.web.blueprints.ws import ws_blueprint
from gateway.web.errors import register_error_handlers
from gateway.web.front import Front
from gateway.web.kept import KeptAnswers
from gateway.web.key_state import keys_in_force
from gateway.web.ledger_watch import LedgerHealth
from gateway.web.login_watch import LoginWatch
from gateway.web.measured import call_ended, call_shared
from gateway.web.page import page_blueprint
from gateway.web.refusal import RefusalLog
from gateway.web.replay import Replays
from gateway.web.services import Services
from gateway.web.socket_claims import SocketClaims

BLUEPRINTS = (
    *(system_blueprint, quote_blueprint, trade_blueprint),
    *(ws_blueprint, ops_blueprint, docs_blueprint),
)

LIVE_PAGE = LIVE_PATH.removeprefix("/")
"""The page that shows live data, at `/live`."""

ANSWER_MARGIN_S = 5.0
"""What a request may take beside its call to OpenD, before it counts as one that died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an application stands on. None is opened here: that is for the process that will use them.

    `desk`, `subscriptions` and `login_watch` use the same client; the first two the same ledger, and the
    desk the same lease and audit. `policy_watch` is None in the mode without keys.
    """

    clock: Clock
    client: Client
    ledger: Ledger
    ledger_health: LedgerHealth
    lease: Lease
    login_watch: LoginWatch
    audit: AuditLog
    desk: Desk
    subscriptions: Subscriptions
    hub: Hub
    policy_watch: PolicyWatch | None


def create_app(settings: Settings, parts: Parts) -> Flask:
    """The application."""
    following = parts.subscriptions.following
    parts.client.on_session = following.session_began
    parts.client.on_push = parts.hub.on_push
    parts.client.on_call = call_ended
    parts.subscriptions.reads.on_join = call_shared
    parts.lease.on_lost = parts.hub.claims_lost
    following.on_change = parts.hub.set_claims
    following.on_state = parts.hub.opend_changed
    if parts.policy_watch is not None:
        parts.policy_watch.on_reload = count_policy_reload
    services = _services(settings, parts)
    app = BareFlask("gateway")
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint(services))
    if settings.ops.live_page:
        app.register_blueprint(page_blueprint(LIVE_PAGE))
    register_error_handlers(app)
    app.wsgi_app = Front(app.wsgi_app, parts.clock)  # type: ignore[method-assign]
    return app


def make_subscriptions(
    settings: Settings,
    client: Client,
    ledger: Ledger,
    clock: Clock,
    policy_watch: PolicyWatch | None,
    lease: Lease,
) -> Subscriptions:
    """The subscriptions of a worker: what follows the claims, and the connection that is kept in line."""
    alignment = Alignment(client, clock, timeout_s=settings.opend.timeout_s)
    following = Following(ledger, clock, alignment, keys_in_force(policy_watch, clock), lease)
    return Subscriptions(
        client,
        ledger,
        clock,
        following,
        SharedReads(client, clock, settings.opend.timeout_s),
        auto_subscribe=settings.quote.auto_subscribe,
        auto_subscribe_ttl_s=settings.quote.auto_subscribe_ttl_s,
    )


def _services(settings: Settings, parts: Parts) -> Services:
    return Services(
        settings=settings,
        clock=parts.clock,
        codec=Codec(settings.api.trd_env_numbering),
        client=parts.client,
        guard=_guard(settings, parts),
        policy_watch=parts.policy_watch,
        refusals=RefusalLog(parts.audit, parts.clock),
        ledger=parts.ledger,
        ledger_health=parts.ledger_health,
        login_watch=parts.login_watch,
        audit=parts.audit,
        replays=Replays(
            parts.ledger,
            parts.clock,
            settings.opend.timeout_s + ANSWER_MARGIN_S,
            parts.desk.clock_watch.stretch_s,
        ),
        desk=parts.desk,
        subscriptions=parts.subscriptions,
        kept=KeptAnswers(parts.clock, settings.quote.keep_s, lambda: parts.client.session),
        hub=parts.hub,
        socket_claims=SocketClaims(parts.subscriptions, parts.lease),
    )


def _guard(settings: Settings, parts: Parts) -> Guard:
    if parts.policy_watch is None:
        return LocalGuard(embedded=settings.opend.embedded)
    return KeysGuard(parts.policy_watch, parts.clock, settings.ws.allowed_origins)
