"""Puts the simulator together: market, broker, subscriptions and sessions on one clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gateway.clock import Clock
from gateway.opend.crypto import RsaCipher
from gateway.simulator.broker import Broker, trade_handlers
from gateway.simulator.delays import Delays
from gateway.simulator.faults import FaultPlan
from gateway.simulator.frequency import FrequencyLimiter
from gateway.simulator.journal import Journal
from gateway.simulator.market import Hours, Market
from gateway.simulator.opend import SimulatedOpenD
from gateway.simulator.pushes import Pushes, PushEvent, QuotePump
from gateway.simulator.quote import quote_handlers
from gateway.simulator.quote.push import events, first_push
from gateway.simulator.quote.subscribable import sub_types
from gateway.simulator.subscription_handlers import SubscriptionGuard, SubscriptionHandlers
from gateway.simulator.subscriptions import PushTarget, Quota, Subscriptions
from gateway.simulator.system import Logins, SystemHandlers


@dataclass(frozen=True, slots=True)
class Settings:
    """What a simulator is made from."""

    seed: int = 1
    hours: Hours = Hours.ALWAYS
    rsa_key: Path | None = None
    journal: Path | None = None
    quota: Quota = field(default_factory=Quota)
    frequency_limits: bool = True
    trading_allowed: bool = True


@dataclass(frozen=True, slots=True)
class Simulation:
    """The parts that others than OpenD itself look at."""

    opend: SimulatedOpenD
    market: Market
    broker: Broker
    journal: Journal
    logins: Logins


def assemble(clock: Clock, settings: Settings, faults: FaultPlan | None = None) -> Simulation:
    """A simulated OpenD that is ready for connections.

    Raises `gateway.opend.errors.RsaKeyError` for an unusable key file and OSError for a journal
    that cannot be written.
    """
    market = Market(settings.seed, clock, settings.hours)
    delays = Delays()
    logins = Logins()
    pushes = Pushes(clock, delays)
    journal = Journal(settings.journal)
    broker = Broker(market, clock, journal, pushes)
    subscriptions = Subscriptions(market.find, settings.quota)
    pump = QuotePump(
        partial(_due_events, market), partial(_first_events, market), subscriptions, pushes, clock, delays
    )
    handlers = {
        **quote_handlers(market),
        **trade_handlers(broker),
        **SubscriptionHandlers(subscriptions, pump.want_first_push).table(),
        **SystemHandlers(market, delays, settings.quota, logins).table(),
    }
    opend = SimulatedOpenD(
        handlers=handlers,
        clock=clock,
        subscriptions=subscriptions,
        guard=SubscriptionGuard(subscriptions, market.find),
        pushes=pushes,
        pump=pump,
        desk=broker,
        delays=delays,
        faults=faults or FaultPlan(),
        rsa=RsaCipher.from_file(settings.rsa_key) if settings.rsa_key else None,
        frequency=FrequencyLimiter() if settings.frequency_limits else None,
        trading_allowed=settings.trading_allowed,
    )
    return Simulation(opend, market, broker, journal, logins)


def _due_events(market: Market, target: PushTarget, since_s: float, now_s: float) -> Sequence[PushEvent]:
    security, sub_type = target.subscription
    if not _has_data(market, target):
        return ()
    return events(market, security, sub_type, since_s, now_s, rehab_type=target.rehab_type)


def _first_events(market: Market, target: PushTarget) -> Sequence[PushEvent]:
    security, sub_type = target.subscription
    return first_push(market, security, sub_type, target.rehab_type) if _has_data(market, target) else ()


def _has_data(market: Market, target: PushTarget) -> bool:
    """The SDK's own example subscribes a future's broker queue, so OpenD allows what it cannot push."""
    security, sub_type = target.subscription
    return sub_type in sub_types(market.find(security))
