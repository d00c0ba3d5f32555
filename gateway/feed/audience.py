"""Who gets which event: listeners with their claims, rights and filters. No socket is touched here."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.claim import KEY_ITSELF, AccountClaim, Claim, Claims, Holder, Subscription
from gateway.feed.event import Format, LostTarget, QuoteTarget, Target, TradeTarget
from gateway.feed.message import MessageType
from gateway.feed.peer import Peer
from gateway.policy.model import Principal
from gateway.scope import Scope

EVENT_TYPES = (MessageType.QUOTE, MessageType.TRADE, MessageType.NOTIFY)

FindPrincipal: TypeAlias = Callable[[], Principal | None]
"""Who has the token that a socket was opened with: None once nobody has."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a client wants of all it may see; None is everything.

    `symbols` are texts such as `HK.00700`; they narrow quotes alone, since an order that is not shown
    could cost money.
    """

    symbols: frozenset[str] | None = None
    types: frozenset[MessageType] | None = None

    def has_type(self, message_type: MessageType) -> bool:
        """Whether events of the type are wanted."""
        return self.types is None or message_type in self.types

    def has_symbol(self, sec_key: str) -> bool:
        """Whether quotes of the security are wanted."""
        return self.symbols is None or sec_key in self.symbols


@dataclass(slots=True, eq=False, kw_only=True)
class Listener:
    """A client that listens: who it is, what it wants, and the socket that it gets it on."""

    peer: Peer
    holder: Holder
    principal: Principal
    find_principal: FindPrincipal
    format: Format
    filter: Filter
    pinged_s: float = 0.0

    def types(self) -> list[MessageType]:
        """The types of events that it may and wants to see."""
        allowed = (each for each in EVENT_TYPES if self.filter.has_type(each))
        may_see_orders = Scope.ACCOUNT_READ in self.principal.scopes
        return [each for each in allowed if each is not MessageType.TRADE or may_see_orders]


Receivers: TypeAlias = tuple[tuple[Format, tuple[Listener, ...]], ...]
"""Who gets an event, by the format in which."""


class Audience:
    """All listeners of a worker, and the claims that hold.

    Who gets the events of a target is found out at the first of them, and kept until a listener or
    the claims change; so an event costs only what it reaches.
    """

    def __init__(self) -> None:
        self.listeners: dict[Holder, Listener] = {}
        self._of_key: defaultdict[str, dict[Holder, Listener]] = defaultdict(dict)
        self._pushed: defaultdict[Subscription, list[Claim]] = defaultdict(list)
        self._accounts: defaultdict[int, list[AccountClaim]] = defaultdict(list)
        self._receivers: dict[Target, Receivers] = {}

    def add(self, listener: Listener) -> None:
        """Let one in."""
        self.listeners[listener.holder] = listener
        self._of_key[listener.holder.key_id][listener.holder] = listener
        self.forget()

    def remove(self, listener: Listener) -> None:
        """Let one go; does nothing the second time."""
        if self.listeners.pop(listener.holder, None) is None:
            return
        of_key = self._of_key[listener.holder.key_id]
        del of_key[listener.holder]
        if not of_key:
            del self._of_key[listener.holder.key_id]
        self.forget()

    def count(self, key_id: str) -> int:
        """How many listeners a key has."""
        return len(self._of_key[key_id]) if key_id in self._of_key else 0

    def set_claims(self, claims: Claims) -> None:
        """Take the claims that hold now."""
        self._pushed.clear()
        self._accounts.clear()
        for claim in claims.subscriptions:
            if claim.options.is_pushed:
                self._pushed[claim.subscription].append(claim)
        for account in claims.accounts:
            self._accounts[account.acc_id].append(account)
        self.forget()

    def forget(self) -> None:
        """To be called after a change of a listener: its filter, its rights."""
        self._receivers.clear()

    def receivers(self, target: Target) -> Receivers:
        """Who gets the events of a target."""
        known = self._receivers.get(target)
        if known is None:
            known = self._receivers[target] = _by_format(self._find(target))
        return known

    def _find(self, target: Target) -> Iterable[Listener]:
        if isinstance(target, QuoteTarget):
            return self._who_get_quotes(target)
        if isinstance(target, TradeTarget):
            return self._who_get_trades(target.acc_id)
        if isinstance(target, LostTarget):
            return self._who_lose(target)
        return (each for each in self.listeners.values() if each.filter.has_type(MessageType.NOTIFY))

    def _who_get_quotes(self, target: QuoteTarget) -> Iterator[Listener]:
        sec_key = target.security.sec_key
        for listener in self._claimants_of(target):
            if listener.filter.has_type(MessageType.QUOTE) and listener.filter.has_symbol(sec_key):
                yield listener

    def _claimants_of(self, target: QuoteTarget) -> Iterable[Listener]:
        """Who has claimed what an event is about. A price reminder is nobody's claim, and everybody's."""
        if target.sub_type is None:
            return self.listeners.values()
        claims = self._pushed.get(Subscription(*target.security, target.sub_type), ())
        return self._of(claim.holder for claim in claims if _covers(claim, target.rehab_type))

    def _who_get_trades(self, acc_id: int) -> Iterator[Listener]:
        for listener in self._of(claim.holder for claim in self._accounts.get(acc_id, ())):
            if listener.filter.has_type(MessageType.TRADE) and may_see_trades(listener.principal, acc_id):
                yield listener

    def _who_lose(self, lost: LostTarget) -> Iterable[Listener]:
        """Who might have got what nobody can read: too many rather than too few."""
        if lost.type is MessageType.TRADE:
            return {each: None for acc_id in self._accounts for each in self._who_get_trades(acc_id)}
        wanting = (each for each in self.listeners.values() if each.filter.has_type(lost.type))
        if not lost.sub_types:
            return wanting
        pushed = (each for each in self._pushed if each.sub_type in lost.sub_types)
        claimants = set(self._of(claim.holder for each in pushed for claim in self._pushed[each]))
        return (each for each in wanting if each in claimants)

    def _of(self, holders: Iterable[Holder]) -> Iterable[Listener]:
        """The listeners that claims of these holders are for: the socket's own, or every one of the key."""
        found: dict[Holder, Listener] = {}
        for holder in holders:
            if holder.socket_id == KEY_ITSELF:
                found |= self._of_key.get(holder.key_id, {})
            elif holder in self.listeners:
                found[holder] = self.listeners[holder]
        return found.values()


def may_see_trades(principal: Principal, acc_id: int) -> bool:
    """Whether an account's orders are the caller's to see."""
    return Scope.ACCOUNT_READ in principal.scopes and principal.may_use_account(acc_id)


def _covers(claim: Claim, rehab_type: int | None) -> bool:
    return rehab_type is None or rehab_type in claim.options.pushed_rehab_types


def _by_format(listeners: Iterable[Listener]) -> Receivers:
    groups: defaultdict[Format, list[Listener]] = defaultdict(list)
    for listener in listeners:
        groups[listener.format].append(listener)
    return tuple((wanted, tuple(group)) for wanted, group in groups.items())
