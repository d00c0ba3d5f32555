"""Who subscribed what: OpenD's rules for subscriptions, quotas and push registrations.

Facts and texts: wire protocol, sections 1 and 4. Subscriptions and registrations belong to a
connection; the quota is counted over all connections of the login.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from gateway.simulator.model import Instrument, QotMarket, Refusal, SecurityKey, SecurityType

MIN_AGE_S = 60.0
"""A subscription can be given up no earlier than this after it was made."""


class SubType(IntEnum):
    """`Qot_Common.SubType`, spelled as there."""

    Basic = 1
    OrderBook = 2
    Ticker = 4
    RT = 5
    KL_Day = 6
    KL_5Min = 7
    KL_15Min = 8
    KL_30Min = 9
    KL_60Min = 10
    KL_1Min = 11
    KL_Week = 12
    KL_Month = 13
    Broker = 14
    KL_Qurater = 15
    KL_Year = 16
    KL_3Min = 17
    KL_10Min = 18
    KL_120Min = 19
    KL_180Min = 20
    KL_240Min = 21
    OrderBook_Odd = 22

    @property
    def is_kline(self) -> bool:
        """Whether the data are K-lines, which are pushed per rehab type."""
        return self.name.startswith("KL_")


NO_REHAB = 0
FORWARD_REHAB = 1
"""`Qot_Common.RehabType`: None, and Forward, which K-line pushes have when nothing else was asked."""


class Subscription(NamedTuple):
    """One unit of real-time data of one security."""

    security: SecurityKey
    sub_type: SubType


class PushTarget(NamedTuple):
    """What a push registration names; `rehab_type` is `NO_REHAB` for all but K-lines."""

    subscription: Subscription
    rehab_type: int


class Quota(NamedTuple):
    """How many subscriptions a login may hold; options count apart, one for each option chain."""

    securities: int = 1000
    option_chains: int = 200


@dataclass(slots=True)
class _ConnectionState:
    since_s: dict[Subscription, float] = field(default_factory=dict)
    push_targets: set[PushTarget] = field(default_factory=set)


class Subscriptions:
    """The subscriptions of all connections. Times are monotonic seconds of the injected clock.

    `find` gives the instrument of a security and raises `Refusal` for an unknown one. Every method
    that raises `Refusal` has changed nothing then.
    """

    def __init__(self, find: Callable[[SecurityKey], Instrument], quota: Quota) -> None:
        self._find = find
        self._quota = quota
        self._connections: dict[int, _ConnectionState] = {}
        self._left_behind_until_s: dict[Subscription, float] = {}
        self._chains: dict[SecurityKey, SecurityKey | None] = {}

    def connect(self, conn_id: int) -> None:
        """Begin to hold subscriptions for a connection."""
        self._connections[conn_id] = _ConnectionState()

    def disconnect(self, conn_id: int) -> None:
        """Drop a connection's subscriptions; those younger than a minute use up quota until then."""
        for subscription, since_s in self._connections.pop(conn_id).since_s.items():
            until_s = since_s + MIN_AGE_S
            earlier_until_s = self._left_behind_until_s.get(subscription, until_s)
            self._left_behind_until_s[subscription] = max(until_s, earlier_until_s)

    def clear(self) -> None:
        """Forget everything, as a restarted OpenD does."""
        self._connections.clear()
        self._left_behind_until_s.clear()

    def subscribe(self, conn_id: int, wanted: Iterable[Subscription], now_s: float) -> None:
        """Add subscriptions; one that the connection has already keeps its age.

        Raises `Refusal` for an unknown security, and when the quota does not suffice.
        """
        wanted = list(wanted)
        for security in {subscription.security for subscription in wanted}:
            self._chains[security] = _option_chain(self._find(security))
        self._drop_expired(now_s)
        self._require_quota(wanted)
        since_s = self._connections[conn_id].since_s
        for subscription in wanted:
            since_s.setdefault(subscription, now_s)

    def unsubscribe(self, conn_id: int, unwanted: Iterable[Subscription], now_s: float) -> None:
        """Remove subscriptions and their push registrations; what is not subscribed is passed over.

        Raises `Refusal` when one of them is younger than a minute.
        """
        state = self._connections[conn_id]
        held = [subscription for subscription in unwanted if subscription in state.since_s]
        for subscription in held:
            if now_s - state.since_s[subscription] < MIN_AGE_S:
                raise Refusal(
                    f"{display_code(subscription.security)}的{subscription.sub_type.name}"
                    "订阅时间过短，至少需要订阅1分钟"
                )
        for subscription in held:
            del state.since_s[subscription]
        state.push_targets = {target for target in state.push_targets if target.subscription in state.since_s}

    def of_connection(self, conn_id: int) -> tuple[Subscription, ...]:
        """What a connection has subscribed, oldest first."""
        return tuple(self._connections[conn_id].since_s)

    def connection_ids(self) -> tuple[int, ...]:
        """All connections, also those without a subscription."""
        return tuple(self._connections)

    def has(self, conn_id: int, subscription: Subscription) -> bool:
        """Whether this very connection holds the subscription."""
        return subscription in self._connections[conn_id].since_s

    def register_push(self, conn_id: int, targets: Iterable[PushTarget]) -> tuple[PushTarget, ...]:
        """Ask for pushes, and return the targets that are new.

        Raises `Refusal` when the connection has not subscribed what a target names.
        """
        targets = tuple(targets)
        for target in targets:
            if not self.has(conn_id, target.subscription):
                # OpenD's text for this case is not known; this follows its kin of the real-time reads.
                raise Refusal(f"请求注册推送接口前，请先订阅{target.subscription.sub_type.name}数据")
        registered = self._connections[conn_id].push_targets
        fresh = tuple(target for target in targets if target not in registered)
        registered.update(targets)
        return fresh

    def unregister_push(self, conn_id: int, unwanted: Iterable[Subscription]) -> None:
        """Stop the pushes of subscriptions, in every rehab type."""
        state = self._connections[conn_id]
        dropped = set(unwanted)
        state.push_targets = {target for target in state.push_targets if target.subscription not in dropped}

    def push_targets(self, conn_id: int) -> frozenset[PushTarget]:
        """What a connection has asked to be pushed."""
        return frozenset(self._connections[conn_id].push_targets)

    def listeners(self) -> dict[PushTarget, list[int]]:
        """The connections that asked for each push."""
        listeners: dict[PushTarget, list[int]] = {}
        for conn_id, state in self._connections.items():
            for target in state.push_targets:
                listeners.setdefault(target, []).append(conn_id)
        return listeners

    def used(self, now_s: float) -> Quota:
        """The quota in use over all connections."""
        self._drop_expired(now_s)
        return self.units(self._all())

    def remaining(self, now_s: float) -> Quota:
        """The quota that is left over all connections."""
        used = self.used(now_s)
        return Quota(self._quota.securities - used.securities, self._quota.option_chains - used.option_chains)

    def units(self, subscriptions: Iterable[Subscription]) -> Quota:
        """The quota that these use up: the same data on two connections count once."""
        distinct = set(subscriptions)
        # Kept from subscribing: a derivative that has expired since is no longer known to the market.
        chains = [self._chains[subscription.security] for subscription in distinct]
        return Quota(chains.count(None), len(set(chains) - {None}))

    def _all(self) -> Iterator[Subscription]:
        for state in self._connections.values():
            yield from state.since_s
        yield from self._left_behind_until_s

    def _require_quota(self, wanted: Iterable[Subscription]) -> None:
        used = self.units(self._all())
        needed = self.units([*self._all(), *wanted])
        for used_units, needed_units, cap in zip(used, needed, self._quota, strict=True):
            if needed_units > max(cap, used_units):
                raise Refusal(f"订阅额度不足，订阅失败，已用订阅额度：{used_units}/{cap}")

    def _drop_expired(self, now_s: float) -> None:
        for subscription, until_s in list(self._left_behind_until_s.items()):
            if until_s <= now_s:
                del self._left_behind_until_s[subscription]


def _option_chain(instrument: Instrument) -> SecurityKey | None:
    """The owner of an option's chain; None for everything else."""
    return instrument.owner if instrument.security_type is SecurityType.OPTION else None


_MARKET_PREFIXES: dict[int, str] = {
    QotMarket.HK: "HK",
    QotMarket.HK_FUTURE: "HK",
    QotMarket.US: "US",
    QotMarket.SH: "SH",
    QotMarket.SZ: "SZ",
}


def display_code(security: SecurityKey) -> str:
    """A security as OpenD's texts name it, `HK.00700`; a foreign market shows its number."""
    prefix = _MARKET_PREFIXES.get(security.market, str(security.market))
    return f"{prefix}.{security.code}"
