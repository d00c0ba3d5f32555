"""What the gateway asks of requests beyond the protocol's types, as tables by full field name.

There is no default for money, side, environment, market or account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.schema.descriptors import WireMessage
from gateway.schema.mismatch import Mismatch
from gateway.schema.spelling import as_written
from gateway.schema.trade import PREFIXES

SECRETS = frozenset({"Trd_UnlockTrade.C2S.pwdMD5"})
"""Fields whose value never stands in an error text."""

CODES = frozenset(
    {
        "Qot_Common.Security.code",
        "Trd_Common.TrdFilterConditions.codeList",
        "Trd_GetMaxTrdQtys.C2S.code",
        "Trd_PlaceOrder.C2S.code",
    }
)
"""Strings that name a security, and so are neither empty nor blank."""

MAX_UTF8_BYTES: Mapping[str, int] = {"Trd_PlaceOrder.C2S.remark": 64}

OPEN_ENUMS = frozenset({"Qot_Common.Issuer"})
"""Enumerations that grow without a new protocol, so that numbers unknown to us pass. Warrant issuers
come and go, and answers carry them. All others take known values only."""

MEANINGLESS: Mapping[str, frozenset[int]] = {"Qot_Common.SubType": frozenset({0})}
"""Numbers of an enumeration that no request can mean, whether their field is required or not."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least value of a number; `is_allowed` says whether the value itself is."""

    value: float
    is_allowed: bool

    def holds_for(self, number: float) -> bool:
        """Whether the number is large enough."""
        return number >= self.value if self.is_allowed else number > self.value

    @property
    def text(self) -> str:
        """As it stands in an error text."""
        return f"{self.value:g} or more" if self.is_allowed else f"more than {self.value:g}"


_POSITIVE = Minimum(0, is_allowed=False)
_NOT_NEGATIVE = Minimum(0, is_allowed=True)

MINIMA: Mapping[str, Minimum] = {
    "Trd_PlaceOrder.C2S.qty": _POSITIVE,
    "Trd_PlaceOrder.C2S.price": _NOT_NEGATIVE,
    "Trd_PlaceOrder.C2S.auxPrice": _NOT_NEGATIVE,
    "Trd_PlaceOrder.C2S.amount": _NOT_NEGATIVE,
    "Trd_ModifyOrder.C2S.qty": _NOT_NEGATIVE,
    "Trd_ModifyOrder.C2S.price": _NOT_NEGATIVE,
    "Trd_ModifyOrder.C2S.auxPrice": _NOT_NEGATIVE,
    "Trd_GetMaxTrdQtys.C2S.price": _NOT_NEGATIVE,
}
"""Zero quantity and price stand in a modify request that cancels: the official SDK sends them so."""

MessageRule = Callable[[WireMessage, Mapping[str, Any]], None]
"""Checks or completes a decoded message; also gets the caller's object, for the spelling of names."""

_MODIFY_NORMAL = 1
_ALL_STATISTICS = (1, 2, 3)


def _any_user(message: WireMessage, body: Mapping[str, Any]) -> None:
    if not message.HasField("userID"):
        message.userID = 0


def _every_connection(message: WireMessage, body: Mapping[str, Any]) -> None:
    if not message.HasField("isReqAllConn"):
        message.isReqAllConn = True


def _every_statistic(message: WireMessage, body: Mapping[str, Any]) -> None:
    if not message.typeList:
        message.typeList.extend(_ALL_STATISTICS)


def _blank_packet_id(message: WireMessage, body: Mapping[str, Any]) -> None:
    """The sender sets it; what the caller gave was checked and is dropped."""
    message.packetID.connID = 0
    message.packetID.serialNo = 0


def _order_is_named(message: WireMessage, body: Mapping[str, Any]) -> None:
    """`orderID` may be 0 or missing where `orderIDEx` or `forAll` says which order is meant."""
    if message.orderID:
        return
    if not (message.orderIDEx or message.forAll):
        raise Mismatch(
            "missing or 0, accepted is the number of an order; 0 only beside order_id_ex or for_all",
            as_written(message.DESCRIPTOR, "orderID", body),
        )
    message.orderID = 0


def _new_quantity_is_positive(message: WireMessage, body: Mapping[str, Any]) -> None:
    if message.modifyOrderOp == _MODIFY_NORMAL and message.HasField("qty") and not message.qty:
        raise Mismatch(
            "found 0, accepted is the new total quantity, a finite number more than 0",
            as_written(message.DESCRIPTOR, "qty", body),
        )


def _bare_code(message: WireMessage, body: Mapping[str, Any]) -> None:
    """OpenD takes the code alone and where it is listed beside it; a security's text says both.

    A text that begins like one and names another market than `secMarket` may also be a code with a dot:
    what is meant is the caller's to say.
    """
    prefix, dot, code = message.code.partition(".")  # without a dot a code alone, such as the ETF SH
    market = PREFIXES.get(prefix.upper()) if dot and prefix.isascii() else None
    if market is None:
        return
    own = next((each for each, listed in PREFIXES.items() if listed == message.secMarket), prefix)
    if PREFIXES[own.upper()] != market:
        problem = f"with sec_market {own}; accepted is the code alone, or {own}. and the code"
    elif not code.strip():
        problem = f"without a code; accepted is the code alone, or {own}. and the code"
    else:
        message.code, message.secMarket = code, market
        return
    raise Mismatch(f"found {message.code!r} {problem}", as_written(message.DESCRIPTOR, "code", body))


MESSAGE_RULES: Mapping[str, tuple[MessageRule, ...]] = {
    "GetDelayStatistics.C2S": (_every_statistic,),
    "GetGlobalState.C2S": (_any_user,),
    "Qot_GetSubInfo.C2S": (_every_connection,),
    "Trd_GetAccList.C2S": (_any_user,),
    "Trd_ModifyOrder.C2S": (_blank_packet_id, _order_is_named, _new_quantity_is_positive),
    "Trd_GetMaxTrdQtys.C2S": (_bare_code,),
    "Trd_PlaceOrder.C2S": (_blank_packet_id, _bare_code),
}
"""The defaults of decisions D3, and what fields say of each other. In this order."""

SETTLED_BY_RULES: Mapping[str, frozenset[str]] = {
    "GetGlobalState.C2S": frozenset({"userID"}),
    "Trd_GetAccList.C2S": frozenset({"userID"}),
    "Trd_ModifyOrder.C2S": frozenset({"packetID", "orderID"}),
    "Trd_PlaceOrder.C2S": frozenset({"packetID"}),
}
"""Fields that the protocol requires, a caller may leave out, and a rule above sets."""


def fields_to_give(descriptor: Descriptor) -> list[FieldDescriptor]:
    """The fields of a message that the caller has to give."""
    settled = SETTLED_BY_RULES.get(descriptor.full_name, frozenset())
    return [field for field in descriptor.fields if field.is_required and field.name not in settled]
