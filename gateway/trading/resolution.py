"""Which of OpenD's orders an intent became, judged from lists of orders alone.

The gateway's own remark decides. An order with a caller's remark is recognised by that remark, code,
side, quantity, price and time; where several fit, or other intents asked for the same, nobody but a
person can tell. A change has come about when its order has the quantity and the price that were asked for.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from gateway.ledger.base import IntentRecord, IntentState, Resolution
from gateway.order import Intent, IntentKind
from gateway.schema.descriptors import WireMessage
from gateway.schema.trade import ModifyOrderOp, OrderStatus, TrdSecMarket
from gateway.trading.amount import known
from gateway.trading.intent import REMARK_PREFIX
from gateway.trading.listing import EXCHANGES
from gateway.trading.wire import SIDES

ADJUSTED = "the price may be adjusted to a tick"
ENABLING = "the order is to be enabled"
"""Begin an intent's detail while nobody knows what became of it: OpenD's order may have another price
than the intent; what shall change is whether the order is disabled."""

PRICE_STEP = Decimal("0.001")
"""Prices that differ by less are the same: OpenD drops digits beyond it."""

CREATED_BEFORE_S = 10.0
CREATED_AFTER_S = 120.0
"""An order was created within these seconds of the moment at which it was sent, on OpenD's clock."""

REJECTED_STATUSES = frozenset({OrderStatus.SUBMIT_FAILED, OrderStatus.FAILED})


class Finding(Enum):
    """What a list of orders says of an intent where it does not show its order."""

    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class OrderList:
    """What OpenD listed for an account.

    `ahead_s` is how far OpenD's clock is ahead of the gateway's, None where that cannot be told for the
    time at which the order was sent. `claimed` are the numbers of orders
    that other intents are known to have become.
    """

    orders: tuple[WireMessage, ...]
    ahead_s: float | None
    claimed: Collection[int] = ()


def find_outcome(record: IntentRecord, listed: OrderList) -> WireMessage | Finding:
    """The order that an intent became or changed, as OpenD lists it, or why there is none."""
    if record.intent.kind is IntentKind.MODIFY:
        return _changed(record, listed.orders)
    found = [order for order in listed.orders if _is_placed_by(record, order, listed)]
    if not found:
        return Finding.ABSENT
    return found[0] if len(found) == 1 else Finding.UNCLEAR


def may_have_become(record: IntentRecord, order: WireMessage, listed: OrderList) -> bool:
    """Whether an intent to place an order whose number is not known may have become this one."""
    is_open = record.state in (IntentState.SENT, IntentState.UNKNOWN)
    is_accepted = Resolution.ACCEPTED in (record.state, record.resolution) and record.order_id is None
    return (is_open or is_accepted) and _is_placed_by(record, order, listed)


def resolution_of(record: IntentRecord, order: WireMessage) -> Resolution:
    """What it means that OpenD has the order: a new one that failed without a fill was rejected."""
    is_rejected = order.orderStatus in REJECTED_STATUSES and not order.fillQty
    if record.intent.kind is IntentKind.PLACE and is_rejected:
        return Resolution.REJECTED
    return Resolution.ACCEPTED


def is_signed(intent: Intent) -> bool:
    """Whether the intent's order carries the gateway's own remark, which no other order has."""
    return intent.remark == REMARK_PREFIX + intent.intent_id


def may_be_of(record: IntentRecord, order: WireMessage, claimed: Collection[int]) -> bool:
    """Whether a person should look at an order: the one changed, or one like the one placed."""
    intent = record.intent
    if intent.kind is IntentKind.MODIFY:
        return bool(order.orderID == intent.order_id)
    is_same = _symbol(order) == intent.symbol and SIDES.get(order.trdSide) is intent.side
    return is_same and order.orderID not in claimed


def _is_placed_by(record: IntentRecord, order: WireMessage, listed: OrderList) -> bool:
    intent = record.intent
    if order.remark != intent.remark:
        return False
    if is_signed(intent):
        return True
    return (
        order.orderID not in listed.claimed
        and _symbol(order) == intent.symbol
        and SIDES.get(order.trdSide) is intent.side
        and _has_quantity(order, intent)
        and (_may_be_adjusted(record) or _has_price(order, intent))
        and _is_of_time(record, order, listed)
    )


def peculiarity_of(c2s: WireMessage) -> str | None:
    """What an intent's record has to say of a request, so that its order is recognised."""
    if "modifyOrderOp" in c2s.DESCRIPTOR.fields_by_name and c2s.modifyOrderOp == ModifyOrderOp.ENABLE:
        return ENABLING
    return ADJUSTED if c2s.adjustPrice and c2s.adjustSideAndLimit else None


def _changed(record: IntentRecord, orders: Iterable[WireMessage]) -> WireMessage | Finding:
    order = next((order for order in orders if order.orderID == record.intent.order_id), None)
    if order is None:
        return Finding.ABSENT
    if ENABLING in record.detail:
        return Finding.ABSENT if order.orderStatus == OrderStatus.DISABLED else order
    if not _has_quantity(order, record.intent):
        return Finding.ABSENT
    if _has_price(order, record.intent):
        return order
    return Finding.UNCLEAR if _may_be_adjusted(record) else Finding.ABSENT


def _may_be_adjusted(record: IntentRecord) -> bool:
    return ADJUSTED in record.detail


def _symbol(order: WireMessage) -> str | None:
    try:
        return f"{EXCHANGES[TrdSecMarket(order.secMarket)].prefix}.{order.code}"
    except ValueError:
        return None


def _has_quantity(order: WireMessage, intent: Intent) -> bool:
    """OpenD drops the fraction of a quantity."""
    return known(order.qty) in (intent.quantity, intent.quantity.to_integral_value("ROUND_DOWN"))


def _has_price(order: WireMessage, intent: Intent) -> bool:
    if intent.price is None:
        return True
    price = known(order.price)
    return price is not None and abs(price - intent.price) < PRICE_STEP


def _is_of_time(record: IntentRecord, order: WireMessage, listed: OrderList) -> bool:
    """An order whose time cannot be told, or compared, may be of any time."""
    if listed.ahead_s is None or not order.HasField("createTimestamp"):
        return True
    sent_s = (record.sent_s or record.created_s) + listed.ahead_s
    return bool(-CREATED_BEFORE_S <= order.createTimestamp - sent_s <= CREATED_AFTER_S)
