"""Which of OpenD's orders are those of a key."""

from collections.abc import Callable, Iterator

from gateway.cli.open_order import OpenOrder
from gateway.ledger.base import IntentRecord, Ledger
from gateway.trading.intent import REMARK_PREFIX

PAGE = 500
"""How many intents are read in one step."""


def is_of_key(ledger: Ledger, key_id: str) -> Callable[[OpenOrder], bool]:
    """Tells the orders of a key: by OpenD's number, or by the remark that names an intent of the key."""
    own = [record for record in _all_intents(ledger) if record.intent.key_id == key_id]
    order_ids = {(record.intent.acc_id, record.order_id) for record in own if record.order_id}
    remarks = {REMARK_PREFIX + record.intent.intent_id for record in own}
    return lambda order: (order.account.acc_id, order.order_id) in order_ids or order.remark in remarks


def _all_intents(ledger: Ledger) -> Iterator[IntentRecord]:
    since_s, seen = 0.0, set[str]()
    while page := [each for each in ledger.intents_since(since_s, PAGE) if each.intent.intent_id not in seen]:
        yield from page
        seen |= {each.intent.intent_id for each in page}
        since_s = page[-1].created_s
