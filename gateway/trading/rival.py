"""Other intents that an order at OpenD may belong to.

An order with a caller's remark says of itself only what it is. Another intent of the same account may
have asked for the very same.
"""

from collections.abc import Iterable

from gateway.ledger.base import IntentRecord, Ledger
from gateway.ledger.paging import all_since
from gateway.order import IntentKind


def rivals(ledger: Ledger, record: IntentRecord, since_s: float = 0.0) -> list[IntentRecord]:
    """The other intents to place an order in the account of an intent, from a time on.

    An intent to change an order is none, though it names that order: it did not become it.
    """
    account = (record.intent.environment, record.intent.acc_id)
    return [
        other
        for other in all_since(ledger, since_s)
        if other.intent.kind is IntentKind.PLACE
        and (other.intent.environment, other.intent.acc_id) == account
        and other.intent.intent_id != record.intent.intent_id
    ]


def owners(intents: Iterable[IntentRecord]) -> dict[int, str]:
    """OpenD's numbers of the orders that intents became, and whose they are."""
    return {each.order_id: each.intent.intent_id for each in intents if each.order_id is not None}
