"""Which of OpenD's orders are those of a key."""

from collections.abc import Callable

from gateway.cli.open_order import OpenOrder
from gateway.ledger.base import Ledger
from gateway.ledger.paging import all_since
from gateway.trading.intent import REMARK_PREFIX


def is_of_key(ledger: Ledger, key_id: str) -> Callable[[OpenOrder], bool]:
    """Tells the orders of a key: by OpenD's number, or by the remark that names an intent of the key."""
    own = [record for record in all_since(ledger, 0.0) if record.intent.key_id == key_id]
    order_ids = {(record.intent.acc_id, record.order_id) for record in own if record.order_id}
    remarks = {REMARK_PREFIX + record.intent.intent_id for record in own}
    return lambda order: (order.account.acc_id, order.order_id) in order_ids or order.remark in remarks
