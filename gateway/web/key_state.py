"""Which keys may hold claims, by the policy in force."""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.feed.following import KeysInForce
from gateway.policy_watch import PolicyWatch
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
        frozenset(each.key_id for each in principals) - expired, expired, watch.staleness is None
    )
