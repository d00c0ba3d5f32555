"""Who gets which event."""

import pytest
from fix_hub import account_claim, claim, detached

from gateway.claim import Claims
from gateway.feed.audience import Audience
from gateway.feed.event import Body, Format, NotifyTarget, QuoteTarget, Security, TradeTarget
from gateway.feed.message import MessageType
from gateway.scope import Scope

BASIC, KL_DAY, TICKER = 1, 6, 4
TENCENT, APPLE = Security(1, "00700"), Security(11, "AAPL")
QUOTES_ONLY = frozenset({Scope.QUOTE_READ})


@pytest.fixture
def audience():
    return Audience()


def who(audience, target):
    groups = audience.receivers(target)
    return {f"{each.holder.key_id}/{each.holder.socket_id}" for _, group in groups for each in group}


def join(audience, *listeners):
    for listener in listeners:
        audience.add(listener)


def test_a_keys_claim_is_for_all_its_sockets_and_no_other_keys(audience):
    join(audience, detached("a", "1"), detached("a", "2"), detached("b", "3"))
    audience.set_claims(Claims((claim("a", "00700"),)))
    assert who(audience, QuoteTarget(TENCENT, BASIC)) == {"a/1", "a/2"}


def test_a_sockets_claim_is_for_that_socket_alone(audience):
    join(audience, detached("a", "1"), detached("a", "2"))
    audience.set_claims(Claims((claim("a", "00700", socket_id="2"), claim("a", "00700", socket_id="gone"))))
    assert who(audience, QuoteTarget(TENCENT, BASIC)) == {"a/2"}


def test_one_that_is_claimed_twice_comes_once(audience):
    join(audience, detached("a", "1"))
    audience.set_claims(Claims((claim("a", "00700"), claim("a", "00700", socket_id="1"))))
    ((_, group),) = audience.receivers(QuoteTarget(TENCENT, BASIC))
    assert len(group) == 1


def test_what_is_claimed_without_pushes_is_not_pushed(audience):
    join(audience, detached("a", "1"))
    audience.set_claims(Claims((claim("a", "00700", is_pushed=False),)))
    assert who(audience, QuoteTarget(TENCENT, BASIC)) == set()


def test_market_code_and_sub_type_all_count(audience):
    join(audience, detached("a", "1"))
    audience.set_claims(Claims((claim("a", "00700"),)))
    for target in [
        QuoteTarget(APPLE, BASIC),
        QuoteTarget(TENCENT, TICKER),
        QuoteTarget(Security(2, "00700"), BASIC),
    ]:
        assert who(audience, target) == set()


@pytest.mark.parametrize(
    ("claimed", "gets"), [((), {1}), ((1,), {1}), ((0,), {0}), ((0, 2), {0, 2})], ids=str
)
def test_klines_come_in_the_adjustments_that_were_asked_for(audience, claimed, gets):
    join(audience, detached("a", "1"))
    audience.set_claims(Claims((claim("a", "00700", KL_DAY, rehab_types=claimed),)))
    got = {rehab for rehab in (0, 1, 2) if who(audience, QuoteTarget(TENCENT, KL_DAY, rehab))}
    assert got == gets


def test_filters_narrow(audience):
    join(
        audience,
        detached("a", "all"),
        detached("a", "other", symbols=frozenset({"US.AAPL"})),
        detached("a", "this", symbols=frozenset({"HK.00700"})),
        detached("a", "trades", types=frozenset({MessageType.TRADE})),
        detached("a", "none", types=frozenset()),
    )
    audience.set_claims(Claims((claim("a", "00700"),), (account_claim("a", 7),)))
    assert who(audience, QuoteTarget(TENCENT, BASIC)) == {"a/all", "a/this"}
    assert who(audience, TradeTarget(7)) == {"a/all", "a/other", "a/this", "a/trades"}
    assert who(audience, NotifyTarget()) == {"a/all", "a/other", "a/this"}


def test_a_symbol_of_a_future_has_the_prefix_of_its_exchange(audience):
    join(audience, detached("a", "1", symbols=frozenset({"HK.HSImain"})))
    audience.set_claims(Claims((claim("a", "HSImain", market=2),)))
    assert who(audience, QuoteTarget(Security(2, "HSImain"), BASIC)) == {"a/1"}


def test_price_reminders_go_to_all_who_want_quotes(audience):
    join(
        audience,
        detached("a", "1"),
        detached("b", "2", scopes=QUOTES_ONLY),
        detached("b", "3", types=frozenset({MessageType.NOTIFY})),
        detached("b", "4", symbols=frozenset({"US.AAPL"})),
    )
    assert who(audience, QuoteTarget(TENCENT)) == {"a/1", "b/2"}


def test_trades_need_the_scope_the_account_and_a_claim(audience):
    join(
        audience,
        detached("may", "1"),
        detached("may", "2"),
        detached("listed", "1", accounts=frozenset({7})),
        detached("other", "1", accounts=frozenset({8})),
        detached("quotes", "1", scopes=QUOTES_ONLY),
        detached("unclaimed", "1"),
    )
    keys = ("listed", "other", "quotes")
    claims = [account_claim(key_id, 7) for key_id in keys] + [account_claim("may", 7, "2")]
    audience.set_claims(Claims((), (*claims, account_claim("unclaimed", 8))))
    assert who(audience, TradeTarget(7)) == {"may/2", "listed/1"}


def test_groups_have_one_format_each(audience):
    encoded = Format(Body.BASE64)
    join(audience, detached("a", "1"), detached("a", "2", format=encoded), detached("a", "3"))
    groups = audience.receivers(NotifyTarget())
    assert {wanted: len(group) for wanted, group in groups} == {Format(): 2, encoded: 1}


def test_receivers_are_found_once_and_again_after_each_change(audience):
    target = QuoteTarget(TENCENT, BASIC)
    first = detached("a", "1")
    join(audience, first)
    assert audience.receivers(target) is audience.receivers(target)
    assert who(audience, target) == set()
    audience.set_claims(Claims((claim("a", "00700"),)))
    assert who(audience, target) == {"a/1"}
    join(audience, detached("a", "2"))
    assert who(audience, target) == {"a/1", "a/2"}
    audience.remove(first)
    audience.remove(first)
    assert who(audience, target) == {"a/2"}
    assert audience.count("a") == 1
    audience.set_claims(Claims())
    assert who(audience, target) == set()


def test_nothing_stays_of_a_key_whose_sockets_have_gone(audience):
    listener = detached("a", "1")
    audience.add(listener)
    audience.remove(listener)
    assert audience.count("a") == 0
    assert not audience._of_key
