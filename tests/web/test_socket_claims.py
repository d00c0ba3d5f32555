"""What becomes of a socket's claims when the store is away at its end."""

from types import SimpleNamespace

import gevent
import pytest

from gateway.claim import Holder
from gateway.ledger.base import LedgerUnavailable
from gateway.web.socket_claims import SocketClaims

LIMIT_S = 10


class Subscriptions:
    """As much of them as the end of a socket needs; `faults` are raised first."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.dropped = []

    def drop(self, holder, subscriptions):
        assert subscriptions is None
        if self.faults:
            raise self.faults.pop(0)
        self.dropped.append(holder)


@pytest.mark.parametrize("fault", [LedgerUnavailable("away"), ValueError("a defect")])
def test_claims_of_ended_sockets_go_when_the_store_is_back(monkeypatch, fault):
    monkeypatch.setattr("gateway.web.socket_claims.RETRY_INTERVAL_S", 0.001)
    away = LedgerUnavailable("away")
    store = Subscriptions(away, away, fault)
    claims = SocketClaims(store, SimpleNamespace(lease_id="l"))
    holders = {Holder("k", "1"), Holder("k", "2")}
    for holder in holders:
        claims.end(holder)
    expected = 2 if isinstance(fault, LedgerUnavailable) else 1
    with gevent.Timeout(LIMIT_S):
        while len(store.dropped) < expected:
            gevent.sleep(0.001)
    assert set(store.dropped) <= holders
    assert not store.faults
