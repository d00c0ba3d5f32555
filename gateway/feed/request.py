"""The requests that change what OpenD has subscribed for a connection, few of them, and what they mean.

A request names securities and sub types, and means each of the one with each of the other. So
subscriptions share a request when the same is asked for them, and their lists are a whole product.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from gateway.claim import FORWARD_REHAB, Options, Subscription
from gateway.feed.sub_type import SUB_TYPE
from gateway.schema.descriptors import WireMessage, enum
from gateway.schema.protocols import Protocol, protocol_named

SUBSCRIBE = protocol_named("Qot_Sub")
REGISTER = protocol_named("Qot_RegQotPush")
PUSH_ACCOUNTS = protocol_named("Trd_SubAccPush")
SUBSCRIPTION_INFO = protocol_named("Qot_GetSubInfo")

_KLINES: frozenset[int] = frozenset(
    value.number for value in enum("Qot_Common.SubType").values if value.name.startswith("SubType_KL_")
)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe on these terms, or change the terms of what is subscribed; pushes stay as they are."""

    protocol: ClassVar[Protocol] = SUBSCRIBE

    has_order_book_detail: bool = False
    is_extended_time: bool = False
    session: int | None = None

    @classmethod
    def on_terms_of(cls, options: Options) -> "Subscribe":
        """The change that gives a subscription these options, but for its pushes."""
        return cls(options.has_order_book_detail, options.is_extended_time, options.session)

    def fields(self) -> dict[str, Any]:
        """The fields of the request beside its lists; False is said, since it takes back an earlier True."""
        session = {} if self.session is None else {"session": self.session}
        return {
            "isSubOrUnSub": True,
            "isSubOrderBookDetail": self.has_order_book_detail,
            "extendedTime": self.is_extended_time,
            **session,
        }


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Give subscriptions up, and their pushes with them."""

    protocol: ClassVar[Protocol] = SUBSCRIBE

    def fields(self) -> dict[str, Any]:
        """The fields of the request beside its lists."""
        return {"isSubOrUnSub": False}


@dataclass(frozen=True, slots=True)
class Register:
    """Ask for the pushes of what is subscribed; `is_first_push` wants what OpenD has already at once."""

    protocol: ClassVar[Protocol] = REGISTER

    rehab_types: frozenset[int]
    is_first_push: bool = False

    def fields(self) -> dict[str, Any]:
        """The fields of the request beside its lists."""
        return {
            "isRegOrUnReg": True,
            "rehabTypeList": sorted(self.rehab_types),
            "isFirstPush": self.is_first_push,
        }


@dataclass(frozen=True, slots=True)
class Unregister:
    """Stop pushes, in every rehab type that was asked for: OpenD may stop all that a subscription has."""

    protocol: ClassVar[Protocol] = REGISTER

    rehab_types: frozenset[int]

    def fields(self) -> dict[str, Any]:
        """The fields of the request beside its lists."""
        return {"isRegOrUnReg": False, "rehabTypeList": sorted(self.rehab_types)}


Change: TypeAlias = Subscribe | Unsubscribe | Register | Unregister

ORDER: tuple[type, ...] = (Unregister, Unsubscribe, Subscribe, Register)
"""In which order changes are asked for: what frees quota before what takes it."""


class SecurityKey(NamedTuple):
    """A security by `QotMarket` number and code."""

    market: int
    code: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A change that one request asks for each of `securities` with each of `sub_types`."""

    change: Change
    securities: tuple[SecurityKey, ...]
    sub_types: tuple[int, ...]

    @property
    def protocol(self) -> Protocol:
        """The protocol of its request."""
        return self.change.protocol

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What the change is asked for."""
        return tuple(
            Subscription(*security, sub_type) for security in self.securities for sub_type in self.sub_types
        )

    def request(self) -> WireMessage:
        """The message for OpenD."""
        securities = [security._asdict() for security in self.securities]
        lists = {"securityList": securities, "subTypeList": self.sub_types}
        return self.protocol.request(c2s={**lists, **self.change.fields()})

    def halves(self) -> "tuple[Batch, Batch] | None":
        """The same in two requests; None when it is about a single subscription."""
        if len(self.securities) > 1:
            middle = len(self.securities) // 2
            first, second = self.securities[:middle], self.securities[middle:]
            return Batch(self.change, first, self.sub_types), Batch(self.change, second, self.sub_types)
        if len(self.sub_types) > 1:
            middle = len(self.sub_types) // 2
            return (
                Batch(self.change, self.securities, self.sub_types[:middle]),
                Batch(self.change, self.securities, self.sub_types[middle:]),
            )
        return None


def batches(changes: Mapping[Subscription, Change]) -> Iterator[Batch]:
    """The fewest requests for these changes that ask for nothing else, in the order of `ORDER`."""
    sub_types_of: defaultdict[tuple[SecurityKey, Change], list[int]] = defaultdict(list)
    for (market, code, sub_type), change in changes.items():
        sub_types_of[SecurityKey(market, code), change].append(sub_type)
    securities_of: defaultdict[tuple[Change, tuple[int, ...]], list[SecurityKey]] = defaultdict(list)
    for (security, change), sub_types in sub_types_of.items():
        securities_of[change, tuple(sorted(sub_types))].append(security)
    in_order = sorted(securities_of.items(), key=lambda item: ORDER.index(type(item[0][0])))
    for (change, shared_sub_types), securities in in_order:
        yield Batch(change, tuple(securities), shared_sub_types)


def pushes_of(subscription: Subscription, options: Options) -> frozenset[int]:
    """The rehab types to register: those of K-lines; for other data, which have none, the default."""
    if subscription.sub_type in _KLINES or not options.is_pushed:
        return options.pushed_rehab_types
    return frozenset({FORWARD_REHAB})


def pushes_a_state(subscription: Subscription) -> bool:
    """Whether a first push says how things stand now, and not what may have been pushed before, as trades."""
    return subscription.sub_type != SUB_TYPE["Ticker"]


def options_after(known: Options, c2s: WireMessage) -> Options:
    """One holder's options after its `Qot_Sub.C2S`: what that does not say stays.

    As OpenD has it: rehab types are added to those already pushed, and count only with a registration.
    """
    registered = known.pushed_rehab_types
    if c2s.HasField("isRegOrUnRegPush"):
        named = frozenset(c2s.regPushRehabTypeList) or frozenset({FORWARD_REHAB})
        registered = registered | named if c2s.isRegOrUnRegPush else frozenset()
    return Options(
        is_pushed=bool(registered),
        rehab_types=registered,
        has_order_book_detail=_said(c2s, "isSubOrderBookDetail", known.has_order_book_detail),
        is_extended_time=_said(c2s, "extendedTime", known.is_extended_time),
        session=_said(c2s, "session", known.session) or None,
    )


def wants_first_push(c2s: WireMessage) -> bool:
    """`isFirstPush` is true where it is not set, as the protocol has it."""
    return bool(c2s.isFirstPush) or not c2s.HasField("isFirstPush")


def _said(c2s: WireMessage, name: str, known: Any) -> Any:
    return getattr(c2s, name) if c2s.HasField(name) else known
