"""What every store does with claims and leases, by one suite on all of them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fix_charge import NOON
from fix_store import connect

from gateway.claim import AccountClaim, Claim, Claims, Holder, Options, Subscription
from gateway.ledger.base import CLAIMS_TOPIC, CLOCK_TOLERANCE_S, GC_ROWS, Ledger
from gateway.ledger.watched_time import LEASE_KEEP_S, WATCH_GAP_S

TENCENT, APPLE = Subscription(1, "00700", 1), Subscription(11, "AAPL", 4)
BOT, SOCKET, OTHER = Holder("bot"), Holder("bot", "s-1"), Holder("other")
LONG = Options(
    is_pushed=True,
    rehab_types=frozenset({2, 0}),
    has_order_book_detail=True,
    is_extended_time=True,
    session=3,
)
TERM_S = 2.5
STEP_S = 0.5
END_S = TERM_S + WATCH_GAP_S


def claim(holder: Holder = BOT, subscription: Subscription = TENCENT, **changes: object) -> Claim:
    return replace(Claim(holder=holder, subscription=subscription), **changes)  # type: ignore[arg-type]


def generation(ledger: Ledger) -> int:
    return ledger.generations()[CLAIMS_TOPIC]


def renew(ledger: Ledger, lease_id: str, now_s: float) -> bool:
    return ledger.renew_lease(lease_id, now_s, now_s + TERM_S)


def watch(ledger: Ledger, from_s: float, to_s: float, lease_id: str = "watcher") -> None:
    """Renew the lease of a worker that lives, as workers do, from one time to another."""
    now_s = from_s
    while now_s < to_s:
        renew(ledger, lease_id, now_s)
        now_s += STEP_S
    renew(ledger, lease_id, to_s)


def wanted(ledger: Ledger, now_s: float = NOON) -> list[tuple[Holder, Subscription]]:
    return [(each.holder, each.subscription) for each in ledger.claims(now_s).subscriptions]


class TestClaim:
    def test_is_read_by_another_process_with_every_field(self, ledger: Ledger, store: str) -> None:
        renew(ledger, "w-1", NOON)
        claims = (
            claim(BOT, Subscription(1, "ü'\"/\\", 6), options=LONG, expires_s=NOON + 0.000001),
            claim(SOCKET, APPLE, lease_id="w-1"),
        )
        accounts = (AccountClaim(holder=SOCKET, acc_id=2**64 - 1, lease_id="w-1"),)
        ledger.put_claims(claims[::-1])
        ledger.put_account_claims(SOCKET, accounts)
        other = connect(store)
        assert other.claims(NOON) == Claims(claims, accounts)
        other.close()

    def test_put_again_replaces_the_one_before(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(expires_s=NOON + 9), claim(OTHER)])
        ledger.put_claims([claim(options=LONG)])
        assert ledger.claims(NOON + 99).subscriptions == (claim(options=LONG), claim(OTHER))

    def test_last_of_two_in_one_step_counts(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(options=LONG), claim()])
        assert ledger.claims(NOON).subscriptions == (claim(),)

    def test_holds_until_exactly_its_end(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(expires_s=NOON + 1)])
        assert wanted(ledger, NOON + 0.999999) == [(BOT, TENCENT)]
        assert wanted(ledger, NOON + 1) == []

    def test_only_those_named_are_dropped_and_counted(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(), claim(BOT, APPLE), claim(SOCKET), claim(OTHER)])
        assert ledger.drop_claims(BOT, [TENCENT, Subscription(1, "99999", 1)]) == 1
        assert wanted(ledger) == [(BOT, APPLE), (SOCKET, TENCENT), (OTHER, TENCENT)]
        assert ledger.drop_claims(BOT, []) == 0
        assert ledger.drop_claims(BOT, [APPLE, APPLE]) == 1

    def test_all_of_one_holder_are_dropped_with_its_accounts(self, ledger: Ledger) -> None:
        for holder in (BOT, SOCKET, OTHER):
            ledger.put_claims([claim(holder), claim(holder, APPLE)])
            ledger.put_account_claims(holder, [AccountClaim(holder=holder, acc_id=1)])
        assert ledger.drop_claims(SOCKET) == 2
        left = ledger.claims(NOON)
        assert {each.holder for each in left.subscriptions} == {BOT, OTHER}
        assert [each.holder for each in left.accounts] == [BOT, OTHER]

    def test_all_of_a_key_are_dropped_with_those_of_its_sockets(self, ledger: Ledger) -> None:
        for holder in (BOT, SOCKET, OTHER):
            ledger.put_claims([claim(holder)])
            ledger.put_account_claims(holder, [AccountClaim(holder=holder, acc_id=1)])
        assert ledger.drop_claims_of_key("bot") == 2
        left = ledger.claims(NOON)
        assert [each.holder for each in left.subscriptions] == [OTHER]
        assert [each.holder for each in left.accounts] == [OTHER]

    def test_account_claims_are_replaced_as_a_whole(self, ledger: Ledger) -> None:
        first, second = (AccountClaim(holder=BOT, acc_id=number) for number in (9, 10))
        ledger.put_account_claims(OTHER, [AccountClaim(holder=OTHER, acc_id=9)])
        ledger.put_account_claims(BOT, [second, first])
        assert ledger.claims(NOON).accounts[:2] == (first, second)
        ledger.put_account_claims(BOT, [second])
        assert ledger.claims(NOON).accounts[0] == second
        ledger.put_account_claims(BOT, [])
        assert [each.holder for each in ledger.claims(NOON).accounts] == [OTHER]

    def test_account_claims_of_another_holder_are_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="another holder"):
            ledger.put_account_claims(BOT, [AccountClaim(holder=OTHER, acc_id=1)])

    def test_names_that_run_together_are_told_apart(self, ledger: Ledger) -> None:
        holders = [Holder("a", "b:c"), Holder("a:b", "c"), Holder("a:b:c"), Holder("a", '","')]
        ledger.put_claims([claim(holder) for holder in holders])
        for holder in holders:
            assert ledger.drop_claims(holder) == 1
        assert wanted(ledger) == []


class TestGeneration:
    @pytest.mark.parametrize(
        "change",
        [
            lambda ledger: ledger.put_claims([claim(BOT, APPLE)]),
            lambda ledger: ledger.put_claims([claim(options=LONG), claim(SOCKET, APPLE)]),
            lambda ledger: ledger.put_claims([claim(expires_s=NOON + 9)]),
            lambda ledger: ledger.put_claims([claim(lease_id="w-1")]),
            lambda ledger: ledger.drop_claims(BOT, [TENCENT]),
            lambda ledger: ledger.drop_claims(BOT),
            lambda ledger: ledger.drop_claims(OTHER),
            lambda ledger: ledger.drop_claims_of_key("bot"),
            lambda ledger: ledger.put_account_claims(OTHER, []),
            lambda ledger: ledger.put_account_claims(
                OTHER, [AccountClaim(holder=OTHER, acc_id=1, lease_id="w-1")]
            ),
            lambda ledger: ledger.end_lease("w-1"),
        ],
    )
    def test_change_bumps_once(self, ledger: Ledger, change: Callable[[Ledger], object]) -> None:
        fill(ledger)
        before = generation(ledger)
        change(ledger)
        assert generation(ledger) == before + 1

    @pytest.mark.parametrize(
        "nothing",
        [
            lambda ledger: ledger.put_claims([]),
            lambda ledger: ledger.put_claims([claim(), claim(SOCKET, lease_id="w-1")]),
            lambda ledger: ledger.put_claims([claim(options=LONG), claim()]),
            lambda ledger: ledger.drop_claims(BOT, [APPLE]),
            lambda ledger: ledger.drop_claims(BOT, []),
            lambda ledger: ledger.drop_claims(Holder("nobody")),
            lambda ledger: ledger.drop_claims_of_key("nobody"),
            lambda ledger: ledger.put_account_claims(OTHER, [AccountClaim(holder=OTHER, acc_id=1)]),
            lambda ledger: ledger.put_account_claims(BOT, []),
            lambda ledger: ledger.end_lease("nobody"),
            lambda ledger: renew(ledger, "w-1", NOON),
            lambda ledger: renew(ledger, "w-2", NOON),
        ],
    )
    def test_nothing_changed_bumps_nothing(self, ledger: Ledger, nothing: Callable[[Ledger], object]) -> None:
        fill(ledger)
        before, claims = generation(ledger), ledger.claims(NOON)
        nothing(ledger)
        assert generation(ledger) == before
        assert ledger.claims(NOON) == claims


def fill(ledger: Ledger) -> None:
    renew(ledger, "w-1", NOON)
    ledger.put_claims([claim(), claim(SOCKET, lease_id="w-1")])
    ledger.put_account_claims(OTHER, [AccountClaim(holder=OTHER, acc_id=1)])


class TestLease:
    def test_lives_for_its_term_after_the_last_renewal(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON - 0.5)
        renew(ledger, "w-1", NOON)
        watch(ledger, NOON, NOON + TERM_S)
        assert ledger.live_leases(NOON + TERM_S) == {"w-1", "watcher"}
        watch(ledger, NOON + TERM_S, NOON + END_S)
        assert ledger.live_leases(NOON + END_S) == {"watcher"}

    def test_time_passes_for_a_reader_between_renewals_too(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON)
        watch(ledger, NOON, NOON + 3)
        assert ledger.live_leases(NOON + END_S - 0.000001) == {"w-1", "watcher"}
        assert ledger.live_leases(NOON + END_S) == {"watcher"}

    def test_says_whether_it_was_there(self, ledger: Ledger) -> None:
        assert not renew(ledger, "w-1", NOON)
        assert renew(ledger, "w-1", NOON)
        ledger.end_lease("w-1")
        assert not renew(ledger, "w-1", NOON)

    def test_ended_is_dead_at_once_with_its_claims_alone(self, ledger: Ledger) -> None:
        for lease_id in ("w-1", "w-2"):
            renew(ledger, lease_id, NOON)
            ledger.put_claims([claim(Holder("bot", lease_id), lease_id=lease_id)])
            ledger.put_account_claims(
                Holder("bot", lease_id),
                [AccountClaim(holder=Holder("bot", lease_id), acc_id=1, lease_id=lease_id)],
            )
        ledger.end_lease("w-1")
        assert ledger.live_leases(NOON) == {"w-2"}
        left = ledger.claims(NOON)
        assert [each.lease_id for each in (*left.subscriptions, *left.accounts)] == ["w-2", "w-2"]

    def test_claims_of_a_dead_one_hold_no_longer_and_come_back_with_it(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON)
        ledger.put_claims([claim(SOCKET, lease_id="w-1"), claim()])
        ledger.put_account_claims(SOCKET, [AccountClaim(holder=SOCKET, acc_id=1, lease_id="w-1")])
        watch(ledger, NOON, NOON + END_S)
        assert ledger.claims(NOON + END_S) == Claims((claim(),))
        before = generation(ledger)
        assert renew(ledger, "w-1", NOON + END_S)
        assert len(ledger.claims(NOON + END_S).subscriptions) == 2
        assert len(ledger.claims(NOON + END_S).accounts) == 1
        assert generation(ledger) == before + 1

    def test_claims_before_the_first_renewal_hold_from_it_on(self, ledger: Ledger) -> None:
        watch(ledger, NOON, NOON + 2)
        ledger.put_claims([claim(SOCKET, lease_id="w-1")])
        assert wanted(ledger, NOON + 2) == []
        assert ledger.live_leases(NOON + 2) == {"watcher"}
        watch(ledger, NOON + 2, NOON + 2 + LEASE_KEEP_S - 1)
        before = generation(ledger)
        assert not renew(ledger, "w-1", NOON + 2 + LEASE_KEEP_S - 1)
        assert wanted(ledger, NOON + 2 + LEASE_KEEP_S - 1) == [(SOCKET, TENCENT)]
        assert generation(ledger) == before + 1

    def test_worker_that_was_late_finds_its_claims_for_as_long_as_they_are_kept(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON)
        ledger.put_claims([claim(SOCKET, lease_id="w-1")])
        late_s = NOON + END_S + LEASE_KEEP_S - STEP_S
        watch(ledger, NOON, late_s)
        assert renew(ledger, "w-1", late_s)
        assert wanted(ledger, late_s) == [(SOCKET, TENCENT)]

    def test_worker_that_was_away_too_long_is_told_so(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON)
        ledger.put_claims([claim(SOCKET, lease_id="w-1")])
        watch(ledger, NOON, NOON + END_S + LEASE_KEEP_S)
        assert not renew(ledger, "w-1", NOON + END_S + LEASE_KEEP_S)
        assert wanted(ledger, NOON + END_S + LEASE_KEEP_S) == []


class TestRemoval:
    def test_step_removes_a_bounded_number_of_claims(self, ledger: Ledger) -> None:
        """Seen by `drop_claims`, which counts what is still stored."""
        for lease_id in ("w-1", "w-2"):
            holder = Holder("bot", lease_id)
            many = [Subscription(1, str(number), 1) for number in range(3 * GC_ROWS)]
            renew(ledger, lease_id, NOON)
            ledger.put_claims([claim(holder, each, lease_id=lease_id) for each in many])
        ledger.end_lease("w-1")
        ledger.end_lease("w-2")
        renew(ledger, "watcher", NOON)
        assert wanted(ledger) == []
        assert ledger.drop_claims_of_key("bot") == 6 * GC_ROWS - 3 * GC_ROWS

    @pytest.mark.parametrize("renewed", [False, True])
    def test_claims_are_removed_finally_whether_their_lease_was_ever_renewed(
        self, ledger: Ledger, renewed: bool
    ) -> None:
        watch(ledger, NOON, NOON)
        if renewed:
            renew(ledger, "w-1", NOON)
        ledger.put_claims([claim(SOCKET, Subscription(1, str(n), 1), lease_id="w-1") for n in range(30)])
        ledger.put_account_claims(OTHER, [AccountClaim(holder=OTHER, acc_id=1, lease_id="w-2")])
        before = generation(ledger)
        watch(ledger, NOON, NOON + END_S + LEASE_KEEP_S + 2)
        assert generation(ledger) == before + 3
        assert ledger.drop_claims_of_key("bot") == 0
        assert ledger.drop_claims_of_key("other") == 0
        assert generation(ledger) == before + 3

    def test_end_is_told_even_if_the_step_has_enough_else_to_remove(self, ledger: Ledger) -> None:
        for number in range(3 * GC_ROWS + 5):
            renew(ledger, f"w-{number}", NOON)
        kept_s = NOON + END_S + LEASE_KEEP_S
        watch(ledger, NOON, kept_s - STEP_S)
        renew(ledger, "last", kept_s - STEP_S)
        ledger.put_claims([claim(SOCKET, lease_id="last")])
        watch(ledger, kept_s, kept_s + STEP_S)
        before = generation(ledger)
        ledger.end_lease("last")
        assert generation(ledger) == before + 1
        assert wanted(ledger, kept_s + STEP_S) == []

    @pytest.mark.parametrize("kind", ["subscription", "account"])
    def test_leases_of_the_dead_go_after_their_claims(self, ledger: Ledger, kind: str) -> None:
        for number in range(5):
            lease_id, holder = f"w-{number}", Holder("bot", f"s-{number}")
            renew(ledger, lease_id, NOON)
            if kind == "subscription":
                ledger.put_claims([claim(holder, lease_id=lease_id)])
            else:
                ledger.put_account_claims(holder, [AccountClaim(holder=holder, acc_id=1, lease_id=lease_id)])
        watch(ledger, NOON, NOON + END_S + LEASE_KEEP_S + 5)
        before = generation(ledger)
        for number in range(5):
            assert not renew(ledger, f"w-{number}", NOON + END_S + LEASE_KEEP_S + 5)
        assert ledger.claims(NOON + END_S + LEASE_KEEP_S + 5) == Claims()
        assert generation(ledger) == before

    def test_claim_that_expired_is_removed_by_the_next_renewal_which_says_so(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(expires_s=NOON + 1), claim(BOT, APPLE, expires_s=NOON + 2)])
        before = generation(ledger)
        renew(ledger, "w-1", NOON + 0.5)
        assert generation(ledger) == before
        renew(ledger, "w-1", NOON + 1)
        assert generation(ledger) == before + 1
        assert ledger.drop_claims(BOT) == 1

    def test_end_that_was_moved_or_taken_away_counts(self, ledger: Ledger) -> None:
        ledger.put_claims([claim(expires_s=NOON + 1), claim(OTHER, expires_s=NOON + 1)])
        ledger.put_claims([claim(expires_s=NOON + 3), claim(OTHER)])
        renew(ledger, "w-1", NOON + 2)
        assert wanted(ledger, NOON + 2) == [(BOT, TENCENT), (OTHER, TENCENT)]

    def test_claim_taken_over_by_another_worker_outlives_the_first(self, ledger: Ledger) -> None:
        for lease_id in ("w-1", "w-2"):
            renew(ledger, lease_id, NOON)
            ledger.put_claims([claim(SOCKET, lease_id=lease_id)])
        ledger.end_lease("w-1")
        renew(ledger, "w-2", NOON)
        assert wanted(ledger) == [(SOCKET, TENCENT)]


class TestWallClock:
    @pytest.mark.parametrize("step_s", [-1e9, -3600, -CLOCK_TOLERANCE_S - 1, -3, 0.7, 3, 3600, 1e8])
    def test_step_ends_no_lease_that_is_renewed_and_keeps_no_dead_one(
        self, ledger: Ledger, step_s: float
    ) -> None:
        for lease_id in ("live", "dead"):
            renew(ledger, lease_id, NOON)
            ledger.put_claims([claim(Holder("bot", lease_id), lease_id=lease_id)])
        stepped_s = NOON + 0.25 + step_s
        assert "live" in ledger.live_leases(stepped_s)
        renew(ledger, "watcher", stepped_s)
        assert "live" in ledger.live_leases(stepped_s)
        assert len(ledger.claims(stepped_s).subscriptions) == 2
        renew(ledger, "live", stepped_s + 0.25)
        # The watched time stands still for as long as the clock is behind within the tolerance.
        behind_s = -step_s if -CLOCK_TOLERANCE_S <= step_s < 0 else 0
        end_s = stepped_s + 0.25 + END_S + behind_s
        watch(ledger, stepped_s + 0.25, end_s, "live")
        assert ledger.live_leases(end_s) == {"live"}
        assert [each.lease_id for each in ledger.claims(end_s).subscriptions] == ["live"]

    @pytest.mark.parametrize("ahead_s", [0.1, 0.7, 1, 2.5, CLOCK_TOLERANCE_S - 0.5])
    def test_machines_whose_clocks_differ_see_the_same(self, ledger: Ledger, ahead_s: float) -> None:
        renew(ledger, "dead", NOON)
        watch(ledger, NOON, NOON + 1, "behind")
        now_s = NOON + 1
        for _ in range(8):
            assert "behind" in ledger.live_leases(now_s + ahead_s)
            renew(ledger, "ahead", now_s + ahead_s)
            assert ledger.live_leases(now_s) >= {"ahead", "behind"}
            assert ledger.live_leases(now_s + ahead_s) >= {"ahead", "behind"}
            renew(ledger, "behind", now_s)
            now_s += STEP_S
        assert ledger.live_leases(now_s) == ledger.live_leases(now_s + ahead_s) == {"ahead", "behind"}

    def test_nobody_dies_while_nobody_watches(self, ledger: Ledger) -> None:
        renew(ledger, "w-1", NOON)
        assert ledger.live_leases(NOON + 3600) == {"w-1"}
        watch(ledger, NOON + 3600, NOON + 3600 + END_S)
        assert ledger.live_leases(NOON + 3600 + END_S) == {"watcher"}
