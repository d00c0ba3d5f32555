"""What the endpoints of one application work with."""

from dataclasses import dataclass

from gateway.audit import AuditLog
from gateway.clock import Clock
from gateway.feed.hub import Hub
from gateway.feed.subscriptions import Subscriptions
from gateway.ledger.base import Ledger
from gateway.opend.client import Client
from gateway.policy_watch import PolicyWatch
from gateway.schema.codec import Codec
from gateway.settings import Settings
from gateway.trading.desk import Desk
from gateway.web.auth import Guard
from gateway.web.kept import KeptAnswers
from gateway.web.ledger_watch import LedgerHealth
from gateway.web.login_watch import LoginWatch
from gateway.web.refusal import RefusalLog
from gateway.web.replay import Replays
from gateway.web.socket_claims import SocketClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of an application; `policy_watch` is None in the mode without keys."""

    settings: Settings
    clock: Clock
    codec: Codec
    client: Client
    guard: Guard
    policy_watch: PolicyWatch | None
    refusals: RefusalLog
    ledger: Ledger
    ledger_health: LedgerHealth
    login_watch: LoginWatch
    audit: AuditLog
    replays: Replays
    desk: Desk
    subscriptions: Subscriptions
    kept: KeptAnswers
    hub: Hub
    socket_claims: SocketClaims
