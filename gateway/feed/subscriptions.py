"""What callers ask of real-time data: to subscribe, to give up, and to read what is subscribed.

A subscription is a claim of its caller in the shared store (decisions D8). OpenD is asked first, on
this worker's pinned connection, so that what it refuses is claimed by nobody; the other workers'
connections follow the store.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gateway.claim import AccountClaim, Claim, Claims, Holder, Options, Subscription
from gateway.clock import Clock
from gateway.feed.following import Following
from gateway.feed.request import PUSH_ACCOUNTS, SUBSCRIBE, options_after, wants_first_push
from gateway.feed.requirement import needs, product
from gateway.ledger.base import Ledger, LedgerUnavailable
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDRefused
from gateway.opend.shared import Reading, SharedReads
from gateway.schema.descriptors import WireMessage
from gateway.schema.errors import FieldError
from gateway.schema.protocols import Protocol

NOT_SUBSCRIBED_TEXT = "请先订阅"
"""Stands in OpenD's refusal of a read whose data is not subscribed, whatever the data."""


class Subscriptions:
    """The subscriptions of all callers, as one worker serves them. Safe to use from many greenlets.

    Reads are shared among those who ask the same at the same moment, by `reads`.
    With `auto_subscribe` a read claims what it lacks; a claim that a read makes lasts `auto_subscribe_ttl_s`.
    Every change raises LedgerUnavailable when the store is away; reads do not.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        clock: Clock,
        following: Following,
        reads: SharedReads,
        *,
        auto_subscribe: bool,
        auto_subscribe_ttl_s: int,
    ) -> None:
        self.following = following
        self.reads = reads
        self._alignment = following.alignment
        self._client = client
        self._ledger = ledger
        self._clock = clock
        self._auto_subscribe = auto_subscribe
        self._auto_subscribe_ttl_s = auto_subscribe_ttl_s

    def change(
        self, key_id: str, protocol: Protocol, request: WireMessage, ttl_s: int | None = None
    ) -> WireMessage:
        """Do a key's own `Qot_Sub` or `Trd_SubAccPush`; `ttl_s` gives what it subscribes to an end."""
        holder, c2s = Holder(key_id), request.c2s
        if protocol is PUSH_ACCOUNTS:
            return self.claim_accounts(holder, c2s.accIDList)
        if c2s.isUnsubAll:
            return self._drop_everything_of(holder)
        if not product(c2s.securityList, c2s.subTypeList):
            return self._call(protocol, request)  # which changes nothing; OpenD says what is missing
        if c2s.isSubOrUnSub:
            return self.claim(holder, c2s, ttl_s=ttl_s)
        self.drop(holder, product(c2s.securityList, c2s.subTypeList))
        return _done(SUBSCRIBE)

    def claim(
        self, holder: Holder, c2s: WireMessage, *, ttl_s: int | None = None, lease_id: str | None = None
    ) -> WireMessage:
        """Claim for a holder what a `Qot_Sub.C2S` subscribes to; OpenD's answer.

        Raises what OpenD says, and nothing is claimed then; FieldError for a field that cannot be served.
        """
        if c2s.header.securityFirm:
            raise FieldError("header.security_firm", "is not taken here: all callers share a subscription")
        named = product(c2s.securityList, c2s.subTypeList)
        expires_s = None if ttl_s is None else self._clock.wall_s() + ttl_s
        with self._alignment.exclusive():
            self.following.look()
            known = self._claims_of(holder)
            claims = [
                Claim(
                    holder=holder,
                    subscription=each,
                    options=options_after(known[each].options if each in known else Options(), c2s),
                    expires_s=expires_s,
                    lease_id=lease_id,
                )
                for each in named
            ]
            return self._make(claims, [known[each] for each in named if each in known], wants_first_push(c2s))

    def drop(self, holder: Holder, subscriptions: Sequence[Subscription] | None = None) -> None:
        """Drop these claims of a holder, or (None) all it has, pushed accounts included.

        What nobody claims any more is unsubscribed in the background, once OpenD allows it.
        """
        self._ledger.drop_claims(holder, subscriptions)
        self.following.look()

    def claim_accounts(
        self, holder: Holder, acc_ids: Iterable[int], lease_id: str | None = None
    ) -> WireMessage:
        """Claim the order pushes of exactly these accounts for a holder; OpenD's answer.

        Raises what OpenD says to the list of all accounts that anybody claims, and nothing changes then.
        """
        claims = [
            AccountClaim(holder=holder, acc_id=acc_id, lease_id=lease_id) for acc_id in dict.fromkeys(acc_ids)
        ]
        with self._alignment.exclusive():
            self.following.look()
            others = tuple(
                claim
                for claim in self.following.claims.accounts
                if claim.holder != holder and not self._alignment.is_refused(claim.acc_id)
            )
            answer = self._alignment.push_accounts(Claims(accounts=(*others, *claims)).wanted_accounts())
            self._ledger.put_account_claims(holder, claims)
            self.following.look()
        return answer

    def read(
        self, key_id: str, protocol: Protocol, request: WireMessage, sub_types: tuple[int, ...] = ()
    ) -> Reading:
        """Ask for subscribed data; `sub_types` are subscribed first for the securities asked for.

        When OpenD refuses for lack of a subscription and somebody claims it, or the settings allow the read
        to claim it for its key, subscribes to what the read needs and asks once more. What OpenD says no
        with in the end is the reading's error.
        """
        if sub_types:
            self._secure(key_id, product(request.c2s.securityList, sub_types))
        reading = self.reads.ask(protocol, request, kind=CallKind.REALTIME)
        refusal = reading.error
        if not isinstance(refusal, OpenDRefused) or NOT_SUBSCRIBED_TEXT not in refusal.ret_msg:
            return reading
        required = needs(protocol.name, request)
        if not required:
            return reading
        self._alignment.doubt(required, reading.began_s)
        self._secure(key_id, required, refusal)
        # What others wait for may have been asked before there was this subscription.
        return self.reads.ask_anew(protocol, request, kind=CallKind.REALTIME)

    def _secure(
        self, key_id: str, needed: Sequence[Subscription], refusal: OpenDRefused | None = None
    ) -> None:
        """See to it that the connection has what is needed, by claiming for the key what nobody claims.

        Raises `refusal`, where there is one, when the settings let no read claim anything. Reads go on while
        the store is away: what is subscribed without a claim is given up after its minute.
        """
        if all(map(self._alignment.has, needed)):
            return
        with self._alignment.exclusive():
            with suppress(LedgerUnavailable):
                self.following.look()
            self._alignment.align()
            missing = [each for each in needed if not self._alignment.has(each)]
            if missing and refusal is not None and not self._auto_subscribe:
                raise refusal
            if missing:
                with suppress(LedgerUnavailable):
                    self._claim_for_read(Holder(key_id), missing)

    def _claim_for_read(self, holder: Holder, missing: Sequence[Subscription]) -> None:
        """Claim without pushes, for a time; what the holder claims already stays as it is."""
        expires_s = self._clock.wall_s() + self._auto_subscribe_ttl_s
        known = self._claims_of(holder)
        claims = [
            known.get(each) or Claim(holder=holder, subscription=each, expires_s=expires_s)
            for each in missing
        ]
        self._make(claims, [known[each] for each in missing if each in known], is_first_push=False)

    def _make(self, claims: Sequence[Claim], before: Sequence[Claim], is_first_push: bool) -> WireMessage:
        """Subscribe, write the claims, and then ask for pushes: when the first come, their claim is known.

        `before` is what stood in the place of these claims, and stands there again if OpenD refuses.
        """
        wanted = self._wanted_with(claims)
        answer = self._alignment.subscribe(wanted)
        self._ledger.put_claims(claims)
        self.following.look()
        try:
            self._alignment.register(wanted, is_first_push=is_first_push)
        except OpenDRefused:
            holder = claims[0].holder
            self._ledger.drop_claims(holder, [claim.subscription for claim in claims])
            self._ledger.put_claims(before)
            self.following.look()
            raise
        return answer

    def _wanted_with(self, claims: Sequence[Claim]) -> Mapping[Subscription, Options]:
        """What the subscriptions of these claims need, with everybody else's claims on them."""
        replaced = {(claim.holder, claim.subscription) for claim in claims}
        subscriptions = {claim.subscription for claim in claims}
        others = tuple(
            claim
            for claim in self.following.claims.subscriptions
            if claim.subscription in subscriptions and (claim.holder, claim.subscription) not in replaced
        )
        return Claims((*others, *claims)).wanted()

    def _claims_of(self, holder: Holder) -> dict[Subscription, Claim]:
        return {
            claim.subscription: claim
            for claim in self.following.claims.subscriptions
            if claim.holder == holder
        }

    def _drop_everything_of(self, holder: Holder) -> WireMessage:
        """Drop a holder's subscriptions; its pushed accounts stay, as OpenD has it."""
        self.following.look()
        self.drop(holder, tuple(self._claims_of(holder)))
        return _done(SUBSCRIBE)

    def _call(self, protocol: Protocol, request: WireMessage) -> WireMessage:
        return self._client.call(protocol, request, kind=CallKind.SUBSCRIPTION)


def _done(protocol: Protocol) -> WireMessage:
    """The answer that OpenD gives to what it has done."""
    return protocol.response(retType=0, retMsg="", errCode=0, s2c={})
