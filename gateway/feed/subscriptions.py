"""What this worker has subscribed on its pinned connection, and the reads that depend on it.

OpenD keeps subscriptions, push registrations and the list of pushed accounts for each connection.
All of them, and the reads of subscribed data, go to the one pinned connection; what was asked for
is remembered here, and a new session is told it again.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from gateway.errors import GatewayError
from gateway.feed.requirement import Need, needs, product
from gateway.opend.client import CallKind, Client
from gateway.opend.errors import OpenDLimited, OpenDRefused
from gateway.schema.descriptors import WireMessage
from gateway.schema.protocols import Protocol, protocol_named

NOT_SUBSCRIBED_TEXT = "请先订阅"
"""Stands in OpenD's refusal of a read whose data is not subscribed, whatever the data."""

SUBSCRIBE = protocol_named("Qot_Sub")
PUSH_ACCOUNTS = protocol_named("Trd_SubAccPush")

Options: TypeAlias = tuple[tuple[str, Any], ...]
"""Fields of `Qot_Sub.C2S` beside the securities and sub types, as (name, value)."""

_SCALAR_OPTIONS = ("isRegOrUnRegPush", "isSubOrderBookDetail", "extendedTime", "session")

_log = logging.getLogger(__name__)


class Subscriptions:
    """The subscriptions of one worker. Safe to use from many greenlets at once."""

    def __init__(self, client: Client, *, auto_subscribe: bool) -> None:
        self._client = client
        self._auto_subscribe = auto_subscribe
        self._subscribed: dict[Need, Options] = {}
        self._push_accounts: WireMessage | None = None

    def change(self, protocol: Protocol, request: WireMessage) -> WireMessage:
        """Send a `Qot_Sub` or `Trd_SubAccPush`, and remember it once OpenD accepted it."""
        response = self._client.call(protocol, request, kind=CallKind.SUBSCRIPTION)
        if protocol is PUSH_ACCOUNTS:
            self._push_accounts = request
        else:
            self._note(request.c2s)
        return response

    def read(self, protocol: Protocol, request: WireMessage, sub_types: tuple[int, ...] = ()) -> WireMessage:
        """Ask for subscribed data; `sub_types` are subscribed first for the securities asked for.

        When OpenD refuses for lack of a subscription and the settings allow it, subscribes to what
        the read needs and asks once more.
        """
        wanted = product(request.c2s.securityList, sub_types) if sub_types else ()
        self._subscribe(need for need in wanted if need not in self._subscribed)
        try:
            return self._ask(protocol, request)
        except OpenDRefused as refusal:
            required = self._required_after(refusal, protocol, request)
        self._subscribe(required)
        return self._ask(protocol, request)

    def restore(self) -> None:
        """Tell a new session of the pinned connection all that was subscribed before.

        A security that OpenD refuses, such as an option that has expired, is logged and forgotten, and
        takes no other with it. What OpenD did not answer, as when the connection is lost again, stays
        remembered for the next session.
        """
        for request in subscription_requests(self._subscribed):
            if not self._is_accepted(SUBSCRIBE, request):
                self._restore_one_by_one(request)
        if self._push_accounts is not None:
            self._is_accepted(PUSH_ACCOUNTS, self._push_accounts)

    def _restore_one_by_one(self, refused: WireMessage) -> None:
        """Restore each security of a refused request by itself; OpenD refuses all for one of them."""
        for security in refused.c2s.securityList:
            request = SUBSCRIBE.request()
            request.CopyFrom(refused)
            del request.c2s.securityList[:]
            request.c2s.securityList.append(security)
            if not self._is_accepted(SUBSCRIBE, request):
                for need in product(request.c2s.securityList, request.c2s.subTypeList):
                    self._subscribed.pop(need, None)

    def _is_accepted(self, protocol: Protocol, request: WireMessage) -> bool:
        """False when OpenD refused it as wrong; a limit or a missing answer says nothing of it."""
        try:
            self._client.call(protocol, request, kind=CallKind.SUBSCRIPTION)
        except GatewayError as error:
            _log.warning("not restored on the new session: %s: %s", protocol.name, error)
            return not isinstance(error, OpenDRefused) or isinstance(error, OpenDLimited)
        return True

    def _ask(self, protocol: Protocol, request: WireMessage) -> WireMessage:
        return self._client.call(protocol, request, kind=CallKind.REALTIME)

    def _required_after(
        self, refusal: OpenDRefused, protocol: Protocol, request: WireMessage
    ) -> tuple[Need, ...]:
        """What to subscribe to after a refusal; raises the refusal again when that cannot help."""
        if not self._auto_subscribe or NOT_SUBSCRIBED_TEXT not in refusal.ret_msg:
            raise refusal
        required = needs(protocol.name, request)
        if not required:
            raise refusal
        return required

    def _subscribe(self, wanted: Iterable[Need]) -> None:
        """Subscribe; what was subscribed before keeps its options, its pushes among them."""
        with_options = {need: self._subscribed.get(need, ()) for need in wanted}
        for request in subscription_requests(with_options):
            self.change(SUBSCRIBE, request)

    def _note(self, c2s: WireMessage) -> None:
        """Take over a `Qot_Sub.C2S` that OpenD accepted."""
        if c2s.isUnsubAll:
            self._subscribed.clear()
            return
        changed = product(c2s.securityList, c2s.subTypeList)
        if c2s.isSubOrUnSub:
            options = _options(c2s)
            for need in changed:
                self._subscribed[need] = _merged(self._subscribed.get(need, ()), options)
            return
        for need in changed:
            self._subscribed.pop(need, None)


def subscription_requests(wanted: Mapping[Need, Options]) -> Iterator[WireMessage]:
    """The `Qot_Sub` requests for a set of subscriptions, few and without one that is not wanted.

    A request subscribes each of its securities to each of its sub types, so securities share one
    when their sub types and options are the same. Cached data is not pushed at once.
    """
    sub_types_of: defaultdict[tuple[int, str, Options], list[int]] = defaultdict(list)
    for need, options in wanted.items():
        sub_types_of[need.market, need.code, options].append(need.sub_type)
    securities_of: defaultdict[tuple[tuple[int, ...], Options], list[dict[str, Any]]] = defaultdict(list)
    for (market, code, options), sub_types in sub_types_of.items():
        key = (tuple(sorted(sub_types)), options)
        securities_of[key].append({"market": market, "code": code})
    for (shared_sub_types, options), securities in securities_of.items():
        yield SUBSCRIBE.request(
            c2s={
                "securityList": securities,
                "subTypeList": shared_sub_types,
                "isSubOrUnSub": True,
                "isFirstPush": False,
                **dict(options),
            }
        )


def _merged(known: Options, given: Options) -> Options:
    """The options after a change that says nothing of some; registering for pushes is one of them."""
    return tuple((dict(known) | dict(given)).items())


def _options(c2s: WireMessage) -> Options:
    scalars = [(name, getattr(c2s, name)) for name in _SCALAR_OPTIONS if c2s.HasField(name)]
    rehab_types = tuple(c2s.regPushRehabTypeList)
    return (*scalars, *([("regPushRehabTypeList", rehab_types)] if rehab_types else []))
