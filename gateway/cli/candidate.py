"""What OpenD lists that an intent may have become or changed, for a person who has to tell."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from gateway.cli.installation import Installation
from gateway.cli.output import moment
from gateway.ledger.base import IntentRecord
from gateway.opend.errors import OpenDError
from gateway.order import Side
from gateway.schema.descriptors import WireMessage, enum
from gateway.trading.account import orders
from gateway.trading.reconcile import AccountKey
from gateway.trading.resolution import may_be_of
from gateway.trading.wire import SIDES

HEADS = ("ORDER ID", "SIDE", "QUANTITY", "PRICE", "FILLED", "STATUS", "CREATED", "REMARK")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order as OpenD lists it. `status` is the name of its `Trd_Common.OrderStatus`."""

    order_id: int
    side: Side | None
    quantity: Decimal
    price: Decimal
    filled: Decimal
    status: str
    created_at: str | None
    remark: str
    error: str

    @classmethod
    def of(cls, order: WireMessage) -> "Candidate":
        """From a `Trd_Common.Order`."""
        return cls(
            order_id=order.orderID,
            side=SIDES.get(order.trdSide),
            quantity=_decimal(order.qty),
            price=_decimal(order.price),
            filled=_decimal(order.fillQty),
            status=_status(order.orderStatus),
            created_at=moment(order.createTimestamp) if order.createTimestamp else None,
            remark=order.remark,
            error=order.lastErrMsg,
        )

    def row(self) -> tuple[object, ...]:
        """The cells under `HEADS`."""
        amounts = (self.quantity, self.price, self.filled)
        return (self.order_id, self.side, *amounts, self.status, self.created_at, self.remark)


def find_candidates(
    installation: Installation, record: IntentRecord, claimed: Collection[int]
) -> list[Candidate]:
    """Today's and open orders that may be the intent's; not those that other intents became.

    Raises OpenDError when OpenD does not tell.
    """
    with installation.opend() as client:
        listed = orders(client, AccountKey.of(record).header)
    return [Candidate.of(order) for order in listed if may_be_of(record, order, claimed)]


def look(
    installation: Installation, record: IntentRecord, claimed: Collection[int]
) -> tuple[list[Candidate], str | None]:
    """The candidates, and why they cannot be told, if so."""
    try:
        return find_candidates(installation, record, claimed), None
    except OpenDError as error:
        return [], f"OpenD cannot be asked for its orders: {error}"


def _decimal(number: float) -> Decimal:
    return Decimal(str(number)).normalize()


def _status(number: int) -> str:
    value = enum("Trd_Common.OrderStatus").values_by_number.get(number)
    return value.name.removeprefix("OrderStatus_") if value else str(number)
