"""Which keys may hold claims, by the policy in force."""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.feed.following import KeysInForce
from gateway.policy.model import Principal
from gateway.policy_watch import PolicyWatch
from gateway.scope import Scope
from gateway.web.auth import LOCAL_KEY_ID


def keys_in_force(policy_watch: PolicyWatch | None, clock: Clock) -> Callable[[], KeysInForce]:
    """Tells which keys live at the moment; in the mode without keys, the one local caller."""
    if policy_watch is None:
        return lambda: KeysInForce(frozenset({LOCAL_KEY_ID}))
    return lambda: _of_policy(policy_watch, clock.wall_s())


def _of_policy(watch: PolicyWatch, now_s: float) -> KeysInForce:
    principals = [key.principal for key in watch.policy.keys]
    expired = frozenset(each.key_id for each in principals if each.is_expired(now_s))
    return KeysInForce(
        living=frozenset(each.key_id for each in principals) - expired,
        expired=expired,
        is_certain=watch.staleness is None,
        quoteless=frozenset(each.key_id for each in principals if Scope.QUOTE_READ not in each.scopes),
        accounts={each.key_id: accounts for each in principals if (accounts := _accounts(each)) is not None},
    )


def _accounts(principal: Principal) -> frozenset[int] | None:
    """The accounts whose orders a key may see; None for all."""
    return principal.allowed_acc_ids if Scope.ACCOUNT_READ in principal.scopes else frozenset()
