"""What the policy in force lets keys claim."""

from types import SimpleNamespace

from gateway.clock import ManualClock
from gateway.policy.model import Key, Policy, Principal
from gateway.scope import Scope
from gateway.web.key_state import keys_in_force


def key(key_id, *scopes, **changes):
    return Key(key_id.encode(), Principal(key_id=key_id, scopes=frozenset(scopes), **changes))


def test_each_key_may_claim_what_its_scopes_and_accounts_let_it_see():
    policy = Policy(
        [
            key("all", Scope.QUOTE_READ, Scope.ACCOUNT_READ),
            key("quotes", Scope.QUOTE_READ),
            key("orders", Scope.ACCOUNT_READ, allowed_acc_ids=frozenset({7})),
            key("over", Scope.QUOTE_READ, expires_s=10.0),
        ]
    )
    keys = keys_in_force(SimpleNamespace(policy=policy, staleness=None), ManualClock(wall=10.0))()
    assert (keys.living, keys.expired) == ({"all", "quotes", "orders"}, {"over"})
    assert keys.quoteless == {"orders"}
    assert keys.accounts == {"quotes": frozenset(), "orders": {7}, "over": frozenset()}
    assert keys.is_certain
